/* SPDX-License-Identifier: MIT */
/* What bounds a front: sizes, numbers, times, the end. */
#include "front_fixture.h"

#include <dirent.h>

#include "base/fd.h"

/* An insert of n bytes and some. */
static void large_event(struct buf *out, size_t n)
{
	buf_init(out, n + 1000);
	buf_add_str(out, "{\"table\":\"t\",\"operation\":\"insert\",\"data\":{\"a\":\"");
	while (out->len < n)
		buf_add_char(out, 'x');
	buf_add_str(out, "\"}}");
}

static size_t files_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void a_length_that_is_too_large_is_refused_before_the_body(void **state)
{
	struct buf out;
	int fd;

	(void)state;
	world_start();
	fd = dial();
	say_head(fd, "Content-Length: 1048577\r\nExpect: 100-continue\r\n");
	buf_init(&out, 65536);
	hear(fd, &out, "\"error\"");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 413 ", 13), 0);
	assert_non_null(strstr(buf_str(&out), "1048576 bytes"));
	/* one that fits is asked for */
	fd_close(&fd);
	buf_reset(&out);
	fd = dial();
	say_head(fd, "Content-Length: 83\r\nExpect: 100-continue\r\n");
	hear(fd, &out, "\r\n\r\n");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 100 ", 13), 0);
	fd_close(&fd);
	buf_done(&out);
	assert_int_equal(front_stats(world.front).bytes, 0);
	await_stat(cut, 1); /* the one that hung up */
}

static void chunks_came_with_http_1_1(struct buf *out)
{
	int fd = dial();

	say(fd, "POST /v1/events HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer " TOKEN
		"\r\n" JSON_TYPE "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n");
	buf_reset(out);
	hear(fd, out, "never");
	assert_int_equal(strncmp(buf_str(out) + 8, " 400 ", 5), 0);
	assert_non_null(strstr(buf_str(out), "HTTP/1.0 has no Transfer-Encoding"));
	fd_close(&fd);
	fd = dial();
	say(fd, "POST /v1/events HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer " TOKEN
		"\r\n" JSON_TYPE "\r\nContent-Length: 2\r\n\r\n[]");
	buf_reset(out);
	hear(fd, out, "never");
	assert_non_null(strstr(buf_str(out), "no event"));
	fd_close(&fd);
}

/* Else a proxy in front could see other requests in what comes than the server does. */
static void where_a_body_ends_is_said_once(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 5\r\nContent-Length: 5\r\n",
		"Content-Length: 5\r\ncontent-length: 50\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: identity\r\n",
	};
	struct buf out;
	size_t i;
	int fd;

	(void)state;
	world_start();
	buf_init(&out, 65536);
	for (i = 0; i < ARRAY_LEN(heads); i++) {
		fd = dial();
		say_head(fd, heads[i]);
		buf_reset(&out);
		hear(fd, &out, "never"); /* the end of the connection */
		if (strncmp(buf_str(&out), "HTTP/1.1 400 ", 13) != 0 ||
		    !strstr(buf_str(&out), "Connection: close"))
			fail_msg("%s: %s", heads[i], buf_str(&out));
		fd_close(&fd);
	}
	/* whatever else is wrong: else the body would be read as the one or the other */
	fd = dial();
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
		"\r\n0\r\n\r\n");
	buf_reset(&out);
	hear(fd, &out, "never");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 400 ", 13), 0);
	fd_close(&fd);
	chunks_came_with_http_1_1(&out);
	fd = dial();
	say_head(fd, "Transfer-Encoding: Chunked\r\n");
	say(fd, "2\r\n[]\r\n0\r\n\r\n");
	buf_reset(&out);
	hear(fd, &out, "}\n");
	assert_non_null(strstr(buf_str(&out), "no event"));
	fd_close(&fd);
	buf_done(&out);
	assert_int_equal(front_stats(world.front).refused[REFUSAL_FRAMING], ARRAY_LEN(heads) + 2);
}

