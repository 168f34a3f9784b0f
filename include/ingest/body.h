/* SPDX-License-Identifier: MIT */
/*
 * The body of one request, as it comes in and to be read once it is whole: the first bytes in
 * memory, charged to the budget, and a large one in a file without a name.
 *
 *     add ──► memory, up to BODY_MEMORY_BYTES ──► one byte more: all of it to the file, and on
 *
 * The file is O_TMPFILE (open(2)), so that it is gone with the process; where the file system has
 * none of these, it is unlinked at once. One thread at a time.
 */
#ifndef INGEST_BODY_H
#define INGEST_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/budget.h"

#define BODY_MEMORY_BYTES ((size_t)64 * 1024)
#define BODY_DIGEST_BYTES 32

struct body {
	const char *dir;       /* a loan */
	struct budget *budget; /* NULL: none */
	struct buf memory;     /* empty once there is a file */
	size_t charged;
	int fd; /* -1: no file */
	int64_t bytes;
	int64_t read_at;
	void *digest; /* EVP_MD_CTX; NULL: not wanted */
};

/* An empty body. dir is where its file would be. with_digest: body_digest will be asked.
 * Errors: ERR_NOMEM. */
enum err_code body_init(struct body *b, const char *dir, struct budget *budget, bool with_digest,
			struct err *e) ATTR_MUST_CHECK;
/* Also of one that is all zero. */
void body_done(struct body *b);

/* Append. May block as long as the disk does. Errors: ERR_FULL (the budget has no room), ERR_IO
 * (e's sys is ENOSPC or EDQUOT: the disk has none; else the directory cannot be used), ERR_NOMEM.
 */
enum err_code body_add(struct body *b, const void *bytes, size_t len,
		       struct err *e) ATTR_MUST_CHECK;

static inline bool body_is_spilled(const struct body *b)
{
	return b->fd >= 0;
}

/* The SHA-256 of what was added. Once. Errors: ERR_NOMEM. */
enum err_code body_digest(struct body *b, uint8_t ret[static BODY_DIGEST_BYTES],
			  struct err *e) ATTR_MUST_CHECK;

/* The next bytes from the beginning, at most most; 0: the end. ctx is the body; the form is that of
 * posted_options.read. Errors: ERR_IO. */
enum err_code body_read(void *ctx, char *out, size_t most, size_t *ret_len,
			struct err *e) ATTR_MUST_CHECK;

#endif
