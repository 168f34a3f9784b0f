/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log_file_place.h"

/* Bytes in FILE and all FILE.n. */
static int64_t bytes_of_all(const struct place *p)
{
	char path[64];
	struct stat st;
	int64_t sum = 0;
	int n;

	if (stat(p->path, &st) == 0)
		sum = st.st_size;
	for (n = 1; n < 20; n++) {
		(void)snprintf(path, sizeof(path), "%s.%d", p->path, n);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			sum += st.st_size;
	}
	return sum;
}

#define BOUND_SIZE 1000
#define BOUND_KEEP 3
#define BOUND_ALL (BOUND_SIZE * (BOUND_KEEP + 1))

/* count lines of 1 to 99 bytes, each at once; after each the sum is within the bound. Returns how
 * many were written. */
static int write_within_bound(struct place *p, int count, unsigned *seed)
{
	char line[100];
	size_t len, n;
	int i, written = 0;

	for (i = 0; i < count; i++) {
		*seed = *seed * 1103515245U + 12345U;
		len = 1 + *seed / 65536U % 99;
		memset(line, 'x', len);
		line[len - 1] = '\n';
		written += log_file_write(&p->file, line, len, 0, &n, NULL) == ERR_OK;
		assert_in_range(bytes_of_all(p), 0, BOUND_ALL);
	}
	return written;
}

/* Twenty times as much as may stay, with a restart now and then. */
static void all_files_together_stay_within_the_bound(void **state)
{
	struct place *p = *state;
	unsigned seed = 1;
	char path[64];
	int round;

	for (round = 0; round < 16; round++) {
		file_open(p, BOUND_SIZE, BOUND_KEEP);
		assert_int_equal(write_within_bound(p, 100 + round, &seed), 100 + round);
		log_file_close(&p->file);
	}
	assert_in_range(bytes_of_all(p), BOUND_ALL / 2, BOUND_ALL);
	/* killed between two renames: FILE.2 was moved, FILE.1 was not */
	(void)snprintf(path, sizeof(path), "%s.2", p->path);
	assert_int_equal(unlink(path), 0);
	file_open(p, BOUND_SIZE, BOUND_KEEP);
	assert_int_equal(write_within_bound(p, 200, &seed), 200);
	log_file_close(&p->file);
	/* killed before the new file was made */
	assert_int_equal(unlink(p->path), 0);
	file_open(p, BOUND_SIZE, BOUND_KEEP);
	assert_int_equal(write_within_bound(p, 200, &seed), 200);
}

static void all_files_stay_within_the_bound_while_none_can_be_rotated(void **state)
{
	struct place *p = *state;
	char path[64], inside[80];
	unsigned seed = 2;

	file_open(p, BOUND_SIZE, BOUND_KEEP);
	assert_int_equal(write_within_bound(p, 200, &seed), 200);
	(void)snprintf(path, sizeof(path), "%s.3", p->path);
	(void)snprintf(inside, sizeof(inside), "%s/inside", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inside, 0700), 0);
	assert_in_range(write_within_bound(p, 500, &seed), 100, 490);
}

/* FILE.4 and on are of a time when more were kept. */
static void files_beyond_a_smaller_keep_go_with_the_rotation(void **state)
{
	struct place *p = *state;

	file_open(p, 2, 4);
	file_write(p, "a\nb\nc\nd\ne\n");
	assert_holds(p, ".4", "a\n");
	log_file_close(&p->file);
	file_open(p, 2, 1);
	assert_holds(p, ".4", "a\n");
	file_write(p, "f\n");
	assert_holds(p, "", "f\n");
	assert_holds(p, ".1", "e\n");
	assert_holds(p, ".2", NULL);
	assert_holds(p, ".3", NULL);
	assert_holds(p, ".4", NULL);
}

/* As when the process has no descriptor left. */
static void write_without_descriptors(struct place *p, const char *line, int times)
{
	struct rlimit before, none;
	size_t n;
	int i;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (i = 0; i < times; i++)
		assert_int_equal(log_file_write(&p->file, line, strlen(line), 0, &n, NULL), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void attempts_without_a_new_file_cost_one_old_file(void **state)
{
	struct place *p = *state;

	file_open(p, 2, 3);
	file_write(p, "a\nb\nc\nd\n");
	write_without_descriptors(p, "e\n", 9);
	assert_holds(p, "", "d\n");
	assert_holds(p, ".2", "c\n");
	assert_holds(p, ".3", "b\n");
	file_write(p, "e\n");
	assert_holds(p, "", "e\n");
	assert_holds(p, ".1", "d\n");
	assert_holds(p, ".2", "c\n");
	assert_holds(p, ".3", "b\n");
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(all_files_together_stay_within_the_bound),
		PLACE_TEST(all_files_stay_within_the_bound_while_none_can_be_rotated),
		PLACE_TEST(files_beyond_a_smaller_keep_go_with_the_rotation),
		PLACE_TEST(attempts_without_a_new_file_cost_one_old_file),
	};

	return cmocka_run_group_tests_name("base/rotation", tests, NULL, NULL);
}
