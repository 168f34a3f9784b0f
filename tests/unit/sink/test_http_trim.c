/* SPDX-License-Identifier: MIT */
/* What an engine keeps for later requests, and gives back when it was idle for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "loopback.h"
#include "sink/http.h"

#define AT_ONCE_MAX 16
#define IDLE_US (11 * CLOCK_US_PER_S) /* a bit more than between two trims */

static char webhook_name[] = "test";
static char webhook_url[] = "http://127.0.0.1:1/"; /* nobody there: a request ends at once */

struct fixture {
	struct clock clock; /* the system's, ahead by skew_us */
	int64_t skew_us;
	struct http *h;
	struct webhook_settings to;
	int finished;
	int status; /* of the last one */
};

static int64_t skewed_now_us(void *ctx)
{
	const struct fixture *f = ctx;

	return clock_now_us(clock_system()) + f->skew_us;
}

static int64_t skewed_wall_us(void *ctx)
{
	const struct fixture *f = ctx;

	return clock_wall_us(clock_system()) + f->skew_us;
}

static void on_done(void *ctx, const struct http_result *r)
{
	struct fixture *f = ctx;

	f->finished++;
	f->status = r->status;
	http_request_put(f->h, r->request);
}

static void fixture_open(struct fixture *f)
{
	struct err e;

	*f = (struct fixture){.clock = {skewed_now_us, skewed_wall_us, f},
			      .to = {.name = webhook_name,
				     .url.value = webhook_url,
				     .timeout_us = 60 * CLOCK_US_PER_S,
				     .connect_timeout_us = 60 * CLOCK_US_PER_S,
				     .tls_verify = true}};
	assert_int_equal(http_new(&f->clock, 8, on_done, f, &f->h, &e), ERR_OK);
}

static void send_one(struct fixture *f)
{
	struct http_request *r = http_request_get(f->h);
	struct err e;

	assert_non_null(r);
	buf_add_str(&r->body, "{}");
	(void)snprintf(r->id, sizeof(r->id), "id");
	r->to = &f->to;
	assert_int_equal(http_send(f->h, r, &e), ERR_OK);
}

static void finish(struct fixture *f, int want)
{
	struct err e;

	while (f->finished < want)
		assert_int_equal(http_run(f->h, skewed_now_us(f) + CLOCK_US_PER_S, &e), ERR_OK);
}

/* So many requests at one time, to their end. */
static void work(struct fixture *f, int at_once)
{
	int want = f->finished + at_once;

	while (at_once--)
		send_one(f);
	finish(f, want);
}

static void idle(struct fixture *f)
{
	struct err e;

	f->skew_us += IDLE_US;
	assert_int_equal(http_run(f->h, 0, &e), ERR_OK);
}

static void after_any_number_of_requests_an_idle_engine_trims_and_works_on(void **state)
{
	struct fixture f;
	int at_once;

	(void)state;
	for (at_once = 1; at_once <= AT_ONCE_MAX; at_once++) {
		fixture_open(&f);
		work(&f, at_once);
		idle(&f);
		idle(&f);
		idle(&f);
		work(&f, at_once + 1);
		idle(&f);
		work(&f, 1);
		idle(&f);
		idle(&f);
		work(&f, 2);
		http_free(f.h);
	}
}

/* *ctx: requests are not answered while it is true. */
static bool agree(struct peer *p, struct peer_request *r)
{
	atomic_bool *holds = p->ctx;

	while (atomic_load(holds))
		if (fd_wait(p->stop_fd, -1, 0, 1000))
			return false;
	return peer_answer(r->fd, 200, "", "");
}

static void connections_of_a_burst_are_closed_but_the_last_one(void **state)
{
	struct fixture f;
	struct peer p;
	atomic_bool holds = false;

	(void)state;
	assert_true(peer_start(&p, agree, &holds));
	fixture_open(&f);
	f.to.url.value = p.url;
	work(&f, 4);
	assert_int_equal(http_connections(f.h), 4);
	idle(&f);
	work(&f, 2);
	assert_int_equal(http_connections(f.h), 6);
	f.skew_us += IDLE_US / 2;
	work(&f, 2); /* a pause is no end */
	f.skew_us += IDLE_US / 2;
	work(&f, 2);
	assert_int_equal(http_connections(f.h), 6);
	idle(&f);
	work(&f, 1);
	assert_int_equal(http_connections(f.h), 7);
	idle(&f);
	idle(&f);
	work(&f, 1); /* it has little to do, and does not connect anew for it */
	assert_int_equal(http_connections(f.h), 7);
	http_free(f.h);
	peer_stop(&p);
}

static void a_request_that_takes_long_is_not_idleness(void **state)
{
	struct fixture f;
	struct peer p;
	atomic_bool holds = false;

	(void)state;
	assert_true(peer_start(&p, agree, &holds));
	fixture_open(&f);
	f.to.url.value = p.url;
	work(&f, 3);
	atomic_store(&holds, true);
	send_one(&f);
	idle(&f);
	idle(&f);
	atomic_store(&holds, false);
	finish(&f, 4);
	assert_int_equal(f.status, 200);
	assert_int_equal(http_connections(f.h), 3);
	http_free(f.h);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_any_number_of_requests_an_idle_engine_trims_and_works_on),
		cmocka_unit_test(connections_of_a_burst_are_closed_but_the_last_one),
		cmocka_unit_test(a_request_that_takes_long_is_not_idleness),
	};
	struct err e;
	int failed;

	if (http_global_start(&e) != ERR_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	http_global_stop();
	return failed;
}
