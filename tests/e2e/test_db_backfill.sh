#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Backfills of tables that are being written to, with the daemon killed in the middle of them: no row that was read is
# older than what was delivered before it, no writer fails, and every row is read in the end.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/workload.sh"
workload_need "${1:-}"

# shellcheck disable=SC2154 # from lib.sh
jobs=${dead_letter%dead_letter}backfill

jobs_are() { # STATE COUNT
	sql_is "SELECT count(*) FROM $jobs WHERE state = '$1'" "$2"
}
rows_done_min() {
	sql_min "SELECT coalesce(sum(rows_done), 0) FROM $jobs" "$1"
}
# The counters of jobs are in their rows, so that they go on where a killed daemon stopped.
rows_done() {
	sql "SELECT coalesce(sum(rows_done), 0) FROM $jobs"
}

workload_begin
if [ "$db_kind" = sqlite ]; then workload_start 2 300 30; else workload_start 6 300 10; fi
daemon_start
ok "something is delivered" more_delivered 300
ok "there is something to read" wait_until 60 sql_min 'SELECT count(*) FROM items' 80

for ((i = 0; i < 3 * scale; i++)); do
	before=$(rows_done)
	app backfill items --flush-every 5 --max-concurrent-pages 1 --detach
	app backfill pairs --flush-every 3 --detach
	wait_until 30 rows_done_min $((before + RANDOM % 60 + 1)) || break
	process_kill daemon
	daemon_start
done
is "the daemon was killed between pages" "$i" $((3 * scale))
ok "all jobs come to their end" wait_until 60 jobs_are "done" $((6 * scale))
ok "no writer failed, none was a deadlock's victim for it" workload_stop
ok "one more of each" app backfill items
ok "... with a composite key" app backfill pairs --flush-every 10000 --max-concurrent-pages 64
is "... reads every row" "$(sql "SELECT sum(rows_done) FROM $jobs WHERE id > $((6 * scale))")" \
	"$(sql 'SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM pairs)')"
workload_verify
reads=$(awk -F '\t' '$2 == "read"' "$test_dir/delivered" | wc -l)
ok "rows were read" test "$reads" -ge "$(sql 'SELECT count(*) FROM items')"
diag "$reads rows read"
tests_end
