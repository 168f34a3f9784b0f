/* SPDX-License-Identifier: MIT */
/*
 * Dead letters as text: a table, or what export_out.h writes.
 */
#ifndef DAEMON_LETTER_OUT_H
#define DAEMON_LETTER_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/export_out.h"
#include "source/admin.h"

enum letter_format {
	LETTER_TABLE,  /* columns with a head; data has no place in it */
	LETTER_NDJSON, /* an object each, a line each */
	LETTER_JSON,   /* one array */
};

struct letter_out {
	struct export_out to;
	enum letter_format format;
	bool with_data;
	bool waiting;   /* likewise: what is in the outbox */
	bool delivered; /* set after letter_out_open: these are delivered events, not letters */
};

/* As export_out_open. */
enum err_code letter_out_open(struct letter_out *o, const char *path, enum letter_format format,
			      bool with_data, struct err *e) ATTR_MUST_CHECK;
/* Errors: ERR_IO, ERR_NOMEM. */
enum err_code letter_out_put(struct letter_out *o, const struct dead_letter *d,
			     struct err *e) ATTR_MUST_CHECK;
/* As export_out_close and export_out_drop. */
enum err_code letter_out_close(struct letter_out *o, struct err *e) ATTR_MUST_CHECK;
void letter_out_drop(struct letter_out *o);

#endif
