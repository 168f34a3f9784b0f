/* SPDX-License-Identifier: MIT */
#include "http_fixture.h"

/* ---- connections ---- */

static void connections_are_reused(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	for (i = 1; i <= 20; i++) {
		send_small(&f, "again");
		run_until(&f, i);
	}
	assert_int_equal(http_connections(f.h), 1);
	assert_int_equal(p.connected, 1);
	http_free(f.h);
	peer_stop(&p);
}

static bool serve_then_drop(struct peer *p, struct peer_request *r)
{
	(void)serve_and_note(p, r);
	/* the second request on a connection dies before a byte of its answer */
	return r->nth == 1;
}

static bool serve_first_only(struct peer *p, struct peer_request *r)
{
	if (r->nth == 1)
		return serve_and_note(p, r);
	mutex_lock(&p->lock);
	(void)snprintf(((struct seen *)p->ctx)->ids[((struct seen *)p->ctx)->count++], 64, "%s",
		       r->id);
	mutex_unlock(&p->lock);
	return false;
}

static void a_request_that_curl_sends_again_by_itself_keeps_its_id(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_first_only, &seen));
	fixture_open(&f, p.url);
	send_small(&f, "first");
	run_until(&f, 1);
	send_small(&f, "second");
	run_until(&f, 2);
	assert_int_equal(f.results[1].status, 200);
	http_free(f.h);
	peer_stop(&p);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.ids[0], "first");
	assert_string_equal(seen.ids[1], "second");
	assert_string_equal(seen.ids[2], "second");
}

static void a_connection_closed_while_idle_is_replaced(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_then_drop, &seen));
	fixture_open(&f, p.url);
	for (i = 1; i <= 6; i++) {
		send_small(&f, "x");
		run_until(&f, i);
		assert_int_equal(f.results[i - 1].status, 200);
	}
	assert_int_equal(http_connections(f.h), 3);
	http_free(f.h);
	peer_stop(&p);
}

static bool serve_when_all_are_here(struct peer *p, struct peer_request *r)
{
	const int *all = p->ctx;

	while (atomic_load(&p->now) < *all && atomic_load(&p->peak) < *all)
		if (!peer_pause(p, 1))
			return false;
	return peer_answer(r->fd, 200, "", "");
}

static void what_is_sent_is_never_queued_inside(void **state)
{
	int all = 24; /* more than max_connections */
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_when_all_are_here, &all));
	fixture_open(&f, p.url);
	for (i = 0; i < all; i++)
		send_small(&f, "x");
	assert_int_equal(http_in_flight(f.h), all);
	run_until(&f, all);
	for (i = 0; i < all; i++)
		assert_int_equal(f.results[i].status, 200);
	assert_int_equal(p.peak, all);
	assert_int_equal(http_in_flight(f.h), 0);
	http_free(f.h);
	peer_stop(&p);
}

/* ---- steering ---- */

struct waker {
	struct http *h;
	struct thread thread;
};

static void wake_main(void *arg)
{
	struct waker *w = arg;

	http_wake(w->h);
}

static void a_wake_up_from_another_thread_ends_the_wait(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	int64_t start_us = clock_now_us(clock_system());
	struct fixture f;
	struct waker w;

	(void)state;
	fixture_open(&f, url);
	w.h = f.h;
	assert_int_equal(thread_start(&w.thread, "waker", 0, wake_main, &w, NULL), ERR_OK);
	assert_int_equal(http_run(f.h, start_us + PEER_WAIT_US, NULL), ERR_OK);
	assert_true(clock_now_us(clock_system()) - start_us < PEER_WAIT_US / 2);
	thread_join(&w.thread);
	/* one wake-up ends one wait */
	start_us = clock_now_us(clock_system());
	assert_int_equal(http_run(f.h, start_us + 30 * MS, NULL), ERR_OK);
	assert_true(clock_now_us(clock_system()) - start_us >= 30 * MS);
	http_free(f.h);
}

static void aborting_gives_every_request_back_with_a_result(void **state)
{
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_silence, NULL));
	fixture_open(&f, p.url);
	for (i = 0; i < 5; i++)
		send_small(&f, "x");
	(void)!http_run(f.h, clock_now_us(clock_system()) + 50 * MS, NULL);
	http_abort_all(f.h);
	assert_int_equal(f.count, 5);
	assert_int_equal(http_in_flight(f.h), 0);
	for (i = 0; i < 5; i++) {
		assert_int_equal(f.results[i].status, 0);
		assert_string_equal(f.results[i].reason, "aborted");
	}
	http_free(f.h);
	peer_stop(&p);
}

static void an_engine_freed_in_the_middle_gives_no_results(void **state)
{
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_silence, NULL));
	fixture_open(&f, p.url);
	send_small(&f, "x");
	send_large(&f, "y", 100000);
	(void)!http_run(f.h, clock_now_us(clock_system()) + 20 * MS, NULL);
	http_free(f.h);
	assert_int_equal(f.count, 0);
	peer_stop(&p);
}

static void two_webhooks_do_not_share_headers_or_addresses(void **state)
{
	static char name[] = "X-To", one[] = "1", two[] = "2";
	struct webhook_header h1 = {name, {one}, false}, h2 = {name, {two}, false};
	struct webhook_settings other;
	struct seen seen1 = {0}, seen2 = {0};
	struct http_request *r;
	struct fixture f;
	struct peer p1, p2;
	int i;

	(void)state;
	assert_true(peer_start(&p1, serve_and_note, &seen1));
	assert_true(peer_start(&p2, serve_and_note, &seen2));
	fixture_open(&f, p1.url);
	f.to.headers = &h1;
	f.to.header_count = 1;
	other = f.to;
	other.url.value = p2.url;
	other.headers = &h2;
	for (i = 0; i < 3; i++) {
		send_small(&f, "one");
		r = http_request_get(f.h);
		(void)snprintf(r->id, sizeof(r->id), "two");
		r->to = &other;
		assert_int_equal(http_send(f.h, r, NULL), ERR_OK);
		run_until(&f, 2 * (i + 1));
	}
	assert_int_equal(seen1.count, 3);
	assert_int_equal(seen2.count, 3);
	assert_header(&seen1, "X-To", "1");
	assert_header(&seen2, "X-To", "2");
	http_free(f.h);
	peer_stop(&p1);
	peer_stop(&p2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_reused),
		cmocka_unit_test(a_request_that_curl_sends_again_by_itself_keeps_its_id),
		cmocka_unit_test(a_connection_closed_while_idle_is_replaced),
		cmocka_unit_test(what_is_sent_is_never_queued_inside),
		cmocka_unit_test(a_wake_up_from_another_thread_ends_the_wait),
		cmocka_unit_test(aborting_gives_every_request_back_with_a_result),
		cmocka_unit_test(an_engine_freed_in_the_middle_gives_no_results),
		cmocka_unit_test(two_webhooks_do_not_share_headers_or_addresses),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
