#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sixteen writers, random transactions, savepoints and rollbacks, while a transaction that has written stays
# open in another database; and the daemon at rest before it.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/workload.sh"
workload_need "${1:-}"

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/${process[daemon]}/stat"
}

# one that has written and stays open, in another database of the server
elsewhere_open() {
	case $db_kind in
	postgres)
		psql_as postgres postgres -c 'CREATE DATABASE elsewhere'
		psql_as postgres elsewhere -c 'CREATE TABLE t (n int)'
		process_start open psql_as postgres elsewhere -c BEGIN -c 'INSERT INTO t VALUES (1)' -c 'SELECT pg_sleep(3600)'
		;;
	mariadb)
		sql 'CREATE DATABASE elsewhere' 'CREATE TABLE elsewhere.t (n int)'
		process_start open sql 'BEGIN; INSERT INTO elsewhere.t VALUES (1); SELECT sleep(3600)'
		;;
	esac
}
elsewhere_is_open() {
	case $db_kind in
	postgres) sql_is "SELECT count(*) FROM pg_stat_activity WHERE datname = 'elsewhere' AND backend_xid IS NOT NULL
		AND backend_type = 'client backend'" 1 ;;
	mariadb) # the server renews this list when nobody has read it for 0.1 s
		pause 0.2
		sql_min "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_query LIKE '%sleep(3600)%'
		AND trx_rows_modified > 0" 1 ;;
	esac
}
connections_are() { # of the daemon; not counted are vacuum, and what the shell's last statement has not taken down yet
	case $db_kind in
	postgres) sql_is "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND backend_type = 'client backend'
		AND application_name <> 'psql'" "$1" ;;
	mariadb) sql_is "SELECT count(*) FROM information_schema.processlist WHERE user = 'listener'" "$1" ;;
	esac
}

workload_begin
daemon_start
ok "it is ready" wait_until 20 daemon_ready
ok "it is active" wait_until 20 source_is state active

begin=$(cpu_ticks)
pause 5
diag "at rest: $((($(cpu_ticks) - begin) * 1000 / $(getconf CLK_TCK) / 5)) ms of CPU a second, RSS $(rss_kb daemon) kB"
if [ "$db_kind" != sqlite ]; then
	ok "at rest it has one connection" wait_until 10 connections_are 1
	elsewhere_open
	ok "a transaction is open elsewhere" wait_until 10 elsewhere_is_open
fi
workload_start 16
pause $((15 * scale))
ok "no statement of the application failed" workload_stop
diag "late commits: $(metrics '.sources[0].late_total') of $(committed)"
workload_verify

# a few rows that everybody wants: what waits for a lock commits the moment after the one before it
workload_start 16 3 0
pause $((6 * scale))
ok "no statement of the application failed" workload_stop
workload_verify "three rows"
[ "$db_kind" = sqlite ] || ok "the transaction elsewhere is still open" elsewhere_is_open
ok "it ends cleanly" process_stop daemon
tests_end
