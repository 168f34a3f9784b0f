/* SPDX-License-Identifier: MIT */
/*
 * Install, uninstall, check and status on PostgreSQL: the functions behind source_admin_postgres.
 */
#ifndef SOURCE_PG_INSTALL_H
#define SOURCE_PG_INSTALL_H

#include "source/admin.h"
#include "source/pg_tables.h"

enum err_code pg_install(const struct settings *s, size_t source, const struct install_options *o,
			 struct err *e) ATTR_MUST_CHECK;
enum err_code pg_uninstall(const struct settings *s, size_t source, const struct install_options *o,
			   struct err *e) ATTR_MUST_CHECK;
enum err_code pg_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			struct err *e) ATTR_MUST_CHECK;

/* How an installed trigger compares to the configured one. */
enum pg_trigger_state { PG_TRIGGER_OK, PG_TRIGGER_ABSENT, PG_TRIGGER_DIFFERS, PG_TRIGGER_DISABLED };

/* Compare. DISABLED: as configured, but disabled, or not (or wrongly) ENABLE ALWAYS. */
enum err_code pg_trigger_compare(struct pg_admin *a, const struct pg_trigger *t,
				 enum pg_trigger_state *ret_state, struct err *e) ATTR_MUST_CHECK;

/* Walk the triggers t should have: one per configured operation, TRUNCATE on every partition too.
 * Stops at the first error of fn. */
typedef enum err_code (*pg_trigger_fn)(struct pg_admin *a, const struct pg_trigger *t, void *ctx,
				       struct err *e);
enum err_code pg_table_each_trigger(struct pg_admin *a, const struct table *t, pg_trigger_fn fn,
				    void *ctx, struct err *e) ATTR_MUST_CHECK;

/* Every trigger that calls our function, clones on partitions apart: rows of (schema, table,
 * trigger). *ret_res is the caller's. */
enum err_code pg_triggers_installed(struct pg_admin *a, PGresult **ret_res,
				    struct err *e) ATTR_MUST_CHECK;

/* Drop one trigger in a transaction of its own; a table that is gone is fine. */
enum err_code pg_trigger_remove(struct pg_admin *a, const char *schema, const char *table,
				const char *name, struct err *e) ATTR_MUST_CHECK;

/* Does any table of the list want this trigger? */
bool pg_tables_want(const struct pg_admin *a, const struct tables *tables, const char *schema,
		    const char *table, const char *trigger);

#endif
