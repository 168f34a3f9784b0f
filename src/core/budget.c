/* SPDX-License-Identifier: MIT */
/*
 * What is used is one atomic number, and each account another. Marks on it, each with a line where
 * it is set and a lower one where it is cleared, are bits of one atomic word; whoever changes what
 * is used looks whether a bit has to change, and only then does more.
 *
 * An account may be below zero for a moment: what was charged by one thread after it was handed on
 * may be released by another before.
 */
#include "core/budget.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/thread.h"

enum mark {
	MARK_ATTENTION,
	MARK_ALERT,
	MARK_CRITICAL,
	MARK_STOP_OPTIONAL,
	MARK_STOP_STANDARD,
	MARK_STOP_IMPORTANT,
	MARK_COUNT
};

/* Per cent of max_bytes; stops are so much below what is not reserved. */
#define ATTENTION_PERCENT 70
#define ALERT_PERCENT 80
#define CRITICAL_PERCENT 90
#define STOP_OPTIONAL_BELOW 10
#define STOP_STANDARD_BELOW 5
#define STOP_IMPORTANT_BELOW 1
#define HYSTERESIS_PERCENT 5

struct budget {
	_Atomic int64_t max_bytes;
	_Atomic int64_t reserve_bytes;
	_Atomic int64_t up[MARK_COUNT];
	_Atomic int64_t down[MARK_COUNT];

	_Atomic int64_t used;
	_Atomic int64_t peak;
	_Atomic unsigned marks;
	_Atomic int64_t accounts[BUDGET_ACCOUNT_COUNT];
	_Atomic int64_t refused[BUDGET_ACCOUNT_COUNT];
	_Atomic int64_t reached[BUDGET_LEVEL_COUNT];

	struct mutex lock; /* all below */
	struct cond quiet;
	struct budget_watch *watches;
	unsigned notifying; /* threads that call the watches */
};

const char *budget_account_name(enum budget_account a)
{
	static const char *const names[] = {
		[BUDGET_READ] = "read",         [BUDGET_QUEUE] = "queue",
		[BUDGET_BODY] = "body",         [BUDGET_ANSWER] = "answer",
		[BUDGET_LOG] = "log",           [BUDGET_CACHE] = "cache",
		[BUDGET_BACKFILL] = "backfill", [BUDGET_ARCHIVE] = "archive",
		[BUDGET_INGEST] = "ingest",
	};

	assert((size_t)a < ARRAY_LEN(names));
	return names[a];
}

const char *budget_level_name(enum budget_level level)
{
	static const char *const names[] = {
		[BUDGET_NORMAL] = "normal",
		[BUDGET_ATTENTION] = "attention",
		[BUDGET_ALERT] = "alert",
		[BUDGET_CRITICAL] = "critical",
	};

	assert((size_t)level < ARRAY_LEN(names));
	return names[level];
}

const char *budget_priority_name(enum priority p)
{
	static const char *const names[] = {
		[PRIORITY_OPTIONAL] = "optional",
		[PRIORITY_STANDARD] = "standard",
		[PRIORITY_IMPORTANT] = "important",
		[PRIORITY_CRITICAL] = "critical",
	};

	assert((size_t)p < ARRAY_LEN(names));
	return names[p];
}

static int64_t percent(int64_t of, int64_t n)
{
	return of / 100 * n + of % 100 * n / 100;
}

static enum budget_level level_of(unsigned marks)
{
	if (marks & 1U << MARK_CRITICAL)
		return BUDGET_CRITICAL;
	if (marks & 1U << MARK_ALERT)
		return BUDGET_ALERT;
	return marks & 1U << MARK_ATTENTION ? BUDGET_ATTENTION : BUDGET_NORMAL;
}

/* ---- what changes ---- */

static void tell_watches(struct budget *b)
{
	struct budget_watch *w;

	mutex_lock(&b->lock);
	b->notifying++;
	w = b->watches;
	mutex_unlock(&b->lock);
	/* one is only added in front, and none taken away meanwhile */
	for (; w; w = w->next)
		w->fn(w->ctx);
	mutex_lock(&b->lock);
	if (--b->notifying == 0)
		cond_broadcast(&b->quiet);
	mutex_unlock(&b->lock);
}

