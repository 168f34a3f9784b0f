/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "source/pg_install.h"
#include "source/pg_schema.h"
#include "source/pg_webhook.h"
#include "source/row_count.h"

#define NAMES_MAX_BYTES (64UL * 1024)

/* Seen in pg_locks, not tried: taking it, however briefly, could keep a standby from taking over.
 */
static ATTR_MUST_CHECK enum err_code is_active(struct pg_admin *a, bool *ret_active, struct err *e)
{
	char sql[320];
	int64_t n;
	enum err_code code;

	(void)snprintf(
		sql, sizeof(sql),
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
		"AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE "
		"datname = current_database()) AND classid = %d AND objid = %d "
		"AND objsubid = 2",
		PG_LOCK_CLASS, PG_LOCK_LEADER);
	code = pg_admin_number(a, sql, 0, NULL, 0, &n, e);
	if (code == ERR_OK)
		*ret_active = n > 0;
	return code;
}

/* Dead letters and parked rows as far as they are told. */
#define COUNT_OF(table)                                                                            \
	"(SELECT count(*) FROM (SELECT 1 FROM " table                                              \
	" AS r WHERE r.pipeline = p.name LIMIT " ROW_COUNT_LIMIT ") AS x)"
#define OUTBOX_ROWS PG_SCHEMA ".outbox AS o WHERE o.pipeline = p.name"
#define AS_US(time) "coalesce((extract(epoch FROM " time ") * 1000000)::int8, 0)"

/* One row for each of the names $1, in their order. What is sorted is read by the key: without, a
 * plan that looks at everything first seems cheap. OFFSET 0 has the ends looked up once. */
#define STATUS_SQL(parked)                                                                         \
	"SELECT n.rows, coalesce(b.lowest, 0), coalesce(b.highest, 0), CASE WHEN n.rows > "        \
	"10000 THEN (SELECT sum((SELECT count(*) FROM " OUTBOX_ROWS                                \
	" AND o.id = b.lowest + (b.highest - b.lowest) * g.i / " ROW_COUNT_LAST                    \
	")) FROM generate_series(0, " ROW_COUNT_LAST                                               \
	") AS g (i)) ELSE 0 END, " AS_US("b.oldest") ", " COUNT_OF(                                \
		PG_SCHEMA ".dead_letter") ", " parked ", (SELECT count(*) FROM " PG_SCHEMA         \
					  ".install AS i WHERE i.pipeline = p.name) FROM "         \
					  "unnest($1::text[]) WITH ORDINALITY "                    \
					  "AS p (name, nth) CROSS JOIN LATERAL (SELECT count(*) "  \
					  "AS rows FROM (SELECT 1 FROM " OUTBOX_ROWS               \
					  " ORDER BY o.id LIMIT " ROW_COUNT_LIMIT                  \
					  ") AS x) AS n LEFT JOIN LATERAL (SELECT (SELECT o.id "   \
					  "FROM " OUTBOX_ROWS                                      \
					  " ORDER BY o.id DESC LIMIT 1) AS highest, f.id AS "      \
					  "lowest, f.changed_at AS oldest FROM "                   \
					  "(SELECT o.id, o.changed_at FROM " OUTBOX_ROWS           \
					  " ORDER BY o.id LIMIT 1) AS f OFFSET 0) AS b ON true "   \
					  "ORDER BY p.nth"

static int64_t cell(const PGresult *res, int row, int col)
{
	return strtoll(PQgetvalue(res, row, col), NULL, 10);
}

static void take_row(const PGresult *res, int row, struct outbox_status *s)
{
	const struct row_count count = {.rows = cell(res, row, 0),
					.lowest = cell(res, row, 1),
					.highest = cell(res, row, 2),
					.hits = cell(res, row, 3)};

	s->rows = row_count_about(&count, &s->about);
	s->oldest_wall_us = cell(res, row, 4);
	s->dead_letters = cell(res, row, 5);
	s->parked = cell(res, row, 6);
	s->installed = cell(res, row, 7) != 0;
}

/* Fill all of the count pipelines of names. */
static ATTR_MUST_CHECK enum err_code count_all(struct pg_admin *a, const char *names, size_t count,
					       struct outbox_status *all, struct err *e)
{
	const char *const values[] = {names};
	bool has_parked = false;
	PGresult *res;
	size_t i;
	enum err_code code = pg_schema_has_parked(a, &has_parked, e);

	/* planned with figures of when the outbox was empty, sorting everything seems cheap */
	if (code == ERR_OK)
		code = pg_admin_query_by_key(
			a, has_parked ? STATUS_SQL(COUNT_OF(PG_PARKED)) : STATUS_SQL("0"), 1,
			values, &res, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < count && i < (size_t)PQntuples(res); i++)
		take_row(res, (int)i, &all[i]);
	PQclear(res);
	return ERR_OK;
}

/* The names of the source's pipelines as an array; their number. */
static size_t names_of(const struct pg_admin *a, struct buf *out)
{
	size_t i, count = 0;

	for (i = 0; i < a->settings->pipeline_count; i++) {
		if (!pg_admin_has_pipeline(a, i))
			continue;
		buf_add_str(out, count++ ? "," : "{");
		json_quote(out, text_of(a->settings->pipelines[i].name));
	}
	buf_add_char(out, '}');
	return count;
}

static ATTR_MUST_CHECK enum err_code look(struct pg_admin *a, struct outbox_status *all,
					  struct err *e)
{
	bool installed = false, active = false;
	struct buf names;
	size_t i, count;
	enum err_code code = pg_schema_is_installed(a, &installed, e);

	if (code == ERR_OK)
		code = is_active(a, &active, e);
	buf_init(&names, NAMES_MAX_BYTES);
	count = names_of(a, &names);
	for (i = 0; i < count; i++) {
		all[i] = (struct outbox_status){.active = active, .rows = -1, .parked = -1};
		memcpy(all[i].server, a->server, sizeof(all[i].server));
	}
	if (code == ERR_OK && buf_error(&names) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	if (code == ERR_OK && installed)
		code = count_all(a, buf_str(&names), count, all, e);
	buf_done(&names);
	return code;
}

enum err_code pg_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			struct err *e)
{
	struct outbox_status *all = mem_calloc(SETTINGS_PIPELINES_MAX, sizeof(*all));
	struct outbox_status *next = all;
	struct pg_admin a;
	size_t i;
	enum err_code code;

	if (!all)
		return err_set(e, ERR_NOMEM, "no memory for the status");
	code = pg_admin_open(&a, s, source, NULL, e);
	if (code != ERR_OK) {
		mem_free(all);
		return code;
	}
	code = look(&a, all, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!pg_admin_has_pipeline(&a, i))
			continue;
		if (next->rows >= 0)
			code = pg_webhook_load(a.conn, s->pipelines[i].name, &next->standing, e);
		if (code == ERR_NOT_FOUND)
			code = ERR_OK;
		if (code == ERR_OK)
			fn(ctx, s->pipelines[i].name, next++);
	}
	pg_admin_close(&a);
	mem_free(all);
	return code;
}
