#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The database server goes away and comes back: before the daemon starts, in a crash under load, and for the daemon's
# connection alone.
# shellcheck disable=SC2154 # admin_port is of lib.sh, which workload.sh sources
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms'

terminate() {
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = 'shop' AND query NOT LIKE '%workload.write%' AND pid <> pg_backend_pid()" >/dev/null
}
is_alive() {
	! process_gone daemon
}

workload_begin
pg_ctl stop -m fast
daemon_start
ok "it starts without its database" wait_until 10 source_is state connecting
ok "... says so" wait_until 10 metrics_is '.sources[0].last_error != ""' true
is "... is not ready" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$admin_port/readyz")" 503
ok "... and lives" is_alive
pg_ctl start
reconnect=yes
workload_start 16
ok "it delivers when the database is there" more_delivered 200

for ((i = 0; i < 4 * scale; i++)); do
	pg_ctl stop -m immediate
	pause "0.$((RANDOM % 5))"
	pg_ctl start
	ok "after crash $((i + 1)) it delivers" more_delivered 200 || break
done
for ((i = 0; i < 10 * scale; i++)); do
	terminate
	more_delivered $((RANDOM % 100 + 1)) || break
done
is "its connection was terminated" "$i" $((10 * scale))
ok "it lives still" is_alive
workload_stop
workload_verify
diag "connections: $(metrics '.sources[0].connects_total'), failed calls: $(metrics '.sources[0].failures_total')"
tests_end
