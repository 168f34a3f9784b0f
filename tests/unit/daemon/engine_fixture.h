/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the daemon layer: a fake database, receivers on loopback, and the settings of
 * an engine between them.
 */
#ifndef TESTS_UNIT_DAEMON_ENGINE_FIXTURE_H
#define TESTS_UNIT_DAEMON_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/engine.h"
#include "loopback.h"
#include "sink/http.h"
#include "source/fake.h"

#define FIXTURE_MAX 4

struct fixture {
	struct settings settings;
	struct source_settings sources[FIXTURE_MAX];
	struct webhook_settings webhooks[FIXTURE_MAX];
	struct pipeline_settings pipelines[FIXTURE_MAX];
	struct fake_db *db;
	struct engine *engine;
};

static inline int64_t fixture_now_us(void)
{
	return clock_now_us(clock_system());
}

/* Until COND holds. */
#define FIXTURE_AWAIT(cond)                                                                        \
	do {                                                                                       \
		int64_t deadline_us_ = fixture_now_us() + PEER_WAIT_US;                            \
		while (!(cond) && fixture_now_us() < deadline_us_)                                 \
			(void)poll(NULL, 0, 1);                                                    \
		assert_true(cond);                                                                 \
	} while (0)

static inline struct source_settings *fixture_source(struct fixture *f, char *name)
{
	struct source_settings *s = &f->sources[f->settings.source_count++];
	static char database[] = "shop";

	*s = (struct source_settings){.name = name,
				      .type = SOURCE_FAKE,
				      .database = database,
				      .connect_timeout_us = 60 * CLOCK_US_PER_S,
				      .statement_timeout_us = 60 * CLOCK_US_PER_S,
				      .reconnect_max_delay_us = 10 * CLOCK_US_PER_MS,
				      .poll_interval_us = 50 * CLOCK_US_PER_MS,
				      .batch_size = 100,
				      .max_event_bytes = 65536};
	return s;
}

static inline struct webhook_settings *fixture_webhook(struct fixture *f, char *name, char *url)
{
	struct webhook_settings *w = &f->webhooks[f->settings.webhook_count++];

	*w = (struct webhook_settings){.name = name,
				       .url.value = url,
				       .timeout_us = 60 * CLOCK_US_PER_S,
				       .connect_timeout_us = 60 * CLOCK_US_PER_S,
				       .retry_count = 3,
				       .retry_delay_us = 2 * CLOCK_US_PER_MS,
				       .retry_max_delay_us = 20 * CLOCK_US_PER_MS,
				       .max_in_flight = 8,
				       .breaker_failures = 1000,
				       .breaker_max_delay_us = 20 * CLOCK_US_PER_MS,
				       .max_response_bytes = 65536,
				       .tls_verify = true};
	return w;
}

/* From the latest source to the latest webhook. */
static inline struct pipeline_settings *fixture_pipeline(struct fixture *f, char *name)
{
	struct pipeline_settings *p = &f->pipelines[f->settings.pipeline_count++];

	*p = (struct pipeline_settings){.name = name,
					.source = f->settings.source_count - 1,
					.webhook = f->settings.webhook_count - 1};
	return p;
}

/* Nothing but the database and room for settings. */
static inline void fixture_open(struct fixture *f)
{
	*f = (struct fixture){.settings = {.sources = f->sources,
					   .webhooks = f->webhooks,
					   .pipelines = f->pipelines,
					   .worker.pool_size = 2,
					   .queue = {.capacity = 1000, .max_bytes = 1 << 20}}};
	assert_int_equal(fake_db_new("shop", &f->db, NULL), ERR_OK);
}

/* One source, one webhook at url, one pipeline. */
static inline void fixture_open_short(struct fixture *f, char *url)
{
	static char name[] = "default";

	fixture_open(f);
	(void)fixture_source(f, name);
	(void)fixture_webhook(f, name, url);
	(void)fixture_pipeline(f, name);
}

static inline void fixture_start(struct fixture *f)
{
	struct err e = {0};

	if (engine_new(&f->settings, NULL, clock_system(), &f->engine, &e) != ERR_OK ||
	    engine_start(f->engine, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

/* Stop, giving requests so long. */
static inline void fixture_stop(struct fixture *f, int64_t grace_us)
{
	engine_stop(f->engine, fixture_now_us() + grace_us);
	engine_free(f->engine);
	f->engine = NULL;
}

static inline void fixture_close(struct fixture *f)
{
	if (f->engine)
		fixture_stop(f, PEER_WAIT_US);
	fake_db_free(f->db);
}

static inline void fixture_insert(struct fixture *f, const char *pipeline, int key)
{
	char text[32];
	struct event_fields fields = {.op = OP_INSERT,
				      .schema = TEXT_LIT("public"),
				      .table = TEXT_LIT("items"),
				      .changed_at = TEXT_LIT("2026-03-01T12:00:00.000000Z")};

	(void)snprintf(text, sizeof(text), "{\"id\":%d}", key);
	fields.key = fields.data = text_of(text);
	(void)fake_db_insert(f->db, pipeline, &fields);
}

static inline size_t fixture_rows(struct fixture *f)
{
	return fake_db_stats(f->db).rows;
}

static inline int fixture_group_open(void **state)
{
	(void)state;
	return http_global_start(NULL) != ERR_OK;
}

static inline int fixture_group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

#endif
