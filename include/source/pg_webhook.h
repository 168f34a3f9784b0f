/* SPDX-License-Identifier: MIT */
/*
 * The table app_db_listener.webhook: what is known of each pipeline's webhook (core/standing.h).
 * Installations of before have no such table: everything answers ERR_NOT_FOUND then.
 */
#ifndef SOURCE_PG_WEBHOOK_H
#define SOURCE_PG_WEBHOOK_H

#include "config/settings.h"
#include "core/standing.h"
#include "source/pg_conn.h"
#include "source/source.h"

/* CREATE TABLE IF NOT EXISTS ... */
extern const char pg_webhook_create_sql[];

/* All zero when nothing is known. Errors: as pg_conn_query. */
enum err_code pg_webhook_load(struct pg_conn *c, const char *pipeline, struct standing *ret_s,
			      struct err *e) ATTR_MUST_CHECK;

/* For source_ops, and for source_admin_ops. */
#define PG_KEEPS_STANDINGS .standing_load = pg_standing_load, .standing_save = pg_standing_save
enum err_code pg_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code pg_standing_save(struct source *base, uint32_t p, const struct standing *standing,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code pg_standing_decide(const struct settings *s, size_t pipeline,
				 const struct standing *d, struct err *e) ATTR_MUST_CHECK;

#endif
