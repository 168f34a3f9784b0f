/* SPDX-License-Identifier: MIT */
/*
 * A file of lines: appended to, rotated by size (base/rotation.h), reopened. What is behind the log
 * (other modules log through base/log.h) and behind the metric history. One thread at a time. Only
 * whole lines are counted on: a line that a full disk tore is gone on with at its next byte, in the
 * same file.
 */
#ifndef BASE_LOG_FILE_H
#define BASE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct log_file {
	char *path; /* NULL: standard error */
	int fd;
	bool is_regular;      /* has a size, never blocks, is rotated */
	bool is_torn;         /* the last byte written was not the end of a line */
	int64_t bytes;        /* size now */
	int64_t rotate_bytes; /* 0: never */
	int rotate_keep;
	int rotate_tries; /* that failed in a row */
};

/* Open path (NULL: standard error) for appending; it is created with mode 0640 and must not be a
 * symbolic link. Errors: ERR_DENIED, ERR_NOT_FOUND (the directory), ERR_IO, ERR_NOMEM. */
enum err_code log_file_open(struct log_file *f, const char *path, int64_t rotate_bytes,
			    int rotate_keep, struct err *e) ATTR_MUST_CHECK;

void log_file_close(struct log_file *f);

/* Open the path again if something moved the file away; otherwise nothing changes. On an error the
 * old file stays open. A new file begins untorn: write the torn line again, whole.
 * Errors: as log_file_open. */
enum err_code log_file_reopen(struct log_file *f, struct err *e) ATTR_MUST_CHECK;

/* Write a beginning of the lines at bytes, len >= 1, after rotating when the next line would not
 * fit: at least a byte, in *ret_n. Errors, *ret_n untouched: ERR_FULL (a pipe whose reader stands
 * still: after a wait of wait_ms at most), ERR_IO (disk full, ...; or it could not be
 * rotated: nothing is written then, and after the tenth such call in a row the file is emptied and
 * gone on with). */
enum err_code log_file_write(struct log_file *f, const char *bytes, size_t len, int wait_ms,
			     size_t *ret_n, struct err *e) ATTR_MUST_CHECK;

#endif
