/* SPDX-License-Identifier: MIT */
#include "ingest/arrivals.h"

#include <assert.h>

#include "base/mem.h"

enum err_code arrivals_init(struct arrivals *a, size_t max, struct err *e)
{
	*a = (struct arrivals){.fds = mem_calloc(max, sizeof(a->fds[0])), .max = max};
	return a->fds ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for connections");
}

void arrivals_done(struct arrivals *a)
{
	mem_free(a->fds);
	*a = (struct arrivals){.fds = NULL};
}

void arrivals_push(struct arrivals *a, int fd)
{
	assert(a->count < a->max);
	a->fds[a->count++] = fd;
}

bool arrivals_take(struct arrivals *a, int fd)
{
	size_t i;

	for (i = 0; i < a->count; i++) {
		if (a->fds[i] != fd)
			continue;
		a->fds[i] = a->fds[--a->count];
		return true;
	}
	return false;
}
