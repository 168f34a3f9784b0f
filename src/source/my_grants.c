/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's account needs when another one installs. TRIGGER and REFERENCES on a captured
 * table show its triggers and columns in information_schema, which is how the daemon notices drift;
 * neither lets it read a row.
 */
#include <stdio.h>
#include <string.h>

#include "source/my_audit_table.h"
#include "source/my_inlet.h"
#include "source/my_install.h"

struct grants {
	struct my_admin *a;
	const struct my_tables *tables;
	struct buf account; /* 'user'@'host' */
	struct buf refused; /* statements that we may not run */
};

/* table NULL: the audit table. */
static ATTR_MUST_CHECK enum err_code give(struct grants *g, const char *privileges,
					  const char *schema, const char *table, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_fmt(&sql, "GRANT %s ON ", privileges);
	if (table)
		my_quote_name(&sql, schema, table);
	else
		my_audit_table_name(&sql, g->a);
	buf_add_fmt(&sql, " TO %s", buf_str(&g->account));
	code = my_admin_run_buf(g->a, &sql, e);
	if (code == ERR_DENIED || code == ERR_DB) {
		buf_add_fmt(&g->refused, "%s%s", g->refused.len ? "; " : "", buf_str(&sql));
		code = ERR_OK;
	}
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code give_objects(struct grants *g, struct err *e)
{
	const struct settings *s = g->a->settings;
	char table[MY_TABLE_NAME_BYTES];
	enum err_code code;
	size_t i;

	code = give(g, "SELECT", g->a->database, MY_INSTALL, e);
	if (code == ERR_OK)
		code = give(g, "SELECT, INSERT, DELETE", g->a->database, MY_DEAD_LETTER, e);
	if (code == ERR_OK)
		code = give(g, "SELECT, INSERT, UPDATE", g->a->database, MY_WEBHOOK, e);
	if (code == ERR_OK && my_audit_table_is(g->a))
		return give(g, "SELECT, UPDATE", NULL, NULL, e);
	if (code == ERR_OK && source_admin_takes_events(s, g->a->source_index))
		code = give(g, "SELECT, INSERT, UPDATE, DELETE", g->a->database, MY_INGEST_KEY, e);
	if (code == ERR_OK)
		code = give(g, "SELECT", g->a->database, MY_CAPTURED, e);
	if (code == ERR_OK)
		code = give(g, "SELECT, INSERT, DELETE", g->a->database, MY_DELIVERED, e);
	if (code == ERR_OK)
		code = give(g, "SELECT, INSERT, UPDATE, DELETE", g->a->database, MY_BACKFILL, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!my_admin_has_pipeline(g->a, i))
			continue;
		my_schema_outbox_name(s->pipelines[i].name, table);
		code = give(g, "SELECT, INSERT, DELETE", g->a->database, table, e);
		my_schema_parked_name(s->pipelines[i].name, table);
		if (code == ERR_OK)
			code = give(g, "SELECT, INSERT, UPDATE, DELETE", g->a->database, table, e);
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code give_account(struct grants *g, struct err *e)
{
	enum err_code code = give_objects(g, e);
	size_t i;

	for (i = 0; i < g->tables->list.count && code == ERR_OK; i++)
		code = give(g, my_audit_table_is(g->a) ? "REFERENCES" : "TRIGGER, REFERENCES",
			    g->tables->list.items[i].schema, g->tables->list.items[i].name, e);
	return code;
}

static void set_account(struct grants *g, const char *user, const char *host)
{
	buf_reset(&g->account);
	my_quote_literal(&g->account, text_of(user));
	buf_add_char(&g->account, '@');
	my_quote_literal(&g->account, text_of(host));
}

/* All accounts of that name; when they are not to be seen, one for every host as an example. */
static ATTR_MUST_CHECK enum err_code give_user(struct grants *g, const char *user, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;

	code = my_admin_query(g->a, &r, NULL, "SELECT host FROM mysql.user WHERE user = $", user);
	if (code == ERR_DENIED) {
		set_account(g, user, "%");
		return give_account(g, e);
	}
	if (code == ERR_OK && my_result_rows(r) == 0)
		code = err_set(e, ERR_NOT_FOUND,
			       "the daemon's user \"%s\" does not exist: CREATE USER it first",
			       user);
	else if (code != ERR_OK)
		code = err_set(e, code, "cannot look for the daemon's user \"%s\"", user);
	while (code == ERR_OK && my_result_next(r)) {
		set_account(g, user, my_result_str(r, 0));
		code = give_account(g, e);
	}
	my_result_free(r);
	return code;
}

static void tell(struct grants *g, const char *user)
{
	if (!g->refused.len)
		return;
	my_admin_find(g->a, FINDING_WARN, user, buf_str(&g->refused),
		      "this user may not give the daemon's user what it needs; have an "
		      "administrator run:");
}

enum err_code my_grants_install(struct my_admin *a, const struct my_tables *t, struct err *e)
{
	struct grants g = {.a = a, .tables = t};
	const char *user = a->source->user;
	int64_t same;
	enum err_code code;

	if (!user || !*user)
		return ERR_OK;
	code = my_admin_number(a, 0, &same, e,
			       "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1) = $ COLLATE "
			       "utf8mb4_bin",
			       user);
	if (code != ERR_OK || same)
		return code;
	buf_init(&g.account, MY_SQL_MAX_BYTES);
	buf_init(&g.refused, MY_SQL_MAX_BYTES);
	code = give_user(&g, user, e);
	if (code == ERR_OK)
		tell(&g, user);
	buf_done(&g.refused);
	buf_done(&g.account);
	return code;
}
