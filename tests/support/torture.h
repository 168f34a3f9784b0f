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

/* Between these, allocations of the calling thread neither fail nor count: for what the test does
 * and not the code under test. May nest. */
void torture_suspend(void);
void torture_resume(void);

#endif
