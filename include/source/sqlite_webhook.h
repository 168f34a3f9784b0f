/* SPDX-License-Identifier: MIT */
/*
 * The table app_db_listener_webhook: what is known of each pipeline's webhook (core/standing.h).
 * Installations of before have no such table: everything answers ERR_NOT_FOUND then.
 */
#ifndef SOURCE_SQLITE_WEBHOOK_H
#define SOURCE_SQLITE_WEBHOOK_H

#include "config/settings.h"
#include "core/standing.h"
#include "source/source.h"
#include "source/sqlite_conn.h"

/* All zero when nothing is known. Errors: as sqlite_conn_exec. */
enum err_code sqlite_webhook_load(struct sqlite_conn *c, const char *pipeline,
				  struct standing *ret_s, struct err *e) ATTR_MUST_CHECK;

/* source_ops and source_admin_ops have them. Saving by the daemon waits a moment only for locks, as
 * the application may be waiting for the same ones: ERR_TIMEOUT. */
enum err_code sqlite_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
				   struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_standing_save(struct source *base, uint32_t p, const struct standing *standing,
				   struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_standing_decide(const struct settings *s, size_t pipeline,
				     const struct standing *d, struct err *e) ATTR_MUST_CHECK;

#endif
