/* SPDX-License-Identifier: MIT */
/*
 * Codes come from numbers, not from words: the server's words are in its own language. Numbers:
 * MySQL 8.0 Error Message Reference (server and client errors), MariaDB documentation "MariaDB
 * Error Code Reference"; they agree below 1900 and differ from there on.
 */
#include "source/my_error.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
	unsigned number;
	enum err_code code;
} number_table[] = {
	/* the connection, the server as a whole: another try later */
	{1021, ERR_UNAVAILABLE}, /* disk full */
	{1037, ERR_UNAVAILABLE}, /* server out of memory */
	{1038, ERR_UNAVAILABLE}, /* out of sort memory */
	{1040, ERR_UNAVAILABLE}, /* too many connections */
	{1041, ERR_UNAVAILABLE}, /* out of resources */
	{1042, ERR_UNAVAILABLE}, /* bad host */
	{1043, ERR_UNAVAILABLE}, /* handshake */
	{1047, ERR_UNAVAILABLE}, /* Galera: node not yet prepared for use */
	{1053, ERR_UNAVAILABLE}, /* shutdown in progress */
	{1077, ERR_UNAVAILABLE}, /* normal shutdown */
	{1079, ERR_UNAVAILABLE}, /* shutdown complete */
	{1080, ERR_UNAVAILABLE}, /* forced close of thread */
	{1114, ERR_UNAVAILABLE}, /* table full: the tablespace or the disk is */
	{1135, ERR_UNAVAILABLE}, /* cannot create a thread */
	{1152, ERR_UNAVAILABLE}, /* aborted connection */
	{1158, ERR_UNAVAILABLE}, /* network: read */
	{1159, ERR_UNAVAILABLE}, /* network: read timed out */
	{1160, ERR_UNAVAILABLE}, /* network: write */
	{1161, ERR_UNAVAILABLE}, /* network: write timed out */
	{1180, ERR_UNAVAILABLE}, /* error during commit: disk, Galera */
	{1184, ERR_UNAVAILABLE}, /* new aborted connection */
	{1203, ERR_UNAVAILABLE}, /* max_user_connections */
	{1226, ERR_UNAVAILABLE}, /* a user's resource limit */
	{1792, ERR_UNAVAILABLE}, /* read-only transaction: a primary that became a replica */
	{1836, ERR_UNAVAILABLE}, /* read-only mode */
	{1927, ERR_UNAVAILABLE}, /* MariaDB: connection killed */
	{2002, ERR_UNAVAILABLE}, /* cannot connect: socket */
	{2003, ERR_UNAVAILABLE}, /* cannot connect: host */
	{2005, ERR_UNAVAILABLE}, /* unknown host */
	{2006, ERR_UNAVAILABLE}, /* gone away */
	{2007, ERR_UNAVAILABLE}, /* protocol version */
	{2012, ERR_UNAVAILABLE}, /* handshake */
	{2013, ERR_UNAVAILABLE}, /* lost during a statement */
	{2026, ERR_UNAVAILABLE}, /* TLS */
	{2027, ERR_UNAVAILABLE}, /* malformed packet */
	{2055, ERR_UNAVAILABLE}, /* lost at reading ... */
	{3032, ERR_UNAVAILABLE}, /* MySQL: server in offline mode */
	{3169, ERR_UNAVAILABLE}, /* MySQL: session killed */
	{4031, ERR_UNAVAILABLE}, /* MySQL: disconnected for inactivity */
	/* who we are */
	{1044, ERR_DENIED}, /* access to the database */
	{1045, ERR_DENIED}, /* password */
	{1129, ERR_DENIED}, /* host blocked after too many errors */
	{1130, ERR_DENIED}, /* host not allowed */
	{1142, ERR_DENIED}, /* table */
	{1143, ERR_DENIED}, /* column */
	{1227, ERR_DENIED}, /* a privilege like SUPER */
	{1251, ERR_DENIED}, /* authentication protocol */
	{1275, ERR_DENIED}, /* old password format */
	{1370, ERR_DENIED}, /* routine */
	{1410, ERR_DENIED}, /* GRANT */
	{1419, ERR_DENIED}, /* CREATE TRIGGER with the binary log on */
	{1449, ERR_DENIED}, /* the definer does not exist */
	{1698, ERR_DENIED}, /* no password given */
	{1820, ERR_DENIED}, /* password must be changed first */
	{1862, ERR_DENIED}, /* password expired */
	{1873, ERR_DENIED}, /* access denied, change user */
	{2049, ERR_DENIED}, /* old authentication */
	{2058, ERR_DENIED}, /* authentication plugin cannot be loaded (MariaDB) */
	{2059, ERR_DENIED}, /* authentication plugin cannot be loaded */
	{2061, ERR_DENIED}, /* authentication plugin failed: no TLS */
	{3118, ERR_DENIED}, /* MySQL: account locked */
	{3159, ERR_DENIED}, /* MySQL: connections must use TLS */
	{4151, ERR_DENIED}, /* MariaDB: account locked */
	/* what does not exist */
	{1008, ERR_NOT_FOUND}, /* database (DROP) */
	{1049, ERR_NOT_FOUND}, /* database */
	{1051, ERR_NOT_FOUND}, /* table (DROP) */
	{1054, ERR_NOT_FOUND}, /* column */
	{1109, ERR_NOT_FOUND}, /* table in a query */
	{1146, ERR_NOT_FOUND}, /* table */
	{1305, ERR_NOT_FOUND}, /* routine */
	{1360, ERR_NOT_FOUND}, /* trigger */
	/* locks and time */
	{1205, ERR_TIMEOUT}, /* lock wait */
	{1317, ERR_TIMEOUT}, /* KILL QUERY */
	{1969, ERR_TIMEOUT}, /* MariaDB: max_statement_time */
	{3024, ERR_TIMEOUT}, /* MySQL: max_execution_time */
	{3572, ERR_TIMEOUT}, /* MySQL: NOWAIT */
	{1020, ERR_BUSY},    /* record changed since last read; Galera */
	{1213, ERR_BUSY},    /* deadlock */
	{1412, ERR_BUSY},    /* table definition changed */
	{1614, ERR_BUSY},    /* deadlock in an XA transaction */
	{1615, ERR_BUSY},    /* statement needs to be prepared again */
	{1689, ERR_BUSY},    /* waiting for a lock was aborted by DDL */
	{2008, ERR_NOMEM},   /* client out of memory */
};

/* Error 1290 names the option that forbids a statement; read_only is one of several. The option is
 * not translated. MySQL has read_only, super_read_only and innodb_read_only. */
static bool is_read_only(unsigned number, const char *text)
{
	if (number == 1290)
		return strstr(text, "read-only") || strstr(text, "read_only");
	return number == 1792 || number == 1836;
}

static ATTR_MUST_CHECK enum err_code code_of(unsigned number, const char *text)
{
	size_t i;

	if (is_read_only(number, text))
		return ERR_UNAVAILABLE;
	for (i = 0; i < ARRAY_LEN(number_table); i++)
		if (number_table[i].number == number)
			return number_table[i].code;
	return ERR_DB;
}

static void one_line(char *s)
{
	for (; *s; s++)
		if (isspace((unsigned char)*s))
			*s = ' ';
}

enum err_code my_error_set(unsigned number, const char *text, struct err *e)
{
	enum err_code code = code_of(number, text);

	(void)err_set(e, code, "%s%s (error %u)",
		      is_read_only(number, text) ? "the server is read-only: " : "",
		      *text ? text : "error", number);
	if (e)
		one_line(e->msg);
	return code;
}
