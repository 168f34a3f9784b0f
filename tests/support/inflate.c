/* SPDX-License-Identifier: MIT */
#include "inflate.h"

#include <zlib.h>

#define INFLATE_PART_BYTES 65536

bool inflate_gzip(struct text gzip, struct buf *out)
{
	Bytef part[INFLATE_PART_BYTES];
	z_stream z = {.avail_in = (uInt)gzip.len};
	int rc;

	z.next_in = (Bytef *)(uintptr_t)gzip.s;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return false;
	do {
		z.next_out = part;
		z.avail_out = sizeof(part);
		rc = inflate(&z, Z_NO_FLUSH);
		buf_add(out, part, sizeof(part) - z.avail_out);
	} while (rc == Z_OK && buf_error(out) == ERR_OK);
	(void)inflateEnd(&z);
	return rc == Z_STREAM_END && !z.avail_in && buf_error(out) == ERR_OK;
}
