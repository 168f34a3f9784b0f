/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loopback.h"
#include "sink/alarm.h"
#include "sink/http.h"

#define AWAIT(cond)                                                                                \
	do {                                                                                       \
		int64_t deadline_us_ = clock_now_us(clock_system()) + PEER_WAIT_US;                \
		while (!(cond) && clock_now_us(clock_system()) < deadline_us_)                     \
			(void)poll(NULL, 0, 1);                                                    \
		assert_true(cond);                                                                 \
	} while (0)

struct fixture {
	struct peer p;
	struct clock clock; /* the system's, ahead by skew_us */
	_Atomic int64_t skew_us;
	_Atomic int status;
	_Atomic int taken;
	char last[ALARM_MESSAGE_BYTES]; /* under the peer's lock */
	char head[PEER_HEAD_BYTES];
	struct alarm *a;
};

static int64_t skewed_now_us(void *ctx)
{
	const struct fixture *f = ctx;

	return clock_now_us(clock_system()) + atomic_load(&f->skew_us);
}

static int64_t skewed_wall_us(void *ctx)
{
	(void)ctx;
	return clock_wall_us(clock_system());
}

static bool take(struct peer *p, struct peer_request *r)
{
	struct fixture *f = p->ctx;

	mutex_lock(&p->lock);
	(void)snprintf(f->last, sizeof(f->last), "%s", r->body);
	memcpy(f->head, r->head, sizeof(f->head));
	mutex_unlock(&p->lock);
	atomic_fetch_add(&f->taken, 1);
	return peer_answer(r->fd, atomic_load(&f->status), "", "");
}

static void open_alarm(struct fixture *f)
{
	*f = (struct fixture){.clock = {skewed_now_us, skewed_wall_us, f}, .status = 200};
	assert_true(peer_start(&f->p, take, f));
	assert_int_equal(alarm_start(f->p.url, &f->clock, &f->a, NULL), ERR_OK);
}

static void close_alarm(struct fixture *f)
{
	alarm_stop(f->a);
	peer_stop(&f->p);
}

static void assert_last(struct fixture *f, const char *text)
{
	mutex_lock(&f->p.lock);
	assert_string_equal(f->last, text);
	mutex_unlock(&f->p.lock);
}

static void pass(struct fixture *f, int64_t us)
{
	atomic_fetch_add(&f->skew_us, us);
	alarm_send(f->a, ""); /* nothing, but it looks at the time */
}

static void a_message_is_posted_as_json(void **state)
{
	static struct fixture f;

	(void)state;
	open_alarm(&f);
	alarm_send(f.a, "{\"level\":\"alert\"}");
	AWAIT(alarm_stats(f.a).sent == 1);
	assert_last(&f, "{\"level\":\"alert\"}");
	assert_non_null(strstr(f.head, "POST /hook HTTP/1.1"));
	assert_non_null(strstr(f.head, "application/json"));
	close_alarm(&f);
}

static void between_two_the_interval_passes_and_the_latest_counts(void **state)
{
	static struct fixture f;

	(void)state;
	open_alarm(&f);
	alarm_send(f.a, "1");
	AWAIT(alarm_stats(f.a).sent == 1);
	alarm_send(f.a, "2");
	alarm_send(f.a, "3");
	pass(&f, ALARM_INTERVAL_US / 2);
	assert_int_equal(f.taken, 1);
	pass(&f, ALARM_INTERVAL_US / 2);
	AWAIT(alarm_stats(f.a).sent == 2);
	assert_last(&f, "3");
	assert_int_equal(f.taken, 2);
	close_alarm(&f);
}

static void one_that_is_refused_is_tried_again_a_few_times(void **state)
{
	static struct fixture f;
	int i;

	(void)state;
	open_alarm(&f);
	atomic_store(&f.status, 503);
	alarm_send(f.a, "1");
	for (i = 1; i <= ALARM_TRIES; i++) {
		AWAIT(alarm_stats(f.a).failed == i);
		pass(&f, ALARM_INTERVAL_US);
	}
	atomic_store(&f.status, 204);
	alarm_send(f.a, "2");
	AWAIT(alarm_stats(f.a).sent == 1);
	assert_last(&f, "2");
	assert_int_equal(f.taken, ALARM_TRIES + 1);
	close_alarm(&f);
}

/* A URL that is longer than curl takes: no request begins. */
static void one_that_cannot_be_sent_is_tried_a_few_times_too(void **state)
{
	static struct fixture f;
	static char url[8100000];
	int i;

	(void)state;
	f = (struct fixture){.clock = {skewed_now_us, skewed_wall_us, &f}};
	memset(url, 'x', sizeof(url) - 1);
	memcpy(url, "http://127.0.0.1/", strlen("http://127.0.0.1/"));
	assert_int_equal(alarm_start(url, &f.clock, &f.a, NULL), ERR_OK);
	alarm_send(f.a, "1");
	for (i = 1; i <= ALARM_TRIES; i++) {
		AWAIT(alarm_stats(f.a).failed == i);
		pass(&f, ALARM_INTERVAL_US);
	}
	(void)poll(NULL, 0, 50); /* in which a fourth try would come */
	assert_int_equal(alarm_stats(f.a).failed, ALARM_TRIES);
	alarm_send(f.a, "2");
	AWAIT(alarm_stats(f.a).failed == ALARM_TRIES + 1);
	alarm_stop(f.a);
}

static void who_tells_does_not_wait_for_one_that_hangs(void **state)
{
	static struct fixture f;
	int64_t i;

	(void)state;
	f = (struct fixture){.clock = {skewed_now_us, skewed_wall_us, &f}};
	assert_true(peer_reserve(&f.p, take, &f)); /* nobody listens */
	assert_int_equal(alarm_start(f.p.url, &f.clock, &f.a, NULL), ERR_OK);
	for (i = 0; i < 1000; i++)
		alarm_send(f.a, "1");
	AWAIT(alarm_stats(f.a).failed == 1);
	close_alarm(&f);
	alarm_stop(NULL);
	alarm_send(NULL, "1");
	assert_int_equal(alarm_stats(NULL).sent, 0);
}

static int group_open(void **state)
{
	(void)state;
	return http_global_start(NULL) != ERR_OK;
}

static int group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_posted_as_json),
		cmocka_unit_test(between_two_the_interval_passes_and_the_latest_counts),
		cmocka_unit_test(one_that_is_refused_is_tried_again_a_few_times),
		cmocka_unit_test(one_that_cannot_be_sent_is_tried_a_few_times_too),
		cmocka_unit_test(who_tells_does_not_wait_for_one_that_hangs),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
