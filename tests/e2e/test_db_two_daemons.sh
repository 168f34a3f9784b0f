#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two daemons with the same configuration: one works, the other stands by and takes over when the first is killed; and a
# daemon that is stopped in its sleep, holding the lock for which writers look, is nothing to them.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # admin_port is of lib.sh, which workload.sh sources
. "$(dirname "$0")/../support/workload.sh"
workload_need "${1:-}"

states() {
	{
		curl -s "http://127.0.0.1:$port_a/metrics"
		curl -s "http://127.0.0.1:$port_b/metrics"
	} | jq -r '.sources[0].state' | sort | paste -sd ' '
}
states_are() {
	[ "$(states)" = "$1" ]
}
state_of() { # PORT WANT
	[ "$(curl -s "http://127.0.0.1:$1/metrics" | jq -r '.sources[0].state')" = "$2" ]
}
is_asleep() {
	sql_is "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1633968748 AND objid = 1
		AND mode = 'ExclusiveLock' AND granted" 1
}
insert_some() { # FROM TO
	local i
	for ((i = $1; i <= $2; i++)); do
		echo "INSERT INTO items (k) VALUES ($i);"
	done >"$test_dir/inserts.sql"
	PGOPTIONS='-c statement_timeout=5s' sql_file "$test_dir/inserts.sql"
}

workload_begin
port_a=$admin_port
port_b=$(port_free)
sed "s/127.0.0.1:$port_a/127.0.0.1:$port_b/" "$test_dir/config.yaml" >"$test_dir/b.yaml"
daemon_start a
ok "the first one is active" wait_until 20 state_of "$port_a" active
daemon_start b "$test_dir/b.yaml"
ok "the second one stands by" wait_until 20 state_of "$port_b" standby
ok "... which is ready" wait_until 20 daemon_ready "$port_b"

workload_start 8
for ((i = 0; i < 3 * scale; i++)); do
	ok "it delivers" more_delivered 200
	process_kill a
	ok "the other one takes over" wait_until 20 state_of "$port_b" active
	more_delivered 100
	daemon_start a
	ok "the first one stands by now" wait_until 20 state_of "$port_a" standby
	more_delivered 100
	process_kill b
	ok "... and takes over" wait_until 20 state_of "$port_a" active
	daemon_start b "$test_dir/b.yaml"
	ok "one works, one stands by" wait_until 20 states_are "active standby"
done
ok "no statement of the application failed" workload_stop
workload_verify

process_stop b
if [ "$db_kind" != postgres ]; then
	process_signal a STOP
	sql 'INSERT INTO items (k) VALUES (100001)'
	ok "writers go on while it is stopped" insert_some 100002 100500
	is "... as committed" "$(sql "SELECT count(*) FROM $outbox")" 500
	process_signal a CONT
	workload_verify "after the stop"
	tests_end
fi
ok "it falls asleep" wait_until 20 is_asleep
process_signal a STOP
ok "writers go on while it is stopped" insert_some 100001 100500
is "... as committed" "$(sql 'SELECT count(*) FROM app_db_listener.outbox')" 500
process_signal a CONT
workload_verify "after the stop"
tests_end
