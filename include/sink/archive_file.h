/* SPDX-License-Identifier: MIT */
/*
 * The file of one archive: opened, locked and repaired, appended to, rotated. What it holds is
 * described in sink/archive_repair.h.
 *
 *     PATH ──rotate_bytes──► PATH.000017 ──compress──► PATH.000017.gz       oldest removed: keep
 *
 * One thread at a time. It is locked with flock(2) as long as it is open: one daemon writes, once.
 * When PATH names another file than the open one (logrotate moved it, somebody removed it), the
 * next write opens it anew; when its size is another, it is repaired first.
 */
#ifndef SINK_ARCHIVE_FILE_H
#define SINK_ARCHIVE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "sink/archive_io.h"
#include "sink/archive_repair.h"

struct archive_file_options {
	const char *path; /* absolute or not; copied */
	bool json;
	bool fsync;
	int64_t rotate_bytes;        /* 0: never */
	int64_t keep;                /* rotated files; 0: all */
	const struct archive_io *io; /* NULL: the system's */
};

struct archive_file_stats {
	int64_t bytes;    /* size now; 0: not open */
	int64_t synced;   /* times */
	int64_t rotated;  /* times */
	int64_t repaired; /* times that something had to be cut off */
	int64_t cut;      /* bytes in these */
};

struct archive_file {
	struct archive_file_options o;
	char *path;
	int fd; /* -1: not open */
	struct archive_end end;
	bool dirty; /* a write failed, and what it left behind could not be cut off */
	struct archive_file_stats stats;
};

/* Nothing is opened. Errors: ERR_NOMEM. */
enum err_code archive_file_init(struct archive_file *f, const struct archive_file_options *o,
				struct err *e) ATTR_MUST_CHECK;
void archive_file_done(struct archive_file *f);

/* Open, lock, repair. Does nothing when it is open and in its place. Errors: ERR_BUSY (another
 * daemon or another pipeline writes it), ERR_CONFIG (it is no archive, or no regular file),
 * ERR_NOT_FOUND (its directory), ERR_DENIED, ERR_IO, ERR_NOMEM. */
enum err_code archive_file_open(struct archive_file *f, struct err *e) ATTR_MUST_CHECK;
void archive_file_close(struct archive_file *f);

/* Append one record, an object on one line, to the text of a write. Errors stick to text. */
void archive_file_add(const struct archive_file *f, struct buf *text, struct text record);

/* Write text, of at least one record, and with fsync make it durable; the file is opened or rotated
 * first when need be. text comes back as it was. On an error the file is as it was before, or will
 * be before the next write. Errors: as archive_file_open. */
enum err_code archive_file_write(struct archive_file *f, struct buf *text,
				 struct err *e) ATTR_MUST_CHECK;

#endif