/* The client sends without asking, and goes on while it is answered. */
static void whoever_sends_too_much_hears_why(void **state)
{
	struct buf body, out;
	char size[16];
	int fd, i;

	(void)state;
	world_start();
	large_event(&body, 3 << 20);
	expect_post(buf_text(&body), 413, "max_body");
	/* chunks have no length at first */
	fd = dial();
	say_head(fd, "Transfer-Encoding: chunked\r\n");
	(void)snprintf(size, sizeof(size), "%x\r\n", 1 << 18);
	for (i = 0; i < 5; i++) {
		say(fd, size);
		if (send(fd, body.data, 1 << 18, MSG_NOSIGNAL) < 0 ||
		    send(fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
			break;
	}
	buf_init(&out, 65536);
	hear(fd, &out, "\"error\"");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 413 ", 13), 0);
	assert_non_null(strstr(buf_str(&out), "Connection: close"));
	fd_close(&fd);
	buf_done(&out);
	buf_done(&body);
	assert_int_equal(front_stats(world.front).refused[REFUSAL_SIZE], 2);
	await_stat(in_progress, 0);
}

static void large_bodies_go_through_a_file(void **state)
{
	struct asking a;
	struct buf body;

	(void)state;
	world_start();
	large_event(&body, 500000);
	fake_inlet_hold(true);
	asking_start(&a, &(struct question){.body = buf_text(&body)});
	fake_inlet_await_waiting();
	/* whole, and neither in memory nor in the directory */
	assert_int_equal(budget_stats(world.budget).used_bytes, 0);
	assert_int_equal(front_stats(world.front).spilled, 1);
	assert_int_equal(files_in(world.dir), 0);
	fake_inlet_hold(false);
	asking_end(&a, 202);
	assert_true(fake_inlet_store.rows.len > 499000);
	/* what it was parsed with was charged, and given back */
	assert_true(budget_stats(world.budget).peak_bytes > 500000);
	buf_done(&body);
}

static void small_bodies_are_charged_to_the_budget(void **state)
{
	struct asking a;
	struct buf body;

	(void)state;
	world_start_with(100000);
	large_event(&body, 60000);
	fake_inlet_hold(true);
	asking_start(&a, &(struct question){.body = buf_text(&body)});
	fake_inlet_await_waiting();
	assert_int_equal(budget_stats(world.budget).used_bytes, body.len);
	/* the next one has no room: refused at once, whether by its first bytes or by its last */
	expect_post(buf_text(&body), 503, "server busy, please retry");
	assert_int_equal(front_stats(world.front).refused[REFUSAL_MEMORY], 1);
	fake_inlet_hold(false);
	asking_end(&a, 202);
	buf_done(&body);
}

static void a_full_budget_is_said_by_the_head(void **state)
{
	(void)state;
	world_start_with(1000);
	budget_charge(world.budget, BUDGET_QUEUE, 950);
	expect_post(TEXT_LIT(EVENT), 503, "memory budget");
	budget_release(world.budget, BUDGET_QUEUE, 950);
	expect_post(TEXT_LIT(EVENT), 202, "");
}

static void a_disk_that_cannot_be_used_is_said(void **state)
{
	static char nowhere[] = "/nowhere/at/all";
	static char full[] = "/dev/full"; /* no directory */
	struct buf body;

	(void)state;
	world.settings.ingest.spill_dir = nowhere;
	world_start();
	large_event(&body, 100000);
	expect_post(buf_text(&body), 507, "cannot be kept");
	world.settings.ingest.spill_dir = full;
	expect_post(buf_text(&body), 507, "cannot be kept");
	world.settings.ingest.spill_dir = world.dir;
	expect_post(buf_text(&body), 202, "");
	assert_int_equal(front_stats(world.front).refused[REFUSAL_DISK], 2);
	buf_done(&body);
}

static void more_than_max_concurrent_are_refused_at_once(void **state)
{
	struct asking a;
	struct reply r;

	(void)state;
	world.settings.ingest.max_concurrent = 1;
	world_start();
	fake_inlet_hold(true);
	asking_start(&a, &(struct question){.body = TEXT_LIT(EVENT)});
	fake_inlet_await_waiting();
	ask(&(struct question){.body = TEXT_LIT(EVENT)}, &r);
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(buf_str(&r.head), "Retry-After: 1"));
	assert_string_equal(buf_str(&r.body), "{\"error\":\"server busy, please retry\"}\n");
	reply_done(&r);
	fake_inlet_hold(false);
	asking_end(&a, 202);
	await_stat(in_progress, 0);
	expect_post(TEXT_LIT(EVENT), 202, "");
	assert_int_equal(front_stats(world.front).refused[REFUSAL_BUSY], 1);
}

#define CROWD (2 * 1 + 128)

static void connections_beyond_all_bounds_hear_it_too(void **state)
{
	int crowd[CROWD], fd, i;
	struct buf out;

	(void)state;
	world.settings.ingest.max_concurrent = 1;
	world_start();
	for (i = 0; i < CROWD; i++)
		crowd[i] = dial();
	await_stat(connections, CROWD);
	fd = dial();
	buf_init(&out, 65536);
	hear(fd, &out, "\"error\"");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(buf_str(&out), "server busy, please retry"));
	fd_close(&fd);
	buf_done(&out);
	for (i = 0; i < CROWD; i++)
		fd_close(&crowd[i]);
	await_stat(connections, 0);
	expect_post(TEXT_LIT(EVENT), 202, "");
}

static void a_silent_sender_is_cut_off(void **state)
{
	struct buf out;
	int fd;

	(void)state;
	world.settings.ingest.idle_timeout_us = 10 * CLOCK_US_PER_MS;
	world_start();
	fd = dial();
	say_head(fd, "Content-Length: 10\r\n");
	buf_init(&out, 65536);
	hear(fd, &out, "\"error\"");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 408 ", 13), 0);
	buf_reset(&out);
	hear(fd, &out, "never"); /* the end of the connection */
	assert_int_equal(out.len, 0);
	await_stat(refused[REFUSAL_TIMEOUT], 1);
	await_stat(in_progress, 0);
	await_stat(connections, 0);
	buf_done(&out);
	fd_close(&fd);
}

