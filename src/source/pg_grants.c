/* SPDX-License-Identifier: MIT */
#include "source/pg_grants.h"

#include "source/pg_inlet.h"
#include "source/pg_quote.h"

/* A column's type may carry a cast to json written by its owner; row_to_json calls it. So when the
 * installer is a superuser and the daemon has a role of its own, the function belongs to that. */
static ATTR_MUST_CHECK enum err_code give_function(struct pg_admin *a, const char *role,
						   struct err *e)
{
	struct buf sql;
	int64_t is_super;
	enum err_code code = pg_admin_number(
		a, "SELECT rolsuper::int FROM pg_roles WHERE rolname = current_user", 0, NULL, 0,
		&is_super, e);

	if (code != ERR_OK || !is_super)
		return code;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_str(&sql, "ALTER FUNCTION " PG_SCHEMA ".capture() OWNER TO ");
	pg_quote_ident(&sql, role);
	code = pg_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code grant_one(struct pg_admin *a, const char *what,
					       const char *role, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_fmt(&sql, "GRANT %s TO ", what);
	pg_quote_ident(&sql, role);
	code = pg_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code grant_all(struct pg_admin *a, const char *role, struct err *e)
{
	static const char *const grants[] = {
		"USAGE ON SCHEMA " PG_SCHEMA,
		"SELECT, INSERT, DELETE ON " PG_SCHEMA ".outbox, " PG_SCHEMA ".dead_letter",
		"SELECT, INSERT, UPDATE, DELETE ON " PG_PARKED ", " PG_DELIVERED ", " PG_INGEST_KEY,
		"SELECT, INSERT, UPDATE ON " PG_SCHEMA ".webhook",
		"SELECT, INSERT, UPDATE, DELETE ON " PG_BACKFILL,
		"SELECT ON " PG_SCHEMA ".install, " PG_SCHEMA ".captured",
		"USAGE, SELECT ON ALL SEQUENCES IN SCHEMA " PG_SCHEMA,
	};
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < ARRAY_LEN(grants) && code == ERR_OK; i++)
		code = grant_one(a, grants[i], role, e);
	return code;
}

enum err_code pg_grants_install(struct pg_admin *a, struct err *e)
{
	const char *role = a->source->user;
	const char *const values[] = {role};
	int64_t known;
	enum err_code code;

	if (!role)
		return ERR_OK;
	/* 0: no such role, 1: another role, 2: ourselves */
	code = pg_admin_number(a,
			       "SELECT 1 + (rolname = current_user)::int FROM pg_roles "
			       "WHERE rolname = $1",
			       1, values, 0, &known, e);
	if (code != ERR_OK || known == 2)
		return code;
	if (!known)
		return err_set(e, ERR_NOT_FOUND,
			       "the daemon's role \"%s\" does not exist: CREATE ROLE it first",
			       role);
	code = grant_all(a, role, e);
	return code == ERR_OK ? give_function(a, role, e) : code;
}
