/* SPDX-License-Identifier: MIT */
/* An engine whose events are pushed: it makes the file that keeps them, and reads it when told. */
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/inlet.h"
#include "source/runner.h"

#define LOOKS 30

struct world {
	struct fixture f;
	struct inlet_settings inlet;
	char directory[64];
	char path[128];
	char name[16];
};

static void world_open(struct world *w, char *url)
{
	struct source_settings *s;

	*w = (struct world){.directory = "/tmp/engine-XXXXXX", .name = "default"};
	assert_non_null(mkdtemp(w->directory));
	(void)snprintf(w->path, sizeof(w->path), "%s/ingest.db", w->directory);
	fixture_open(&w->f);
	s = fixture_source(&w->f, w->name);
	s->type = SOURCE_HTTP;
	s->path = w->path;
	s->database = NULL;
	/* by polling alone it would soon look but once in minutes */
	s->wakeup = SOURCE_WAKEUP_POLL;
	s->poll_interval_us = 3600 * CLOCK_US_PER_S;
	(void)fixture_webhook(&w->f, w->name, url);
	fixture_pipeline(&w->f, w->name)->pushed = true;
	w->inlet = (struct inlet_settings){.name = w->name, .is_own = true};
	w->f.settings.inlets = &w->inlet;
	w->f.settings.inlet_count = 1;
}

static void world_close(struct world *w)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-app-db-listener.lock"};
	char name[160];
	size_t i;

	fixture_close(&w->f);
	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", w->path, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(w->directory), 0);
}

static int64_t reads(struct world *w)
{
	return runner_stats(engine_inputs(w->f.engine)->sources[0].runner).reads;
}

static void it_reads_whenever_it_is_told_to(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct world w;
	int64_t before;
	int i;

	(void)state;
	world_open(&w, url);
	fixture_start(&w.f);
	FIXTURE_AWAIT(reads(&w) > 0);
	for (i = 0; i < LOOKS; i++) {
		before = reads(&w);
		engine_look(w.f.engine, 0);
		FIXTURE_AWAIT(reads(&w) > before);
	}
	world_close(&w);
}

static bool serve(struct peer *p, struct peer_request *r)
{
	_Atomic int *seen = p->ctx;

	atomic_fetch_add(seen, strstr(r->body, "\"n\":1") != NULL);
	return peer_answer(r->fd, 204, "", "");
}

static void look(void *ctx)
{
	engine_look(ctx, 0);
}

static void push(struct inlet *in, const char *data)
{
	struct inlet_event ev = {.op = OP_INSERT,
				 .table = TEXT_LIT("orders"),
				 .key = TEXT_LIT("{\"id\":1}"),
				 .data = text_of(data)};
	struct inlet_request r = {.key = TEXT_NONE};
	struct inlet_begun b;

	assert_int_equal(inlet_begin(in, &r, &b, NULL), ERR_OK);
	assert_int_equal(inlet_add(in, &ev, NULL), ERR_OK);
	assert_int_equal(inlet_commit(in, NULL), ERR_OK);
}

static void what_is_pushed_reaches_the_receiver(void **state)
{
	_Atomic int seen = 0;
	struct peer p;
	struct world w;
	struct inlet_options o = {.clock = clock_system(), .interrupt_fd = -1, .on_commit = look};
	struct inlet *in = NULL;
	struct stat st;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve, &seen));
	world_open(&w, p.url);
	fixture_start(&w.f);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	o.settings = &w.f.settings;
	o.on_commit_ctx = w.f.engine;
	assert_int_equal(inlet_open(&o, &in, NULL), ERR_OK);
	for (i = 1; i <= LOOKS; i++) {
		push(in, "{\"n\":1}");
		FIXTURE_AWAIT(seen == i);
	}
	inlet_close(in);
	world_close(&w);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_reads_whenever_it_is_told_to),
		cmocka_unit_test(what_is_pushed_reaches_the_receiver),
	};

	assert_int_equal(http_global_start(NULL), ERR_OK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
