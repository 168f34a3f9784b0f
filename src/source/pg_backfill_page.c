/* SPDX-License-Identifier: MIT */
/*
 * A page is a block of plpgsql that is made anew each time and run once, so that nothing of it has
 * to be installed, and the row has the type that its table has now. What a row becomes is the text
 * of the capture function itself (pg_capture.h), with its arguments declared here.
 *
 *   - The keys are taken first, without locks and without the filters: then a page looks at a
 *     bounded number of rows whatever the filters mean. Each key tells whether the filters mean its
 *     row, as of then.
 *   - Each row is then read by its key with FOR SHARE SKIP LOCKED, in a statement with a snapshot
 *     of its own: what it sees is what was committed last, and stays so until the page commits. The
 *     id of the event is drawn behind that. PostgreSQL manual, "The Locking Clause", and "Read
 *     Committed Isolation Level".
 *   - A wanted row that is not found so is locked, or changed since: its key is skipped. What
 *     changed is captured by a trigger, and the key is given up when it is asked again.
 *   - FOR SHARE does not hinder foreign keys, which lock FOR KEY SHARE.
 *   - Nothing here waits for a row; tables are waited for a tenth of a second (lock_timeout).
 *
 * #variable_conflict use_column: a column of the operator's table may be called as a variable here
 * is, and then the filters mean the column.
 */
#include "base/buf.h"
#include "config/field.h"
#include "source/pg_admin.h"
#include "source/pg_backfill.h"
#include "source/pg_capture.h"
#include "source/pg_quote.h"

/* The settings of the capture function, so that keys and rows are the same texts; and a plan that
 * goes by the key. row_security = off: rows that a policy would hide are an error, not a gap. */
const char pg_page_begin_sql[] =
	"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
	"SET LOCAL lock_timeout = '100ms'; SET LOCAL synchronous_commit = off; "
	"SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL timezone = 'UTC'; "
	"SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; "
	"SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; "
	"SET LOCAL enable_seqscan = off; SET LOCAL jit = off; SET LOCAL row_security = off";

/* The row in r; its key in adbl_keys[adbl_i] */
static const char row_text[] = "    fast := true; cut := false;\n"
			       "    new_json := NULL; new_data := NULL; new_key := NULL;\n"
			       "    BEGIN\n" PG_CAPTURE_DATA("r", "new_json", "new_data") /**/
	"      IF fast THEN\n" PG_CAPTURE_KEY("new_json", "new_key")                      /**/
	"      END IF;\n"
	"    EXCEPTION WHEN OTHERS THEN\n"
	"      fast := false;\n"
	"    END;\n"
	"    IF NOT fast OR octet_length(new_data) > 1024 THEN\n"
	"      cap := TG_ARGV[3];\n"
	"      IF NOT fast THEN\n"
	"        new_data := NULL; new_key := NULL;\n" PG_CAPTURE_SLOW("r", "new_data",
								       "new_key") /**/
	"      END IF;\n"
	"      IF octet_length(new_key) > 65536 THEN\n"
	"        new_key := NULL;\n"
	"      END IF;\n"
	"      IF new_data IS NULL OR octet_length(new_data) > cap THEN\n"
	"        cut := true;\n"
	"        new_data := coalesce(new_key, '{}');\n"
	"      END IF;\n"
	"    END IF;\n"
	"    adbl_size := octet_length(new_data) + coalesce(octet_length(new_key), 0);\n"
	"    INSERT INTO " PG_SCHEMA ".outbox (id, pipeline, operation, schema_name, table_name,\n"
	"        row_key, bytes, truncated, data)\n"
	"      VALUES (" PG_CAPTURE_ID ",\n"
	"              TG_ARGV[0], 'read', TG_ARGV[1], TG_ARGV[2], new_key, adbl_size, cut,\n"
	"              new_data);\n"
	"    adbl_rows := adbl_rows + 1;\n"
	"    adbl_bytes := adbl_bytes + adbl_size;\n";

static const char variables_text[] =
	"  new_json json; new_data text; new_key text;\n"
	"  fast boolean; cut boolean; cap integer; fields text;\n"
	"  adbl_keys text[]; adbl_wanted boolean[];\n"
	"  adbl_again text[] := '{}'; adbl_skips text[] := '{}';\n"
	"  adbl_key json; adbl_last text;\n"
	"  adbl_size integer; adbl_rows bigint := 0; adbl_bytes bigint := 0;\n"
	"  adbl_old integer := 0; adbl_looked integer; adbl_cut boolean := false;\n";

void pg_page_filter(struct buf *out, const char *a, const char *b)
{
	if (!a && !b) {
		buf_add_str(out, "TRUE");
		return;
	}
	/* each on lines of its own */
	if (a)
		buf_add_fmt(out, "(%s\n)", a);
	if (a && b)
		buf_add_str(out, " AND ");
	if (b)
		buf_add_fmt(out, "(%s\n)", b);
}

