/* SPDX-License-Identifier: MIT */
/*
 * Reads an archive, oldest file first: PATH.N and PATH.N.gz by number, then PATH. It may be written
 * and rotated meanwhile: a file that gets a number while it is read is read once, and what comes
 * after the file that was PATH when it was opened is not read any more, nor what comes into that
 * file.
 *
 * In memory are a block of a file, as it is and unpacked, and the record at hand.
 */
#ifndef SINK_ARCHIVE_READ_H
#define SINK_ARCHIVE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct archive_read;

/* Something is no whole record and left out: a torn end, most of all. Once a file. */
typedef void (*archive_read_warn_fn)(void *ctx, const char *file, int64_t line, bool at_end);

/* path is a loan. Errors: ERR_NOT_FOUND (neither it nor a rotated one), ERR_DENIED, ERR_IO,
 * ERR_NOMEM.
 */
enum err_code archive_read_open(const char *path, archive_read_warn_fn warn, void *ctx,
				struct archive_read **ret_r, struct err *e) ATTR_MUST_CHECK;
void archive_read_close(struct archive_read *r);

/* The next record, an object on one line, a loan until the next call; TEXT_NONE at the end. Errors:
 * ERR_IO, ERR_DENIED, ERR_DATA (a compressed file is damaged), ERR_NOMEM. */
enum err_code archive_read_next(struct archive_read *r, struct text *ret_record,
				struct err *e) ATTR_MUST_CHECK;

#endif
