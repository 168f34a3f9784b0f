/* SPDX-License-Identifier: MIT */
#include "daemon/posting.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "ingest/front.h"

struct posting {
	const struct clock *clock;
	struct monitor *monitor;
	struct budget *budget;
	struct front *front;
	struct tally tally;
	struct mutex lock;
	struct engine *engine; /* under lock */
};

enum err_code posting_new(const struct clock *clock, struct monitor *m, struct budget *budget,
			  struct posting **ret_p, struct err *e)
{
	struct posting *p = mem_calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for posted events");
	p->clock = clock;
	p->monitor = m;
	p->budget = budget;
	mutex_init(&p->lock);
	*ret_p = p;
	return ERR_OK;
}

void posting_free(struct posting *p)
{
	if (!p)
		return;
	mutex_done(&p->lock);
	mem_free(p);
}

/* From a committer's thread. engine_look sets a flag and wakes: no other lock is taken. */
static void committed(void *ctx, size_t source)
{
	struct posting *p = ctx;

	mutex_lock(&p->lock);
	if (p->engine)
		engine_look(p->engine, source);
	mutex_unlock(&p->lock);
}

enum err_code posting_start(struct posting *p, const struct settings *s, struct engine *g,
			    struct err *e)
{
	const struct front_options o = {.settings = s,
					.clock = p->clock,
					.budget = p->budget,
					.tally = &p->tally,
					.on_commit = committed,
					.ctx = p};
	enum err_code code;

	posting_bind(p, g);
	code = front_start(&o, &p->front, e);
	if (code != ERR_OK)
		return code;
	monitor_set_front(p->monitor, p->front);
	if (p->front)
		log_info("events can be posted", LOG_S("listen", front_address(p->front)),
			 LOG_S("tls", s->ingest.tls_cert ? "yes" : "no"));
	return ERR_OK;
}

void posting_stop(struct posting *p, int64_t deadline_us)
{
	monitor_set_front(p->monitor, NULL);
	front_stop(p->front, deadline_us);
	p->front = NULL;
	posting_bind(p, NULL);
}

void posting_bind(struct posting *p, struct engine *g)
{
	mutex_lock(&p->lock);
	p->engine = g;
	mutex_unlock(&p->lock);
}
