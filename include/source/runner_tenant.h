/* SPDX-License-Identifier: MIT */
/*
 * The runner's side of core/deferral.h: which read comes next, and what becomes of its rows. A
 * pipeline without tenants has no deferral; then these do what is done without them. Owned by the
 * runner's thread.
 */
#ifndef SOURCE_RUNNER_TENANT_H
#define SOURCE_RUNNER_TENANT_H

#include <stdbool.h>

#include "base/err.h"
#include "core/deferral.h"
#include "source/runner_pipe.h"

/* Errors: ERR_NOMEM. */
enum err_code runner_tenant_bind(struct runner_pipe *p, struct deferral *deferral,
				 struct err *e) ATTR_MUST_CHECK;

/* Is there something to read, if the ring has room? */
bool runner_tenant_wants(struct runner_pipe *p);

/* Read it into p's events, at most limit. Errors: of the source's read. */
enum err_code runner_tenant_read(struct runner_pipe *p, struct source *s, struct source_limit limit,
				 struct err *e) ATTR_MUST_CHECK;

/* Has everything that there is been read, and nothing been left behind? */
bool runner_tenant_is_at_end(const struct runner_pipe *p);

/* ev was parked, and is taken. */
void runner_tenant_charge(struct runner_pipe *p, struct event *ev);

/* Free ev, which was taken and is not in the ring. */
void runner_tenant_drop(struct event *ev);

/* The connection is lost. */
void runner_tenant_reset(struct runner_pipe *p);

#endif
