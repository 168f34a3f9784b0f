/* SPDX-License-Identifier: MIT */
#include "source/my_locks.h"

#include <stdint.h>
#include <stdio.h>

#include "source/my_schema.h"

void my_lock_name(const char *kind, const char *database, char out[static MY_LOCK_NAME_BYTES])
{
	uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

	for (; *database; database++)
		hash = (hash ^ (unsigned char)*database) * 1099511628211ULL;
	(void)snprintf(out, MY_LOCK_NAME_BYTES, MY_PREFIX "%.20s_%016llx", kind,
		       (unsigned long long)hash);
}
