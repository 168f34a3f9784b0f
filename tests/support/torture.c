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

static atomic_long calls;           /* allocations since a run began */
static atomic_long fail_from = 0;   /* the first that fails; 0: none */
static atomic_long fail_to = 0;     /* the last that fails */
static _Thread_local int suspended; /* depth */

static bool must_fail(void)
{
	long from = atomic_load(&fail_from), n;

	if (suspended)
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	return from && n >= from && n <= atomic_load(&fail_to);
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

/* Returns the number of allocations made. */
static long run_once(torture_fn fn, void *ctx, long from, long to)
{
	enum err_code code;

	atomic_store(&calls, 0);
	atomic_store(&fail_to, to);
	atomic_store(&fail_from, from);
	code = fn(ctx);
	atomic_store(&fail_from, 0);
	if (code != ERR_OK && (code != ERR_NOMEM || !from))
		fail_msg("returned %s with allocation %ld to %ld failing", err_name(code), from,
			 to);
	return atomic_load(&calls);
}

long torture_run(torture_fn fn, void *ctx)
{
	long count = run_once(fn, ctx, 0, 0), n;

	for (n = 1; run_once(fn, ctx, n, n) >= n; n++) {
		if (n > TORTURE_MAX)
			fail_msg("more than %d allocations", TORTURE_MAX);
		(void)run_once(fn, ctx, n, LONG_MAX);
	}
	if (FIND_LEAKS())
		fail_msg("leaked when an allocation failed; the sanitizer's report says where");
	return count;
}
