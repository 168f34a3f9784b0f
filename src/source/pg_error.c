/* SPDX-License-Identifier: MIT */
/*
 * Codes come from SQLSTATEs, not from words: the server's words are in its own language. While
 * connecting libpq offers no SQLSTATE, only text; with PQERRORS_VERBOSE that text has it:
 *
 *     connection to server at "db1" (10.0.0.7), port 5432 failed: FATAL:  28P01: password
 *     authentication failed for user "x"
 *     LOCATION:  auth_failed, auth.c:334
 */
#include "source/pg_error.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define SQLSTATE_LEN 5

static const struct {
	const char *sqlstate; /* two characters: a class; five: one state */
	enum err_code code;
} sqlstate_table[] = {
	/* PostgreSQL manual, appendix "PostgreSQL Error Codes"; the first match counts */
	{"57014", ERR_TIMEOUT},     /* query_canceled: statement_timeout */
	{"55P03", ERR_TIMEOUT},     /* lock_not_available: lock_timeout */
	{"42501", ERR_DENIED},      /* insufficient_privilege */
	{"28", ERR_DENIED},         /* invalid authorization */
	{"3D000", ERR_NOT_FOUND},   /* invalid_catalog_name: no such database */
	{"42P01", ERR_NOT_FOUND},   /* undefined_table */
	{"42703", ERR_NOT_FOUND},   /* undefined_column */
	{"42883", ERR_NOT_FOUND},   /* undefined_function */
	{"3F000", ERR_NOT_FOUND},   /* invalid_schema_name */
	{"22P05", ERR_DATA},        /* untranslatable_character: not in the database's encoding */
	{"40", ERR_BUSY},           /* deadlock, serialization */
	{"55006", ERR_BUSY},        /* object_in_use */
	{"08", ERR_UNAVAILABLE},    /* connection exceptions */
	{"57P", ERR_UNAVAILABLE},   /* shutdown, crash, cannot connect now */
	{"53", ERR_UNAVAILABLE},    /* out of disk, memory, connections */
	{"25006", ERR_UNAVAILABLE}, /* read-only: a primary that became a standby */
	{"25P03", ERR_UNAVAILABLE}, /* idle in transaction for too long: the session is gone */
	{"57P05", ERR_UNAVAILABLE}, /* idle for too long: likewise */
};

static ATTR_MUST_CHECK enum err_code code_of(const char *sqlstate)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(sqlstate_table); i++)
		if (strncmp(sqlstate, sqlstate_table[i].sqlstate,
			    strlen(sqlstate_table[i].sqlstate)) == 0)
			return sqlstate_table[i].code;
	return ERR_DB;
}

void pg_error_one_line(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (!isspace((unsigned char)*s))
			*to++ = *s;
		else if (!isspace((unsigned char)s[1]) && s[1])
			*to++ = ' ';
	}
	*to = '\0';
}

enum err_code pg_error_result(const PGresult *res, struct err *e)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
	enum err_code code = code_of(state);

	(void)err_set(e, code, "%s (SQLSTATE %s)%s%s%s%s", message ? message : "error", state,
		      detail ? "; " : "", detail ? detail : "", hint ? "; hint: " : "",
		      hint ? hint : "");
	if (e)
		pg_error_one_line(e->msg);
	return code;
}

/* "FATAL:  28P01: ..." at s (behind the severity's colon)? */
static bool has_sqlstate(const char *s)
{
	size_t i;

	if (strncmp(s, ":  ", 3) != 0)
		return false;
	for (i = 3; i < 3 + SQLSTATE_LEN; i++)
		if (!isdigit((unsigned char)s[i]) && !isupper((unsigned char)s[i]))
			return false;
	return s[i] == ':';
}

/* With several hosts libpq tells of all it tried: the last one counts. */
static ATTR_MUST_CHECK enum err_code open_code(const char *message)
{
	static const struct {
		const char *words;
		enum err_code code;
	} own[] = {
		/* libpq's own words: no server was asked */
		{"no password supplied", ERR_DENIED},
		{"invalid connection option", ERR_CONFIG},
		{" value: \"", ERR_CONFIG}, /* invalid sslmode value: "x" */
		{"root certificate file", ERR_CONFIG},
		{"could not read certificate file", ERR_CONFIG},
		{"could not load private key file", ERR_CONFIG},
	};
	enum err_code code = ERR_OK;
	const char *at;
	size_t i;

	for (at = strchr(message, ':'); at; at = strchr(at + 1, ':'))
		if (has_sqlstate(at))
			code = code_of(at + 3);
	for (i = 0; code == ERR_OK && i < ARRAY_LEN(own); i++)
		if (strstr(message, own[i].words))
			code = own[i].code;
	return code == ERR_OK || code == ERR_DB ? ERR_UNAVAILABLE : code;
}

enum err_code pg_error_open(const PGconn *raw, struct err *e)
{
	const char *message = PQerrorMessage(raw);
	enum err_code code = open_code(message);
	char kept[ERR_MSG_BYTES];
	size_t len = 0, line;

	for (; *message && len < sizeof(kept) - 1; message += line) {
		line = strcspn(message, "\n");
		line += message[line] == '\n';
		if (strncmp(message, "LOCATION:", 9) == 0)
			continue;
		if (line > sizeof(kept) - 1 - len)
			line = sizeof(kept) - 1 - len;
		memcpy(kept + len, message, line);
		len += line;
	}
	kept[len] = '\0';
	(void)err_set(e, code, "cannot connect: %s", kept);
	if (e)
		pg_error_one_line(e->msg);
	return code;
}
