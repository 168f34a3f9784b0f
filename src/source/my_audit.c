/* SPDX-License-Identifier: MIT */
/*
 * The key of a row depends on its table (my_keys.c). A batch ends before a row of a table that was
 * not met before, and its key is learned before the next.
 */
#include "source/my_audit.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "source/my_keys.h"
#include "source/my_source.h"

#define ASIDE_MAX 1000 /* rows of one read that are not to be delivered */

struct my_audit {
	struct my_keys keys;
	char *unknown;               /* the table to learn; NULL: none */
	struct ack aside[ASIDE_MAX]; /* not to be delivered: to the dead letters, or just done */
	size_t aside_count;
	bool has_index;
	bool is_stuck; /* learning has failed: the row waits for it */
	char trouble[200];
};

bool my_audit_op(struct text word, enum op *ret_op)
{
	static const struct {
		const char *word;
		enum op op;
	} words[] = {
		{"insert", OP_INSERT}, {"i", OP_INSERT},          {"ins", OP_INSERT},
		{"create", OP_INSERT}, {"c", OP_INSERT},          {"add", OP_INSERT},
		{"update", OP_UPDATE}, {"u", OP_UPDATE},          {"upd", OP_UPDATE},
		{"modify", OP_UPDATE}, {"change", OP_UPDATE},     {"delete", OP_DELETE},
		{"d", OP_DELETE},      {"del", OP_DELETE},        {"remove", OP_DELETE},
		{"t", OP_TRUNCATE},    {"truncate", OP_TRUNCATE},
	};
	size_t i;

	for (i = 0; word.s && i < ARRAY_LEN(words); i++) {
		if (strlen(words[i].word) != word.len ||
		    strncasecmp(words[i].word, word.s, word.len) != 0)
			continue;
		*ret_op = words[i].op;
		return true;
	}
	return false;
}

/* ---- new and free ---- */

enum err_code my_audit_new(struct my_audit **ret_a, struct err *e)
{
	struct my_audit *a = mem_calloc(1, sizeof(*a));

	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for an audit table");
	*ret_a = a;
	return ERR_OK;
}

static void forget_aside(struct my_audit *a)
{
	struct ack *ack;

	while (a->aside_count) {
		ack = &a->aside[--a->aside_count];
		mem_free(ack->reason);
		ack->reason = NULL;
	}
}

void my_audit_reset(struct my_audit *a)
{
	my_keys_reset(&a->keys);
	mem_free(a->unknown);
	a->unknown = NULL;
	a->is_stuck = false;
	forget_aside(a);
}

void my_audit_free(struct my_audit *a)
{
	if (!a)
		return;
	my_audit_reset(a);
	mem_free(a);
}

bool my_audit_has_index(const struct my_audit *a)
{
	return a->has_index;
}

bool my_audit_is_stuck(const struct my_audit *a)
{
	return a->is_stuck;
}

const char *my_audit_trouble(const struct my_audit *a)
{
	return a->trouble;
}

/* ---- the index ---- */

/* Its name into p->from: of (processed) or (processed, id), which is the same to InnoDB. */
static ATTR_MUST_CHECK enum err_code find_index(struct my_source *s, struct my_pipe *p,
						struct err *e)
{
	struct my_result *r;
	enum err_code code;

	buf_reset(&s->sql);
	buf_add_str(&s->sql,
		    "SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ");
	my_quote_literal(&s->sql, text_of(p->audit_schema));
	buf_add_str(&s->sql, " AND TABLE_NAME = ");
	my_quote_literal(&s->sql, text_of(p->audit_table));
	buf_add_str(&s->sql, " GROUP BY INDEX_NAME HAVING LOWER(GROUP_CONCAT(COLUMN_NAME ORDER BY "
			     "SEQ_IN_INDEX)) IN ('processed', 'processed,id') LIMIT 1");
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code != ERR_OK)
		return code;
	p->audit->has_index = my_result_next(r);
	buf_reset(&p->from);
	buf_add_fmt(&p->from, "%s FORCE INDEX (", buf_str(&p->relation));
	my_quote_ident(&p->from, p->audit->has_index ? my_result_str(r, 0) : "PRIMARY");
	buf_add_char(&p->from, ')');
	my_result_free(r);
	return buf_error(&p->from) == ERR_OK ? ERR_OK
					     : err_set(e, ERR_NOMEM, "no memory for a name");
}

enum err_code my_audit_open(struct my_source *s, struct my_pipe *p, struct err *e)
{
	enum err_code code;

