/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void size_zero_gives_memory_to_free(void **state)
{
	void *a = mem_alloc(0), *b = mem_calloc(0, 8), *c = mem_realloc(NULL, 0);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_ptr_not_equal(a, b);
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(NULL);
}

static void calloc_clears(void **state)
{
	char *p = mem_calloc(3, 100);
	size_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	mem_free(p);
}

static void calloc_refuses_a_product_that_overflows(void **state)
{
	volatile size_t half = SIZE_MAX / 2 + 1; /* hidden from the compiler's own check */

	(void)state;
	assert_null(mem_calloc(half, 2));
}

static void realloc_keeps_the_content_and_does_not_free_on_zero(void **state)
{
	char *p = mem_alloc(4), *grown;

	(void)state;
	assert_non_null(p);
	memcpy(p, "abc", 4);
	grown = mem_realloc(p, 4096);
	assert_non_null(grown);
	assert_string_equal(grown, "abc");
	grown = mem_realloc(grown, 0);
	assert_non_null(grown);
	mem_free(grown);
}

static void strdup_copies(void **state)
{
	static const char text[] = "text";
	char *all = mem_strdup(text), *part = mem_strndup(text, 3), *none = mem_strndup(text, 0);

	(void)state;
	assert_non_null(all);
	assert_non_null(part);
	assert_non_null(none);
	assert_ptr_not_equal(all, text);
	assert_string_equal(all, "text");
	assert_string_equal(part, "tex");
	assert_string_equal(none, "");
	mem_free(all);
	mem_free(part);
	mem_free(none);
}

static void strndup_copies_bytes_that_have_no_end(void **state)
{
	const char bytes[3] = {'a', '\0', 'c'};
	char *copy = mem_strndup(bytes, 3);

	(void)state;
	assert_non_null(copy);
	assert_memory_equal(copy, "a\0c", 4);
	mem_free(copy);
}

static void wipe_clears_and_takes_null(void **state)
{
	char secret[] = "secret";

	(void)state;
	mem_wipe(secret, 6);
	assert_memory_equal(secret, "\0\0\0\0\0\0", 7);
	mem_wipe(NULL, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_zero_gives_memory_to_free),
		cmocka_unit_test(calloc_clears),
		cmocka_unit_test(calloc_refuses_a_product_that_overflows),
		cmocka_unit_test(realloc_keeps_the_content_and_does_not_free_on_zero),
		cmocka_unit_test(strdup_copies),
		cmocka_unit_test(strndup_copies_bytes_that_have_no_end),
		cmocka_unit_test(wipe_clears_and_takes_null),
	};

	return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
