/* SPDX-License-Identifier: MIT */
/*
 * The table app_db_listener_webhook: what is known of each pipeline's webhook (core/standing.h).
 * Installations of before have no such table: everything answers ERR_NOT_FOUND then.
 */
#ifndef SOURCE_MY_WEBHOOK_H
#define SOURCE_MY_WEBHOOK_H

#include "config/settings.h"
#include "core/standing.h"
#include "source/my_conn.h"
#include "source/source.h"

/* In the connection's database. All zero when nothing is known. Errors: as my_conn_query. */
enum err_code my_webhook_load(struct my_conn *c, const char *pipeline, struct standing *ret_s,
			      struct err *e) ATTR_MUST_CHECK;

/* source_ops and source_admin_ops have them. */
enum err_code my_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code my_standing_save(struct source *base, uint32_t p, const struct standing *standing,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code my_standing_decide(const struct settings *s, size_t pipeline,
				 const struct standing *d, struct err *e) ATTR_MUST_CHECK;

#endif
