/* SPDX-License-Identifier: MIT */
/*
 * Settings as YAML, always in the long form: it can say everything.
 */
#include "config/field.h"
#include "config/load.h"
#include "config/quote.h"

#define PRINT_NAME_BYTES_MAX 1024

/* The rows of one part of the file. */
struct print_rows {
	const char *section;
	enum key_target target;
	enum source_type type; /* rows that it does not have are left out */
	const char *indent;
};

/* "    name: value" for each row that has a value in base. */
static void print_rows(struct buf *out, const struct print_rows *r, const void *base)
{
	const struct key *k;
	size_t i;

	for (i = 0; (k = key_at(i)); i++) {
		if (!strcmp(key_last_name(k), "name"))
			continue; /* print_name wrote it */
		if (k->target != r->target || k->alias || !field_is_plain(k) ||
		    !key_fits(k, r->type) || !text_eq(key_section_of(k), text_of(r->section)) ||
		    !field_is_given(k, base))
			continue;
		buf_add_fmt(out, "%s%s: ", r->indent, key_last_name(k));
		field_print(k, base, out);
		buf_add_char(out, '\n');
	}
}

static void print_name(struct buf *out, const char *name)
{
	buf_add_str(out, "  - name: ");
	quote_text(text_of(name), out);
	buf_add_char(out, '\n');
}

/* One part of a table's name, in quotes where tables.c asks for them. */
static void print_part(struct buf *name, const char *part)
{
	if (!strpbrk(part, "\". *,") && check_text(part) == NULL) {
		buf_add_str(name, part);
		return;
	}
	if (!strcmp(part, "*")) {
		buf_add_char(name, '*');
		return;
	}
	buf_add_char(name, '"');
	for (; *part; part++) {
		if (*part == '"')
			buf_add_char(name, '"');
		buf_add_char(name, *part);
	}
	buf_add_char(name, '"');
}

static void print_table(struct buf *out, const struct table_settings *t)
{
	struct buf name;
	enum op op;
	bool any = false;

	buf_init(&name, PRINT_NAME_BYTES_MAX);
	if (t->schema) {
		print_part(&name, t->schema);
		buf_add_char(&name, '.');
	}
	print_part(&name, t->table);
	if (buf_error(&name) != ERR_OK)
		out->error = buf_error(&name);
	buf_add_str(out, "      - name: ");
	quote_text(buf_text(&name), out);
	buf_add_char(out, '\n');
	buf_done(&name);
	print_rows(out, &(struct print_rows){"tables", KEY_IN_TABLE, SOURCE_FAKE, "        "}, t);
	for (op = 0; op < OP_COUNT; op++) {
		if (!t->where[op])
			continue;
		buf_add_fmt(out, "%s          %s: ", any ? "" : "        where:\n", op_name(op));
		quote_text(text_of(t->where[op]), out);
		buf_add_char(out, '\n');
		any = true;
	}
}

static void print_pipeline(struct buf *out, const struct settings *s,
			   const struct pipeline_settings *p)
{
	struct print_rows rows = {"listener", KEY_IN_PIPELINE,
				  p->pushed ? SOURCE_HTTP : s->sources[p->source].type, "    "};
	size_t i;

	print_name(out, p->name);
	buf_add_str(out, "    source: ");
	quote_text(text_of(pipeline_source_name(s, p)), out);
	buf_add_str(out, "\n    webhook: ");
	quote_text(text_of(s->webhooks[p->webhook].name), out);
	buf_add_char(out, '\n');
	print_rows(out, &rows, p);
	rows.section = "pipelines";
	print_rows(out, &rows, p);
	if (p->table_count)
		buf_add_str(out, "    tables:\n");
	for (i = 0; i < p->table_count; i++)
		print_table(out, &p->tables[i]);
}

static void print_webhook(struct buf *out, const struct webhook_settings *w)
{
	size_t i;

	print_name(out, w->name);
	print_rows(out, &(struct print_rows){"webhook", KEY_IN_WEBHOOK, SOURCE_FAKE, "    "}, w);
	for (i = 0; i < w->header_count; i++) {
		if (!i)
			buf_add_str(out, "    headers:\n");
		buf_add_str(out, "      ");
		quote_text(text_of(w->headers[i].name), out);
		buf_add_str(out, ": \"***\"\n");
	}
}

static void print_source(struct buf *out, const struct source_settings *s)
{
	struct print_rows rows = {"database", KEY_IN_SOURCE, s->type, "    "};

	print_name(out, s->name);
	print_rows(out, &rows, s);
	rows.section = "listener";
	print_rows(out, &rows, s);
}

/* A source that is none: its events are in another's database. */
static void print_inlet(struct buf *out, const struct settings *s, const struct inlet_settings *in)
{
	if (in->is_own)
		return;
	print_name(out, in->name);
	buf_add_str(out, "    type: http\n    store: ");
	quote_text(text_of(s->sources[in->source].name), out);
	buf_add_char(out, '\n');
}

/* The sections of struct settings. */
static void print_sections(struct buf *out, const struct settings *s)
{
	const struct key *row;
	struct print_rows rows = {NULL, KEY_IN_SETTINGS, SOURCE_FAKE, "  "};
	size_t i, k;

	for (i = 0; i < key_section_count; i++) {
		for (k = 0; (row = key_at(k)); k++) {
			if (row->target == KEY_IN_SETTINGS &&
			    text_eq(key_section_of(row), text_of(key_sections[i].name)))
				break;
		}
		if (!row)
			continue;
		buf_add_fmt(out, "%s:\n", key_sections[i].name);
		rows.section = key_sections[i].name;
		print_rows(out, &rows, s);
	}
}

void config_print(const struct settings *s, struct buf *out)
{
	size_t i;

	buf_add_str(out, "sources:\n");
	for (i = 0; i < s->source_count; i++)
		print_source(out, &s->sources[i]);
	for (i = 0; i < s->inlet_count; i++)
		print_inlet(out, s, &s->inlets[i]);
	buf_add_str(out, "webhooks:\n");
	for (i = 0; i < s->webhook_count; i++)
		print_webhook(out, &s->webhooks[i]);
	buf_add_str(out, "pipelines:\n");
	for (i = 0; i < s->pipeline_count; i++)
		print_pipeline(out, s, &s->pipelines[i]);
	print_sections(out, s);
}
