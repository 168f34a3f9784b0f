/* SPDX-License-Identifier: MIT */
/*
 * Settings as YAML, always in the long form: it can say everything.
 */
#include "config/field.h"
#include "config/load.h"
#include "config/quote.h"

#define PRINT_NAME_BYTES_MAX 1024

/* "    name: value" for each row of target in section that has a value. */
static void print_rows(struct buf *out, const char *section, enum key_target target,
		       const void *base, const char *indent)
{
	size_t i;

	for (i = 0; i < key_count; i++) {
		const struct key *k = &keys[i];

		if (!strcmp(key_last_name(k), "name"))
			continue; /* print_name wrote it */
		if (k->target != target || k->alias || !field_is_plain(k) ||
		    !text_eq(key_section_of(k), text_of(section)) || !field_is_given(k, base))
			continue;
		buf_add_fmt(out, "%s%s: ", indent, key_last_name(k));
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
	print_rows(out, "tables", KEY_IN_TABLE, t, "        ");
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
	size_t i;

	print_name(out, p->name);
	buf_add_str(out, "    source: ");
	quote_text(text_of(s->sources[p->source].name), out);
	buf_add_str(out, "\n    webhook: ");
	quote_text(text_of(s->webhooks[p->webhook].name), out);
	buf_add_char(out, '\n');
	print_rows(out, "listener", KEY_IN_PIPELINE, p, "    ");
	print_rows(out, "pipelines", KEY_IN_PIPELINE, p, "    ");
	buf_add_str(out, "    tables:\n");
	for (i = 0; i < p->table_count; i++)
		print_table(out, &p->tables[i]);
}

static void print_webhook(struct buf *out, const struct webhook_settings *w)
{
	size_t i;

	print_name(out, w->name);
	print_rows(out, "webhook", KEY_IN_WEBHOOK, w, "    ");
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
	print_name(out, s->name);
	print_rows(out, "database", KEY_IN_SOURCE, s, "    ");
	print_rows(out, "listener", KEY_IN_SOURCE, s, "    ");
}

/* The sections of struct settings. */
static void print_sections(struct buf *out, const struct settings *s)
{
	size_t i, k;

	for (i = 0; i < key_section_count; i++) {
		for (k = 0; k < key_count; k++) {
			if (keys[k].target == KEY_IN_SETTINGS &&
			    text_eq(key_section_of(&keys[k]), text_of(key_sections[i].name)))
				break;
		}
		if (k == key_count)
			continue;
		buf_add_fmt(out, "%s:\n", key_sections[i].name);
		print_rows(out, key_sections[i].name, KEY_IN_SETTINGS, s, "  ");
	}
}

void config_print(const struct settings *s, struct buf *out)
{
	size_t i;

	buf_add_str(out, "sources:\n");
	for (i = 0; i < s->source_count; i++)
		print_source(out, &s->sources[i]);
	buf_add_str(out, "webhooks:\n");
	for (i = 0; i < s->webhook_count; i++)
		print_webhook(out, &s->webhooks[i]);
	buf_add_str(out, "pipelines:\n");
	for (i = 0; i < s->pipeline_count; i++)
		print_pipeline(out, s, &s->pipelines[i]);
	print_sections(out, s);
}