/* Neither a head nor a body may take for ever, however steadily they drip. */
static void a_slow_request_is_cut_off(void **state)
{
	struct pollfd p;
	char answer[16] = "";
	int heads, body;

	(void)state;
	/* enough for a head that comes in one piece */
	world.settings.ingest.body_timeout_us = 500 * CLOCK_US_PER_MS;
	world_start();
	heads = dial();
	say(heads, "POST /v1/events HTTP/1.1\r\nX: ");
	body = dial();
	say_head(body, "Content-Length: 100000\r\n");
	p = (struct pollfd){.fd = body, .events = POLLIN};
	while (poll(&p, 1, 5) == 0) {
		(void)send(heads, "x", 1, MSG_NOSIGNAL);
		(void)send(body, "{", 1, MSG_NOSIGNAL);
	}
	assert_int_equal(recv(body, answer, 12, 0), 12);
	assert_string_equal(answer, "HTTP/1.1 408");
	fd_close(&body);
	p.fd = heads;
	while (poll(&p, 1, 5) == 0)
		(void)send(heads, "x", 1, MSG_NOSIGNAL);
	assert_true(recv(heads, answer, 12, 0) <= 0);
	fd_close(&heads);
	await_stat(connections, 0);
}

static void a_client_that_goes_away_leaves_nothing(void **state)
{
	struct buf body;
	int fd;

	(void)state;
	world_start();
	fd = dial();
	say_head(fd, "Content-Length: 1000\r\n");
	say(fd, "{\"table\":");
	await_stat(bytes, 9);
	await_used(9); /* which is charged behind it */
	fd_close(&fd);
	await_stat(cut, 1);
	await_stat(in_progress, 0);
	assert_int_equal(budget_stats(world.budget).used_bytes, 0);
	/* likewise with a file */
	large_event(&body, 200000);
	fd = dial();
	say_head(fd, "Content-Length: 300000\r\n");
	say(fd, buf_str(&body));
	await_stat(bytes, 9 + (int64_t)body.len);
	fd_close(&fd);
	await_stat(cut, 2);
	buf_done(&body);
	assert_int_equal(fake_inlet_store.begins, 0);
}

static void stop_main(void *arg)
{
	(void)arg;
	front_stop(world.front, clock_now_us(clock_system()) + WAIT_US);
}

static void the_end_finishes_what_is_whole(void **state)
{
	struct thread stopper = {.running = 0};
	struct asking a;
	struct buf out;
	int half;

	(void)state;
	world_start();
	fake_inlet_hold(true);
	asking_start(&a, &(struct question){.body = TEXT_LIT(EVENT)});
	fake_inlet_await_waiting();
	half = dial();
	say_head(half, "Content-Length: 1000\r\n");
	say(half, "{");
	await_stat(bytes, (int64_t)strlen(EVENT) + 1);
	assert_int_equal(thread_start(&stopper, "stopper", 0, stop_main, NULL, NULL), ERR_OK);
	buf_init(&out, 65536);
	hear(half, &out, "\"error\"");
	assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(buf_str(&out), "stopping"));
	fd_close(&half);
	buf_done(&out);
	fake_inlet_hold(false);
	asking_end(&a, 202);
	thread_join(&stopper);
	world.front = NULL;
	assert_int_equal(fake_inlet_store.row_count, 1);
}

static void the_end_does_not_wait_for_a_store_for_ever(void **state)
{
	struct asking a, b;

	(void)state;
	world_start();
	fake_inlet_hold(true);
	asking_start(&a, &(struct question){.body = TEXT_LIT(EVENT)});
	fake_inlet_await_waiting();
	asking_start(&b, &(struct question){.body = TEXT_LIT(EVENT)});
	await_stat(bytes, 2 * (int64_t)strlen(EVENT));
	front_stop(world.front, clock_now_us(clock_system()) + 10 * CLOCK_US_PER_MS);
	world.front = NULL;
	asking_end(&a, 503);
	asking_end(&b, 503);
	assert_int_equal(fake_inlet_store.row_count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_new, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_length_that_is_too_large_is_refused_before_the_body),
		TEST(where_a_body_ends_is_said_once),
		TEST(whoever_sends_too_much_hears_why),
		TEST(large_bodies_go_through_a_file),
		TEST(small_bodies_are_charged_to_the_budget),
		TEST(a_full_budget_is_said_by_the_head),
		TEST(a_disk_that_cannot_be_used_is_said),
		TEST(more_than_max_concurrent_are_refused_at_once),
		TEST(connections_beyond_all_bounds_hear_it_too),
		TEST(a_silent_sender_is_cut_off),
		TEST(a_slow_request_is_cut_off),
		TEST(a_client_that_goes_away_leaves_nothing),
		TEST(the_end_finishes_what_is_whole),
		TEST(the_end_does_not_wait_for_a_store_for_ever),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
