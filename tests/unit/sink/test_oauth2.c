/* SPDX-License-Identifier: MIT */
/* The thread that fetches, and many that ask: a fetch of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/thread.h"
#include "sink/oauth2.h"

#define ASKERS 8
#define WAIT_US (60 * CLOCK_US_PER_S)

/* A token endpoint. */
struct endpoint {
	int go;    /* readable: answer */
	int begun; /* an answer was asked for */
	_Atomic int fetches;
	_Atomic int at_once;
	_Atomic int most_at_once;
	_Atomic bool cancelled;
	_Atomic bool fails;
	int lifetime_s;
	struct oauth2 *tokens;
};

static bool wait_for(int fd)
{
	const int64_t now_us = clock_now_us(clock_system());
	const bool came = fd_wait(fd, -1, now_us, now_us + WAIT_US) != 0;

	(void)fd_wake_clear(fd);
	return came;
}

static void fetch(void *ctx, struct token_outcome *ret_out)
{
	struct endpoint *p = ctx;
	const int now = atomic_fetch_add(&p->at_once, 1) + 1;
	const int n = atomic_fetch_add(&p->fetches, 1) + 1;

	if (now > atomic_load(&p->most_at_once))
		atomic_store(&p->most_at_once, now);
	fd_wake(p->begun);
	if (!atomic_load(&p->fails))
		(void)wait_for(p->go);
	*ret_out = (struct token_outcome){.retry_after_s = -1, .lifetime_s = p->lifetime_s};
	buf_init(&ret_out->token, 100);
	if (atomic_load(&p->fails) || atomic_load(&p->cancelled))
		(void)snprintf(ret_out->reason, sizeof(ret_out->reason), "HTTP 500");
	else
		buf_add_fmt(&ret_out->token, "token-%d", n);
	atomic_fetch_sub(&p->at_once, 1);
}

static void cancel(void *ctx)
{
	struct endpoint *p = ctx;

	atomic_store(&p->cancelled, true);
	fd_wake(p->go);
}

static void endpoint_open(struct endpoint *p, int lifetime_s)
{
	const struct oauth2_options o = {
		.webhook = "test",
		.clock = clock_system(),
		.max_wait_us = CLOCK_US_PER_S,
		.fetch = fetch,
		.cancel = cancel,
		.ctx = p,
	};

	*p = (struct endpoint){.lifetime_s = lifetime_s};
	assert_int_equal(fd_wake_open(&p->go, NULL), ERR_OK);
	assert_int_equal(fd_wake_open(&p->begun, NULL), ERR_OK);
	assert_int_equal(oauth2_new(&o, &p->tokens, NULL), ERR_OK);
}

static void endpoint_close(struct endpoint *p)
{
	oauth2_free(p->tokens);
	fd_close(&p->go);
	fd_close(&p->begun);
}

/* One that asks, like a worker. */
struct asker {
	struct endpoint *endpoint;
	struct thread thread;
	int woken;
	char got[32];
	char reason[TOKEN_CACHE_REASON_BYTES];
};

static void asker_main(void *arg)
{
	struct asker *a = arg;
	struct token_ticket t = {.fetch = 0};
	struct oauth2_failure failure;
	enum token_state state;
	struct buf out;

	buf_init(&out, 100);
	while ((state = oauth2_ask(a->endpoint->tokens, &t, &out, &failure)) == TOKEN_PENDING) {
		(void)oauth2_stats(a->endpoint->tokens);
		if (!wait_for(a->woken))
			break;
	}
	(void)snprintf(a->got, sizeof(a->got), "%s", buf_str(&out));
	if (state == TOKEN_FAILED)
		(void)snprintf(a->reason, sizeof(a->reason), "%s", failure.reason);
	buf_done(&out);
}

static void wake_askers(void *ctx)
{
	struct asker *a = ctx;
	size_t i;

	for (i = 0; i < ASKERS; i++)
		fd_wake(a[i].woken);
}

static void askers_start(struct asker *a, struct endpoint *p)
{
	size_t i;

	memset(a, 0, ASKERS * sizeof(*a));
	for (i = 0; i < ASKERS; i++) {
		a[i].endpoint = p;
		assert_int_equal(fd_wake_open(&a[i].woken, NULL), ERR_OK);
	}
	oauth2_bind(p->tokens, wake_askers, a);
	for (i = 0; i < ASKERS; i++)
		assert_int_equal(thread_start(&a[i].thread, "asker", 0, asker_main, &a[i], NULL),
				 ERR_OK);
}

static void askers_join(struct asker *a, struct endpoint *p)
{
	size_t i;

	for (i = 0; i < ASKERS; i++)
		thread_join(&a[i].thread);
	oauth2_bind(p->tokens, NULL, NULL);
	for (i = 0; i < ASKERS; i++)
		fd_close(&a[i].woken);
}

static void one_fetch_serves_all_workers(void **state)
{
	struct asker a[ASKERS];
	struct endpoint p;
	size_t i;

	(void)state;
	endpoint_open(&p, 3600);
	askers_start(a, &p);
	assert_true(wait_for(p.begun));
	fd_wake(p.go);
	askers_join(a, &p);
	for (i = 0; i < ASKERS; i++)
		assert_string_equal(a[i].got, "token-1");
	assert_int_equal(p.fetches, 1);
	assert_int_equal(oauth2_stats(p.tokens).fetched, 1);
	assert_true(oauth2_stats(p.tokens).expires_us > clock_now_us(clock_system()));
	endpoint_close(&p);
}

static void a_failure_is_told_to_all_workers(void **state)
{
	struct asker a[ASKERS];
	struct endpoint p;
	size_t i;

	(void)state;
	endpoint_open(&p, 3600);
	atomic_store(&p.fails, true);
	askers_start(a, &p);
	askers_join(a, &p);
	for (i = 0; i < ASKERS; i++) {
		assert_string_equal(a[i].got, "");
		assert_string_equal(a[i].reason, "HTTP 500");
	}
	assert_int_equal(p.most_at_once, 1);
	assert_int_equal(oauth2_stats(p.tokens).failed, p.fetches);
	assert_int_equal(oauth2_stats(p.tokens).expires_us, 0);
	endpoint_close(&p);
}

/* Its life is one second: the thread replaces it by itself, since it was used. */
static void a_token_in_use_is_replaced_without_anybody_asking(void **state)
{
	struct asker a[ASKERS];
	struct endpoint p;

	(void)state;
	endpoint_open(&p, 1);
	askers_start(a, &p);
	assert_true(wait_for(p.begun));
	fd_wake(p.go);
	askers_join(a, &p);
	assert_true(wait_for(p.begun));
	assert_int_equal(p.most_at_once, 1);
	endpoint_close(&p);
}

static void the_end_does_not_wait_for_an_answer(void **state)
{
	struct token_ticket t = {.fetch = 0};
	struct oauth2_failure failure;
	struct endpoint p;
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	endpoint_open(&p, 3600);
	assert_int_equal(oauth2_ask(p.tokens, &t, &out, &failure), TOKEN_PENDING);
	assert_true(wait_for(p.begun));
	endpoint_close(&p);
	assert_true(p.cancelled);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_fetch_serves_all_workers),
		cmocka_unit_test(a_failure_is_told_to_all_workers),
		cmocka_unit_test(a_token_in_use_is_replaced_without_anybody_asking),
		cmocka_unit_test(the_end_does_not_wait_for_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
