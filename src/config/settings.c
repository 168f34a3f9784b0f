/* SPDX-License-Identifier: MIT */
#include "config/settings.h"

#include <string.h>

#include "base/mem.h"
#include "config/column_rules.h"
#include "config/field.h"

const char *source_type_name(enum source_type type)
{
	static const char *const names[] = {
		[SOURCE_POSTGRES] = "postgres", [SOURCE_MYSQL] = "mysql",
		[SOURCE_SQLITE] = "sqlite",     [SOURCE_HTTP] = "http",
		[SOURCE_FAKE] = "fake",
	};

	return names[type];
}

static void webhook_done(struct webhook_settings *w)
{
	size_t i;

	for (i = 0; i < w->header_count; i++) {
		mem_free(w->headers[i].name);
		if (w->headers[i].value.value)
			mem_wipe(w->headers[i].value.value, strlen(w->headers[i].value.value));
		mem_free(w->headers[i].value.value);
	}
	mem_free(w->headers);
	column_rules_free(w->column_rules);
	field_done_all(KEY_IN_WEBHOOK, w);
}

static void table_done(struct table_settings *t)
{
	enum op op;

	mem_free(t->schema);
	mem_free(t->table);
	for (op = 0; op < OP_COUNT; op++)
		mem_free(t->where[op]);
	field_done_all(KEY_IN_TABLE, t);
}

static void pipeline_done(struct pipeline_settings *p)
{
	size_t i;

	for (i = 0; i < p->table_count; i++)
		table_done(&p->tables[i]);
	mem_free(p->tables);
	field_done_all(KEY_IN_PIPELINE, p);
}

bool inlet_settings_init(struct inlet_settings *in, const char *name)
{
	*in = (struct inlet_settings){.name = mem_strdup(name)};
	return in->name;
}

const char *pipeline_source_name(const struct settings *s, const struct pipeline_settings *p)
{
	return p->pushed ? s->inlets[p->inlet].name : s->sources[p->source].name;
}

void settings_done(struct settings *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->source_count; i++)
		field_done_all(KEY_IN_SOURCE, &s->sources[i]);
	for (i = 0; i < s->inlet_count; i++)
		mem_free(s->inlets[i].name);
	for (i = 0; i < s->webhook_count; i++)
		webhook_done(&s->webhooks[i]);
	for (i = 0; i < s->pipeline_count; i++)
		pipeline_done(&s->pipelines[i]);
	mem_free(s->sources);
	mem_free(s->inlets);
	mem_free(s->webhooks);
	mem_free(s->pipelines);
	field_done_all(KEY_IN_SETTINGS, s);
	mem_free(s->file);
	*s = (struct settings){.file = NULL};
}