static unsigned marks_at(struct budget *b, unsigned marks, int64_t used)
{
	size_t i;

	for (i = 0; i < MARK_COUNT; i++) {
		if (used >= atomic_load_explicit(&b->up[i], memory_order_relaxed))
			marks |= 1U << i;
		else if (used < atomic_load_explicit(&b->down[i], memory_order_relaxed))
			marks &= ~(1U << i);
	}
	return marks;
}

static void count_levels(struct budget *b, unsigned before, unsigned now)
{
	enum budget_level from = level_of(before), to = level_of(now), i;

	if (to == BUDGET_NORMAL && from != BUDGET_NORMAL)
		atomic_fetch_add(&b->reached[BUDGET_NORMAL], 1);
	for (i = from + 1; i <= to; i++)
		atomic_fetch_add(&b->reached[i], 1);
}

/* After every change of what is used. */
static void look(struct budget *b)
{
	unsigned before = atomic_load(&b->marks);
	unsigned now = marks_at(b, before, atomic_load(&b->used));
	bool changed = false;

	/* once more after each success: used may have changed, and who changed it seen the marks of
	 * before */
	while (now != before) {
		if (atomic_compare_exchange_weak(&b->marks, &before, now)) {
			count_levels(b, before, now);
			changed = true;
			before = now;
		}
		now = marks_at(b, before, atomic_load(&b->used));
	}
	if (changed)
		tell_watches(b);
}

static void note_peak(struct budget *b, int64_t used)
{
	int64_t peak = atomic_load_explicit(&b->peak, memory_order_relaxed);

	while (used > peak && !atomic_compare_exchange_weak(&b->peak, &peak, used))
		;
}

/* ---- making ---- */

static void set_mark(struct budget *b, enum mark m, int64_t up)
{
	int64_t down = up - percent(atomic_load(&b->max_bytes), HYSTERESIS_PERCENT);

	/* with nothing used none is set, however small the budget is */
	atomic_store(&b->up[m], up > 1 ? up : 1);
	atomic_store(&b->down[m], down > 1 ? down : 1);
}

void budget_configure(struct budget *b, const struct budget_options *o)
{
	int64_t max = (int64_t)o->max_bytes;
	int64_t open = max - (int64_t)o->reserve_bytes;

	assert(max >= 1 && open >= 1);
	atomic_store(&b->max_bytes, max);
	atomic_store(&b->reserve_bytes, max - open);
	set_mark(b, MARK_ATTENTION, percent(max, ATTENTION_PERCENT));
	set_mark(b, MARK_ALERT, percent(max, ALERT_PERCENT));
	set_mark(b, MARK_CRITICAL, percent(max, CRITICAL_PERCENT));
	set_mark(b, MARK_STOP_OPTIONAL, open - percent(max, STOP_OPTIONAL_BELOW));
	set_mark(b, MARK_STOP_STANDARD, open - percent(max, STOP_STANDARD_BELOW));
	set_mark(b, MARK_STOP_IMPORTANT, open - percent(max, STOP_IMPORTANT_BELOW));
	look(b);
}

enum err_code budget_new(const struct budget_options *o, struct budget **ret_b, struct err *e)
{
	struct budget *b = mem_calloc(1, sizeof(*b));

	if (!b)
		return err_set(e, ERR_NOMEM, "no memory for the memory budget");
	mutex_init(&b->lock);
	cond_init(&b->quiet);
	budget_configure(b, o);
	*ret_b = b;
	return ERR_OK;
}

void budget_free(struct budget *b)
{
	if (!b)
		return;
	assert(!b->watches);
	cond_done(&b->quiet);
	mutex_done(&b->lock);
	mem_free(b);
}

/* ---- taking and giving back ---- */

/* Below this a pipeline of priority p may take. */
static int64_t bound_of(const struct budget *b, enum priority p)
{
	int64_t max = atomic_load_explicit(&b->max_bytes, memory_order_relaxed);

	switch (p) {
	case PRIORITY_OPTIONAL:
		return atomic_load_explicit(&b->up[MARK_STOP_OPTIONAL], memory_order_relaxed);
	case PRIORITY_STANDARD:
		return atomic_load_explicit(&b->up[MARK_STOP_STANDARD], memory_order_relaxed);
	case PRIORITY_IMPORTANT:
		break;
	case PRIORITY_CRITICAL:
		return max;
	}
	return max - atomic_load_explicit(&b->reserve_bytes, memory_order_relaxed);
}

