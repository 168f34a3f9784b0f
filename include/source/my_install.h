/* SPDX-License-Identifier: MIT */
/*
 * Install, uninstall and status on MySQL and MariaDB, and what is installed: the functions behind
 * source_admin_mysql.
 */
#ifndef SOURCE_MY_INSTALL_H
#define SOURCE_MY_INSTALL_H

#include "source/admin.h"
#include "source/my_tables.h"

enum err_code my_install(const struct settings *s, size_t source, const struct install_options *o,
			 struct err *e) ATTR_MUST_CHECK;
enum err_code my_uninstall(const struct settings *s, size_t source, const struct install_options *o,
			   struct err *e) ATTR_MUST_CHECK;
enum err_code my_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			struct err *e) ATTR_MUST_CHECK;

/* ---- my_objects.c ---- */

/* Create the tables of the source's database that are missing, and the pipelines' rows; give the
 * daemon's account what it needs on them. Errors: ERR_DENIED, ERR_NOT_FOUND (the daemon's account),
 * ERR_DB, ERR_UNAVAILABLE. */
enum err_code my_objects_install(struct my_admin *a, const struct my_tables *t,
				 struct err *e) ATTR_MUST_CHECK;

/* Is the table of this name in the source's database? */
enum err_code my_objects_has(struct my_admin *a, const char *name, bool *ret_has,
			     struct err *e) ATTR_MUST_CHECK;

/* Is anything captured into this database, that is, is there app_db_listener_install? */
enum err_code my_objects_is_installed(struct my_admin *a, bool *ret_installed,
				      struct err *e) ATTR_MUST_CHECK;

/* Warn about pipelines that are installed, no longer configured, and have events. */
enum err_code my_find_orphans(struct my_admin *a, struct err *e) ATTR_MUST_CHECK;

/* ---- my_grants.c ---- */

/* Give the daemon's account, when it is another one than ours, what it needs; what we may not give
 * is a finding with the statements. Errors: ERR_NOT_FOUND (no such account), ERR_UNAVAILABLE. */
enum err_code my_grants_install(struct my_admin *a, const struct my_tables *t,
				struct err *e) ATTR_MUST_CHECK;

/* ---- my_captured.c ---- */

/* Note that the i-th table is captured, and what its columns are now. */
enum err_code my_captured_put(struct my_admin *a, const struct my_tables *tables, size_t i,
			      struct err *e) ATTR_MUST_CHECK;
/* Forget the tables that are not in the list. */
enum err_code my_captured_remove_stale(struct my_admin *a, const struct my_tables *tables,
				       struct err *e) ATTR_MUST_CHECK;

/* ---- my_rights.c ---- */

/* May this account, which triggers will run as, do what they do? If not, every write to a captured
 * table would fail. Errors: ERR_DENIED naming the table; as my_conn_exec. */
enum err_code my_rights_check(struct my_admin *a, const struct my_tables *t,
			      struct err *e) ATTR_MUST_CHECK;

/* ---- my_state.c ---- */

/* How an installed trigger compares to the configured one. */
enum my_trigger_state { MY_TRIGGER_OK, MY_TRIGGER_ABSENT, MY_TRIGGER_DIFFERS };

/* Is the account ("user@host") that a trigger runs as gone? The server then refuses what fires the
 * trigger. False also when we may not look. */
bool my_definer_is_gone(struct my_admin *a, const char *definer);

/* DIFFERS: also when its definer is gone. */
enum err_code my_trigger_compare(struct my_admin *a, const struct my_trigger *t,
				 enum my_trigger_state *ret_state, struct err *e) ATTR_MUST_CHECK;

/* Walk the triggers that the i-th table should have. Stops at the first error of fn. */
typedef enum err_code (*my_trigger_fn)(struct my_admin *a, const struct my_trigger *t, void *ctx,
				       struct err *e);
enum err_code my_table_each_trigger(struct my_admin *a, const struct my_tables *t, size_t i,
				    my_trigger_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;

/* Every trigger that writes into an outbox of this database: rows of (schema, table, trigger,
 * definer). schema NULL: of all tables. *ret_r is the caller's. */
enum err_code my_triggers_installed(struct my_admin *a, const char *schema, const char *table,
				    struct my_result **ret_r, struct err *e) ATTR_MUST_CHECK;

/* Does any table of the list want this trigger? */
bool my_tables_want(const struct my_admin *a, const struct my_tables *tables, const char *schema,
		    const char *table, const char *trigger);

/* Drop one trigger; one that is gone is fine. */
enum err_code my_trigger_remove(struct my_admin *a, const char *schema, const char *table,
				const char *name, struct err *e) ATTR_MUST_CHECK;

#endif
