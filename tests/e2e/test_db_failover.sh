#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The primary dies under load and its synchronous standby is promoted: the daemon, told both hosts, goes on there, and
# nothing that was committed is lost.
# shellcheck disable=SC2153,SC2154 # TEST_PG_PORT and TEST_PG_DIR are of with-postgres
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms'

replica=$TEST_PG_DIR/replica
# Beside the primary, on the same port of another address of loopback.
replica_start() {
	"$TEST_PG_RUN" pg_basebackup -h 127.0.0.1 -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -D "$replica" -R -X stream \
		-c fast >>"$test_dir/replica.log" 2>&1 || return
	echo 'host all all 127.0.0.0/8 trust' >>"$replica/pg_hba.conf"
	process_start replica "$TEST_PG_RUN" postgres -D "$replica" -c listen_addresses=127.0.0.2 \
		-c unix_socket_directories="$replica"
	wait_until 30 on_replica 'SELECT 1'
}
on_replica() {
	psql -X -q -At -h 127.0.0.2 -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -d "$test_db" -c "$1"
}
replica_is() {
	[ "$(on_replica 'SELECT pg_is_in_recovery()')" = "$1" ]
}
last_error_has() {
	[[ $(metrics '.sources[0].last_error') == *$1* ]]
}

export TEST_PG_HOST=127.0.0.1,127.0.0.2
workload_begin
ok "a standby" replica_start
ok "... is one" replica_is t
sql "ALTER SYSTEM SET synchronous_standby_names = '*'" 'SELECT pg_reload_conf()' >"$test_dir/reload.out"
ok "... that commits wait for" wait_until 30 sql_is "SELECT count(*) FROM pg_stat_replication
	WHERE sync_state IN ('sync', 'quorum')" 1
daemon_start
ok "the daemon takes the primary" wait_until 20 source_is state active

# the writers look for the primary as the daemon does, which was not told so by the environment
export PGTARGETSESSIONATTRS=read-write
reconnect=yes
workload_start 8
ok "it delivers" more_delivered 500
before=$(stats .distinct)
pg_ctl stop -m immediate
ok "the primary dies: a standby is no place to go on" wait_until 20 last_error_has read-only
ok "... says the state" wait_until 20 source_is state connecting
ok "the standby is promoted" "$TEST_PG_RUN" pg_ctl -D "$replica" -s -w promote
ok "the daemon goes on there" wait_until 30 source_is state active
ok "... and delivers" more_delivered 500
diag "delivered before: $before, after: $(($(stats .distinct) - before))"
workload_stop
workload_verify "after the failover"
ok "it ends well" process_stop daemon
process_signal replica INT # clients are not waited for
process_wait replica
tests_end
