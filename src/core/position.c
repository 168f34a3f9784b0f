/* SPDX-License-Identifier: MIT */
#include "core/position.h"

#include <assert.h>

#include "base/mem.h"
#include "core/gaps.h"
#include "core/idset.h"

struct position {
	int64_t cursor;
	int64_t late;
	int64_t left_from; /* INT64_MAX: nothing is left */
	struct idset outstanding;
	struct gaps *gaps; /* apart: looking at them moves memory, which is no change to callers */
};

enum err_code position_new(size_t max_gaps, struct position **ret_p, struct err *e)
{
	struct position *p = mem_calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for a position");
	p->gaps = mem_alloc(sizeof(*p->gaps));
	if (!p->gaps) {
		mem_free(p);
		return err_set(e, ERR_NOMEM, "no memory for the gaps of a position");
	}
	gaps_init(p->gaps, max_gaps);
	p->left_from = INT64_MAX;
	*ret_p = p;
	return ERR_OK;
}

void position_free(struct position *p)
{
	if (!p)
		return;
	position_reset(p);
	mem_free(p->gaps);
	mem_free(p);
}

void position_reset(struct position *p)
{
	gaps_done(p->gaps);
	idset_done(&p->outstanding);
	p->cursor = 0;
	p->left_from = INT64_MAX;
}

/* Memory for whatever one id may change. */
static ATTR_MUST_CHECK enum err_code position_reserve(struct position *p, struct err *e)
{
	enum err_code rc = idset_reserve(&p->outstanding);

	if (rc == ERR_OK)
		rc = gaps_reserve(p->gaps);
	if (rc != ERR_OK)
		return err_set(e, rc, "no memory for the position in the outbox");
	return ERR_OK;
}

enum err_code position_see(struct position *p, int64_t id, bool *ret_new, struct err *e)
{
	bool known = idset_has(&p->outstanding, id);
	enum err_code rc = position_reserve(p, e);
	bool late = false;

	assert(id > 0);
	if (rc != ERR_OK)
		return rc;
	if (id <= p->cursor) {
		late = gaps_fill(p->gaps, id);
	} else {
		if (id > p->cursor + 1)
			gaps_append(p->gaps, p->cursor + 1, id - 1);
		p->cursor = id;
	}
	if (!known) {
		idset_add(&p->outstanding, id);
		p->late += late;
	}
	*ret_new = !known;
	return ERR_OK;
}

enum err_code position_hold(struct position *p, int64_t id, struct err *e)
{
	enum err_code rc;

	assert(id > 0);
	if (idset_has(&p->outstanding, id))
		return ERR_OK;
	rc = position_reserve(p, e);
	if (rc == ERR_OK)
		idset_add(&p->outstanding, id);
	return rc;
}

void position_forget(struct position *p, int64_t id)
{
	idset_remove(&p->outstanding, id);
}

bool position_is_outstanding(const struct position *p, int64_t id)
{
	return idset_has(&p->outstanding, id);
}

void position_leave(struct position *p, const int64_t *ids, size_t n, int64_t from)
{
	size_t i;

	for (i = 0; i < n; i++)
		idset_remove(&p->outstanding, ids[i]);
	p->left_from = from;
}

bool position_is_left(const struct position *p, int64_t id)
{
	return id >= p->left_from;
}

bool position_is_missing(const struct position *p, int64_t id)
{
	return id > p->cursor || gaps_has(p->gaps, id);
}

int64_t position_cursor(const struct position *p)
{
	return p->cursor;
}

const struct position_gap *position_gaps(const struct position *p, size_t *ret_count)
{
	*ret_count = gaps_count(p->gaps);
	return gaps_array(p->gaps);
}

void position_close_gaps(struct position *p, int64_t upto)
{
	gaps_close(p->gaps, upto);
}

struct position_stats position_stats(const struct position *p)
{
	return (struct position_stats){
		.cursor = p->cursor,
		.gaps = gaps_count(p->gaps),
		.outstanding = p->outstanding.count,
		.late = p->late,
	};
}
