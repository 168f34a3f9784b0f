/* SPDX-License-Identifier: MIT */
#include "sink/zlib_memory.h"

#include "base/mem.h"

static voidpf zlib_alloc(voidpf ctx, uInt count, uInt size)
{
	(void)ctx;
	return mem_calloc(count, size);
}

static void zlib_free(voidpf ctx, voidpf p)
{
	(void)ctx;
	mem_free(p);
}

void zlib_memory_set(z_stream *z)
{
	z->zalloc = zlib_alloc;
	z->zfree = zlib_free;
}
