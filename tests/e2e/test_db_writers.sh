#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sixteen writers, random transactions, savepoints and rollbacks, while a transaction that has written stays
# open in another database; and the daemon at rest before it.
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms'

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/${process[daemon]}/stat"
}

workload_begin
psql_as postgres postgres -c 'CREATE DATABASE elsewhere'
psql_as postgres elsewhere -c 'CREATE TABLE t (n int)'
daemon_start
ok "it is ready" wait_until 20 daemon_ready
ok "it is active" wait_until 20 source_is state active

begin=$(cpu_ticks)
pause 5
diag "at rest: $((($(cpu_ticks) - begin) * 1000 / $(getconf CLK_TCK) / 5)) ms of CPU a second, RSS $(rss_kb daemon) kB"
is "at rest it has one connection" "$(sql "SELECT count(*) FROM pg_stat_activity
	WHERE datname = 'shop' AND pid <> pg_backend_pid()")" 1

process_start open psql_as postgres elsewhere -c BEGIN -c 'INSERT INTO t VALUES (1)' -c 'SELECT pg_sleep(3600)'
ok "a transaction is open elsewhere" wait_until 10 sql_is \
	"SELECT count(*) FROM pg_stat_activity WHERE datname = 'elsewhere' AND backend_xid IS NOT NULL" 1
workload_start 16
pause $((15 * scale))
ok "no statement of the application failed" workload_stop
diag "late commits: $(metrics '.sources[0].late_total') of $(committed)"
workload_verify
ok "the transaction elsewhere is still open" sql_is \
	"SELECT count(*) FROM pg_stat_activity WHERE datname = 'elsewhere' AND backend_xid IS NOT NULL" 1
ok "it ends cleanly" process_stop daemon
tests_end
