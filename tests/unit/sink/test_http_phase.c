/* SPDX-License-Identifier: MIT */
/* The phases of a request before its answer, each of which may hang. */
#include <dlfcn.h>
#include <netdb.h>

#include "http_fixture.h"

/* ---- a lookup that hangs: overrides the C library's for libcurl's resolver thread ---- */

static struct mutex stall_lock;
static struct cond stall_cond;
static bool stall_over;
static int stall_count;

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
			      struct addrinfo **);

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
						       const struct addrinfo *hints,
						       struct addrinfo **res)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	int64_t deadline_us = clock_now_us(clock_system()) + PEER_WAIT_US;

	if (!node || strcmp(node, "stall.test") != 0)
		return real(node, service, hints, res);
	mutex_lock(&stall_lock);
	stall_count++;
	while (!stall_over && clock_now_us(clock_system()) < deadline_us)
		cond_wait_until(&stall_cond, &stall_lock, deadline_us);
	stall_count--;
	cond_broadcast(&stall_cond);
	mutex_unlock(&stall_lock);
	return EAI_AGAIN;
}

static void stall_end(void)
{
	mutex_lock(&stall_lock);
	stall_over = true;
	cond_broadcast(&stall_cond);
	while (stall_count)
		cond_wait_until(&stall_cond, &stall_lock, INT64_MAX);
	stall_over = false;
	mutex_unlock(&stall_lock);
}

/* ---- phases before the answer ---- */

static void a_refused_connection_is_a_failure_to_connect(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct http_result r = result_at(url, 1, 0);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_int_equal(r.phase, ANSWER_PHASE_CONNECT);
	assert_memory_equal(r.reason, "connect: ", 9);
}

/* Connect to a listener until it takes no more: its queue is full and the next one hangs. */
static void a_connection_that_hangs_times_out_connecting(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int fill[4], i;
	char url[64];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	for (i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[i], (struct sockaddr *)&a, sizeof(a));
	}
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(a.sin_port));
	assert_times_out(url, 1, ANSWER_PHASE_CONNECT, "connecting");
	for (i = 0; i < 4; i++)
		fd_close(&fill[i]);
	fd_close(&fd);
}

static void a_silent_tls_server_times_out_in_the_handshake(void **state)
{
	struct peer p;

	(void)state;
	assert_true(peer_open(&p, serve_silence, NULL));
	p.greet = true;
	assert_true(peer_go(&p));
	(void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%d/", p.port);
	assert_times_out(p.url, 1, ANSWER_PHASE_TLS, "in the TLS handshake");
	peer_stop(&p);
}

static void a_receiver_that_does_not_read_times_out_while_sending(void **state)
{
	struct peer p;

	(void)state;
	assert_true(peer_open(&p, serve_silence, NULL));
	p.unread = true;
	assert_true(peer_go(&p));
	assert_times_out(p.url, 32 * 1024 * 1024, ANSWER_PHASE_SEND, "sending the request");
	peer_stop(&p);
}

/* One whose lookup hangs, and one behind it: does that come through before the first's time is
 * up? */
static bool is_passed(struct peer *p, int64_t timeout_us)
{
	static char url[] = "http://stall.test/";
	struct webhook_settings stalled;
	struct http_request *r;
	struct fixture f;
	char want[80];
	bool passed;

	fixture_open(&f, p->url);
	stalled = f.to;
	stalled.url.value = url;
	stalled.timeout_us = timeout_us + 100 * MS;
	stalled.connect_timeout_us = timeout_us;
	r = http_request_get(f.h);
	r->to = &stalled;
	assert_int_equal(http_send(f.h, r, NULL), ERR_OK);
	send_small(&f, "good");
	run_until(&f, 2);
	passed = f.results[0].status == 200;
	assert_int_equal(f.results[!passed].status, 200);
	assert_int_equal(f.results[passed].phase, ANSWER_PHASE_LOOKUP);
	(void)snprintf(want, sizeof(want), "timeout after %g s in the name lookup",
		       (double)timeout_us / 1e6);
	assert_string_equal(f.results[passed].reason, want);
	http_free(f.h);
	return passed;
}

static void a_lookup_that_hangs_does_not_stop_the_others(void **state)
{
	int64_t start_us = 0, timeout_us;
	bool passed = false;
	struct seen seen = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	/* more time where the machine was too busy for any answer in it */
	for (timeout_us = 200 * MS; !passed && timeout_us < PEER_WAIT_US / 8; timeout_us *= 2) {
		start_us = clock_now_us(clock_system());
		passed = is_passed(&p, timeout_us);
	}
	assert_true(passed);
	/* neither the result nor the end of the handle waited for the lookup, which hangs still */
	assert_true(clock_now_us(clock_system()) - start_us < PEER_WAIT_US / 4);
	stall_end();
	peer_stop(&p);
}

static int stall_open(void **state)
{
	mutex_init(&stall_lock);
	cond_init(&stall_cond);
	return group_open(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_connection_is_a_failure_to_connect),
		cmocka_unit_test(a_connection_that_hangs_times_out_connecting),
		cmocka_unit_test(a_silent_tls_server_times_out_in_the_handshake),
		cmocka_unit_test(a_receiver_that_does_not_read_times_out_while_sending),
		cmocka_unit_test(a_lookup_that_hangs_does_not_stop_the_others),
	};

	return cmocka_run_group_tests(tests, stall_open, group_close);
}
