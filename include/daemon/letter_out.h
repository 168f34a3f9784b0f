/* SPDX-License-Identifier: MIT */
/*
 * Dead letters as text, on standard output or into a file, one after the other: nothing is kept in
 * memory but the one at hand.
 *
 * A file appears under its name when it is whole: it is written beside it, under NAME.XXXXXX, made
 * durable and renamed. It is readable for its owner alone, since it holds rows. What is there and
 * no regular file (a pipe, a device) is written to directly. A JSON array that ended early lacks
 * its bracket. So nothing that is cut looks whole, but lines on standard output: there the exit
 * status tells.
 */
#ifndef DAEMON_LETTER_OUT_H
#define DAEMON_LETTER_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/admin.h"

enum letter_format {
	LETTER_TABLE,  /* columns with a head; data has no place in it */
	LETTER_NDJSON, /* an object each, a line each */
	LETTER_JSON,   /* one array */
};

/* "json" or "ndjson"; NULL is ndjson. Errors: ERR_USAGE. */
enum err_code letter_format_parse(const char *word, enum letter_format *ret,
				  struct err *e) ATTR_MUST_CHECK;

struct letter_out {
	FILE *file;
	const char *path; /* a loan; NULL: standard output */
	char *temp;       /* NULL: none */
	enum letter_format format;
	bool with_data;
	bool delivered; /* set after letter_out_open: these are delivered events, not letters */
	int64_t count;
	struct buf line;
};

/* path: NULL or "-" is standard output. Errors: ERR_IO, ERR_NOMEM; nothing to close then. */
enum err_code letter_out_open(struct letter_out *o, const char *path, enum letter_format format,
			      bool with_data, struct err *e) ATTR_MUST_CHECK;
/* Errors: ERR_IO, ERR_NOMEM. */
enum err_code letter_out_put(struct letter_out *o, const struct dead_letter *d,
			     struct err *e) ATTR_MUST_CHECK;
/* All was put: end it and give the file its name. Errors: ERR_IO; the file is removed then. */
enum err_code letter_out_close(struct letter_out *o, struct err *e) ATTR_MUST_CHECK;
/* Something failed: remove what was written into a file. */
void letter_out_drop(struct letter_out *o);

#endif
