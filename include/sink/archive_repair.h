/* SPDX-License-Identifier: MIT */
/*
 * Finds where the whole records of an archive end, after whatever ended its last writer, and makes
 * the file end there.
 *
 *     json      [\n{...},\n{...},\n{...}\n]\n            the array is closed after every write
 *               └┬┘              ▲     └─┬─┘
 *              header           end     tail
 *     ndjson    {...}\n{...}\n{...}\n
 *                                    ▲ end
 *
 * A record is one line and a JSON object. A write begins at `end`, over the tail, and records
 * before it are never touched. So what may be broken is the end of the file: it is read from a
 * line that begins ARCHIVE_TAIL_BYTES before, or the last one of which a whole record follows; the
 * size of the file does not matter. Everything behind the last whole record before the first broken
 * one is cut off.
 *
 * Where there is no whole record at all, the file is cut only if it can be our first write, torn:
 * one line without its end that begins an object, NUL where bytes never arrived, and nothing else.
 */
#ifndef SINK_ARCHIVE_REPAIR_H
#define SINK_ARCHIVE_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "config/settings.h"
#include "sink/archive_io.h"

/* No write is larger, but one of a single record. */
#define ARCHIVE_BATCH_BYTES ((size_t)1 << 20)
#define ARCHIVE_TAIL_BYTES ((int64_t)ARCHIVE_BATCH_BYTES + 65536)
#define ARCHIVE_TAIL "\n]\n"
#define ARCHIVE_TAIL_LEN 3

struct archive_end {
	int64_t at;   /* behind the last whole record, in ndjson behind its line */
	bool empty;   /* there is none */
	int64_t size; /* of the file, tail included */
	int64_t cut;  /* bytes that were there and are no record's; the tail aside */
};

/* json: an array; fd: a regular file, to be read and written. Errors: ERR_CONFIG (it begins as no
 * archive of that format does, or has no whole record and is no torn one: not touched), ERR_IO.
 * Without memory of its own. */
enum err_code archive_repair(int fd, bool json, const struct archive_io *io,
			     struct archive_end *ret_end, struct err *e) ATTR_MUST_CHECK;

#endif
