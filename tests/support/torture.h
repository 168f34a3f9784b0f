/* SPDX-License-Identifier: MIT */
/*
 * Out of memory, tried at every allocation. A test in tests/torture/ is linked with this file and
 * with
 *
 *     -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
 *
 * so that the allocations of our own code (not those inside shared libraries) can be made to fail.
 */
#ifndef SUPPORT_TORTURE_H
#define SUPPORT_TORTURE_H

#include <stdbool.h>

#include "base/err.h"

/* One whole life of the thing under test: make it, use it, free it. Must do the same each
 * time, and may be called some hundred times. Returns the first error it met. */
typedef enum err_code (*torture_fn)(void *ctx);

/* Run fn with no failure, which must succeed, then for N = 1, 2, 3 ... with the Nth allocation
 * failing, and once more with the Nth and all behind it failing, until fn makes fewer than N. Fails
 * the test when fn returns something else than ERR_OK or ERR_NOMEM, or, under AddressSanitizer,
 * leaks. Returns the number of allocations that fn makes: assert that it is what is meant
 * to be tested, at least 1. Allocations of all threads count. */
long torture_run(torture_fn fn, void *ctx);

/* What is made to fail. */
enum torture_kind {
	TORTURE_MEMORY, /* allocations */
	TORTURE_ERROR,  /* system calls, with an errno that suits them: torture_calls.c */
	TORTURE_SHORT,  /* reads and writes, of which only half is done */
	TORTURE_EINTR,  /* calls that may be interrupted; never two in a row of one thread */
};

/* As torture_run, for any kind, at no more than samples places, evenly spread. All that is not
 * memory is for the tests that the Makefile links with torture_calls.c; what a failed call leads to
 * is fn's to judge, which then returns ERR_OK. */
long torture_sample(enum torture_kind kind, long samples, torture_fn fn, void *ctx);

/* From here to the end of this fn nothing fails, and nothing counts: for what has to be well again.
 * Any thread. */
void torture_end(void);

/* Whether something is to fail in this fn: in the first of all nothing is. */
bool torture_fails(void);
/* ... and all behind it too. */
bool torture_fails_on(void);

/* How many there were in this fn so far. */
long torture_count(void);

/* One allocation or call: counts it, and whether it fails. For those that wrap them. */
bool torture_point(enum torture_kind kind);

/* Between these, allocations and calls of this thread neither fail nor count: for what the test
 * does and not the code under test. May nest. */
void torture_suspend(void);
void torture_resume(void);

#endif
