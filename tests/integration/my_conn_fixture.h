/* SPDX-License-Identifier: MIT */
/* For tests of connections to MariaDB and MySQL: opening them, a user without rights, and somebody
 * who does something a moment later. */
#ifndef TESTS_MY_CONN_FIXTURE_H
#define TESTS_MY_CONN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/thread.h"
#include "mytest.h"
#include "source/my_conn.h"

static inline int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

static inline enum err_code open_conn(const struct mytest *my, struct my_conn **ret_c,
				      struct err *e)
{
	struct my_conn_options o = {.settings = &my->settings, .clock = clock_system()};

	return my_conn_open(&o, ret_c, e);
}

static inline struct my_conn *must_open(const struct mytest *my)
{
	struct my_conn *c;
	struct err e;

	if (open_conn(my, &c, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return c;
}

static inline void expect_open(const struct mytest *my, enum err_code code, const char *part)
{
	struct my_conn *c;
	struct err e = {.msg = ""};

	assert_int_equal(open_conn(my, &c, &e), code);
	if (!strstr(e.msg, part))
		fail_msg("\"%s\" is not in: %s", part, e.msg);
}

static inline int setup(void **state)
{
	static struct mytest my;

	mytest_open(&my);
	*state = &my;
	return 0;
}

static inline int teardown(void **state)
{
	mytest_close(*state);
	return 0;
}

/* A user who may do next to nothing; sees to it that nobody else has the name. */
static inline void make_user(const struct mytest *my)
{
	mytest_exec(my->conn, "DROP USER IF EXISTS plain@'%%'");
	mytest_exec(my->conn, "CREATE USER plain@'%%' IDENTIFIED BY 'secret'");
	mytest_exec(my->conn, "GRANT SELECT, INSERT, DELETE ON %s.* TO plain@'%%'", my->database);
}

static inline struct mytest as_user(const struct mytest *my, char *password)
{
	struct mytest other = *my;

	make_user(my);
	(void)snprintf(other.user, sizeof(other.user), "plain");
	other.settings.user = (char *)(uintptr_t) "plain";
	other.settings.password.value = password;
	/* where a password may be sent without TLS */
	if (mytest_is_mysql())
		other.settings.host = getenv("TEST_MY_SOCKET");
	return other;
}

struct waker {
	struct thread thread;
	int64_t at_us;
	int fd;
	struct my_conn *conn;
	void (*act)(struct waker *w);
};

static inline void wake_later(void *arg)
{
	struct waker *w = arg;
	int64_t now;

	while ((now = now_us()) < w->at_us)
		(void)fd_wait(-1, -1, now, w->at_us);
	w->act(w);
}

static inline void waker_start(struct waker *w)
{
	w->at_us = now_us() + 100 * CLOCK_US_PER_MS;
	assert_int_equal(thread_start(&w->thread, "waker", 0, wake_later, w, NULL), ERR_OK);
}

static inline void wake_fd(struct waker *w)
{
	fd_wake(w->fd);
}

static inline void kill_server(struct waker *w)
{
	(void)w;
	mytest_ctl("kill");
}

/* Its statements end early when w->fd is woken; close both. */
static inline struct my_conn *open_interruptible(const struct mytest *my, struct waker *w)
{
	struct my_conn_options o = {
		.settings = &my->settings, .clock = clock_system(), .interrupt_fd = &w->fd};
	struct my_conn *c;
	struct err e;

	assert_int_equal(fd_wake_open(&w->fd, NULL), ERR_OK);
	if (my_conn_open(&o, &c, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return c;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