	my_audit_reset(p->audit);
	p->audit->trouble[0] = '\0';
	buf_reset(&s->sql);
	buf_add_fmt(&s->sql,
		    "SELECT id, operation, table_name, changed_at, data, old_data, processed FROM "
		    "%s LIMIT 0",
		    buf_str(&p->relation));
	code = my_conn_exec_buf(s->conn, &s->sql, NULL, e);
	if (code != ERR_OK)
		return err_prefix(e, "cannot read the audit table %s",
				  s->env.settings->audit_table);
	return find_index(s, p, e);
}

/* ---- rows ---- */

/* "db.t" and "t"; the name is cut at the first point. */
static void split(const struct my_pipe *p, const char *name, char schema[MY_NAME_BYTES + 1],
		  const char **ret_table)
{
	const char *point = strchr(name, '.');

	*ret_table = point ? point + 1 : name;
	if (point)
		(void)snprintf(schema, MY_NAME_BYTES + 1, "%.*s", (int)(point - name), name);
	else
		(void)snprintf(schema, MY_NAME_BYTES + 1, "%s", p->audit_schema);
}

enum column {
	COL_ID,
	COL_OPERATION,
	COL_TABLE,
	COL_CHANGED_US,
	COL_DATA,
	COL_OLD_DATA,
	COL_DATA_VALID,
	COL_OLD_VALID,
	COL_NEW_KEY,
	COL_OLD_KEY,
};

void my_audit_columns(const struct my_pipe *p, struct buf *sql)
{
	buf_add_str(sql, "id, operation, table_name, "
			 "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', changed_at), "
			 "CONVERT(data USING utf8mb4), CONVERT(old_data USING utf8mb4), "
			 "JSON_VALID(data), JSON_VALID(old_data)");
	buf_add_str(sql, ", ");
	my_keys_case(&p->audit->keys, sql, true);
	buf_add_str(sql, ", ");
	my_keys_case(&p->audit->keys, sql, false);
}

/* A row that is not delivered: reason NULL when nobody wants its operation. Errors: ERR_NOMEM. */
static ATTR_MUST_CHECK enum err_code set_aside(struct my_audit *a, int64_t id, const char *reason,
					       struct err *e)
{
	struct ack *ack = &a->aside[a->aside_count];

	*ack = (struct ack){.id = id, .outcome = reason ? ACK_DEAD : ACK_DELIVERED};
	if (reason) {
		ack->reason = mem_strdup(reason);
		if (!ack->reason)
			return err_set(e, ERR_NOMEM, "no memory for a reason");
	}
	a->aside_count++;
	return ERR_OK;
}

/* The document as it is, or what is no JSON as a JSON string, in quoted. */
static struct text document(const struct my_result *r, enum column col, enum column valid,
			    struct buf *quoted)
{
	struct text t = my_result_text(r, col);

	if (!t.s || my_result_i64(r, valid, 0))
		return t;
	buf_reset(quoted);
	json_quote(quoted, t);
	return buf_text(quoted);
}

struct row {
	struct event_fields f;
	struct buf data;
	struct buf old_data;
	char schema[MY_NAME_BYTES + 1];
};