/* ---- pieces ---- */

/* The arguments as an array literal that begins with 0. */
static void add_arguments(struct buf *out, const struct pg_trigger *t)
{
	struct buf args, array;
	size_t i, n = 0;
	bool begins = true;

	buf_init(&args, PG_SQL_MAX_BYTES);
	buf_init(&array, PG_SQL_MAX_BYTES);
	pg_trigger_args(&args, t, '\0');
	for (i = 0; i < args.len; i++) {
		char c = buf_str(&args)[i];

		if (begins)
			buf_add_str(&array, n ? ",\"" : "\"");
		begins = c == '\0';
		n += begins;
		if (begins) {
			buf_add_char(&array, '"');
			continue;
		}
		if (c == '"' || c == '\\')
			buf_add_char(&array, '\\');
		buf_add_char(&array, c);
	}
	if (buf_error(&args) != ERR_OK)
		out->error = buf_error(&args);
	buf_add_fmt(out, "  TG_ARGV text[] := '[0:%zu]={' || ", n - 1);
	pg_quote_literal(out, buf_text(&array));
	buf_add_fmt(out, " || '}'; TG_NARGS integer := %zu;\n", n);
	if (buf_error(&array) != ERR_OK)
		out->error = buf_error(&array);
	buf_done(&array);
	buf_done(&args);
}

static void add_table(struct buf *out, const struct pg_page *p)
{
	pg_quote_name(out, p->trigger.schema, p->trigger.table);
}

/* new."a", new."b", each with what is to stand behind it */
static void add_columns(struct buf *out, const struct pg_walk *w, const char *behind)
{
	size_t i;

	for (i = 0; i < w->key.count; i++) {
		buf_add_str(out, i ? ", new." : "new.");
		pg_quote_ident(out, w->key.items[i]);
		buf_add_str(out, behind);
	}
}

/* (key) > (values), or with another operator */
static void add_bound(struct buf *out, const struct pg_walk *w, const char *operator,
		      const struct string_list * values)
{
	size_t i;

	buf_add_str(out, "ROW(");
	add_columns(out, w, "");
	buf_add_fmt(out, ") %s ROW(", operator);
	for (i = 0; i < w->key.count; i++) {
		buf_add_str(out, i ? ", " : "");
		pg_quote_literal(out, text_of(values->items[i]));
		buf_add_fmt(out, "::%s", w->types.items[i]);
	}
	buf_add_char(out, ')');
}

static void add_range(struct buf *out, const struct pg_page *p)
{
	if (!p->until->count) {
		buf_add_str(out, "FALSE");
		return;
	}
	if (p->after->count) {
		add_bound(out, p->walk, ">", p->after);
		buf_add_str(out, " AND ");
	}
	add_bound(out, p->walk, "<=", p->until);
}

/* FROM the table WHERE it is the row of adbl_key AND the filters mean it */
static void add_one_row(struct buf *out, const struct pg_page *p)
{
	const struct pg_walk *w = p->walk;
	size_t i;

	pg_walk_from(out, p->trigger.schema, p->trigger.table, w);
	buf_add_str(out, " WHERE ");
	for (i = 0; i < w->key.count; i++) {
		buf_add_str(out, "new.");
		pg_quote_ident(out, w->key.items[i]);
		buf_add_fmt(out, " = (adbl_key ->> %zu)::%s AND ", i, w->types.items[i]);
	}
	pg_page_filter(out, p->trigger.where, p->where);
}

/* ---- the block ---- */

static void add_declarations(struct buf *out, const struct pg_page *p)
{
	struct buf name;

	buf_init(&name, PG_SQL_MAX_BYTES);
	add_table(&name, p);
	buf_add_str(out, "#variable_conflict use_column\nDECLARE\n");
	add_arguments(out, &p->trigger);
	buf_add_str(out, "  TG_RELID oid := ");
	pg_quote_literal(out, buf_text(&name));
	buf_add_fmt(out, "::regclass;\n  r %s;\n", buf_str(&name));
	buf_add_str(out, variables_text);
	if (buf_error(&name) != ERR_OK)
		out->error = buf_error(&name);
	buf_done(&name);
}

static void add_skipped(struct buf *out, const struct pg_page *p)
{
	if (!p->skipped)
		return;
	buf_add_str(out, "  SELECT array_agg(e.value::text) INTO ");
	buf_add_str(out, p->again ? "adbl_again" : "adbl_skips");
	buf_add_str(out, "\n    FROM json_array_elements(");
	pg_quote_literal(out, text_of(p->skipped));
	buf_add_str(out, "::json) AS e;\n");
	if (p->again)
		buf_add_str(out, "  adbl_old := coalesce(cardinality(adbl_again), 0);\n");
}

static int64_t keys_to_look_at(const struct pg_page *p)
{
	int64_t left = p->rows - (p->again ? p->skipped_count : 0);

	return left > 0 ? left : 1;
}

