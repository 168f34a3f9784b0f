/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "sink/sockets.h"

#define WAIT_MS 5000

static struct sockets s;
static int listen_fd = -1, here = -1, there = -1;

static int open_here(void)
{
	struct curl_sockaddr a = {.family = AF_INET, .socktype = SOCK_STREAM};

	return sockets_open(&s, CURLSOCKTYPE_IPCXN, &a);
}

static int open_pair(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	(void)state;
	listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (sockets_init(&s, NULL) != ERR_OK || bind(listen_fd, (struct sockaddr *)&a, len) != 0 ||
	    listen(listen_fd, 8) != 0 || getsockname(listen_fd, (struct sockaddr *)&a, &len) != 0)
		return -1;
	here = open_here();
	(void)connect(here, (struct sockaddr *)&a, len);
	there = accept(listen_fd, NULL, NULL);
	return there < 0;
}

static int close_pair(void **state)
{
	(void)state;
	if (here >= 0)
		(void)sockets_close(&s, here);
	here = -1;
	fd_close(&there);
	fd_close(&listen_fd);
	sockets_done(&s);
	return 0;
}

/* The bits of the one event that is there, -1 when there is none. */
static int next_bits(int timeout_ms)
{
	struct epoll_event ev;

	if (epoll_wait(s.epoll, &ev, 1, timeout_ms) != 1)
		return -1;
	return sockets_ready(&s, ev.data.fd, ev.events);
}

static void say(const char *text)
{
	assert_int_equal(write(there, text, strlen(text)), strlen(text));
}

static void what_curl_waits_for_is_reported(void **state)
{
	(void)state;
	sockets_want(&s, here, CURL_POLL_OUT);
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_OUT);
	sockets_want(&s, here, CURL_POLL_IN);
	assert_int_equal(next_bits(0), -1);
	say("x");
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_IN);
	sockets_want(&s, here, CURL_POLL_INOUT);
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_IN | CURL_CSELECT_OUT);
}

static void the_same_wish_again_costs_nothing(void **state)
{
	int64_t changes;
	int i;

	(void)state;
	sockets_want(&s, here, CURL_POLL_IN);
	changes = s.changes;
	for (i = 0; i < 100; i++) {
		sockets_want(&s, here, CURL_POLL_REMOVE);
		sockets_want(&s, here, CURL_POLL_IN);
	}
	assert_int_equal(s.changes, changes);
	say("x");
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_IN);
}

static void an_event_nobody_waits_for_comes_once(void **state)
{
	(void)state;
	sockets_want(&s, here, CURL_POLL_IN);
	sockets_want(&s, here, CURL_POLL_REMOVE);
	say("x");
	assert_int_equal(next_bits(WAIT_MS), 0);
	assert_int_equal(next_bits(0), -1);
	/* and a later wish is heard */
	sockets_want(&s, here, CURL_POLL_IN);
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_IN);
}

static void a_number_that_comes_back_is_a_new_socket(void **state)
{
	int before = here;

	(void)state;
	sockets_want(&s, here, CURL_POLL_OUT);
	assert_int_equal(sockets_close(&s, here), 0);
	here = open_here();
	assert_int_equal(here, before);
	assert_int_equal(s.opened, 2);
	/* a socket that is not connected is ready at once: HUP */
	sockets_want(&s, here, CURL_POLL_OUT);
	assert_true(next_bits(WAIT_MS) > 0);
}

static void descriptors_from_elsewhere_follow_each_call(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	sockets_want(&s, pipes[0], CURL_POLL_IN);
	assert_int_equal(next_bits(0), -1);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_IN);
	sockets_want(&s, pipes[0], CURL_POLL_REMOVE);
	assert_int_equal(next_bits(0), -1);
	/* closed without our knowledge, and the number used again */
	sockets_want(&s, pipes[0], CURL_POLL_IN);
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
	assert_int_equal(pipe(pipes), 0);
	sockets_want(&s, pipes[0], CURL_POLL_IN);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(next_bits(WAIT_MS), CURL_CSELECT_IN);
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
}

#define SOCKETS_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKETS_TEST(what_curl_waits_for_is_reported),
		SOCKETS_TEST(the_same_wish_again_costs_nothing),
		SOCKETS_TEST(an_event_nobody_waits_for_comes_once),
		SOCKETS_TEST(a_number_that_comes_back_is_a_new_socket),
		SOCKETS_TEST(descriptors_from_elsewhere_follow_each_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
