/* SPDX-License-Identifier: MIT */
/*
 * Install, uninstall, check and status on SQLite: the functions behind source_admin_sqlite.
 */
#ifndef SOURCE_SQLITE_INSTALL_H
#define SOURCE_SQLITE_INSTALL_H

#include "source/admin.h"
#include "source/sqlite_tables.h"

enum err_code sqlite_install(const struct settings *s, size_t source,
			     const struct install_options *o, struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_uninstall(const struct settings *s, size_t source,
			       const struct install_options *o, struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			    struct err *e) ATTR_MUST_CHECK;
/* A file that cannot be opened is a finding too; then the error is returned as well. */
enum err_code sqlite_check(const struct settings *s, size_t source, const struct install_options *o,
			   struct err *e) ATTR_MUST_CHECK;

/* How an installed trigger compares to the configured one. PRECEDED: as configured, but a trigger
 * of the application's was made later and fires first. */
enum sqlite_trigger_state {
	SQLITE_TRIGGER_OK,
	SQLITE_TRIGGER_ABSENT,
	SQLITE_TRIGGER_DIFFERS,
	SQLITE_TRIGGER_PRECEDED,
};

enum err_code sqlite_trigger_compare(struct sqlite_admin *a, const struct sqlite_trigger *t,
				     enum sqlite_trigger_state *ret_state,
				     struct err *e) ATTR_MUST_CHECK;

/* Walk the triggers t should have: one per configured operation. Stops at the first error. */
typedef enum err_code (*sqlite_trigger_fn)(struct sqlite_admin *a, const struct sqlite_trigger *t,
					   void *ctx, struct err *e);
enum err_code sqlite_table_each_trigger(struct sqlite_admin *a, const struct table *t,
					sqlite_trigger_fn fn, void *ctx,
					struct err *e) ATTR_MUST_CHECK;

/* Every trigger of ours that no table of the list wants, NULL for all of them: its name and its
 * table. */
typedef enum err_code (*sqlite_stale_fn)(struct sqlite_admin *a, const char *name,
					 const char *table, void *ctx, struct err *e);
enum err_code sqlite_triggers_stale(struct sqlite_admin *a, const struct tables *tables,
				    sqlite_stale_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;

/* Drop it, and say so with why behind the name. */
enum err_code sqlite_trigger_remove(struct sqlite_admin *a, const char *name, const char *table,
				    const char *why, struct err *e) ATTR_MUST_CHECK;

/* Every pipeline that is installed but not configured any more and has undelivered events. */
typedef void (*sqlite_orphan_fn)(struct sqlite_admin *a, const char *pipeline);
enum err_code sqlite_pipelines_orphaned(struct sqlite_admin *a, sqlite_orphan_fn fn,
					struct err *e) ATTR_MUST_CHECK;

#endif
