/* SPDX-License-Identifier: MIT */
#include "daemon/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/value.h"

enum option_kind { KIND_FLAG, KIND_STRING, KIND_COUNT, KIND_DURATION, KIND_WORDS };

#define LONG_BYTES 32

static const struct option_row {
	enum option option;
	char letter; /* 0: none */
	const char *name;
	enum option_kind kind;
	size_t offset;
	const char *metavar;
	const char *help;
} option_table[] = {
	{OPTION_CONFIG, 'c', "config", KIND_STRING, offsetof(struct options, config), "FILE",
	 "configuration file (default " OPTIONS_CONFIG_DEFAULT ")"},
	{OPTION_JSON, 0, "json", KIND_FLAG, offsetof(struct options, json), NULL,
	 "print JSON, one document, for scripts"},
	{OPTION_PRINT, 0, "print", KIND_FLAG, offsetof(struct options, print), NULL,
	 "show the SQL and change nothing"},
	{OPTION_USER, 'U', "user", KIND_STRING, offsetof(struct options, user), "NAME",
	 "connect as NAME instead of the user in the configuration"},
	{OPTION_PASSWORD_FILE, 0, "password-file", KIND_STRING,
	 offsetof(struct options, password_file), "FILE", "its password is the first line of FILE"},
	{OPTION_SOURCE, 0, "source", KIND_STRING, offsetof(struct options, source), "NAME",
	 "only this source (default: each)"},
	{OPTION_GIVE_UP, 0, "give-up", KIND_DURATION, offsetof(struct options, give_up_us), "TIME",
	 "how long to try for the locks on busy tables (default 60s)"},
	{OPTION_KEEP_DATA, 0, "keep-data", KIND_FLAG, offsetof(struct options, keep_data), NULL,
	 "refuse while undelivered events or dead letters are there"},
	{OPTION_PIPELINE, 0, "pipeline", KIND_STRING, offsetof(struct options, pipeline), "NAME",
	 "only of this pipeline"},
	{OPTION_TABLE, 0, "table", KIND_STRING, offsetof(struct options, table), "[SCHEMA.]TABLE",
	 "only of this table"},
	{OPTION_ID, 0, "id", KIND_COUNT, offsetof(struct options, id), "N",
	 "only the one with this outbox id"},
	{OPTION_OLDER_THAN, 0, "older-than", KIND_DURATION, offsetof(struct options, older_than_us),
	 "TIME", "only those dead for longer: 30d, 12h"},
	{OPTION_LIMIT, 'n', "limit", KIND_COUNT, offsetof(struct options, limit), "N", "at most N"},
	{OPTION_WEBHOOK, 0, "webhook", KIND_STRING, offsetof(struct options, webhook), "NAME",
	 "only this webhook (default: each)"},
	{OPTION_ALL, 0, "all", KIND_FLAG, offsetof(struct options, all), NULL,
	 "all of them: needed when no other filter is given"},
	{OPTION_DRY_RUN, 0, "dry-run", KIND_FLAG, offsetof(struct options, dry_run), NULL,
	 "say what would be done and change nothing"},
	{OPTION_OFFLINE, 0, "offline", KIND_FLAG, offsetof(struct options, offline), NULL,
	 "only read the configuration, connect nowhere"},
	{OPTION_OFFLINE, 0, "settings", KIND_FLAG, offsetof(struct options, settings), NULL,
	 "print all settings in force, defaults too, and connect nowhere"},
	{OPTION_TABLES, 0, "table", KIND_WORDS, offsetof(struct options, tables), "[SCHEMA.]TABLE",
	 "capture this table; may be repeated (default: all)"},
	{OPTION_FORCE, 0, "force", KIND_FLAG, offsetof(struct options, force), NULL,
	 "replace a configuration that is there"},
	{OPTION_LIST_TABLES, 0, "tables", KIND_FLAG, offsetof(struct options, list_tables), NULL,
	 "list each captured table's columns that its triggers name"},
	{OPTION_KEYS, 0, "key", KIND_WORDS, offsetof(struct options, keys), "NAME=VALUE",
	 "only of the row with this key, or a JSON object; may be repeated"},
	{OPTION_SINCE, 0, "since", KIND_STRING, offsetof(struct options, since), "TIME",
	 "only those that died, or were delivered, then or later: 2h, 2026-03-01T12:00:00Z"},
	{OPTION_UNTIL, 0, "until", KIND_STRING, offsetof(struct options, until), "TIME",
	 "only those that died, or were delivered, before"},
	{OPTION_STATUS, 0, "status", KIND_STRING, offsetof(struct options, status), "STATUS",
	 "only with this last answer: 404, 5xx, none"},
	{OPTION_ERROR, 0, "error", KIND_STRING, offsetof(struct options, error), "TEXT",
	 "only with TEXT in the reason, in any case"},
	{OPTION_IN_FRONT, 0, "in-front", KIND_FLAG, offsetof(struct options, in_front), NULL,
	 "replay at their old place, before later changes that wait"},
	{OPTION_SKIP_SUPERSEDED, 0, "skip-superseded", KIND_FLAG,
	 offsetof(struct options, skip_superseded), NULL,
	 "replay none of whose row a newer change waits or is dead"},
	{OPTION_OPERATION, 0, "operation", KIND_WORDS, offsetof(struct options, operations),
	 "OPERATION", "only these: insert,delete; may be repeated"},
	{OPTION_FORMAT, 0, "format", KIND_STRING, offsetof(struct options, format), "FORMAT",
	 "export as json (an array) or ndjson (default)"},
	{OPTION_OUTPUT, 'o', "output", KIND_STRING, offsetof(struct options, output), "FILE",
	 "export into FILE, which appears when it is whole"},
	{OPTION_BACKFILL, 0, "where", KIND_STRING, offsetof(struct options, where), "SQL",
	 "only rows that this condition on their columns means"},
	{OPTION_BACKFILL, 0, "columns", KIND_STRING, offsetof(struct options, columns), "A,B",
	 "only these columns, and the key (default: all that are captured)"},
	{OPTION_BACKFILL, 0, "rate", KIND_COUNT, offsetof(struct options, rate), "N",
	 "at most N rows a second (default: what the webhook takes)"},
	{OPTION_BACKFILL, 0, "flush-every", KIND_COUNT, offsetof(struct options, flush_every), "N",
	 "at most N rows in one transaction (default 500)"},
	{OPTION_BACKFILL, 0, "max-concurrent-pages", KIND_COUNT,
	 offsetof(struct options, max_concurrent_pages), "N",
	 "at most so many times that wait for delivery (default 2)"},
	{OPTION_BACKFILL, 0, "detach", KIND_FLAG, offsetof(struct options, detach), NULL,
	 "make the job, print its id and leave it to the daemon"},
};

