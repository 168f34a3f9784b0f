/* SPDX-License-Identifier: MIT */
/*
 * The table of every key a configuration may hold. Parser, defaults, ranges, unknown keys, the
 * effective configuration, the reload difference, the reference in docs/configuration.md, the
 * second half of config.yaml.example and the fuzz dictionary all come from it: a new setting is
 * a new row in src/config/keys_*.c and a field in config/settings.h.
 *
 * A key's name is SECTION.NAME. The same row serves the short and the long form:
 *
 *     section     stands in                        its rows fill
 *     database    database:, each of sources:      struct source_settings
 *     listener    listener:, sources:, pipelines:  struct source_settings, struct pipeline_settings
 *     webhook     webhook:, each of webhooks:      struct webhook_settings
 *     sources     each of sources:                 struct source_settings
 *     webhooks    each of webhooks:                struct webhook_settings
 *     pipelines   each of pipelines:               struct pipeline_settings
 *     tables      each of tables: as a mapping     struct table_settings
 *     others      the mapping of that name         struct settings
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "config/check.h"
#include "config/settings.h"

enum key_type {
	KEY_INT,       /* int64_t */
	KEY_BOOL,      /* bool */
	KEY_DURATION,  /* int64_t, microseconds */
	KEY_SIZE,      /* int64_t, bytes */
	KEY_STRING,    /* char * */
	KEY_CHOICE,    /* char *, one of words */
	KEY_SECRET,    /* struct secret; KEY_file and KEY_credential exist too */
	KEY_URL,       /* struct secret that is a URL and is printed without its secret parts */
	KEY_WORD,      /* an enum, by words */
	KEY_LIST,      /* struct string_list */
	KEY_OPS,       /* bool[OP_COUNT] */
	KEY_DURATIONS, /* struct duration_list */
	KEY_RATE,      /* struct rate */
	KEY_PERCENT,   /* int64_t, hundredths of a per cent */
	KEY_PAIRS,     /* struct string_list of names and values by turns: a mapping */
	KEY_TOKENS,    /* struct ingest_tokens */

	/* those with a shape of their own (config/loading.h) */
	KEY_TABLES,  /* struct table_settings * and count: a list of tables */
	KEY_TABLE,   /* the same: one table */
	KEY_NAME_OF, /* a table's name: char *schema, then char *table */
	KEY_WHERE,   /* char *[OP_COUNT] */
	KEY_HEADERS, /* struct webhook_header * and count */
	KEY_SOURCE,  /* size_t, by the source's name */
	KEY_WEBHOOK, /* size_t, by the webhook's name */
	KEY_SIGNING, /* struct signing_keys; KEY_file and KEY_credential exist too */
	KEY_TYPE_COUNT
};

/* Whose field a row fills. */
enum key_target {
	KEY_IN_SOURCE,
	KEY_IN_WEBHOOK,
	KEY_IN_PIPELINE,
	KEY_IN_TABLE,
	KEY_IN_SETTINGS,
	KEY_TARGET_COUNT
};

/* An accepted word and the enum member it means; a list of them ends with a NULL name. Of words
 * with one value the first is the one that is printed. */
struct key_word {
	const char *name;
	int value;
};

#define KEY_TYPE_BIT(type) (1U << (type))

struct key {
	const char *name; /* "webhook.timeout" */
	enum key_type type;
	enum key_target target;
	size_t offset;   /* of the field in its struct */
	size_t size;     /* of the field */
	const char *def; /* as text; NULL: none */
	/* the same for databases that are only polled, MySQL and SQLite; NULL: def */
	const char *def_polled;
	int64_t min, max; /* of numbers, in the unit of the field; max 0: no range */
	const struct key_word *words;
	check_fn check;   /* NULL: any text */
	const char *why;  /* for a message: why the others do not have it */
	unsigned types;   /* KEY_TYPE_BIT of each kind of database that has it; 0: all */
	bool installs;    /* is in the triggers: takes effect with the next install */
	bool alias;       /* another row owns the same field: default and printing are there */
	const char *help; /* one sentence */
};

/* Row i from 0 of all, grouped by section, in the order of the documentation; NULL behind the last.
 */
const struct key *key_at(size_t i);

/* What a top-level name holds. */
struct key_section {
	const char *name;
	/* SHARED: a mapping that is read for each source, pipeline or webhook */
	enum { KEY_SECTION_MAPPING, KEY_SECTION_SHARED, KEY_SECTION_LIST, KEY_SECTION_TABLES } kind;
	const char *help;
};

extern const struct key_section key_sections[];
extern const size_t key_section_count;

/* "webhook" of "webhook.timeout", and "timeout". */
struct text key_section_of(const struct key *k);
const char *key_last_name(const struct key *k);

/* The row of section.name, NULL when there is none. */
const struct key *key_find(const char *section, struct text name);

/* Whether a database of this type has k. */
bool key_fits(const struct key *k, enum source_type type);

/* "duration", "size", ...: for the documentation. Never NULL. */
const char *key_type_name(enum key_type type);

/* The field of k in the struct at base, which is of k's target. */
static inline void *key_field(const struct key *k, void *base)
{
	return (char *)base + k->offset;
}

static inline const void *key_field_const(const struct key *k, const void *base)
{
	return (const char *)base + k->offset;
}

#endif
