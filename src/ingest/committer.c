/* SPDX-License-Identifier: MIT */
#include "ingest/committer.h"

#include <assert.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define GROUP_JOBS_MAX 64
#define GROUP_BYTES_MAX (4LL * 1024 * 1024)
#define SAY_EVERY_US (10 * CLOCK_US_PER_S)

const struct inlet_ops inlet_ops_real = {inlet_open,   inlet_close,  inlet_begin,    inlet_add,
					 inlet_cancel, inlet_commit, inlet_rollback, inlet_warning};

/* Jobs in the order in which they came. */
struct jobs {
	struct job *first;
	struct job **last; /* where the next one is hung in */
	size_t count;
};

struct committer {
	struct committer_options o;
	const char *name;
	struct inlet *inlet;
	struct thread thread;
	int interrupt_fd; /* readable: the deadline of the end has come */
	struct mutex lock;
	struct cond changed;
	struct jobs queue;   /* under lock */
	bool stopping;       /* under lock */
	bool gone;           /* under lock: the thread */
	_Atomic bool aborts; /* what is queued is refused */

	/* of the thread alone */
	struct jobs group; /* in the transaction */
	int64_t group_bytes;
	bool begun;     /* there is a transaction */
	bool failing;   /* the store, and it was said */
	int64_t say_us; /* of single requests nothing is said before */
	bool warned;
};

static void jobs_init(struct jobs *all)
{
	*all = (struct jobs){.first = NULL};
	all->last = &all->first;
}

static void jobs_push(struct jobs *all, struct job *j)
{
	j->next = NULL;
	*all->last = j;
	all->last = &j->next;
	all->count++;
}

static struct job *jobs_pop(struct jobs *all)
{
	struct job *j = all->first;

	if (!j)
		return NULL;
	all->first = j->next;
	if (!all->first)
		all->last = &all->first;
	all->count--;
	return j;
}

enum err_code committer_new(const struct committer_options *o, struct committer **ret_c,
			    struct err *e)
{
	struct committer *c = mem_calloc(1, sizeof(*c));
	struct inlet_options in = {.settings = o->settings,
				   .inlet = o->inlet,
				   .clock = o->clock,
				   .on_commit = o->on_commit,
				   .on_commit_ctx = o->on_commit_ctx,
				   .budget = o->budget};
	enum err_code code;

	if (!c)
		return err_set(e, ERR_NOMEM, "no memory for the way into a store");
	c->o = *o;
	c->name = o->settings->inlets[o->inlet].name;
	c->interrupt_fd = -1;
	mutex_init(&c->lock);
	cond_init(&c->changed);
	jobs_init(&c->queue);
	jobs_init(&c->group);
	code = fd_wake_open(&c->interrupt_fd, e);
	in.interrupt_fd = c->interrupt_fd;
	if (code == ERR_OK)
		code = o->ops->open(&in, &c->inlet, e);
	if (code != ERR_OK) {
		committer_free(c);
		return code;
	}
	*ret_c = c;
	return ERR_OK;
}

void committer_free(struct committer *c)
{
	if (!c)
		return;
	assert(!c->thread.running);
	if (c->inlet)
		c->o.ops->close(c->inlet);
	fd_close(&c->interrupt_fd);
	cond_done(&c->changed);
	mutex_done(&c->lock);
	mem_free(c);
}

/* ---- ends of jobs ---- */

static void job_refuse(struct job *j, enum refusal_reason reason)
{
	refusal_set(&j->refusal, reason,
		    reason == REFUSAL_STOPPING ? "the daemon is stopping"
					       : "events cannot be stored now");
	j->done(j);
}

static void count_stored(struct committer *c, const struct job *j)
{
	struct tally *t = c->o.tally;

	t->duplicates += j->duplicate;
	t->events += j->duplicate ? 0 : j->events;
	tally_latency(t, clock_now_us(c->o.clock) - j->pushed_us);
}

/* The group is durable. How old the key of a repetition is, nobody said: were it kept from now on,
 * it would hold beyond its window. */
static void group_end(struct committer *c)
{
	struct job *j;

	while ((j = jobs_pop(&c->group)) != NULL) {
		if (j->refusal.reason == REFUSAL_NONE) {
			if (!j->duplicate)
				recent_note(c->o.recent, c->o.inlet, &j->request, j->events);
			count_stored(c, j);
		}
		j->done(j);
	}
	c->group_bytes = 0;
	if (c->failing)
		log_info("posted events are stored again");
	c->failing = false;
}

/* Whether it may be one event that the store does not take, and not the store. */
static bool is_about_content(enum err_code code)
{
	return code != ERR_UNAVAILABLE && code != ERR_DENIED && code != ERR_NOT_FOUND;
}

