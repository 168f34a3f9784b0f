/* SPDX-License-Identifier: MIT */
/*
 * The sequences that number the rows of the outbox, one a pipeline. Ids must rise in the order in
 * which they are drawn, so none of them has a cache.
 */
#ifndef SOURCE_PG_SEQUENCE_H
#define SOURCE_PG_SEQUENCE_H

#include "source/pg_admin.h"

/* app_db_listener.outbox_id_seq for "default", else app_db_listener.outbox_<pipeline>_id_seq;
 * quoted where needed. */
void pg_sequence_name(struct buf *out, const char *pipeline);

/* Within the transaction of an install: create the pipeline's sequence, or take away the cache that
 * somebody gave it, which is told as a finding. Errors: as pg_admin_run. */
enum err_code pg_sequence_install(struct pg_admin *a, const char *pipeline,
				  struct err *e) ATTR_MUST_CHECK;

/* The same of the pipeline "default", whose sequence is the outbox's own, configured or not. */
enum err_code pg_sequence_install_default(struct pg_admin *a, struct err *e) ATTR_MUST_CHECK;

#endif