static ATTR_MUST_CHECK enum err_code fill_row(struct row *row, const struct my_pipe *p,
					      const struct my_result *r, enum op op, struct err *e)
{
	struct text new_key = my_result_text(r, COL_NEW_KEY);
	struct text old_key = my_result_text(r, COL_OLD_KEY);
	const char *table;

	split(p, my_result_str(r, COL_TABLE), row->schema, &table);
	row->f = (struct event_fields){
		.id = my_result_i64(r, COL_ID, 0),
		.op = op,
		.schema = text_of(row->schema),
		.table = text_of(table),
		.key = op == OP_DELETE || !new_key.s ? old_key : new_key,
		.changed_wall_us = my_result_i64(r, COL_CHANGED_US, 0),
		.data = document(r, COL_DATA, COL_DATA_VALID, &row->data),
		.old_data = document(r, COL_OLD_DATA, COL_OLD_VALID, &row->old_data),
	};
	if (!row->f.key.s)
		row->f.key = new_key;
	if (op == OP_UPDATE && new_key.s && old_key.s && !text_eq(new_key, old_key))
		row->f.old_key = old_key;
	if (buf_error(&row->data) != ERR_OK || buf_error(&row->old_data) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a row");
	return ERR_OK;
}

/* What its triggers were to write is the operator's choice; a TRUNCATE is always told. */
static bool is_wanted(const struct my_pipe *p, enum op op)
{
	return op == OP_TRUNCATE || p->pub->settings->operations[op];
}

/* One row; *ret_end: it must wait for the next read. */
static ATTR_MUST_CHECK enum err_code add_row(struct my_pipe *p, struct batch *b,
					     const struct my_result *r, struct row *row,
					     bool *ret_end, struct err *e)
{
	struct text word = my_result_text(r, COL_OPERATION);
	const char *table = my_result_str(r, COL_TABLE);
	int64_t id = my_result_i64(r, COL_ID, 0);
	char reason[120];
	enum err_code code;
	enum op op;

	*ret_end = p->audit->aside_count == ASIDE_MAX;
	if (*ret_end)
		return ERR_OK;
	if (!my_audit_op(word, &op)) {
		(void)snprintf(reason, sizeof(reason), "unknown operation: %.*s",
			       word.len < 60 ? (int)word.len : 60, word.s ? word.s : "NULL");
		return set_aside(p->audit, id, reason, e);
	}
	if (!is_wanted(p, op))
		return set_aside(p->audit, id, NULL, e);
	if (!my_keys_has(&p->audit->keys, table)) {
		*ret_end = true;
		p->audit->unknown = mem_strdup(table);
		return p->audit->unknown ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for a name");
	}
	code = fill_row(row, p, r, op, e);
	return code == ERR_OK ? batch_add(b, &row->f, e) : code;
}

enum err_code my_audit_add(struct my_pipe *p, struct batch *b, struct my_result *r,
			   const int64_t *ids, size_t n, struct err *e)
{
	struct row row = {.schema = ""};
	enum err_code code = ERR_OK;
	bool end = p->audit->unknown != NULL;
	size_t i = 0;
	int64_t id;

	buf_init(&row.data, SIZE_MAX / 2);
	buf_init(&row.old_data, SIZE_MAX / 2);
	while (code == ERR_OK && !end && !b->is_full && my_result_next(r)) {
		id = my_result_i64(r, COL_ID, 0);
		while (i < n && ids[i] < id)
			i++;
		if (i < n && ids[i] == id)
			code = add_row(p, b, r, &row, &end, e);
	}
	buf_done(&row.data);
	buf_done(&row.old_data);
	b->is_full = b->is_full || end;
	return code;
}

/* ---- afterwards ---- */

static ATTR_MUST_CHECK enum err_code learn(struct my_source *s, struct my_pipe *p, struct err *e)
{
	struct my_audit *a = p->audit;
	char schema[MY_NAME_BYTES + 1];
	struct my_keys_name n = {.name = a->unknown, .schema = schema};
	enum err_code code;

	split(p, a->unknown, schema, &n.table);
	code = my_keys_learn(&a->keys, s->conn, p->pub->settings, &n, e);
	if (code != ERR_OK)
		code = err_prefix(e, "cannot ask for the key of %.64s", a->unknown);
	else if (a->is_stuck)
		a->trouble[0] = '\0';
	a->is_stuck = code != ERR_OK;
	mem_free(a->unknown);
	a->unknown = NULL;
	return code;
}

static void note_trouble(struct my_audit *a, const struct err *e)
{
	(void)snprintf(a->trouble, sizeof(a->trouble), "audit table: %.160s", e->msg);
}

enum err_code my_audit_after(struct my_source *s, struct my_pipe *p, bool *ret_more, struct err *e)
{
	struct my_audit *a = p->audit;
	enum err_code code = ERR_OK;
	struct err own = {.code = ERR_OK};
	size_t i;

	*ret_more = a->unknown;
	if (a->unknown)
		code = learn(s, p, &own);
	for (i = 0; i < a->aside_count; i++)
		a->aside[i].pipeline = p->pub->index;
	if (code == ERR_OK && a->aside_count)
		code = my_acknowledge(&s->base, a->aside, a->aside_count, &own);
	forget_aside(a);
	if (code == ERR_OK)
		return ERR_OK;
	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return err_set(e, code, "%s", own.msg);
	note_trouble(a, &own);
	return ERR_OK;
}

/* Nothing of a row may keep it out of the dead letters. */
void my_audit_letter(struct buf *sql)
{
	buf_add_str(sql,
		    "LEFT(COALESCE(operation, ''), 16), "
		    "LEFT(IF(LOCATE('.', table_name), SUBSTRING_INDEX(table_name, '.', 1), "
		    "DATABASE()), 64), "
		    "LEFT(SUBSTRING(COALESCE(table_name, ''), LOCATE('.', COALESCE(table_name, "
		    "'')) + 1), 64), NULL, NULL, COALESCE(changed_at, UTC_TIMESTAMP(6)), 0, "
		    "COALESCE(" MY_AUDIT_BYTES ", 0), "
		    "CONVERT(data USING utf8mb4), CONVERT(old_data USING utf8mb4)");
}
