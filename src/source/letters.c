/* SPDX-License-Identifier: MIT */
#include "source/letters.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "source/letter_key.h"

/* ---- filters ---- */

static bool has_part(struct text t, const char *part)
{
	size_t n = strlen(part), i;

	for (i = 0; t.s && i + n <= t.len; i++)
		if (strncasecmp(t.s + i, part, n) == 0)
			return true;
	return false;
}

static bool has_operation(const struct dead_letter_filter *f, const struct dead_letter *d)
{
	enum op op;

	return !f->by_operation || (op_parse(d->operation, &op) && f->operations[op]);
}

/* Is d one that f means, as far as it is not in SQL? */
static ATTR_MUST_CHECK enum err_code is_meant(const struct dead_letter_filter *f,
					      const struct dead_letter *d, bool *ret_match,
					      struct err *e)
{
	enum err_code code = ERR_OK;
	bool match = has_operation(f, d) && (!f->error || has_part(d->last_error, f->error)) &&
		     (!f->event_id || text_eq(d->event_id, text_of(f->event_id)));

	if (match && f->key) {
		code = letter_key_match(f->key, d->key, &match, e);
		if (code == ERR_OK && !match)
			code = letter_key_match(f->key, d->old_key, &match, e);
	}
	if (code == ERR_OK)
		*ret_match = match;
	return code;
}

static ATTR_MUST_CHECK enum err_code no_such_pipeline(const char *name, const struct string_list *l,
						      struct err *e)
{
	struct buf names;
	enum err_code code;
	size_t i;

	buf_init(&names, ERR_MSG_BYTES);
	for (i = 0; i < l->count; i++)
		buf_add_fmt(&names, "%s%s", i ? ", " : "", l->items[i]);
	code = err_set(e, ERR_NOT_FOUND, "no pipeline \"%s\" here; there is %s", name,
		       l->count ? buf_str(&names) : "none");
	buf_done(&names);
	return code;
}

/* The pipelines that f means, in order. */
static ATTR_MUST_CHECK enum err_code find_pipelines(const struct letters_db *db,
						    const struct dead_letter_filter *f,
						    struct string_list *l, struct err *e)
{
	enum err_code code = db->pipelines(db->ctx, l, e);

