#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The database server goes away and comes back: before the daemon starts, in a crash under load, and for the daemon's
# connection alone.
# databases: postgres mariadb
# shellcheck disable=SC2154 # admin_port is of lib.sh, which workload.sh sources
. "$(dirname "$0")/../support/workload.sh"
workload_need "${1:-}"

is_alive() {
	! process_gone daemon
}

workload_begin
db_stop
daemon_start
ok "it starts without its database" wait_until 10 source_is state connecting
ok "... says so" wait_until 10 metrics_is '.sources[0].last_error != ""' true
is "... is not ready" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$admin_port/readyz")" 503
ok "... and lives" is_alive
db_start
reconnect=yes
workload_start 16
ok "it delivers when the database is there" more_delivered 200

for ((i = 0; i < 4 * scale; i++)); do
	db_crash
	pause "0.$((RANDOM % 5))"
	db_start
	ok "after crash $((i + 1)) it delivers" more_delivered 200 || break
done
connects_min() {
	[ "$(metrics '.sources[0].connects_total')" -ge "$1" ]
}
for ((i = 0; i < 10 * scale; i++)); do
	connects=$(metrics '.sources[0].connects_total')
	db_terminate
	wait_until 20 connects_min $((connects + 1)) || break
	more_delivered $((RANDOM % 100 + 1)) || break
done
is "its connection was terminated, and it made another" "$i" $((10 * scale))
if [ "$db_kind" = mariadb ]; then
	for ((i = 0; i < 20 * scale; i++)); do
		db_terminate query
		more_delivered $((RANDOM % 30 + 1)) || break
	done
	is "its query was killed" "$i" $((20 * scale))
	# in the middle of results: a backlog, read while the connection dies again and again
	receiver_control delay_ms=5
	backlog() { # a deadlock with a writer, which undoes it, is nobody's fault
		sql "INSERT INTO items (k, note) $(sql_series 1000001 1030000 "SELECT i, $(sql_text 20)")"
	}
	ok "a backlog" wait_until 60 backlog
	for ((i = 0; i < 60; i++)); do
		db_terminate
		pause "0.0$((RANDOM % 50 + 10))"
	done
	receiver_control mode=ok
	ok "its connection died in the middle of results: it goes on" more_delivered 5000
fi
ok "it lives still" is_alive
workload_stop
workload_verify
diag "connections: $(metrics '.sources[0].connects_total'), failed calls: $(metrics '.sources[0].failures_total')"
tests_end