static void say_failure(struct committer *c, const struct err *e)
{
	int64_t now_us = clock_now_us(c->o.clock);

	if (is_about_content(e->code)) {
		if (now_us >= c->say_us)
			log_warn("the store does not take a posted request", LOG_E(e));
		c->say_us = now_us + SAY_EVERY_US;
		return;
	}
	if (!c->failing)
		log_error("posted events cannot be stored, they are refused with 503", LOG_E(e));
	c->failing = true;
}

/* Put jobs in front of the queue, in their order. */
static void queue_put_back(struct committer *c, struct jobs *all)
{
	struct job *j;

	for (j = all->first; j; j = j->next)
		j->alone = true;
	mutex_lock(&c->lock);
	*all->last = c->queue.first;
	if (!c->queue.first)
		c->queue.last = all->last;
	c->queue.first = all->first;
	c->queue.count += all->count;
	mutex_unlock(&c->lock);
}

/* The transaction is gone. What others may have brought down goes once more, each by itself; behind
 * a commit, of which nobody knows whether it was done, only what a key protects. */
static void group_fail(struct committer *c, const struct err *e, bool committing)
{
	bool again = c->group.count > 1 && is_about_content(e->code) && !c->aborts;
	struct jobs once_more;
	struct job *j;

	c->o.ops->rollback(c->inlet);
	c->begun = false;
	c->group_bytes = 0;
	if (!again && !c->aborts)
		say_failure(c, e);
	jobs_init(&once_more);
	while ((j = jobs_pop(&c->group)) != NULL) {
		if (again && (!committing || j->request.key.s))
			jobs_push(&once_more, j);
		else
			job_refuse(j, c->aborts ? REFUSAL_STOPPING : REFUSAL_STORE);
	}
	if (once_more.first)
		queue_put_back(c, &once_more);
}

/* Nothing is open behind it. */
static void group_commit(struct committer *c)
{
	struct err e;

	if (c->begun && !c->group.first) {
		c->o.ops->rollback(c->inlet); /* all in it was cancelled */
	} else if (c->begun) {
		c->o.tally->commits++;
		if (c->o.ops->commit(c->inlet, &e) == ERR_OK)
			group_end(c);
		else
			group_fail(c, &e, true);
	}
	c->begun = false;
}

/* ---- one job ---- */

static size_t largest_event(const struct committer *c)
{
	const struct inlet_settings *in = &c->o.settings->inlets[c->o.inlet];

	return (size_t)c->o.settings->sources[in->source].max_event_bytes;
}

/* Charge what p holds by now. */
static void charge(struct committer *c, const struct posted *p, size_t *charged)
{
	size_t bytes = p ? posted_bytes(p) : 0;

	if (bytes > *charged)
		budget_charge(c->o.budget, BUDGET_INGEST, bytes - *charged);
	else
		budget_release(c->o.budget, BUDGET_INGEST, *charged - bytes);
	*charged = bytes;
}

/* All events of j into the transaction. ERR_DATA: the job is refused, and has to be cancelled. */
static ATTR_MUST_CHECK enum err_code add_events(struct committer *c, struct job *j,
						struct posted *p, struct err *e)
{
	struct inlet_event ev;
	enum posted_step step;
	size_t charged = 0;
	enum err_code code = ERR_OK;

	while (code == ERR_OK) {
		step = posted_next(p, &ev, &j->refusal, e);
		charge(c, p, &charged);
		if (step == POSTED_END)
			break;
		if (step == POSTED_EVENT) {
			code = c->o.ops->add(c->inlet, &ev, e);
			if (code == ERR_DATA || code == ERR_FULL)
				posted_refuse(p,
					      code == ERR_FULL ? REFUSAL_EVENT_SIZE : REFUSAL_EVENT,
					      e->msg, &j->refusal);
		} else {
			code = step == POSTED_REFUSED ? ERR_DATA : e->code;
		}
	}
	j->events = posted_count(p);
	charge(c, NULL, &charged);
	return code == ERR_FULL ? ERR_DATA : code;
}

static ATTR_MUST_CHECK enum err_code parse(struct committer *c, struct job *j, struct err *e)
{
	struct posted_options o = {.format = j->format,
				   .max_event_bytes = largest_event(c),
				   .read = body_read,
				   .ctx = j->body};
	struct posted *p = NULL;
	enum err_code code = posted_new(&o, &p, e);

	j->body->read_at = 0;
	if (code == ERR_OK)
		code = add_events(c, j, p, e);
	posted_free(p);
	return code;
}

static void warn_once(struct committer *c)
{
	const char *warning = c->warned ? "" : c->o.ops->warning(c->inlet);

	c->warned = true;
	if (*warning)
		log_warn(warning);
}

