/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include <string.h>

#include "config/key_rows.h"

const struct key_section key_sections[] = {
	{"database", KEY_SECTION_SHARED, "The database whose changes are captured."},
	{"listener", KEY_SECTION_SHARED,
	 "How changes are captured and read. These are the defaults of every source and pipeline, "
	 "which may set them too."},
	{"webhook", KEY_SECTION_SHARED, "The receiver that each change is sent to."},
	{"tables", KEY_SECTION_TABLES,
	 "The tables to capture, instead of database.table or database.tables: each a name or a "
	 "mapping of the keys below."},
	{"sources", KEY_SECTION_LIST,
	 "Several databases: each has a name and the keys of database and listener."},
	{"webhooks", KEY_SECTION_LIST,
	 "Several receivers: each has a name and the keys of webhook."},
	{"pipelines", KEY_SECTION_LIST,
	 "Several routes: each joins tables of one source to one webhook. Without this list there "
	 "is "
	 "one pipeline, called default."},
	{"worker", KEY_SECTION_MAPPING, "The threads that send."},
	{"queue", KEY_SECTION_MAPPING, "The bounds of what is held in memory."},
	{"memory", KEY_SECTION_MAPPING,
	 "The budget that everything large in memory is charged to."},
	{"logging", KEY_SECTION_MAPPING, "Where log lines go."},
	{"metrics_history", KEY_SECTION_MAPPING,
	 "The figures of /metrics over time, as lines of JSON in a file."},
	{"admin", KEY_SECTION_MAPPING, "The HTTP address for metrics, health and steering."},
	{"daemon", KEY_SECTION_MAPPING, "The process itself."},
	{"ingest", KEY_SECTION_MAPPING,
	 "Where applications post events over HTTP, for sources of type http."},
};
const size_t key_section_count = ARRAY_LEN(key_sections);

/* in the order of the documentation */
static const struct key_rows *const tables[] = {
	&key_rows_of_source, &key_rows_of_webhook, &key_rows_of_pipeline,
	&key_rows_of_daemon, &key_rows_of_ingest,
};

const struct key *key_at(size_t i)
{
	size_t t;

	for (t = 0; t < ARRAY_LEN(tables); t++) {
		if (i < tables[t]->count)
			return &tables[t]->rows[i];
		i -= tables[t]->count;
	}
	return NULL;
}

struct text key_section_of(const struct key *k)
{
	return (struct text){k->name, (size_t)(strchr(k->name, '.') - k->name)};
}

const char *key_last_name(const struct key *k)
{
	return strchr(k->name, '.') + 1;
}

const struct key *key_find(const char *section, struct text name)
{
	const struct key *k;
	size_t i;

	for (i = 0; (k = key_at(i)); i++)
		if (text_eq(key_section_of(k), text_of(section)) &&
		    text_eq(text_of(key_last_name(k)), name))
			return k;
	return NULL;
}

bool key_fits(const struct key *k, enum source_type type)
{
	return !k->types || (k->types & KEY_TYPE_BIT(type));
}
