/* SPDX-License-Identifier: MIT */
/*
 * The countdown is one for all threads, because a start function makes threads whose allocations
 * belong to it. Which of two threads gets the Nth may then differ from run to run; that each
 * N is tried does not.
 */
#include "torture.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#define FIND_LEAKS() __lsan_do_recoverable_leak_check()
#else
#define FIND_LEAKS() 0
#endif

#define TORTURE_MAX 100000

static atomic_int active = TORTURE_MEMORY; /* enum torture_kind: what is counted */
static atomic_bool over;                   /* nothing is counted or fails until the next run */
static atomic_long calls;                  /* of that kind since a run began */
static atomic_long fail_from = 0;          /* the first that fails; 0: none */
static atomic_long fail_to = 0;            /* the last that fails */
static _Thread_local int suspended;        /* depth */

bool torture_point(enum torture_kind kind)
{
	long from = atomic_load(&fail_from), n;

	if (suspended || atomic_load(&over) || atomic_load(&active) != (int)kind)
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	return from && n >= from && n <= atomic_load(&fail_to);
}

bool torture_fails(void)
{
	return atomic_load(&fail_from) > 0;
}

bool torture_fails_on(void)
{
	return torture_fails() && atomic_load(&fail_to) == LONG_MAX;
}

long torture_count(void)
{
	return atomic_load(&calls);
}

static bool must_fail(void)
{
	return torture_point(TORTURE_MEMORY);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return must_fail() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return must_fail() ? NULL : __real_strdup(s);
}

void torture_suspend(void)
{
	suspended++;
}

void torture_resume(void)
{
	assert_true(suspended > 0);
	suspended--;
}

void torture_end(void)
{
	atomic_store(&over, true);
}

/* Returns the number of allocations, or calls, made. */
static long run_once(torture_fn fn, void *ctx, long from, long to)
{
	enum err_code code;

	atomic_store(&over, false);
	atomic_store(&calls, 0);
	atomic_store(&fail_to, to);
	atomic_store(&fail_from, from);
	code = fn(ctx);
	atomic_store(&fail_from, 0);
	if (code != ERR_OK && (code != ERR_NOMEM || !from))
		fail_msg("returned %s with %s %ld to %ld failing", err_name(code),
			 atomic_load(&active) == TORTURE_MEMORY ? "allocation" : "call", from, to);
	return atomic_load(&calls);
}

long torture_run(torture_fn fn, void *ctx)
{
	long count, n;

	atomic_store(&active, TORTURE_MEMORY);
	count = run_once(fn, ctx, 0, 0);
	for (n = 1; run_once(fn, ctx, n, n) >= n; n++) {
		if (n > TORTURE_MAX)
			fail_msg("more than %d allocations", TORTURE_MAX);
		(void)run_once(fn, ctx, n, LONG_MAX);
	}
	if (FIND_LEAKS())
		fail_msg("leaked when an allocation failed; the sanitizer's report says where");
	return count;
}

long torture_sample(enum torture_kind kind, long samples, torture_fn fn, void *ctx)
{
	long count, i, n;

	atomic_store(&active, (int)kind);
	count = run_once(fn, ctx, 0, 0);
	if (samples > count)
		samples = count;
	for (i = 0; i < samples; i++) {
		n = 1 + i * count / samples;
		(void)run_once(fn, ctx, n, n);
		(void)run_once(fn, ctx, n, LONG_MAX);
	}
	atomic_store(&active, TORTURE_MEMORY);
	if (FIND_LEAKS())
		fail_msg("leaked when something failed; the sanitizer's report says where");
	return count;
}
