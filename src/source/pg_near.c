/* SPDX-License-Identifier: MIT */
#include "source/pg_near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NEAR_NAME_BYTES 64
#define NEAR_FAR 1000

/* Levenshtein's distance, one row of the table at a time. */
size_t pg_near_distance(const char *a, const char *b)
{
	size_t row[NEAR_NAME_BYTES], na = strlen(a), nb = strlen(b), i, k, diagonal, above, best;

	if (na >= NEAR_NAME_BYTES || nb >= NEAR_NAME_BYTES)
		return NEAR_FAR;
	for (k = 0; k <= nb; k++)
		row[k] = k;
	for (i = 1; i <= na; i++) {
		diagonal = row[0];
		row[0] = i;
		for (k = 1; k <= nb; k++) {
			above = row[k];
			best = diagonal + (tolower((unsigned char)a[i - 1]) !=
					   tolower((unsigned char)b[k - 1]));
			if (above + 1 < best)
				best = above + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			diagonal = above;
			row[k] = best;
		}
	}
	return row[nb];
}

/* One slip in four letters, and one at least. */
static size_t tolerance(const char *wanted)
{
	return strlen(wanted) / 4 + 1;
}

const char *pg_near(const struct string_list *names, const char *wanted)
{
	size_t best = tolerance(wanted) + 1, distance, i;
	const char *found = NULL;

	for (i = 0; i < names->count; i++) {
		distance = pg_near_distance(names->items[i], wanted);
		if (distance < best) {
			best = distance;
			found = names->items[i];
		}
	}
	return found;
}

enum err_code pg_near_table(struct pg_admin *a, const char *schema, const char *table, char *hint,
			    size_t hint_bytes, struct err *e)
{
	const char *const values[] = {schema};
	size_t best = tolerance(table) + 1, distance;
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(
		a,
		"SELECT n.nspname, c.relname FROM pg_class c "
		"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
		"AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '" PG_SCHEMA
		"') ORDER BY n.nspname <> $1, 1, 2 LIMIT 10000",
		1, values, &res, e);

	hint[0] = '\0';
	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res); i++) {
		distance = pg_near_distance(PQgetvalue(res, i, 1), table);
		if (distance >= best)
			continue;
		best = distance;
		(void)snprintf(hint, hint_bytes, "did you mean %.63s.%.63s?", PQgetvalue(res, i, 0),
			       PQgetvalue(res, i, 1));
	}
	PQclear(res);
	return ERR_OK;
}
