/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "source/runner_loop.h"

bool runner_history_is_same(struct runner *r)
{
	const char *identity = r->ops->identity(r->source);
	bool same = !*identity || !r->identity[0] || strcmp(identity, r->identity) == 0;
	size_t i;

	for (i = 0; i < r->pipe_count; i++)
		if (r->pipes[i].install_id[0] &&
		    strcmp(r->pipes[i].install_id, r->shared[i].install_id) != 0)
			same = false;
	return same;
}

void runner_history_adopt(struct runner *r)
{
	const char *identity = r->ops->identity(r->source);
	size_t i;

	if (*identity)
		(void)snprintf(r->identity, sizeof(r->identity), "%s", identity);
	for (i = 0; i < r->pipe_count; i++)
		/* workers read it while events exist: leave it alone when it is the same */
		if (strcmp(r->pipes[i].install_id, r->shared[i].install_id) != 0)
			(void)snprintf(r->pipes[i].install_id, sizeof(r->pipes[i].install_id), "%s",
				       r->shared[i].install_id);
}