/* past: it is enough that the bound is not passed yet. */
static bool add_below(struct budget *b, enum budget_account a, size_t bytes, int64_t bound,
		      bool past)
{
	int64_t used = atomic_load(&b->used);

	do {
		if (used > bound || (!past && bytes > (size_t)(bound - used))) {
			atomic_fetch_add(&b->refused[a], 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&b->used, &used, used + (int64_t)bytes));
	atomic_fetch_add(&b->accounts[a], (int64_t)bytes);
	note_peak(b, used + (int64_t)bytes);
	look(b);
	return true;
}

bool budget_take(struct budget *b, enum budget_account a, size_t bytes)
{
	return budget_take_for(b, a, PRIORITY_IMPORTANT, bytes);
}

bool budget_take_for(struct budget *b, enum budget_account a, enum priority p, size_t bytes)
{
	return !b || add_below(b, a, bytes, bound_of(b, p), false);
}

bool budget_take_past(struct budget *b, enum budget_account a, size_t bytes)
{
	return !b || add_below(b, a, bytes, bound_of(b, PRIORITY_CRITICAL), true);
}

void budget_charge(struct budget *b, enum budget_account a, size_t bytes)
{
	if (!b || !bytes)
		return;
	atomic_fetch_add(&b->accounts[a], (int64_t)bytes);
	note_peak(b, atomic_fetch_add(&b->used, (int64_t)bytes) + (int64_t)bytes);
	look(b);
}

void budget_release(struct budget *b, enum budget_account a, size_t bytes)
{
	if (!b || !bytes)
		return;
	atomic_fetch_sub(&b->accounts[a], (int64_t)bytes);
	atomic_fetch_sub(&b->used, (int64_t)bytes);
	look(b);
}

/* ---- looking ---- */

enum budget_level budget_level(const struct budget *b)
{
	return b ? level_of(atomic_load(&b->marks)) : BUDGET_NORMAL;
}

bool budget_allows(const struct budget *b, enum priority p)
{
	static const unsigned stops[] = {
		[PRIORITY_OPTIONAL] = 1U << MARK_STOP_OPTIONAL,
		[PRIORITY_STANDARD] = 1U << MARK_STOP_STANDARD,
		[PRIORITY_IMPORTANT] = 1U << MARK_STOP_IMPORTANT,
		[PRIORITY_CRITICAL] = 0,
	};

	return !b || !(atomic_load(&b->marks) & stops[p]);
}

bool budget_pauses(const struct budget *b)
{
	return budget_level(b) >= BUDGET_ALERT;
}

void budget_watch(struct budget *b, struct budget_watch *w)
{
	if (!b)
		return;
	mutex_lock(&b->lock);
	w->next = b->watches;
	b->watches = w;
	mutex_unlock(&b->lock);
}

void budget_unwatch(struct budget *b, struct budget_watch *w)
{
	struct budget_watch **at;

	if (!b)
		return;
	mutex_lock(&b->lock);
	while (b->notifying)
		cond_wait_until(&b->quiet, &b->lock, INT64_MAX);
	for (at = &b->watches; *at && *at != w; at = &(*at)->next)
		;
	if (*at)
		*at = w->next;
	mutex_unlock(&b->lock);
}

static size_t not_negative(int64_t n)
{
	return n > 0 ? (size_t)n : 0;
}

struct budget_stats budget_stats(const struct budget *b)
{
	struct budget_stats s = {0};
	size_t i;

	if (!b)
		return s;
	s.max_bytes = (size_t)atomic_load(&b->max_bytes);
	s.reserve_bytes = (size_t)atomic_load(&b->reserve_bytes);
	s.used_bytes = not_negative(atomic_load(&b->used));
	s.peak_bytes = not_negative(atomic_load(&b->peak));
	s.level = budget_level(b);
	for (i = 0; i < BUDGET_LEVEL_COUNT; i++)
		s.reached[i] = atomic_load(&b->reached[i]);
	for (i = 0; i < BUDGET_ACCOUNT_COUNT; i++) {
		s.accounts[i].used_bytes = not_negative(atomic_load(&b->accounts[i]));
		s.accounts[i].refused = atomic_load(&b->refused[i]);
	}
	return s;
}
