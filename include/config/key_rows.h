/* SPDX-License-Identifier: MIT */
/*
 * How the files of the key table are written, src/config/keys_*.c: the macros of a row, and what
 * each of them gives to config/keys.h. Only they and src/config/keys.c include this.
 */
#ifndef CONFIG_KEY_ROWS_H
#define CONFIG_KEY_ROWS_H

#include "base/attr.h"
#include "base/clock.h"
#include "config/keys.h"

struct key_rows {
	const struct key *rows;
	size_t count;
};

extern const struct key_rows key_rows_of_source;
extern const struct key_rows key_rows_of_webhook;
extern const struct key_rows key_rows_of_pipeline;
extern const struct key_rows key_rows_of_daemon;
extern const struct key_rows key_rows_of_ingest;

/* the columns target, offset and size of a field */
#define FIELD(in, type, field)                                                                     \
	.target = (in), .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define SOURCE(field) FIELD(KEY_IN_SOURCE, struct source_settings, field)
#define WEBHOOK(field) FIELD(KEY_IN_WEBHOOK, struct webhook_settings, field)
#define PIPELINE(field) FIELD(KEY_IN_PIPELINE, struct pipeline_settings, field)
#define TABLE(field) FIELD(KEY_IN_TABLE, struct table_settings, field)
#define SETTINGS(field) FIELD(KEY_IN_SETTINGS, struct settings, field)

#define RANGE(least, most) .min = (least), .max = (most)
#define MS CLOCK_US_PER_MS
#define S CLOCK_US_PER_S
#define MIN (60 * S)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define KB 1024LL
#define MB (1024 * KB)
#define GB (1024 * MB)

#define INSTALL .installs = true

/* keys that not every kind of database has */
#define ONLY_SERVERS                                                                               \
	.types = KEY_TYPE_BIT(SOURCE_POSTGRES) | KEY_TYPE_BIT(SOURCE_MYSQL),                       \
	.why = "a file has no server, only path"
#define ONLY_POSTGRES(reason) .types = KEY_TYPE_BIT(SOURCE_POSTGRES), .why = (reason)
#define ONLY_MYSQL(reason) .types = KEY_TYPE_BIT(SOURCE_MYSQL), .why = (reason)
#define ONLY_HTTP(reason) .types = KEY_TYPE_BIT(SOURCE_HTTP), .why = (reason)
#define NOT_HTTP                                                                                   \
	.types = KEY_TYPE_BIT(SOURCE_POSTGRES) | KEY_TYPE_BIT(SOURCE_MYSQL) |                      \
		 KEY_TYPE_BIT(SOURCE_SQLITE),                                                      \
	.why = "events come in when they are posted, and say what they are"

#endif
