/* SPDX-License-Identifier: MIT */
/* The way in for pushed events without memory, into SQLite; and sources of type http while they are
 * read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/env.h"
#include "config/load.h"
#include "source/inlet_store.h"
#include "torture.h"

struct world {
	char directory[64], path[128];
	struct source_settings source;
	struct pipeline_settings pipeline;
	struct inlet_settings inlet;
	struct settings settings;
	int64_t number; /* of idempotency keys */
};

static void world_open(struct world *w)
{
	static char name[] = "default";

	*w = (struct world){.directory = "/tmp/torture-XXXXXX"};
	assert_non_null(mkdtemp(w->directory));
	(void)snprintf(w->path, sizeof(w->path), "%s/ingest.db", w->directory);
	w->source = (struct source_settings){.name = name,
					     .type = SOURCE_HTTP,
					     .path = w->path,
					     .connect_timeout_us = CLOCK_US_PER_S,
					     .statement_timeout_us = CLOCK_US_PER_S,
					     .max_event_bytes = 65536};
	w->pipeline = (struct pipeline_settings){.name = name, .pushed = true};
	w->inlet = (struct inlet_settings){.name = name, .is_own = true};
	w->settings = (struct settings){.sources = &w->source,
					.source_count = 1,
					.inlets = &w->inlet,
					.inlet_count = 1,
					.pipelines = &w->pipeline,
					.pipeline_count = 1};
}

static void world_close(struct world *w)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-app-db-listener.lock"};
	char name[192];
	size_t i;

	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", w->path, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(w->directory), 0);
}

static enum err_code push(struct world *w, struct inlet *in, struct err *e)
{
	struct inlet_event ev = {.op = OP_UPDATE,
				 .table = TEXT_LIT("orders"),
				 .key = TEXT_LIT("{\"b\":\"\\u0041\",\"a\":1}"),
				 .data = TEXT_LIT("{\"n\":1}"),
				 .old_data = TEXT_LIT("{\"n\":0}")};
	char key[32];
	struct inlet_request r = {.token = TEXT_LIT("shop"), .window_us = CLOCK_US_PER_S};
	struct inlet_begun b;
	enum err_code code;

	(void)snprintf(key, sizeof(key), "key %lld", (long long)w->number++);
	r.key = text_of(key);
	code = inlet_begin(in, &r, &b, e);
	if (code == ERR_OK)
		code = inlet_add(in, &ev, e);
	if (code == ERR_OK)
		code = inlet_begin(in, &(struct inlet_request){.key = TEXT_NONE}, &b, e);
	if (code == ERR_OK)
		code = inlet_add(in, &ev, e);
	if (code == ERR_OK)
		code = inlet_cancel(in, e);
	return code == ERR_OK ? inlet_commit(in, e) : code;
}

static enum err_code push_life(void *ctx)
{
	struct world *w = ctx;
	struct inlet_options o = {
		.settings = &w->settings, .clock = clock_system(), .interrupt_fd = -1};
	struct inlet *in = NULL;
	struct err e;
	enum err_code code = inlet_make_store(&w->settings, 0, &e);

	if (code == ERR_OK)
		code = inlet_open(&o, &in, &e);
	if (code == ERR_OK)
		code = push(w, in, &e);
	inlet_close(in);
	return code;
}

static void a_way_in(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_true(torture_run(push_life, &w) >= 20);
	world_close(&w);
}

static enum err_code key_life(void *ctx)
{
	struct buf out;
	enum err_code code;

	(void)ctx;
	buf_init(&out, INLET_ROW_KEY_BYTES_MAX);
	code = inlet_key_write(&out, TEXT_LIT("{\"name\":\"O\\u0027Hara\",\"id\":7}"), NULL);
	if (code == ERR_OK)
		assert_string_equal(buf_str(&out), "{\"id\":7,\"name\":\"O'Hara\"}");
	buf_done(&out);
	return code;
}

static void a_key(void **state)
{
	(void)state;
	assert_true(torture_run(key_life, NULL) >= 3);
}

static enum err_code load_life(void *ctx)
{
	static const char yaml[] =
		"sources: [{name: up, type: http, store: pg}, {name: pg, database: d, tables: t},\n"
		"  {name: own, type: http, path: /x}]\n"
		"webhook: {url: http://h}\n"
		"ingest: {listen: '127.0.0.1:0', tokens: {shop: "
		"0123456789abcdef0123456789abcdef}}\n"
		"pipelines: [{name: a, source: up}, {name: b, source: pg}, {name: c, source: "
		"own}]\n";
	struct settings s;
	struct buf mistakes;
	struct err e;
	enum err_code code;

	(void)ctx;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_parse("f", text_of(yaml), config_env_system(), &s, &mistakes, &e);
	if (code == ERR_OK)
		settings_done(&s);
	buf_done(&mistakes);
	return code;
}

static void a_configuration(void **state)
{
	(void)state;
	assert_true(torture_run(load_life, NULL) >= 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_way_in),
		cmocka_unit_test(a_key),
		cmocka_unit_test(a_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