static void add_keys(struct buf *out, const struct pg_page *p)
{
	buf_add_str(out,
		    "  SELECT array_agg(s.k), array_agg(s.w) INTO adbl_keys, adbl_wanted FROM (\n"
		    "    SELECT json_build_array(");
	add_columns(out, p->walk, "::text");
	buf_add_str(out, ")::text AS k, coalesce(");
	pg_page_filter(out, p->trigger.where, p->where);
	buf_add_str(out, ", false) AS w\n      ");
	pg_walk_from(out, p->trigger.schema, p->trigger.table, p->walk);
	buf_add_str(out, " WHERE ");
	add_range(out, p);
	buf_add_str(out, " ORDER BY ");
	add_columns(out, p->walk, "");
	buf_add_fmt(out, " LIMIT %lld) AS s;\n", (long long)keys_to_look_at(p));
	buf_add_str(out, "  adbl_looked := coalesce(cardinality(adbl_keys), 0);\n"
			 "  adbl_keys := adbl_again || coalesce(adbl_keys, '{}');\n");
}

static void add_loop(struct buf *out, const struct pg_page *p)
{
	buf_add_fmt(out,
		    "  FOR adbl_i IN 1 .. cardinality(adbl_keys) LOOP\n"
		    "    IF adbl_bytes >= %lld THEN\n"
		    "      adbl_skips := adbl_skips || adbl_keys[adbl_i : adbl_old];\n"
		    "      adbl_cut := true;\n"
		    "      EXIT;\n"
		    "    END IF;\n"
		    "    adbl_key := adbl_keys[adbl_i];\n"
		    "    IF adbl_i > adbl_old THEN\n"
		    "      adbl_cut := cardinality(adbl_skips) >= %d;\n"
		    "      EXIT WHEN adbl_cut;\n"
		    "      adbl_last := adbl_keys[adbl_i];\n"
		    "      CONTINUE WHEN NOT adbl_wanted[adbl_i - adbl_old];\n"
		    "    ELSE\n"
		    "      PERFORM 1 ",
		    (long long)p->bytes, BACKFILL_SKIPPED_MAX);
	add_one_row(out, p);
	buf_add_str(out, ";\n"
			 "      CONTINUE WHEN NOT FOUND;\n"
			 "    END IF;\n"
			 "    SELECT new.* INTO r ");
	add_one_row(out, p);
	buf_add_str(out, "\n      FOR SHARE SKIP LOCKED;\n"
			 "    IF NOT FOUND THEN\n"
			 "      adbl_skips := adbl_skips || adbl_keys[adbl_i];\n"
			 "      CONTINUE;\n"
			 "    END IF;\n");
	buf_add_str(out, row_text);
	buf_add_str(out, "  END LOOP;\n");
}

static void add_end(struct buf *out, const struct pg_page *p)
{
	buf_add_fmt(out,
		    "  adbl_cut := adbl_cut OR adbl_looked >= %lld;\n"
		    "  UPDATE " PG_BACKFILL " AS b SET rows_done = b.rows_done + adbl_rows,\n"
		    "      cursor_key = coalesce(adbl_last, b.cursor_key),\n"
		    "      skipped = CASE WHEN cardinality(adbl_skips) > 0\n"
		    "        THEN concat('[', array_to_string(adbl_skips, ','), ']') END,\n"
		    "      state = CASE WHEN adbl_cut OR cardinality(adbl_skips) > 0 THEN b.state\n"
		    "        ELSE 'done' END,\n"
		    "      updated_at = clock_timestamp()\n"
		    "    WHERE b.id = %lld;\n"
		    "  PERFORM set_config('" PG_PAGE_RESULT "',\n"
		    "    concat_ws(' ', adbl_rows, adbl_bytes, (NOT adbl_cut)::integer), true);\n",
		    (long long)keys_to_look_at(p), (long long)p->job);
}

void pg_page_write(struct buf *out, const struct pg_page *p)
{
	struct buf block;

	buf_init(&block, PG_SQL_MAX_BYTES);
	add_declarations(&block, p);
	buf_add_str(&block, "BEGIN\n");
	add_skipped(&block, p);
	add_keys(&block, p);
	add_loop(&block, p);
	add_end(&block, p);
	buf_add_str(&block, "END\n");
	/* a literal: no dollar quote that a filter could close */
	buf_add_str(out, "DO ");
	pg_quote_literal(out, buf_text(&block));
	if (buf_error(&block) != ERR_OK)
		out->error = buf_error(&block);
	buf_done(&block);
}

void pg_page_last(struct buf *out, const char *schema, const char *table, const struct pg_walk *w)
{
	buf_add_str(out, "SELECT json_build_array(");
	add_columns(out, w, "::text");
	buf_add_str(out, ")::text ");
	pg_walk_from(out, schema, table, w);
	buf_add_str(out, " ORDER BY ");
	add_columns(out, w, " DESC");
	buf_add_str(out, " LIMIT 1");
}
