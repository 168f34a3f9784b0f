/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "control/notify.h"

/* The service manager's end: a datagram socket in the abstract name space. */
static int manager = -1;

static int manager_open(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "notify-test-%d", (int)getpid());
	char env[sizeof(at.sun_path) + 1];

	(void)state;
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(manager, (struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) != 0)
		return -1;
	(void)snprintf(env, sizeof(env), "@%s", at.sun_path + 1);
	return setenv("NOTIFY_SOCKET", env, 1);
}

static int manager_close(void **state)
{
	(void)state;
	fd_close(&manager);
	return unsetenv("NOTIFY_SOCKET");
}

static void assert_received(const char *want)
{
	char got[512];
	ssize_t n = recv(manager, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void each_message_has_its_words(void **state)
{
	struct clock_fake f;
	const struct clock *clock = clock_fake_init(&f, 1234567, 0);

	(void)state;
	notify_ready();
	assert_received("READY=1");
	notify_reloading(clock);
	assert_received("RELOADING=1\nMONOTONIC_USEC=1234567");
	notify_stopping();
	assert_received("STOPPING=1");
	notify_watchdog();
	assert_received("WATCHDOG=1");
	notify_watchdog_limit(90000000);
	assert_received("WATCHDOG_USEC=90000000");
	notify_extend_timeout(30000000);
	assert_received("EXTEND_TIMEOUT_USEC=30000000");
}

static void a_status_is_one_line(void **state)
{
	char name[300];
	char want[300];

	(void)state;
	notify_status("source %s: %s", "shop", "gone\nREADY=1\r");
	assert_received("STATUS=source shop: gone READY=1 ");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(want, sizeof(want), "STATUS=%.255s", name);
	notify_status("%s", name);
	assert_received(want);
}

static void the_watchdog_is_fed_twice_per_interval(void **state)
{
	char pid[16];

	(void)state;
	assert_int_equal(notify_watchdog_interval_us(), 0);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	assert_int_equal(notify_watchdog_interval_us(), 15000000);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0); /* meant for another process */
	assert_int_equal(notify_watchdog_interval_us(), 0);
	assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
	assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
}

static void without_a_manager_nothing_happens(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_ready();
	notify_status("%s", "well");
	notify_watchdog();
	assert_int_equal(recv(manager, (char[1]){0}, 1, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_has_its_words),
		cmocka_unit_test(a_status_is_one_line),
		cmocka_unit_test(the_watchdog_is_fed_twice_per_interval),
		cmocka_unit_test(without_a_manager_nothing_happens),
	};

	return cmocka_run_group_tests(tests, manager_open, manager_close);
}
