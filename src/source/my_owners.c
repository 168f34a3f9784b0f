/* SPDX-License-Identifier: MIT */
/*
 * What makes it a proof:
 *
 * - Whoever owns an id below the cursor drew it before the cursor got there, inside a trigger on a
 *   row that it had already changed: it was on the list at the first look, with a transaction id of
 *   its own, or had ended before.
 * - The list is a copy that the server renews when it was not read for 0.1 s, whoever reads it. So
 *   each look names itself in a comment, and our own transaction must be on the list with it.
 * - Transactions that only read have no id of their own; the server shows numbers of 2^48 and more.
 *
 * It is none where rows come from other servers (Galera, replication): their transactions are not
 * on the list before they are applied. There gaps never close.
 */
#include "source/my_owners.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/my_source.h"

#define LOOK_US (150 * CLOCK_US_PER_MS)
#define TRX_ID_END (UINT64_C(1) << 48)

static void list_done(struct my_trx_list *l)
{
	mem_free(l->ids);
	*l = (struct my_trx_list){.ids = NULL};
}

void my_owners_reset(struct my_owners *o)
{
	list_done(&o->holders);
	*o = (struct my_owners){.upto = 0};
}

/* ---- may it prove anything? ---- */

static bool is_fatal(enum err_code code)
{
	return code == ERR_UNAVAILABLE || code == ERR_NOMEM;
}

enum err_code my_owners_open(struct my_source *s, struct err *e)
{
	/* an id step other than 1: several servers write */
	static const char *const asks[] = {
		"SELECT @@auto_increment_increment - 1",
		("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'system user' "
		 "AND COMMAND <> 'Daemon'"),
		"SELECT COUNT(*) * 0 FROM information_schema.INNODB_TRX",
		/* a change of such a table begins no transaction */
		("SELECT COUNT(*) FROM " MY_CAPTURED " AS c JOIN information_schema.TABLES AS t "
		 "ON CONVERT(t.TABLE_SCHEMA USING utf8mb4) COLLATE utf8mb4_bin = c.schema_name "
		 "AND CONVERT(t.TABLE_NAME USING utf8mb4) COLLATE utf8mb4_bin = c.table_name "
		 "WHERE t.ENGINE <> 'InnoDB'"),
		"SELECT @@wsrep_on",
	};
	enum err_code code = ERR_OK;
	int64_t v;
	size_t i;

	/* what writes an audit table is not ours: it may draw an id first of all */
	s->look = (struct my_look){.is_off = s->env.settings->audit_table};
	for (i = 0; i < ARRAY_LEN(asks); i++) {
		v = 0;
		code = my_conn_number(s->conn, asks[i], 0, &v, e);
		if (is_fatal(code))
			return code;
		/* only some builds know wsrep_on */
		if (v || (code != ERR_OK && i + 1 < ARRAY_LEN(asks)))
			s->look.is_off = true;
	}
	return ERR_OK;
}

/* ---- looking ---- */

/* The transactions that write. *ret_fresh: the list was made for us. */
static ATTR_MUST_CHECK enum err_code take_list(struct my_source *s, struct my_result *r,
					       const char *name, struct my_trx_list *ret_l,
					       bool *ret_fresh, struct err *e)
{
	struct my_trx_list l = {.ids = mem_calloc(my_result_rows(r) + 1, sizeof(*l.ids))};
	uint64_t id;

	(void)s;
	*ret_fresh = false;
	if (!l.ids)
		return err_set(e, ERR_NOMEM, "no memory for transactions");
	while (my_result_next(r)) {
		id = strtoull(my_result_str(r, 0), NULL, 10);
		if (my_result_i64(r, 1, 0))
			*ret_fresh = strstr(my_result_str(r, 2), name);
		else if (id < TRX_ID_END)
			l.ids[l.count++] = id;
	}
	*ret_l = l;
	return ERR_OK;
}

struct looking {
	struct my_source *s;
	struct my_trx_list list;
	bool is_fresh;
};

/* Inside a transaction that has read something: else it would not be on the list itself. */
static ATTR_MUST_CHECK enum err_code look(struct my_conn *c, void *ctx, struct err *e)
{
	struct looking *l = ctx;
	char name[40], sql[256];
	struct my_result *r;
	enum err_code code;

	(void)snprintf(name, sizeof(name), "adbl look %u.", ++l->s->look.nonce);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT /* %s */ trx_id, trx_mysql_thread_id = CONNECTION_ID(), trx_query "
		       "FROM information_schema.INNODB_TRX",
		       name);
	code = my_conn_exec(c, "SELECT version FROM " MY_INSTALL " LIMIT 1", e);
	if (code == ERR_OK)
		code = my_conn_query(c, sql, &r, e);
	if (code != ERR_OK)
		return code;
	code = take_list(l->s, r, name, &l->list, &l->is_fresh, e);
	my_result_free(r);
	return code;
}

static bool list_has(const struct my_trx_list *l, uint64_t id)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->ids[i] == id)
			return true;
	return false;
}

/* Keep those of the holders that still write. */
static void keep_open(struct my_trx_list *holders, const struct my_trx_list *now)
{
	size_t i, n = 0;

	for (i = 0; i < holders->count; i++)
		if (list_has(now, holders->ids[i]))
			holders->ids[n++] = holders->ids[i];
	holders->count = n;
}

static ATTR_MUST_CHECK enum err_code watch(struct my_pipe *p, const struct my_trx_list *now,
					   struct err *e)
{
	struct my_owners *o = &p->owners;
	uint64_t *ids;

	if (o->upto) {
		keep_open(&o->holders, now);
		if (o->holders.count)
			return ERR_OK;
		o->closable = o->upto;
	}
	ids = mem_calloc(now->count + 1, sizeof(*ids));
	if (!ids)
		return err_set(e, ERR_NOMEM, "no memory for transactions");
	list_done(&o->holders);
	memcpy(ids, now->ids, now->count * sizeof(*ids));
	o->holders = (struct my_trx_list){.ids = ids, .count = now->count};
	o->upto = position_cursor(p->position);
	return ERR_OK;
}

static bool is_due(const struct my_source *s)
{
	size_t i;

	if (s->look.is_off || my_source_now(s) - s->look.looked_us < LOOK_US)
		return false;
	for (i = 0; i < s->env.pipeline_count; i++)
		if (position_stats(s->pipes[i].position).gaps)
			return true;
	return false;
}

enum err_code my_owners_look(struct my_source *s, struct err *e)
{
	struct looking l = {.s = s};
	enum err_code code;
	size_t i;

	if (!is_due(s))
		return ERR_OK;
	s->look.looked_us = my_source_now(s);
	code = my_conn_transaction(s->conn, look, &l, e);
	for (i = 0; code == ERR_OK && l.is_fresh && i < s->env.pipeline_count; i++)
		code = watch(&s->pipes[i], &l.list, e);
	list_done(&l.list);
	/* the right may have been taken away */
	if (code == ERR_DENIED)
		s->look.is_off = true;
	return is_fatal(code) ? code : ERR_OK;
}
