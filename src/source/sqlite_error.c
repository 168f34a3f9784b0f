/* SPDX-License-Identifier: MIT */
#include "source/sqlite_error.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int rc; /* extended, or primary for all of its kind; the first match counts */
	enum err_code code;
	const char *name;
	const char *hint; /* NULL: the message says it all */
} rc_table[] = {
	{SQLITE_IOERR_NOMEM, ERR_NOMEM, "SQLITE_IOERR_NOMEM", NULL},
	{SQLITE_NOMEM, ERR_NOMEM, "SQLITE_NOMEM", NULL},
	{SQLITE_BUSY_RECOVERY, ERR_TIMEOUT, "SQLITE_BUSY_RECOVERY", NULL},
	{SQLITE_BUSY, ERR_TIMEOUT, "SQLITE_BUSY", NULL},
	{SQLITE_LOCKED, ERR_TIMEOUT, "SQLITE_LOCKED", NULL},
	{SQLITE_FULL, ERR_UNAVAILABLE, "SQLITE_FULL",
	 "there is no space left for the file, or it has reached its max_page_count"},
	{SQLITE_READONLY_DIRECTORY, ERR_UNAVAILABLE, "SQLITE_READONLY_DIRECTORY",
	 "its directory cannot be written to"},
	{SQLITE_READONLY_DBMOVED, ERR_UNAVAILABLE, "SQLITE_READONLY_DBMOVED",
	 "the file was moved or deleted"},
	{SQLITE_READONLY, ERR_UNAVAILABLE, "SQLITE_READONLY",
	 "the file or its file system has become read-only"},
	{SQLITE_IOERR, ERR_UNAVAILABLE, "SQLITE_IOERR", NULL},
	{SQLITE_CANTOPEN, ERR_UNAVAILABLE, "SQLITE_CANTOPEN", NULL},
	{SQLITE_PROTOCOL, ERR_UNAVAILABLE, "SQLITE_PROTOCOL", NULL},
	{SQLITE_INTERRUPT, ERR_UNAVAILABLE, "SQLITE_INTERRUPT", NULL},
	{SQLITE_PERM, ERR_DENIED, "SQLITE_PERM", NULL},
	{SQLITE_AUTH, ERR_DENIED, "SQLITE_AUTH", NULL},
	{SQLITE_NOTADB, ERR_DB, "SQLITE_NOTADB",
	 "another format, or encrypted: this needs a plain SQLite 3 file"},
	{SQLITE_CORRUPT, ERR_DB, "SQLITE_CORRUPT",
	 "the file is damaged: PRAGMA integrity_check tells where"},
};

/* Of a statement that was not prepared; SQLite has no code of its own for it. */
static bool is_missing_object(int rc, const char *message)
{
	return rc == SQLITE_ERROR && (strncmp(message, "no such table", 13) == 0 ||
				      strncmp(message, "no such column", 14) == 0);
}

static ATTR_MUST_CHECK enum err_code code_of(int rc, const char *message)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rc_table); i++)
		if (rc_table[i].rc == rc || rc_table[i].rc == (rc & 0xff))
			return rc_table[i].code;
	return is_missing_object(rc, message) ? ERR_NOT_FOUND : ERR_DB;
}

enum err_code sqlite_error_set(struct err *e, const char *path, int rc, const char *message,
			       int sys)
{
	enum err_code code = code_of(rc, message);
	const char *name = "SQLITE_ERROR", *hint = NULL;
	char number[24] = "";
	size_t i;

	for (i = 0; i < ARRAY_LEN(rc_table); i++)
		if (rc_table[i].rc == rc || rc_table[i].rc == (rc & 0xff)) {
			name = rc_table[i].name;
			hint = rc_table[i].hint;
			break;
		}
	if (i == ARRAY_LEN(rc_table) || rc_table[i].rc != rc)
		(void)snprintf(number, sizeof(number), ", %d", rc);
	if (sys)
		(void)err_set_sys(e, code, sys, "%s: %s (%s%s)%s%s", path, message, name, number,
				  hint ? "; " : "", hint ? hint : "");
	else
		(void)err_set(e, code, "%s: %s (%s%s)%s%s", path, message, name, number,
			      hint ? "; " : "", hint ? hint : "");
	return code;
}
