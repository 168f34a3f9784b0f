/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <limits.h>
#include <signal.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

struct seen {
	char name[16];
	sigset_t blocked;
	size_t stack_bytes;
};

static void look_around(void *arg)
{
	struct seen *s = arg;
	pthread_attr_t attr;

	(void)pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
	(void)pthread_getattr_np(pthread_self(), &attr);
	(void)pthread_attr_getstacksize(&attr, &s->stack_bytes);
	(void)pthread_attr_destroy(&attr);
}

static void a_thread_has_its_name_and_no_signals(void **state)
{
	sigset_t before, after;
	struct seen s = {.name = ""};
	struct thread t;

	(void)state;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(thread_start(&t, "a name that is too long", 0, look_around, &s, NULL),
			 ERR_OK);
	thread_join(&t);
	assert_string_equal(s.name, "a name that is ");
	assert_int_equal(sigismember(&s.blocked, SIGTERM), 1);
	assert_int_equal(sigismember(&s.blocked, SIGHUP), 1);
	assert_int_equal(sigismember(&s.blocked, SIGPIPE), 1);
	assert_true(s.stack_bytes >= 256 * 1024);
	/* and the caller's signals are as they were */
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void the_stack_can_be_chosen(void **state)
{
	struct seen s = {.name = ""};
	struct thread t;

	(void)state;
	assert_int_equal(thread_start(&t, "big", 2 << 20, look_around, &s, NULL), ERR_OK);
	thread_join(&t);
	assert_true(s.stack_bytes >= 2 << 20);
}

static void join_of_what_never_ran_does_nothing(void **state)
{
	struct thread t = {.running = 0};
	struct seen s;

	(void)state;
	thread_join(&t);
	assert_int_equal(thread_start(&t, "x", 0, look_around, &s, NULL), ERR_OK);
	thread_join(&t);
	assert_false(t.running);
	thread_join(&t);
}

static void a_thread_that_cannot_start_is_an_error(void **state)
{
	struct thread t;
	struct err e;
	struct seen s;

	(void)state;
	/* a stack of half the address space */
	assert_int_equal(thread_start(&t, "huge", (size_t)1 << 62, look_around, &s, &e), ERR_IO);
	assert_int_equal(e.code, ERR_IO);
	assert_true(e.sys != 0);
	assert_non_null(strstr(e.msg, "huge"));
	thread_join(&t);
}

struct counter {
	struct mutex m;
	struct cond c;
	int count;
	int waiting;
	int go;
};

static void counter_init(struct counter *c)
{
	*c = (struct counter){.count = 0};
	mutex_init(&c->m);
	cond_init(&c->c);
}

static void counter_done(struct counter *c)
{
	cond_done(&c->c);
	mutex_done(&c->m);
}

static void add_many(void *arg)
{
	struct counter *c = arg;
	int i;

	for (i = 0; i < 10000; i++) {
		mutex_lock(&c->m);
		c->count++;
		mutex_unlock(&c->m);
	}
}

static void a_mutex_lets_one_in(void **state)
{
	struct thread t[4];
	struct counter c;
	int i;

	(void)state;
	counter_init(&c);
	for (i = 0; i < 4; i++)
		assert_int_equal(thread_start(&t[i], "add", 0, add_many, &c, NULL), ERR_OK);
	for (i = 0; i < 4; i++)
		thread_join(&t[i]);
	assert_int_equal(c.count, 40000);
	counter_done(&c);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
	static const int64_t waits_us[] = {-1000, 0, 1, 2000, 20000};
	struct counter c;
	int64_t deadline_us;
	size_t i;

	(void)state;
	counter_init(&c);
	for (i = 0; i < ARRAY_LEN(waits_us); i++) {
		deadline_us = now_us() + waits_us[i];
		mutex_lock(&c.m);
		while (now_us() < deadline_us)
			cond_wait_until(&c.c, &c.m, deadline_us);
		/* one more, with the deadline behind us, returns at once */
		cond_wait_until(&c.c, &c.m, deadline_us);
		mutex_unlock(&c.m);
		assert_true(now_us() < deadline_us + 10 * CLOCK_US_PER_S);
	}
	counter_done(&c);
}

/* The clock of the condition is the monotonic one: a wait of 20 ms does not return at once and
 * again and again, as it would if the deadline were read as a time of day long past. */
static void a_wait_sleeps_on_the_monotonic_clock(void **state)
{
	struct counter c;
	int64_t deadline_us = now_us() + 20000;
	int wakes = 0;

	(void)state;
	counter_init(&c);
	mutex_lock(&c.m);
	while (now_us() < deadline_us) {
		cond_wait_until(&c.c, &c.m, deadline_us);
		wakes++;
	}
	mutex_unlock(&c.m);
	assert_in_range(wakes, 1, 10);
	counter_done(&c);
}

static void wait_for_go(void *arg)
{
	struct counter *c = arg;

	mutex_lock(&c->m);
	c->waiting++;
	cond_broadcast(&c->c);
	while (!c->go)
		cond_wait_until(&c->c, &c->m, INT64_MAX);
	c->count++;
	mutex_unlock(&c->m);
}

static void a_broadcast_wakes_all(void **state)
{
	struct thread t[3];
	struct counter c;
	int i;

	(void)state;
	counter_init(&c);
	for (i = 0; i < 3; i++)
		assert_int_equal(thread_start(&t[i], "wait", 0, wait_for_go, &c, NULL), ERR_OK);
	mutex_lock(&c.m);
	while (c.waiting < 3)
		cond_wait_until(&c.c, &c.m, now_us() + CLOCK_US_PER_S);
	c.go = 1;
	cond_broadcast(&c.c);
	mutex_unlock(&c.m);
	for (i = 0; i < 3; i++)
		thread_join(&t[i]);
	assert_int_equal(c.count, 3);
	counter_done(&c);
}

static void a_signal_wakes_a_waiter(void **state)
{
	struct thread t;
	struct counter c;

	(void)state;
	counter_init(&c);
	assert_int_equal(thread_start(&t, "wait", 0, wait_for_go, &c, NULL), ERR_OK);
	mutex_lock(&c.m);
	while (c.waiting < 1)
		cond_wait_until(&c.c, &c.m, now_us() + CLOCK_US_PER_S);
	c.go = 1;
	cond_signal(&c.c);
	mutex_unlock(&c.m);
	thread_join(&t);
	assert_int_equal(c.count, 1);
	counter_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_has_its_name_and_no_signals),
		cmocka_unit_test(the_stack_can_be_chosen),
		cmocka_unit_test(join_of_what_never_ran_does_nothing),
		cmocka_unit_test(a_thread_that_cannot_start_is_an_error),
		cmocka_unit_test(a_mutex_lets_one_in),
		cmocka_unit_test(a_wait_ends_at_its_deadline_and_not_before),
		cmocka_unit_test(a_wait_sleeps_on_the_monotonic_clock),
		cmocka_unit_test(a_broadcast_wakes_all),
		cmocka_unit_test(a_signal_wakes_a_waiter),
	};

	return cmocka_run_group_tests_name("base/thread", tests, NULL, NULL);
}
