/* SPDX-License-Identifier: MIT */
/* The server's settings, as far as they can hurt: writers, the reader, or what is captured. */
#include <stdio.h>
#include <string.h>

#include "source/my_check.h"

#define LONG_TRANSACTION_S 600

static ATTR_MUST_CHECK enum err_code check_read_only(struct my_admin *a, struct err *e)
{
	int64_t on;
	enum err_code code = my_admin_number(a, 0, &on, e, "SELECT @@global.read_only <> 0");

	if (code != ERR_OK)
		return code;
	if (on)
		my_admin_find(a, FINDING_FAIL, "connection", "give the primary",
			      "this server is read-only: nothing can be acknowledged here");
	else
		my_admin_find(a, FINDING_OK, "connection", NULL, "connected to %s%s", a->server,
			      my_conn_is_tls(a->conn) ? " with TLS" : "");
	return ERR_OK;
}

/* MySQL 8.0.22 has both names, 8.4 only the new one. */
static const char *replica_sql(const struct my_admin *a)
{
	if (a->flavour == MY_MARIADB)
		return "SHOW ALL SLAVES STATUS";
	return my_conn_version(a->conn) >= 80022 ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
}

/* Rows that come by replication in ROW format fire no triggers; statements do, here as on the
 * primary. MariaDB has slave_run_triggers_for_rbr. */
static ATTR_MUST_CHECK enum err_code check_replica(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	struct err here;
	enum err_code code = my_conn_query(a->conn, replica_sql(a), &r, &here);

	if (code == ERR_OK && my_result_rows(r) > 0)
		my_admin_find(a, FINDING_WARN, "connection", "capture on the primary",
			      "this server is a replica: what comes by replication fires no "
			      "triggers");
	my_result_free(r);
	if (code == ERR_OK || code == ERR_DENIED || code == ERR_DB)
		return ERR_OK; /* not to be seen by everybody */
	if (e)
		*e = here;
	return code;
}

static void find_format(struct my_admin *a, const char *global, const char *session)
{
	static const char hint[] = "SET GLOBAL binlog_format = 'ROW' (or 'MIXED')";

	if (strcmp(session, "STATEMENT") == 0)
		my_admin_find(
			a, FINDING_FAIL, "binary log", hint,
			"is in STATEMENT format, and the daemon's user may not choose another: "
			"nothing can be acknowledged (error 1665)");
	else if (strcmp(global, "STATEMENT") == 0)
		my_admin_find(a, FINDING_WARN, "binary log", hint,
			      "is in STATEMENT format: what triggers insert is unsafe in it, and "
			      "gets other ids on replicas");
}

static ATTR_MUST_CHECK enum err_code check_binlog(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_admin_query(a, &r, e,
					    "SELECT @@log_bin, @@global.binlog_format, "
					    "@@session.binlog_format, "
					    "@@global.log_bin_trust_function_creators");

	if (code != ERR_OK)
		return code;
	if (my_result_next(r) && my_result_i64(r, 0, 0)) {
		find_format(a, my_result_str(r, 1), my_result_str(r, 2));
		if (!my_result_i64(r, 3, 1))
			my_admin_find(a, FINDING_OK, "binary log", NULL,
				      "log_bin_trust_function_creators is off: install needs a "
				      "user with SUPER");
		if (!my_conn_is_minimal(a->conn))
			my_admin_find(a, FINDING_WARN, "binary log",
				      a->flavour == MY_MARIADB
					      ? "GRANT BINLOG ADMIN ON *.* to the daemon's user"
					      : "GRANT SESSION_VARIABLES_ADMIN ON *.* to the "
						"daemon's user",
				      "binlog_row_image cannot be set to MINIMAL: events are "
				      "written to it a second time when they are deleted");
	}
	my_result_free(r);
	return ERR_OK;
}

/* Texts of 6 bytes for one are rare, but what could become too long is not even begun. */
static ATTR_MUST_CHECK enum err_code check_packet(struct my_admin *a, struct err *e)
{
	int64_t packet;
	enum err_code code =
		my_admin_number(a, 0, &packet, e, "SELECT @@global.max_allowed_packet");

	if (code == ERR_OK && packet < 6 * a->source->max_event_bytes)
		my_admin_find(a, FINDING_WARN, "max_allowed_packet",
			      "raise it to six times max_event_bytes",
			      "is %lld: rows with more than about %lld bytes of text become "
			      "key-only events, not only those over max_event_bytes (%lld)",
			      (long long)packet, (long long)packet / 6,
			      (long long)a->source->max_event_bytes);
	return code;
}

static ATTR_MUST_CHECK enum err_code check_auto_increment(struct my_admin *a, struct err *e)
{
	int64_t mode;
	enum err_code code =
		my_admin_number(a, 1, &mode, e, "SELECT @@global.innodb_autoinc_lock_mode");

	if (code == ERR_OK && mode == 0)
		my_admin_find(a, FINDING_WARN, "innodb_autoinc_lock_mode", "set it to 1 or 2",
			      "is 0: every statement that writes to a captured table waits for the "
			      "one before it");
	return code;
}

static ATTR_MUST_CHECK enum err_code check_cluster(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code =
		my_admin_query(a, &r, e, "SHOW GLOBAL VARIABLES WHERE variable_name = 'wsrep_on'");

	if (code != ERR_OK)
		return code;
	if (my_result_next(r) && strcmp(my_result_str(r, 1), "ON") == 0)
		my_admin_find(a, FINDING_WARN, "connection",
			      "have the application write to one node",
			      "is a Galera cluster: changes of one row that are made on several "
			      "nodes may be delivered in another order");
	my_result_free(r);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_long_transactions(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	struct err here;
	enum err_code code;
	char sql[320];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, SYSDATE()) "
		       "AS age FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> "
		       "CONNECTION_ID() AND trx_started < SYSDATE() - INTERVAL %d SECOND ORDER BY "
		       "age DESC LIMIT 1",
		       LONG_TRANSACTION_S);
	code = my_conn_query(a->conn, sql, &r, &here);
	if (code == ERR_OK && my_result_next(r))
		my_admin_find(
			a, FINDING_WARN, "transactions", "end it, or expect slower polls",
			"connection %s has a transaction open for %s s: delivered rows of the "
			"outbox cannot be cleaned up behind it",
			my_result_str(r, 0), my_result_str(r, 1));
	my_result_free(r);
	if (code == ERR_OK || code == ERR_DENIED)
		return ERR_OK; /* wants PROCESS */
	if (e)
		*e = here;
	return code;
}

enum err_code my_check_server(struct my_admin *a, struct err *e)
{
	static enum err_code (*const checks[])(struct my_admin *, struct err *) = {
		check_read_only,
		check_replica,
		check_binlog,
		check_packet,
		check_cluster,
		check_auto_increment,
		check_long_transactions,
	};
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < ARRAY_LEN(checks) && code == ERR_OK; i++)
		code = checks[i](a, e);
	return code;
}
