/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/attr.h"
#include "ingest/body.h"

static char dir[] = "/tmp/adbl-body-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* n bytes that are known. */
static void fill(char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = (char)(i * 7 + i / 251);
}

/* Put n bytes in, in pieces, and compare what comes out. */
static void round_trip(size_t n, size_t piece, bool spills)
{
	char *in = malloc(n + 1), *out = malloc(n + 1);
	size_t at, len = 1, most;
	struct body b;
	struct err e;

	assert_true(in && out);
	fill(in, n);
	assert_int_equal(body_init(&b, dir, NULL, false, &e), ERR_OK);
	for (at = 0; at < n; at += piece)
		assert_int_equal(body_add(&b, in + at, n - at < piece ? n - at : piece, &e),
				 ERR_OK);
	assert_int_equal(b.bytes, n);
	assert_int_equal(body_is_spilled(&b), spills);
	for (at = 0; len; at += len) {
		most = n - at + 1 < 1000 ? n - at + 1 : 1000;
		assert_int_equal(body_read(&b, out + at, most, &len, &e), ERR_OK);
	}
	assert_int_equal(at, n);
	assert_memory_equal(in, out, n);
	body_done(&b);
	free(in);
	free(out);
}

static void what_goes_in_comes_out(void **state)
{
	(void)state;
	round_trip(0, 1, false);
	round_trip(1, 1, false);
	round_trip(BODY_MEMORY_BYTES, 4096, false);
	round_trip(BODY_MEMORY_BYTES + 1, 4096, true);
	round_trip(BODY_MEMORY_BYTES + 1, BODY_MEMORY_BYTES + 1, true);
	round_trip(300000, 9999, true);
}

static void the_digest_is_of_all_of_it(void **state)
{
	/* SHA-256 of "abc": FIPS 180-4, example */
	static const uint8_t abc[BODY_DIGEST_BYTES] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	uint8_t digest[BODY_DIGEST_BYTES];
	struct body b;
	struct err e;

	(void)state;
	assert_int_equal(body_init(&b, dir, NULL, true, &e), ERR_OK);
	assert_int_equal(body_add(&b, "ab", 2, &e), ERR_OK);
	assert_int_equal(body_add(&b, "c", 1, &e), ERR_OK);
	assert_int_equal(body_digest(&b, digest, &e), ERR_OK);
	assert_memory_equal(digest, abc, sizeof(abc));
	body_done(&b);
	body_done(&b);
}

static void memory_is_charged_until_there_is_a_file(void **state)
{
	const struct budget_options o = {.max_bytes = 70000};
	static char bytes[60000];
	struct budget *budget;
	struct body a, b;
	struct err e;

	(void)state;
	assert_int_equal(budget_new(&o, &budget, &e), ERR_OK);
	assert_int_equal(body_init(&a, dir, budget, false, &e), ERR_OK);
	assert_int_equal(body_init(&b, dir, budget, false, &e), ERR_OK);
	assert_int_equal(body_add(&a, bytes, 50000, &e), ERR_OK);
	assert_int_equal(budget_stats(budget).accounts[BUDGET_INGEST].used_bytes, 50000);
	assert_int_equal(body_add(&b, bytes, 60000, &e), ERR_FULL);
	assert_int_equal(budget_stats(budget).used_bytes, 50000);
	/* into the file, all of it */
	assert_int_equal(body_add(&a, bytes, 50000, &e), ERR_OK);
	assert_true(body_is_spilled(&a));
	assert_int_equal(budget_stats(budget).used_bytes, 0);
	assert_int_equal(body_add(&b, bytes, 60000, &e), ERR_OK);
	body_done(&a);
	body_done(&b);
	assert_int_equal(budget_stats(budget).used_bytes, 0);
	budget_free(budget);
}

/* A disk that is full, as near as a process can have it: files may not grow. */
static void a_full_disk_is_an_error_and_leaves_nothing(void **state)
{
	const struct rlimit none = {100000, RLIM_INFINITY};
	static char bytes[60000];
	struct rlimit before;
	struct body b;
	struct err e;
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(body_init(&b, dir, NULL, false, &e), ERR_OK);
	assert_int_equal(body_add(&b, bytes, sizeof(bytes), &e), ERR_OK);
	assert_int_equal(body_add(&b, bytes, sizeof(bytes), &e), ERR_IO);
	assert_int_equal(e.sys, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, old);
	body_done(&b);
	assert_int_equal(body_init(&b, "/nowhere", NULL, false, &e), ERR_OK);
	assert_int_equal(body_add(&b, bytes, sizeof(bytes), &e), ERR_OK);
	assert_int_equal(body_add(&b, bytes, sizeof(bytes), &e), ERR_IO);
	assert_int_equal(e.sys, ENOENT);
	body_done(&b);
}

/* /proc has no O_TMPFILE and takes no file either; what matters is that the second way is tried. */
static void a_file_system_without_nameless_files_is_tried_with_a_name(void **state)
{
	static char bytes[BODY_MEMORY_BYTES + 1];
	struct body b;
	struct err e;
	int fd = open("/proc", O_TMPFILE | O_RDWR, 0600);

	(void)state;
	assert_int_equal(fd, -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(body_init(&b, "/proc", NULL, false, &e), ERR_OK);
	assert_int_equal(body_add(&b, bytes, sizeof(bytes), &e), ERR_IO);
	assert_int_not_equal(e.sys, EOPNOTSUPP);
	body_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(the_digest_is_of_all_of_it),
		cmocka_unit_test(memory_is_charged_until_there_is_a_file),
		cmocka_unit_test(a_full_disk_is_an_error_and_leaves_nothing),
		cmocka_unit_test(a_file_system_without_nameless_files_is_tried_with_a_name),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