static const struct option_row *row_find(const char *word, size_t len, unsigned taken)
{
	const struct option_row *r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(option_table); i++) {
		r = &option_table[i];
		if (!(taken & r->option))
			continue;
		if (len == 1 && word[0] == r->letter)
			return r;
		if (strlen(r->name) == len && memcmp(r->name, word, len) == 0)
			return r;
	}
	return NULL;
}

static ATTR_MUST_CHECK enum err_code count_parse(const struct option_row *r, const char *value,
						 int64_t *ret, struct err *e)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno || end == value || *end || n < 1)
		return err_set(e, ERR_USAGE, "--%s: '%s' is not a number above 0", r->name, value);
	*ret = n;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code word_add(const struct option_row *r, const char *value,
					      struct option_words *words, struct err *e)
{
	if (words->count == ARRAY_LEN(words->items))
		return err_set(e, ERR_USAGE, "--%s: at most %zu are possible", r->name,
			       words->count);
	words->items[words->count++] = value;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code value_store(const struct option_row *r, const char *value,
						 struct options *o, struct err *e)
{
	char *at = (char *)o + r->offset;
	struct err why;

	switch (r->kind) {
	case KIND_FLAG:
		*(bool *)(void *)at = true;
		return ERR_OK;
	case KIND_STRING:
		*(const char **)(void *)at = value;
		return ERR_OK;
	case KIND_COUNT:
		return count_parse(r, value, (int64_t *)(void *)at, e);
	case KIND_DURATION:
		if (value_duration_us(text_of(value), (int64_t *)(void *)at, &why) == ERR_OK)
			return ERR_OK;
		return err_set(e, ERR_USAGE, "--%s: '%s': %s", r->name, value, why.msg);
	case KIND_WORDS:
		return word_add(r, value, (struct option_words *)(void *)at, e);
	}
	return ERR_OK;
}

/* One option at argv[*at]; its value may be the next word. */
static ATTR_MUST_CHECK enum err_code option_take(int argc, char *const *argv, int *at,
						 unsigned taken, struct options *o, struct err *e)
{
	const char *word = argv[*at];
	bool is_long = word[1] == '-';
	const char *name = word + (is_long ? 2 : 1);
	const char *equals = is_long ? strchr(name, '=') : NULL;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_row *r;
	const char *value = equals ? equals + 1 : NULL;

	if ((is_long && strcmp(name, "help") == 0) || strcmp(word, "-h") == 0) {
		o->help = true;
		return ERR_OK;
	}
	r = is_long || len == 1 ? row_find(name, len, taken) : row_find(name, 1, taken);
	if (!r || (is_long && len == 1))
		return err_set(e, ERR_USAGE, "unknown option %s", word);
	if (!is_long && len > 1)
		value = name + 1;
	if (r->kind == KIND_FLAG) {
		if (value)
			return err_set(e, ERR_USAGE, "--%s takes no value", r->name);
	} else if (!value) {
		if (*at + 1 >= argc)
			return err_set(e, ERR_USAGE, "--%s needs a value: %s", r->name, r->metavar);
		value = argv[++*at];
	}
	o->given |= r->option;
	return value_store(r, value, o, e);
}

enum err_code options_parse(int argc, char *const *argv, unsigned taken, struct options *ret,
			    const char **args, int max_args, int *ret_args, struct err *e)
{
	struct options o = {.config = OPTIONS_CONFIG_DEFAULT, .give_up_us = 60 * CLOCK_US_PER_S};
	int at, count = 0;
	bool only_words = false;
	enum err_code code;

	for (at = 0; at < argc; at++) {
		if (!only_words && strcmp(argv[at], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[at][0] == '-' && argv[at][1]) {
			code = option_take(argc, argv, &at, taken, &o, e);
			if (code != ERR_OK)
				return code;
		} else if (count == max_args) {
			return err_set(e, ERR_USAGE, "unexpected argument '%s'", argv[at]);
		} else {
			args[count++] = argv[at];
		}
	}
	*ret = o;
	*ret_args = count;
	return ERR_OK;
}

enum err_code options_only(const struct options *o, unsigned taken, const char *what, struct err *e)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(option_table); i++)
		if (o->given & option_table[i].option & ~taken)
			return err_set(e, ERR_USAGE, "--%s does not belong to %s",
				       option_table[i].name, what);
	return ERR_OK;
}

void options_help(unsigned taken)
{
	char left[2 * LONG_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(option_table); i++) {
		const struct option_row *r = &option_table[i];

		if (!(taken & r->option))
			continue;
		(void)snprintf(left, sizeof(left), "%c%c%s--%s%s%s", r->letter ? '-' : ' ',
			       r->letter ? r->letter : ' ', r->letter ? ", " : "  ", r->name,
			       r->metavar ? " " : "", r->metavar ? r->metavar : "");
		(void)printf("  %-30s %s\n", left, r->help);
	}
	(void)printf("  %-30s %s\n", "-h, --help", "this help");
}
