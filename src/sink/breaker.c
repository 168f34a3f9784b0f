/* SPDX-License-Identifier: MIT */
/*
 * When the breaker opens, many requests may be under way; their failures come in one by one and say
 * nothing new, so only the probe's own failure makes the delay grow. A straggler's success
 * does say something new and closes the breaker.
 */
#include "sink/breaker.h"

#include <assert.h>

#include "base/mem.h"
#include "base/thread.h"

struct breaker {
	struct mutex lock;
	struct breaker_options o;
	enum breaker_state state;
	int64_t since_us;
	int64_t delay_us; /* the present wait between probes */
	int64_t next_probe_us;
	int64_t opened_total;
	int64_t failures_in_row;
	int64_t last_success_us;
	int64_t paused_until_us; /* may be over; 0: never */
	int64_t taken_us;        /* when the latest request that was delivered had been sent */
};

static const char *const breaker_state_names[] = {
	[BREAKER_CLOSED] = "closed",
	[BREAKER_OPEN] = "open",
	[BREAKER_HALF_OPEN] = "half_open",
	[BREAKER_DISABLED] = "disabled",
};

const char *breaker_state_name(enum breaker_state state)
{
	assert(state <= BREAKER_DISABLED);
	return breaker_state_names[state];
}

enum err_code breaker_new(const struct breaker_options *o, struct breaker **ret_b, struct err *e)
{
	struct breaker *b;

	assert(o->failures >= 1 && o->min_delay_us > 0 && o->max_delay_us >= o->min_delay_us);
	b = mem_calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, ERR_NOMEM, "no memory for a breaker");
	mutex_init(&b->lock);
	b->o = *o;
	b->delay_us = o->min_delay_us;
	*ret_b = b;
	return ERR_OK;
}

void breaker_free(struct breaker *b)
{
	if (!b)
		return;
	mutex_done(&b->lock);
	mem_free(b);
}

static void enter_locked(struct breaker *b, enum breaker_state state, int64_t now_us)
{
	if (b->state == state)
		return;
	b->state = state;
	b->since_us = now_us;
}

static void close_locked(struct breaker *b, int64_t now_us)
{
	b->failures_in_row = 0;
	b->delay_us = b->o.min_delay_us;
	enter_locked(b, BREAKER_CLOSED, now_us);
}

static void open_locked(struct breaker *b, int64_t now_us)
{
	b->opened_total++;
	b->delay_us = b->o.min_delay_us;
	b->next_probe_us = now_us + b->delay_us;
	enter_locked(b, BREAKER_OPEN, now_us);
}

static void probe_failed_locked(struct breaker *b, int64_t now_us)
{
	b->delay_us = b->delay_us > b->o.max_delay_us / 2 ? b->o.max_delay_us : b->delay_us * 2;
	b->next_probe_us = now_us + b->delay_us;
	enter_locked(b, BREAKER_OPEN, now_us);
}

size_t breaker_admit(struct breaker *b, int64_t now_us, size_t want, bool *ret_probe)
{
	size_t n = 0;

	*ret_probe = false;
	mutex_lock(&b->lock);
	if (now_us >= b->paused_until_us)
		b->paused_until_us = 0;
	if (b->paused_until_us) {
		n = 0;
	} else if (b->state == BREAKER_CLOSED) {
		n = want;
	} else if (b->state == BREAKER_OPEN && want && now_us >= b->next_probe_us) {
		enter_locked(b, BREAKER_HALF_OPEN, now_us);
		*ret_probe = true;
		n = 1;
	}
	mutex_unlock(&b->lock);
	return n;
}

void breaker_cancel(struct breaker *b, int64_t now_us)
{
	mutex_lock(&b->lock);
	if (b->state == BREAKER_HALF_OPEN) {
		b->next_probe_us = now_us;
		enter_locked(b, BREAKER_OPEN, now_us);
	}
	mutex_unlock(&b->lock);
}

static void definite_locked(struct breaker *b, const struct breaker_result *r)
{
	if (r->answer.verdict == ANSWER_DELIVERED) {
		b->last_success_us = r->now_us;
		if (b->taken_us < r->sent_us)
			b->taken_us = r->sent_us;
	}
	if (r->answer.disable)
		enter_locked(b, BREAKER_DISABLED, r->now_us);
	else if (b->state != BREAKER_DISABLED)
		close_locked(b, r->now_us);
}

static bool speaks_of_outage_locked(const struct breaker *b, const struct breaker_result *r)
{
	if (r->answer.blame != ANSWER_BLAME_RECEIVER)
		return false;
	if (r->answer.outage)
		return true;
	return r->failed_us ? b->taken_us <= r->failed_us : r->last_attempt;
}

static ATTR_MUST_CHECK enum breaker_ruling failed_locked(struct breaker *b,
							 const struct breaker_result *r)
{
	bool outage = speaks_of_outage_locked(b, r);

	b->failures_in_row++;
	if (b->state == BREAKER_HALF_OPEN && r->probe)
		probe_failed_locked(b, r->now_us);
	else if (b->state == BREAKER_CLOSED &&
		 (b->failures_in_row >= b->o.failures || (outage && r->last_attempt)))
		open_locked(b, r->now_us);
	return outage || b->state != BREAKER_CLOSED ? BREAKER_HOLD : BREAKER_COUNT;
}

enum breaker_ruling breaker_report(struct breaker *b, const struct breaker_result *r)
{
	enum breaker_ruling ruling = BREAKER_COUNT;

	mutex_lock(&b->lock);
	if (r->now_us >= b->paused_until_us)
		b->paused_until_us = 0;
	if (r->pause_us && b->paused_until_us < r->now_us + r->pause_us)
		b->paused_until_us = r->now_us + r->pause_us;
	if (r->answer.verdict == ANSWER_RETRY) {
		ruling = failed_locked(b, r);
	} else {
		definite_locked(b, r);
		if (r->answer.disable)
			ruling = BREAKER_HOLD;
	}
	mutex_unlock(&b->lock);
	return ruling;
}

void breaker_enable(struct breaker *b, int64_t now_us)
{
	mutex_lock(&b->lock);
	b->paused_until_us = 0;
	close_locked(b, now_us);
	mutex_unlock(&b->lock);
}

void breaker_disable(struct breaker *b, int64_t now_us)
{
	mutex_lock(&b->lock);
	enter_locked(b, BREAKER_DISABLED, now_us);
	mutex_unlock(&b->lock);
}

static int64_t next_locked(const struct breaker *b)
{
	int64_t t = b->state == BREAKER_OPEN ? b->next_probe_us : 0;

	if (b->state > BREAKER_OPEN)
		return INT64_MAX;
	if (t < b->paused_until_us)
		t = b->paused_until_us;
	return t ? t : INT64_MAX;
}

int64_t breaker_next_probe_us(struct breaker *b)
{
	int64_t t;

	mutex_lock(&b->lock);
	t = next_locked(b);
	mutex_unlock(&b->lock);
	return t;
}

struct breaker_stats breaker_stats(struct breaker *b)
{
	struct breaker_stats s;

	mutex_lock(&b->lock);
	s = (struct breaker_stats){
		.state = b->state,
		.since_us = b->since_us,
		.opened_total = b->opened_total,
		.failures_in_row = b->failures_in_row,
		.last_success_us = b->last_success_us,
		.next_us = next_locked(b) == INT64_MAX ? 0 : next_locked(b),
		.paused_until_us = b->paused_until_us,
	};
	mutex_unlock(&b->lock);
	return s;
}
