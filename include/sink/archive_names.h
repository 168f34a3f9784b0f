/* SPDX-License-Identifier: MIT */
/*
 * The files of an archive: PATH, which is written, and before it PATH.N or PATH.N.gz, N of at least
 * six digits, rising. A file that is being compressed is PATH.N.gz.tmp until it is whole.
 */
#ifndef SINK_ARCHIVE_NAMES_H
#define SINK_ARCHIVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct archive_rotated {
	int64_t number;
	bool plain; /* PATH.N is there */
	bool gz;    /* PATH.N.gz is there, whole: with both, the plain one is to be removed */
	bool temp;  /* PATH.N.gz.tmp */
};

struct archive_names {
	struct archive_rotated *items; /* by number */
	size_t count;
};

/* What there is beside path. Errors: ERR_NOT_FOUND (the directory), ERR_DENIED, ERR_IO, ERR_NOMEM.
 */
enum err_code archive_names_list(const char *path, struct archive_names *ret,
				 struct err *e) ATTR_MUST_CHECK;
void archive_names_done(struct archive_names *n);

/* Append PATH.N and suffix. Errors stick to out. */
void archive_names_print(struct buf *out, const char *path, int64_t number, const char *suffix);

/* A file that was renamed or made stays so when the machine dies: sync path's directory. Errors:
 * as archive_names_list. */
enum err_code archive_names_sync(const char *path, struct err *e) ATTR_MUST_CHECK;

/* The error of a failed system call on path, by errno. Errors: ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
 */
enum err_code archive_names_error(struct err *e, const char *what,
				  const char *path) ATTR_MUST_CHECK;

#endif
