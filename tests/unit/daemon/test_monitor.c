/* SPDX-License-Identifier: MIT */
#include "daemon/monitor.h"

#include "engine_fixture.h"

static char name_default[] = "default";
static char url_nowhere[] = "http://127.0.0.1:1/";

/* Less than the monitor waits for the main thread: what it says after so long is about a main
 * thread that had no time. */
#define SOON_US (400 * CLOCK_US_PER_MS)

/* A thread in the place of the daemon's main one: refreshes when asked to. */
struct pump {
	struct monitor *m;
	struct engine *g;
	struct thread thread;
	bool twice; /* as when the tick comes right behind */
	_Atomic bool over;
	_Atomic int rounds;
};

static void pump_main(void *arg)
{
	struct pump *p = arg;
	struct pollfd f = {.fd = monitor_wake_fd(p->m), .events = POLLIN};

	while (!atomic_load(&p->over)) {
		if (poll(&f, 1, 10) <= 0)
			continue;
		monitor_refresh(p->m, p->g);
		if (p->twice)
			monitor_refresh(p->m, p->g);
		atomic_fetch_add(&p->rounds, 1);
	}
}

static void pump_start(struct pump *p, struct monitor *m, struct engine *g, bool twice)
{
	*p = (struct pump){.m = m, .g = g, .twice = twice};
	assert_int_equal(thread_start(&p->thread, "pump", 0, pump_main, p, NULL), ERR_OK);
}

static void pump_stop(struct pump *p)
{
	atomic_store(&p->over, true);
	thread_join(&p->thread);
}

/* An engine that is built but does not run, and a monitor. */
static struct monitor *open_idle(struct fixture *f)
{
	struct monitor *m;

	fixture_open_short(f, url_nowhere);
	assert_int_equal(engine_new(&f->settings, NULL, clock_system(), &f->engine, NULL), ERR_OK);
	assert_int_equal(monitor_new(clock_system(), &f->settings, &m, NULL), ERR_OK);
	return m;
}

static void close_idle(struct fixture *f, struct monitor *m)
{
	monitor_free(m);
	fixture_close(f);
}

static void page_read(struct monitor *m, enum admin_page page, struct buf *out, bool *ok)
{
	buf_init(out, 1 << 20);
	assert_int_equal(monitor_read(m, page, out, ok), ERR_OK);
}

#define assert_page_has(m, page, want_ok, text)                                                    \
	do {                                                                                       \
		struct buf out_;                                                                   \
		bool ok_ = !(want_ok);                                                             \
		page_read((m), (page), &out_, &ok_);                                               \
		assert_int_equal(ok_, (want_ok));                                                  \
		if (!strstr(buf_str(&out_), (text)))                                               \
			fail_msg("no %s in %s", (text), buf_str(&out_));                           \
		buf_done(&out_);                                                                   \
	} while (0)

/* The page that was made for this question: not the last one, for want of a processor. */
static void fresh_page_read(struct monitor *m, enum admin_page page, struct buf *out,
			    int *questions)
{
	int64_t start_us;
	bool ok;

	do {
		buf_done(out);
		start_us = fixture_now_us();
		page_read(m, page, out, &ok);
		++*questions;
	} while (fixture_now_us() - start_us >= SOON_US && *questions < 1000);
	assert_true(ok);
}

static enum err_code enable(struct monitor *m, const char *name, struct err *e)
{
	enum err_code code;
	int64_t start_us;

	do {
		start_us = fixture_now_us();
		code = monitor_enable(m, name, true, e);
	} while (code == ERR_BUSY && fixture_now_us() - start_us >= SOON_US);
	return code;
}

static bool serve_200(struct peer *p, struct peer_request *r)
{
	(void)p;
	return peer_answer(r->fd, 200, "", "");
}

static void a_page_is_not_older_than_the_question(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct pump pump;
	struct peer p;
	struct buf out;
	char text[64];
	int i, questions = 0;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	fixture_open_short(&f, p.url);
	fixture_start(&f);
	assert_int_equal(monitor_new(clock_system(), &f.settings, &m, NULL), ERR_OK);
	pump_start(&pump, m, f.engine, false);
	buf_init(&out, 1);
	for (i = 1; i <= 20; i++) {
		fixture_insert(&f, "default", i);
		FIXTURE_AWAIT(fixture_rows(&f) == 0);
		(void)snprintf(text, sizeof(text), "\"delivered_total\":%d,", i);
		fresh_page_read(m, ADMIN_METRICS_JSON, &out, &questions);
		if (!strstr(buf_str(&out), text))
			fail_msg("no %s in %s", text, buf_str(&out));
	}
	buf_done(&out);
	pump_stop(&pump);
	assert_in_range(pump.rounds, 1, questions);
	monitor_free(m);
	fixture_close(&f);
	peer_stop(&p);
}

