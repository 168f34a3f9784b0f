/* SPDX-License-Identifier: MIT */
#include "fake_inlet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <poll.h>
#include <stdio.h>

#include "base/mem.h"

#define ROWS_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct fake_inlet_store fake_inlet_store;

struct inlet {
	struct inlet_options o;
	struct buf rows; /* since the last commit */
	int64_t row_count;
	size_t mark; /* where the request begun last begins */
	int64_t mark_count;
	struct fake_inlet_claim claims[FAKE_INLET_KEYS_MAX];
	size_t claim_count;
	bool has_claim; /* the request begun last */
	int64_t requests;
};

void fake_inlet_reset(void)
{
	struct fake_inlet_store *s = &fake_inlet_store;

	*s = (struct fake_inlet_store){.row_count = 0};
	mutex_init(&s->lock);
	cond_init(&s->changed);
	buf_init(&s->rows, ROWS_BYTES_MAX);
}

void fake_inlet_done(void)
{
	buf_done(&fake_inlet_store.rows);
	cond_done(&fake_inlet_store.changed);
	mutex_done(&fake_inlet_store.lock);
}

void fake_inlet_hold(bool held)
{
	mutex_lock(&fake_inlet_store.lock);
	fake_inlet_store.held = held;
	cond_broadcast(&fake_inlet_store.changed);
	mutex_unlock(&fake_inlet_store.lock);
}

void fake_inlet_await_waiting(void)
{
	int64_t deadline_us = clock_now_us(clock_system()) + 60 * CLOCK_US_PER_S;
	bool waiting;

	mutex_lock(&fake_inlet_store.lock);
	while (!fake_inlet_store.waiting && clock_now_us(clock_system()) < deadline_us)
		cond_wait_until(&fake_inlet_store.changed, &fake_inlet_store.lock, deadline_us);
	waiting = fake_inlet_store.waiting;
	mutex_unlock(&fake_inlet_store.lock);
	assert_true(waiting);
}

static ATTR_MUST_CHECK enum err_code fake_open(const struct inlet_options *o, struct inlet **ret_in,
					       struct err *e)
{
	struct inlet *in = mem_calloc(1, sizeof(*in));

	if (!in)
		return err_set(e, ERR_NOMEM, "no memory for an inlet");
	in->o = *o;
	buf_init(&in->rows, ROWS_BYTES_MAX);
	*ret_in = in;
	return ERR_OK;
}

static void fake_close(struct inlet *in)
{
	buf_done(&in->rows);
	mem_free(in);
}

static void forget(struct inlet *in)
{
	buf_reset(&in->rows);
	in->row_count = 0;
	in->mark = 0;
	in->mark_count = 0;
	in->claim_count = 0;
	in->has_claim = false;
	in->requests = 0;
}

static struct fake_inlet_claim *find(struct fake_inlet_claim *all, size_t n,
				     const struct fake_inlet_claim *c)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(all[i].key, c->key) && !strcmp(all[i].token, c->token))
			return &all[i];
	return NULL;
}

/* Until nobody holds begin, or the inlet is interrupted. */
static bool wait_for_go(struct inlet *in)
{
	struct pollfd p = {.fd = in->o.interrupt_fd, .events = POLLIN};
	bool interrupted = false;

	mutex_lock(&fake_inlet_store.lock);
	while (fake_inlet_store.held && !interrupted) {
		fake_inlet_store.waiting = true;
		cond_broadcast(&fake_inlet_store.changed);
		cond_wait_until(&fake_inlet_store.changed, &fake_inlet_store.lock,
				clock_now_us(clock_system()) + 10 * CLOCK_US_PER_MS);
		interrupted = poll(&p, 1, 0) > 0;
	}
	fake_inlet_store.waiting = false;
	mutex_unlock(&fake_inlet_store.lock);
	return !interrupted;
}

static enum inlet_outcome claim(struct inlet *in, const struct fake_inlet_claim *c,
				struct inlet_begun *b)
{
	struct fake_inlet_store *s = &fake_inlet_store;
	struct fake_inlet_claim *old = find(in->claims, in->claim_count, c);

	if (!old)
		old = find(s->claims, s->claim_count, c);
	if (!old) {
		assert(in->claim_count < FAKE_INLET_KEYS_MAX);
		in->claims[in->claim_count++] = *c;
		in->has_claim = true;
		return INLET_STORED;
	}
	if (memcmp(old->digest, c->digest, sizeof(c->digest)) != 0)
		return INLET_CONFLICT;
	b->events = old->events;
	return INLET_DUPLICATE;
}

