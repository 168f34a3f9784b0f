/* SPDX-License-Identifier: MIT */
/*
 * Makes PATH.N.gz of PATH.N in a thread of its own: written beside as PATH.N.gz.tmp, synced,
 * renamed, then PATH.N is removed. So at every moment one of both is whole. What a crash left is
 * taken up at the next start.
 */
#ifndef SINK_ARCHIVE_COMPRESS_H
#define SINK_ARCHIVE_COMPRESS_H

#include <stdint.h>

#include "base/err.h"
#include "core/budget.h"

struct archive_compress;

/* path: of the archive; both are loans. Nothing is compressed while budget_pauses. */
enum err_code archive_compress_new(const char *path, struct budget *budget,
				   struct archive_compress **ret_c, struct err *e) ATTR_MUST_CHECK;
void archive_compress_free(struct archive_compress *c);

enum err_code archive_compress_start(struct archive_compress *c, struct err *e) ATTR_MUST_CHECK;
/* Ends within a block of a file; what is half done is removed. Does nothing when it is not
 * running. */
void archive_compress_stop(struct archive_compress *c);
/* There may be a new file. Any thread. */
void archive_compress_wake(struct archive_compress *c);

/* Files compressed so far. */
int64_t archive_compress_count(struct archive_compress *c);

/* All there is, in the caller's thread: for tests. Errors: ERR_IO, ERR_DENIED, ERR_NOT_FOUND,
 * ERR_NOMEM. */
enum err_code archive_compress_all(struct archive_compress *c, struct err *e) ATTR_MUST_CHECK;

#endif
