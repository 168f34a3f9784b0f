/* SPDX-License-Identifier: MIT */
/*
 * The receiver's record: one JSON object a line, for each delivery, when it is over.
 *
 *   {"t_us":1767225600000000,"id":"...-17","attempt":1,"status":200,"verdict":"first","pipeline":...,
 *    "operation":...,"schema":...,"table":...,"key":{...},"changed_at":...,"bytes":321,"lanes":[...]}
 *
 * An event of an array has also "batch", how many there were. t_us is wall time when the request
 * was complete. status 0: not answered. With bodies, "head" is the request's head and "body" the
 * body; with raw (false when opened) "head" and "body_base64" are the request byte by byte.
 */
#ifndef SUPPORT_JOURNAL_H
#define SUPPORT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ledger.h"
#include "notice.h"

struct journal {
	int fd; /* -1: no record is kept */
	bool bodies;
	bool raw;
	struct buf out;
};

/* Append to the file at path; NULL keeps no record. Errors: ERR_IO. */
enum err_code journal_open(struct journal *j, const char *path, bool bodies,
			   struct err *e) ATTR_MUST_CHECK;
/* Flush and close. */
void journal_close(struct journal *j);

struct journal_line {
	int64_t wall_us;
	const struct notice *notice;
	const struct ledger_entry *entry;
	struct text id;
	struct text head; /* as it came */
	struct text body;
	size_t gzip_bytes; /* of the body as it came, right behind head; 0: it is body */
	size_t batch;      /* events in the request's array; 0: it is none */
	int status;
	enum ledger_verdict verdict;
};

void journal_add(struct journal *j, const struct journal_line *line);

/* Write out what was added. */
void journal_flush(struct journal *j);

/* Whether anything waits for journal_flush. */
bool journal_pending(const struct journal *j);

/* Put what an earlier run recorded at path into l; a missing file is an empty one. *ret_lines is
 * the number of lines. Errors: ERR_IO, ERR_NOMEM. */
enum err_code journal_replay(const char *path, struct ledger *l, int64_t *ret_lines,
			     struct err *e) ATTR_MUST_CHECK;

#endif