static void count(struct inlet *in)
{
	if (in->has_claim)
		in->claims[in->claim_count - 1].events = in->row_count - in->mark_count;
}

static ATTR_MUST_CHECK enum err_code fake_begin(struct inlet *in, const struct inlet_request *r,
						struct inlet_begun *ret_b, struct err *e)
{
	struct fake_inlet_store *s = &fake_inlet_store;
	struct fake_inlet_claim c = {.events = 0};
	enum err_code fails;

	if (!wait_for_go(in))
		return err_set(e, ERR_UNAVAILABLE, "interrupted");
	count(in);
	mutex_lock(&s->lock);
	s->begins++;
	fails = s->fails_begin;
	in->has_claim = false;
	in->mark = in->rows.len;
	in->mark_count = in->row_count;
	*ret_b = (struct inlet_begun){INLET_STORED, 0};
	if (r->key.s && fails == ERR_OK) {
		(void)snprintf(c.key, sizeof(c.key), "%.*s", (int)r->key.len, r->key.s);
		(void)snprintf(c.token, sizeof(c.token), "%.*s", (int)r->token.len, r->token.s);
		memcpy(c.digest, r->digest, sizeof(c.digest));
		ret_b->outcome = claim(in, &c, ret_b);
	}
	in->requests += ret_b->outcome == INLET_STORED;
	mutex_unlock(&s->lock);
	return fails == ERR_OK ? ERR_OK : err_set(e, fails, "begin fails");
}

static void show(struct buf *out, struct text t)
{
	buf_add_char(out, ' ');
	if (t.s)
		buf_add_text(out, t);
	else
		buf_add_char(out, '-');
}

static ATTR_MUST_CHECK enum err_code fake_add(struct inlet *in, const struct inlet_event *ev,
					      struct err *e)
{
	struct fake_inlet_store *s = &fake_inlet_store;
	enum err_code fails;
	bool poisoned;

	mutex_lock(&s->lock);
	fails = s->fails_add;
	poisoned = s->poison[0] && text_eq(ev->table, text_of(s->poison));
	mutex_unlock(&s->lock);
	if (fails != ERR_OK)
		return err_set(e, fails, "add fails");
	if (poisoned)
		return err_set(e, ERR_DB, "the store chokes on it");
	if (text_eq(ev->table, TEXT_LIT("unknown")))
		return err_set(e, ERR_DATA, "no such table");
	buf_add_text(&in->rows, ev->table);
	show(&in->rows, text_of(op_name(ev->op)));
	show(&in->rows, ev->key);
	show(&in->rows, ev->data);
	show(&in->rows, ev->old_data);
	buf_add_char(&in->rows, '\n');
	in->row_count++;
	return buf_error(&in->rows) == ERR_OK ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}

static ATTR_MUST_CHECK enum err_code fake_cancel(struct inlet *in, struct err *e)
{
	(void)e;
	buf_truncate(&in->rows, in->mark);
	in->row_count = in->mark_count;
	in->claim_count -= in->has_claim;
	in->has_claim = false;
	in->requests--;
	mutex_lock(&fake_inlet_store.lock);
	fake_inlet_store.cancels++;
	mutex_unlock(&fake_inlet_store.lock);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code fake_commit(struct inlet *in, struct err *e)
{
	struct fake_inlet_store *s = &fake_inlet_store;
	enum err_code fails;
	size_t i;

	count(in);
	mutex_lock(&s->lock);
	fails = s->fails_commit;
	if (fails == ERR_OK) {
		buf_add_text(&s->rows, buf_text(&in->rows));
		s->row_count += in->row_count;
		for (i = 0; i < in->claim_count; i++)
			s->claims[s->claim_count++ % FAKE_INLET_KEYS_MAX] = in->claims[i];
		s->commits++;
		if (in->requests > s->group_max)
			s->group_max = in->requests;
	}
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	if (fails != ERR_OK)
		return err_set(e, fails, "commit fails");
	forget(in);
	if (in->o.on_commit)
		in->o.on_commit(in->o.on_commit_ctx);
	return ERR_OK;
}

static void fake_rollback(struct inlet *in)
{
	forget(in);
	mutex_lock(&fake_inlet_store.lock);
	fake_inlet_store.rollbacks++;
	mutex_unlock(&fake_inlet_store.lock);
}

static const char *fake_warning(const struct inlet *in)
{
	(void)in;
	return "";
}

const struct inlet_ops fake_inlet_ops = {fake_open,   fake_close,  fake_begin,    fake_add,
					 fake_cancel, fake_commit, fake_rollback, fake_warning};