	if (code != ERR_OK || !f->pipeline)
		return code;
	if (!string_list_has(l, f->pipeline))
		return no_such_pipeline(f->pipeline, l, e);
	string_list_done(l);
	if (string_list_add(l, text_of(f->pipeline)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	return ERR_OK;
}

void letters_ids(struct buf *out, const int64_t *ids, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf_add_fmt(out, "%s%lld", i ? ", " : "", (long long)ids[i]);
}

enum letters_move letters_replay(const struct dead_letter_filter *f, bool in_front)
{
	if (f->delivered)
		return LETTERS_AGAIN;
	return in_front ? LETTERS_TO_FRONT : LETTERS_TO_END;
}

const char *letters_time(const struct dead_letter_filter *f)
{
	if (f->waiting)
		return "d.changed_at";
	return f->delivered ? "d.delivered_at" : "d.died_at";
}

const char *letters_failure(const struct dead_letter_filter *f)
{
	return f->delivered || f->waiting ? "0, NULL, NULL"
					  : "d.attempts, d.last_status, d.last_error";
}

const char *letters_public_id(const struct dead_letter_filter *f)
{
	return f->waiting ? "coalesce(d.origin_id, d.id)" : "d.id";
}

/* ---- a walk over the pages of one pipeline ---- */

struct walk {
	const struct dead_letter_filter *f;
	int64_t left;  /* of the limit; -1: no limit */
	int64_t last;  /* id of the page's last row; 0: it had none */
	int64_t count; /* that matched, in all */
	dead_letter_fn fn;
	void *ctx;
};

static ATTR_MUST_CHECK enum err_code walk_take(void *ctx, const struct dead_letter *d,
					       struct err *e)
{
	struct walk *w = ctx;
	bool match;
	enum err_code code = ERR_OK;

	w->last = d->id;
	if (w->left == 0)
		return ERR_OK;
	code = is_meant(w->f, d, &match, e);
	if (code != ERR_OK || !match)
		return code;
	w->count++;
	if (w->left > 0 && !d->superseded)
		w->left--;
	return w->fn(w->ctx, d, e);
}

/* Every row of the page is looked at; of one id there is one. */
static int64_t walk_rows(const struct walk *w)
{
	bool all_match =
		!w->f->key && !w->f->error && !w->f->by_operation && !w->f->skip_superseded;

	if (w->f->id)
		return 1;
	return all_match && w->left >= 0 && w->left < LETTERS_PAGE_ROWS ? w->left
									: LETTERS_PAGE_ROWS;
}

/* The next page behind p->after_id, which moves on. w->last is 0 at the end. */
static ATTR_MUST_CHECK enum err_code walk_page(const struct letters_db *db, struct walk *w,
					       struct letters_page *p, struct err *e)
{
	enum err_code code = ERR_OK;

	w->last = 0;
	if (w->left == 0)
		return ERR_OK;
	p->rows = walk_rows(w);
	code = db->page(db->ctx, p, walk_take, w, e);
	p->after_id = w->last;
	return code;
}

enum err_code letters_list(const struct letters_db *db, const struct dead_letter_filter *f,
			   bool with_data, dead_letter_fn fn, void *ctx, struct err *e)
{
	struct walk w = {.f = f, .left = f->limit > 0 ? f->limit : -1, .fn = fn, .ctx = ctx};
	struct string_list pipelines = {0};
	enum err_code code = find_pipelines(db, f, &pipelines, e);
	size_t i;

	for (i = 0; i < pipelines.count && code == ERR_OK; i++) {
		struct letters_page p = {
			.filter = f, .pipeline = pipelines.items[i], .with_data = with_data};

		do
			code = walk_page(db, &w, &p, e);
		while (code == ERR_OK && w.last);
	}
	string_list_done(&pipelines);
	return code;
}

/* ---- moving ---- */

struct moving {
	int64_t *ids; /* room for a page */
	size_t count;
	int64_t superseded;
};

static ATTR_MUST_CHECK enum err_code note_id(void *ctx, const struct dead_letter *d, struct err *e)
{
	struct moving *m = ctx;

	(void)e;
	if (d->superseded)
		m->superseded++;
	else
		m->ids[m->count++] = d->id;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code move_pipeline(const struct letters_db *db,
						   enum letters_move how, struct walk *w,
						   struct moving *m, const char *pipeline,
						   struct dead_letter_counts *ret, struct err *e)
{
	struct dead_letter_filter f = *w->f;
	struct letters_page p = {.filter = &f, .pipeline = pipeline};
	int64_t start_us = clock_now_us(db->clock), done;
	enum err_code code;

	do {
		m->count = 0;
		/* not those that die again while this goes on */
		f.older_than_us = w->f->older_than_us + (clock_now_us(db->clock) - start_us);
		code = walk_page(db, w, &p, e);
		if (code != ERR_OK || !m->count)
			continue;
		code = db->move(db->ctx, how, pipeline, m->ids, m->count, &done, e);
		if (code == ERR_OK)
			ret->moved += done;
	} while (code == ERR_OK && w->last);
	return code;
}

enum err_code letters_move(const struct letters_db *db, enum letters_move how,
			   const struct dead_letter_filter *f, struct dead_letter_counts *ret,
			   struct err *e)
{
	struct moving m = {.ids = mem_calloc(LETTERS_PAGE_ROWS, sizeof(*m.ids))};
	struct walk w = {.f = f, .left = f->limit > 0 ? f->limit : -1, .fn = note_id, .ctx = &m};
	struct string_list pipelines = {0};
	enum err_code code;
	size_t i;

	*ret = (struct dead_letter_counts){0};
	if (!m.ids)
		return err_set(e, ERR_NOMEM, "no memory for a page of dead letters");
	code = find_pipelines(db, f, &pipelines, e);
	for (i = 0; i < pipelines.count && code == ERR_OK; i++)
		code = move_pipeline(db, how, &w, &m, pipelines.items[i], ret, e);
	ret->superseded = m.superseded;
	string_list_done(&pipelines);
	mem_free(m.ids);
	return code;
}
