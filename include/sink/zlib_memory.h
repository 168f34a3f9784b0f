/* SPDX-License-Identifier: MIT */
/* zlib takes its memory where everything else here does, so that a lack of it can be tested. */
#ifndef SINK_ZLIB_MEMORY_H
#define SINK_ZLIB_MEMORY_H

#include <zlib.h>

/* Before z's first deflateInit2. */
void zlib_memory_set(z_stream *z);

#endif
