/* SPDX-License-Identifier: MIT */
/* What an engine keeps for later requests, and gives back when it was idle for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

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
	http_request_put(f->h, r->request);
}

static void fixture_open(struct fixture *f)
{
	struct err e;

	*f = (struct fixture){.clock = {skewed_now_us, skewed_wall_us, f},
			      .to = {.name = webhook_name,
				     .url.value = webhook_url,
				     .timeout_us = 10 * CLOCK_US_PER_S,
				     .connect_timeout_us = 5 * CLOCK_US_PER_S,
				     .tls_verify = true}};
	assert_int_equal(http_new(&f->clock, 8, on_done, f, &f->h, &e), ERR_OK);
}

/* So many requests at one time, to their end. */
static void work(struct fixture *f, int at_once)
{
	struct http_request *r;
	struct err e;
	int want = f->finished + at_once;

	while (at_once--) {
		r = http_request_get(f->h);
		assert_non_null(r);
		buf_add_str(&r->body, "{}");
		(void)snprintf(r->id, sizeof(r->id), "id");
		r->to = &f->to;
		assert_int_equal(http_send(f->h, r, &e), ERR_OK);
	}
	while (f->finished < want)
		assert_int_equal(http_run(f->h, skewed_now_us(f) + CLOCK_US_PER_S, &e), ERR_OK);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_any_number_of_requests_an_idle_engine_trims_and_works_on),
	};
	struct err e;
	int failed;

	if (http_global_start(&e) != ERR_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	http_global_stop();
	return failed;
}
