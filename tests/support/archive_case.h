/* SPDX-License-Identifier: MIT */
/*
 * Files for the tests of archives: a directory of their own, contents, and what they hold.
 */
#ifndef SUPPORT_ARCHIVE_CASE_H
#define SUPPORT_ARCHIVE_CASE_H

#include <stdbool.h>
#include <stddef.h>

struct archive_case {
	char dir[64];
	char path[128]; /* in it; not there at first */
};

int archive_case_setup(void **state);    /* *state: struct archive_case */
int archive_case_teardown(void **state); /* removes all that is in dir */

void archive_case_write(const char *path, const char *bytes, size_t len);
/* A terminated copy, the caller's to free(); NULL: no such file. */
char *archive_case_read(const char *path, size_t *ret_len);

/* The ids of the file's records as "1 2 3", and fails the test when it does not parse as an array
 * (json) or as lines. A loan until the next call. */
const char *archive_case_ids(const char *path, bool json);

#endif
