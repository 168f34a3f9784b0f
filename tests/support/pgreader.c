/* SPDX-License-Identifier: MIT */
#include "pgreader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"

#define OPEN_PATIENCE_US (60 * CLOCK_US_PER_S)

static struct pipeline_settings pipeline = {.name = (char[]){"default"}};

int64_t pgreader_now_us(void)
{
	return clock_now_us(clock_system());
}

void pgreader_open(struct pgreader *r, const struct pgtest *pg)
{
	pgreader_open_as(r, &source_postgres, &pg->settings);
}

void pgreader_open_as(struct pgreader *r, const struct source_ops *ops,
		      const struct source_settings *settings)
{
	struct source_env env = {.settings = settings,
				 .pipelines = &r->shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	int64_t deadline_us = pgreader_now_us() + OPEN_PATIENCE_US;
	enum err_code code;
	struct err e;

	memset(r, 0, sizeof(*r));
	r->shared.settings = &pipeline;
	assert_int_equal(fd_wake_open(&r->wake_fd, NULL), ERR_OK);
	assert_int_equal(ops->new (&env, &r->s, NULL), ERR_OK);
	do { /* the server may not yet have seen the end of the one before */
		code = ops->open(r->s, &e);
	} while (code == ERR_BUSY && pgreader_now_us() < deadline_us);
	if (code != ERR_OK)
		fail_msg("%s", e.msg);
}

static void drop_events(struct pgreader *r)
{
	while (r->count)
		event_free(r->events[--r->count]);
}

void pgreader_close(struct pgreader *r)
{
	drop_events(r);
	r->s->ops->free(r->s);
	fd_close(&r->wake_fd);
}

size_t pgreader_read(struct pgreader *r)
{
	struct source_limit limit = {.events = PGREADER_BATCH, .bytes = 1 << 20};
	struct err e;

	drop_events(r);
	if (r->s->ops->read(r->s, 0, limit, r->events, &r->count, &r->more, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return r->count;
}

struct source_status pgreader_inspect(struct pgreader *r)
{
	struct source_status st;
	struct err e;

	if (r->s->ops->inspect(r->s, &st, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return st;
}

void pgreader_wait(struct pgreader *r, int64_t deadline_us)
{
	struct err e;
	int woken;

	if (r->s->ops->wait(r->s, true, r->wake_fd, deadline_us, &woken, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}
