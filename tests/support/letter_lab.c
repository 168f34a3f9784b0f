/* SPDX-License-Identifier: MIT */
#include "letter_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/letter_key.h"

#define MINUTE_US (60 * CLOCK_US_PER_S)
#define WORDS_MAX 3

static const struct {
	int id;
	const char *operation;
	const char *table;
	const char *key;
	const char *old_key; /* NULL: none */
	int status;          /* 0: NULL */
	const char *error;
	int minutes; /* dead for so long */
} letters[] = {
	{1, "insert", "users", "{\"id\":1}", NULL, 422, "HTTP 422: Bad name", 300},
	{2, "insert", "users", "{\"id\":2}", NULL, 503, "HTTP 503", 240},
	{3, "update", "users", "{\"id\":1}", NULL, 0, "connect: Connection refused", 180},
	{4, "update", "users", "{\"id\":3}", "{\"id\":2}", 500, "HTTP 500", 120},
	{5, "insert", "notes", "{\"a\":1.0,\"b\":\"42\"}", NULL, 404, "HTTP 404", 60},
	{6, "delete", "users", "{\"id\":1}", NULL, 422, "HTTP 422: bad NAME", 1},
};

const char *letter_lab_insert(const char *table, const char *schema, const char *before,
			      const char *after, const char *changed_at)
{
	static char text[8192];
	int n = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(letters); i++) {
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "INSERT INTO %s (id, pipeline, operation, %s table_name, row_key, "
			      "old_key, changed_at, attempts, last_status, last_error, died_at, "
			      "data) VALUES (%d, 'default', '%s', %s%s%s '%s', '%s', ",
			      table, *schema ? "schema_name," : "", letters[i].id,
			      letters[i].operation, *schema ? "'" : "", schema, *schema ? "'," : "",
			      letters[i].table, letters[i].key);
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%s%s%s, %s, 4, nullif(%d, 0), '%s', %s%d%s, '{\"n\":%d}');\n",
			      letters[i].old_key ? "'" : "",
			      letters[i].old_key ? letters[i].old_key : "NULL",
			      letters[i].old_key ? "'" : "", changed_at, letters[i].status,
			      letters[i].error, before, letters[i].minutes, after, letters[i].id);
	}
	return text;
}

static const struct {
	struct dead_letter_filter filter;
	const char *key[WORDS_MAX];
	int since_minutes, until_minutes;
	const char *ids;
} cases[] = {
	{.ids = "1 2 3 4 5 6"},
	{.key = {"{\"id\":1}"}, .ids = "1 3 6"},
	{.key = {"{ \"id\" : 1.0e0 }"}, .ids = "1 3 6"},
	{.key = {"id=1"}, .filter.limit = 2, .ids = "1 3"},
	{.key = {"id=2"}, .ids = "2 4"},
	{.key = {"{\"id\":\"1\"}"}, .ids = ""},
	{.key = {"a=1"}, .ids = "5"},
	{.key = {"b=42", "a=1"}, .ids = "5"},
	{.key = {"{\"b\":\"42\",\"a\":1}"}, .ids = "5"},
	{.key = {"{\"b\":42}"}, .ids = ""},
	{.key = {"a=1", "b=43"}, .ids = ""},
	{.filter = {.by_status = true, .status_min = 400, .status_max = 499}, .ids = "1 5 6"},
	{.filter = {.by_status = true, .status_min = 500, .status_max = 599}, .ids = "2 4"},
	{.filter = {.by_status = true, .status_min = 404, .status_max = 404}, .ids = "5"},
	{.filter = {.by_status = true}, .ids = "3"},
	{.filter.error = "bad name", .ids = "1 6"},
	{.filter.error = "REFUSED", .ids = "3"},
	{.filter.error = "100%", .ids = ""},
	{.filter.error = "http", .filter.limit = 3, .ids = "1 2 4"},
	{.since_minutes = 150, .ids = "4 5 6"},
	{.until_minutes = 150, .ids = "1 2 3"},
	{.since_minutes = 200, .until_minutes = 100, .ids = "3 4"},
	{.filter.older_than_us = 210 * MINUTE_US, .ids = "1 2"},
	{.filter = {.table = "users",
		    .error = "http",
		    .by_status = true,
		    .status_min = 422,
		    .status_max = 422},
	 .key = {"id=1"},
	 .since_minutes = 10,
	 .ids = "6"},
	{.filter.skip_superseded = true, .ids = "(1) (2) (3) 4 5 6"},
	{.filter = {.skip_superseded = true, .limit = 1}, .ids = "(1) (2) (3) 4"},
	{.filter = {.skip_superseded = true, .table = "notes"}, .ids = "5"},
};

static char found[1024];

static enum err_code note(void *ctx, const struct dead_letter *d, struct err *e)
{
	size_t used = strlen(found);

	(void)ctx;
	(void)e;
	(void)snprintf(found + used, sizeof(found) - used, d->superseded ? "%s(%lld)" : "%s%lld",
		       used ? " " : "", (long long)d->id);
	return ERR_OK;
}

const char *letter_lab_list(const struct source_admin_ops *ops, const struct settings *s,
			    const struct dead_letter_filter *f)
{
	struct err e;

	found[0] = '\0';
	if (ops->dead_letter_list(s, 0, f, f->limit != 0, note, NULL, &e) != ERR_OK)
		fail_msg("list: %s", e.msg);
	return found;
}

void letter_lab_filters(const struct source_admin_ops *ops, const struct settings *s)
{
	int64_t now = clock_wall_us(clock_system());
	size_t i, words;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct dead_letter_filter f = cases[i].filter;
		struct letter_key *key = NULL;
		struct err e;

		for (words = 0; words < WORDS_MAX && cases[i].key[words]; words++)
			;
		if (words && letter_key_new(cases[i].key, words, &key, &e) != ERR_OK)
			fail_msg("case %zu: %s", i, e.msg);
		f.key = key;
		if (cases[i].since_minutes)
			f.since_wall_us = now - cases[i].since_minutes * MINUTE_US;
		if (cases[i].until_minutes)
			f.until_wall_us = now - cases[i].until_minutes * MINUTE_US;
		if (strcmp(letter_lab_list(ops, s, &f), cases[i].ids) != 0)
			fail_msg("case %zu finds '%s', not '%s'", i, found, cases[i].ids);
		letter_key_free(key);
	}
}