static void set_begun(struct job *j, const struct inlet_begun *b)
{
	j->duplicate = b->outcome == INLET_DUPLICATE;
	j->events = b->events;
	if (b->outcome == INLET_CONFLICT)
		refusal_set(&j->refusal, REFUSAL_CONFLICT,
			    "this Idempotency-Key came before with another body");
}

/* Whether j has its answer, as it repeats what was stored lately. */
static bool is_recent(struct committer *c, struct job *j)
{
	struct inlet_begun b = recent_find(c->o.recent, c->o.inlet, &j->request);

	if (b.outcome == INLET_STORED)
		return false;
	set_begun(j, &b);
	if (j->duplicate)
		count_stored(c, j);
	j->done(j);
	return true;
}

/* Put j into the transaction. ERR_OK: it is in the group, or has its answer. Else the transaction
 * has to be given up, and j with it. */
static ATTR_MUST_CHECK enum err_code job_process(struct committer *c, struct job *j, struct err *e)
{
	struct inlet_begun b = {.outcome = INLET_STORED};
	enum err_code code;

	refusal_init(&j->refusal);
	if (is_recent(c, j))
		return ERR_OK;
	c->begun = true;
	code = c->o.ops->begin(c->inlet, &j->request, &b, e);
	if (code == ERR_DATA) {
		refusal_set(&j->refusal, REFUSAL_KEY, "%s", e->msg);
		j->done(j);
		return ERR_OK;
	}
	if (code != ERR_OK)
		goto out_group;
	warn_once(c);
	set_begun(j, &b);
	if (b.outcome == INLET_STORED) {
		code = parse(c, j, e);
		if (code == ERR_DATA) {
			code = c->o.ops->cancel(c->inlet, e);
			if (code != ERR_OK)
				goto out_group;
			j->done(j);
			return ERR_OK;
		}
	}
out_group:
	jobs_push(&c->group, j);
	c->group_bytes += j->body->bytes;
	return code;
}

/* ---- the thread ---- */

/* The next job, NULL: there is none now. */
static struct job *queue_pop(struct committer *c)
{
	struct job *j;

	mutex_lock(&c->lock);
	j = jobs_pop(&c->queue);
	mutex_unlock(&c->lock);
	return j;
}

/* Whether there is, or will be, something to do. */
static bool queue_wait(struct committer *c)
{
	bool goes_on;

	mutex_lock(&c->lock);
	while (!c->queue.first && !c->stopping)
		cond_wait_until(&c->changed, &c->lock, INT64_MAX);
	goes_on = c->queue.first != NULL;
	mutex_unlock(&c->lock);
	return goes_on;
}

static bool is_group_full(const struct committer *c)
{
	return c->group.count >= GROUP_JOBS_MAX || c->group_bytes >= GROUP_BYTES_MAX;
}

static void serve(struct committer *c, struct job *j)
{
	bool is_alone = j->alone; /* it may be gone when it has its answer */
	struct err e = {.code = ERR_OK};

	if (c->aborts) {
		job_refuse(j, REFUSAL_STOPPING);
		return;
	}
	if (is_alone)
		group_commit(c);
	if (job_process(c, j, &e) != ERR_OK)
		group_fail(c, &e, false);
	else if (is_alone || is_group_full(c))
		group_commit(c);
}

static void run(void *arg)
{
	struct committer *c = arg;
	struct job *j;

	log_set_context("inlet", c->name);
	while (queue_wait(c)) {
		while ((j = queue_pop(c)) != NULL)
			serve(c, j);
		group_commit(c);
	}
	mutex_lock(&c->lock);
	c->gone = true;
	cond_broadcast(&c->changed);
	mutex_unlock(&c->lock);
}

enum err_code committer_start(struct committer *c, struct err *e)
{
	return thread_start(&c->thread, "ingest-store", 0, run, c, e);
}

void committer_push(struct committer *c, struct job *j)
{
	bool taken;

	j->pushed_us = clock_now_us(c->o.clock);
	j->alone = false;
	mutex_lock(&c->lock);
	taken = !c->stopping;
	if (taken)
		jobs_push(&c->queue, j);
	cond_broadcast(&c->changed);
	mutex_unlock(&c->lock);
	if (!taken)
		job_refuse(j, REFUSAL_STOPPING);
}

void committer_stop(struct committer *c, int64_t deadline_us)
{
	bool gone;

	if (!c || !c->thread.running)
		return;
	mutex_lock(&c->lock);
	c->stopping = true;
	cond_broadcast(&c->changed);
	while (!c->gone && clock_now_us(c->o.clock) < deadline_us)
		cond_wait_until(&c->changed, &c->lock, deadline_us);
	gone = c->gone;
	mutex_unlock(&c->lock);
	if (!gone) {
		c->aborts = true;
		fd_wake(c->interrupt_fd);
	}
	thread_join(&c->thread);
}
