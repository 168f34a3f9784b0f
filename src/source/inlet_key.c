/* SPDX-License-Identifier: MIT */
/*
 * The key of a pushed event, written one way however it was spelled: clients are many, and the
 * order per key compares texts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "source/inlet_store.h"

#define MEMBERS_MAX 32

struct member {
	size_t begin, name_len, len; /* of "name":value in the scratch text */
	const char *text;            /* of it, once nothing grows any more */
};

struct writing {
	struct buf scratch;
	struct buf plain; /* one string without quotes and escapes */
	struct member members[MEMBERS_MAX];
	size_t count;
};

/* The text between the quotes of a string, quoted anew. */
static void add_string(struct writing *w, struct text inside)
{
	buf_reset(&w->plain);
	json_scan_unescape(&w->plain, inside);
	if (buf_error(&w->plain) != ERR_OK)
		w->scratch.error = buf_error(&w->plain);
	json_quote(&w->scratch, buf_text(&w->plain));
}

static ATTR_MUST_CHECK enum err_code add_member(struct writing *w, const struct json_member *m,
						struct err *e)
{
	struct member *to = &w->members[w->count];

	if (w->count == MEMBERS_MAX)
		return err_set(e, ERR_DATA, "the key has more than %d members", MEMBERS_MAX);
	if (m->value.s[0] == '{' || m->value.s[0] == '[')
		return err_set(e, ERR_DATA,
			       "the key holds %s: its values are strings, numbers, true, false or "
			       "null",
			       m->value.s[0] == '{' ? "an object" : "a list");
	to->begin = w->scratch.len;
	add_string(w, m->name);
	to->name_len = w->scratch.len - to->begin;
	buf_add_char(&w->scratch, ':');
	if (m->value.s[0] == '"')
		add_string(w, (struct text){m->value.s + 1, m->value.len - 2});
	else
		buf_add_text(&w->scratch, m->value);
	to->len = w->scratch.len - to->begin;
	w->count++;
	return ERR_OK;
}

static int compare(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->text, y->text, n);

	return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static ATTR_MUST_CHECK enum err_code scan(struct writing *w, struct text key, struct err *e)
{
	struct json_scan s;
	struct json_member m;
	enum json_step step;
	enum err_code code = ERR_OK;

	json_scan_open(&s, key);
	while (code == ERR_OK && (step = json_scan_next(&s, &m)) != JSON_STEP_END) {
		if (step == JSON_STEP_BAD)
			return err_set(e, ERR_DATA, "the key is no JSON object");
		code = add_member(w, &m, e);
	}
	if (code == ERR_OK && !w->count)
		code = err_set(e, ERR_DATA, "the key is empty: leave it out, or name a column");
	return code;
}

static ATTR_MUST_CHECK enum err_code put_in_order(struct writing *w, struct buf *out, struct err *e)
{
	size_t i;

	for (i = 0; i < w->count; i++)
		w->members[i].text = buf_str(&w->scratch) + w->members[i].begin;
	qsort(w->members, w->count, sizeof(w->members[0]), compare);
	for (i = 0; i < w->count; i++) {
		if (i && compare(&w->members[i - 1], &w->members[i]) == 0)
			return err_set(e, ERR_DATA, "the key has %.*s twice",
				       (int)w->members[i].name_len, w->members[i].text);
		buf_add_char(out, i ? ',' : '{');
		buf_add(out, w->members[i].text, w->members[i].len);
	}
	buf_add_char(out, '}');
	if (buf_error(out) == ERR_NOMEM)
		return err_set(e, ERR_NOMEM, "no memory for a key");
	return ERR_OK;
}

enum err_code inlet_key_write(struct buf *out, struct text key, struct err *e)
{
	struct writing w = {.count = 0};
	enum err_code code;

	if (key.len > (size_t)INLET_ROW_KEY_BYTES_MAX)
		return err_set(e, ERR_DATA, "the key is longer than %ld bytes",
			       INLET_ROW_KEY_BYTES_MAX);
	/* quoting may write six bytes for one */
	buf_init(&w.scratch, 8 * INLET_ROW_KEY_BYTES_MAX);
	buf_init(&w.plain, INLET_ROW_KEY_BYTES_MAX);
	code = scan(&w, key, e);
	if (code == ERR_OK && buf_error(&w.scratch) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a key");
	if (code == ERR_OK && w.scratch.len + w.count + 1 > (size_t)INLET_ROW_KEY_BYTES_MAX)
		code = err_set(e, ERR_DATA, "the key is longer than %ld bytes",
			       INLET_ROW_KEY_BYTES_MAX);
	if (code == ERR_OK)
		code = put_in_order(&w, out, e);
	buf_done(&w.plain);
	buf_done(&w.scratch);
	return code;
}