static void every_page_is_there(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct pump pump;

	(void)state;
	m = open_idle(&f);
	monitor_refresh(m, f.engine); /* so that there is one, however busy the machine is */
	pump_start(&pump, m, f.engine, false);
	assert_page_has(m, ADMIN_METRICS_JSON, true, "\"queue_capacity\":1000");
	assert_page_has(m, ADMIN_METRICS_PROMETHEUS, true, "app_db_listener_queue_capacity 1000");
	/* alive, but a source that is not connected is not ready */
	assert_page_has(m, ADMIN_HEALTHZ, true, "\"status\":\"ok\"");
	assert_page_has(m, ADMIN_READYZ, false, "source default is stopped");
	pump_stop(&pump);
	assert_false(monitor_verdict(m)->ready);
	assert_true(monitor_verdict(m)->alive);
	assert_int_equal(monitor_snapshot(m)->total.queue_capacity, 1000);
	close_idle(&f, m);
}

static void while_nobody_refreshes_the_last_page_comes_after_a_short_wait(void **state)
{
	int64_t start_us;
	struct monitor *m;
	struct fixture f;

	(void)state;
	m = open_idle(&f);
	monitor_refresh(m, f.engine);
	start_us = fixture_now_us();
	assert_page_has(m, ADMIN_METRICS_JSON, true, "\"queue_capacity\":1000");
	assert_in_range(fixture_now_us() - start_us, SOON_US, PEER_WAIT_US);
	close_idle(&f, m);
}

static void a_page_that_finds_no_room_is_an_error(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct pump pump;
	struct buf out;
	bool ok;

	(void)state;
	m = open_idle(&f);
	monitor_refresh(m, f.engine);
	pump_start(&pump, m, f.engine, false);
	buf_init(&out, 10);
	assert_int_equal(monitor_read(m, ADMIN_METRICS_JSON, &out, &ok), ERR_FULL);
	buf_done(&out);
	pump_stop(&pump);
	close_idle(&f, m);
}

static void a_question_wakes_the_main_thread_once(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct pollfd p;
	struct buf out;
	bool ok;

	(void)state;
	m = open_idle(&f);
	p = (struct pollfd){.fd = monitor_wake_fd(m), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	page_read(m, ADMIN_HEALTHZ, &out, &ok);
	buf_done(&out);
	assert_int_equal(poll(&p, 1, 0), 1);
	monitor_refresh(m, f.engine);
	assert_int_equal(poll(&p, 1, 0), 0);
	close_idle(&f, m);
}

static void enabling_tells_whether_there_is_such_a_webhook(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct pump pump;
	struct err e;
	int i;

	(void)state;
	m = open_idle(&f);
	pump_start(&pump, m, f.engine, false);
	for (i = 0; i < 100; i++) {
		assert_int_equal(enable(m, "none", &e), ERR_NOT_FOUND);
		assert_string_equal(e.msg, "no webhook is called none");
		assert_int_equal(enable(m, "default", &e), ERR_OK);
	}
	pump_stop(&pump);
	close_idle(&f, m);
}

static void an_answer_about_enabling_outlives_further_refreshes(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct pump pump;
	struct err e;
	int i;

	(void)state;
	m = open_idle(&f);
	pump_start(&pump, m, f.engine, true);
	for (i = 0; i < 200; i++)
		assert_int_equal(enable(m, "none", &e), ERR_NOT_FOUND);
	pump_stop(&pump);
	close_idle(&f, m);
}

static void enabling_while_the_main_thread_is_busy_is_refused(void **state)
{
	struct monitor *m;
	struct fixture f;
	struct err e;

	(void)state;
	m = open_idle(&f);
	monitor_refresh(m, f.engine);
	assert_int_equal(monitor_enable(m, "default", true, &e), ERR_BUSY);
	assert_non_null(strstr(e.msg, "busy"));
	close_idle(&f, m);
}

static void after_a_restart_the_new_limits_hold_and_counters_begin_anew(void **state)
{
	struct monitor *m;
	struct fixture f;

	(void)state;
	m = open_idle(&f);
	monitor_refresh(m, f.engine);
	engine_free(f.engine);
	f.settings.queue.capacity = 77;
	f.webhooks[0].name = name_default;
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, NULL), ERR_OK);
	monitor_restart(m, &f.settings);
	monitor_refresh(m, f.engine);
	assert_int_equal(monitor_snapshot(m)->total.queue_capacity, 77);
	assert_int_equal(monitor_snapshot(m)->total.delivered_last_hour, 0);
	assert_int_equal(monitor_snapshot(m)->total.errors_last_hour, 0);
	close_idle(&f, m);
}

static void freeing_none_is_fine(void **state)
{
	(void)state;
	monitor_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_not_older_than_the_question),
		cmocka_unit_test(every_page_is_there),
		cmocka_unit_test(while_nobody_refreshes_the_last_page_comes_after_a_short_wait),
		cmocka_unit_test(a_page_that_finds_no_room_is_an_error),
		cmocka_unit_test(a_question_wakes_the_main_thread_once),
		cmocka_unit_test(enabling_tells_whether_there_is_such_a_webhook),
		cmocka_unit_test(an_answer_about_enabling_outlives_further_refreshes),
		cmocka_unit_test(enabling_while_the_main_thread_is_busy_is_refused),
		cmocka_unit_test(after_a_restart_the_new_limits_hold_and_counters_begin_anew),
		cmocka_unit_test(freeing_none_is_fine),
	};

	return cmocka_run_group_tests(tests, fixture_group_open, fixture_group_close);
}
