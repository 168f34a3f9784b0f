/* SPDX-License-Identifier: MIT */
/*
 * Records as text, on standard output or into a file, one after the other: nothing is kept in
 * memory but the one at hand.
 *
 * A file appears under its name when it is whole: it is written beside it, under NAME.XXXXXX, made
 * durable and renamed. It is readable for its owner alone, since it holds rows. What is there and
 * no regular file (a pipe, a device) is written to directly. A JSON array that ended early lacks
 * its bracket. So nothing that is cut looks whole, but lines on standard output: there the exit
 * status tells.
 */
#ifndef DAEMON_EXPORT_OUT_H
#define DAEMON_EXPORT_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

struct export_out {
	FILE *file;
	const char *path; /* a loan; NULL: standard output */
	char *temp;       /* NULL: none */
	bool array;       /* one JSON array; or lines */
	int64_t count;
	struct buf line;
};

/* What --format means: "json" (an array), "ndjson" or NULL (lines). Errors: ERR_USAGE. */
enum err_code export_format_parse(const char *word, bool *ret_array, struct err *e) ATTR_MUST_CHECK;

/* path: NULL or "-" is standard output. Errors: ERR_IO, ERR_NOMEM; nothing to close then. */
enum err_code export_out_open(struct export_out *o, const char *path, bool array,
			      struct err *e) ATTR_MUST_CHECK;
/* Begin a record: what is appended to the returned buffer, one line or one JSON value, is written
 * by export_out_end. */
struct buf *export_out_begin(struct export_out *o);
/* Errors: ERR_IO, ERR_NOMEM. */
enum err_code export_out_end(struct export_out *o, struct err *e) ATTR_MUST_CHECK;
/* All was put: end it and give the file its name. Errors: ERR_IO; the file is removed then. */
enum err_code export_out_close(struct export_out *o, struct err *e) ATTR_MUST_CHECK;
/* Something failed: remove what was written into a file. */
void export_out_drop(struct export_out *o);

#endif
