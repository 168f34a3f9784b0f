#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Memory has a bound: a long backlog at the start, a wide one, and a row of 100 MB. BACKLOG_ROWS sets how long.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/workload.sh"
options=()
[ "${1:-}" != mariadb ] || options=(-o 'max_allowed_packet = 256M' -o 'innodb_log_file_size = 512M')
need_database "${1:-}" "${options[@]}"

rows=${BACKLOG_ROWS:-100000}
limit_kb=$(((64 + 32) * 1024)) # memory.max and what the daemon may have besides

# rss_stays SECONDS-AT-MOST COMMAND...: the budget holds until COMMAND does.
rss_stays() {
	wait_until "$@" && [ "$(rss_max_kb daemon)" -le "$limit_kb" ]
}

note_type=text grown="note || 'y'" giant="replace(hex(zeroblob(100000000)), '00', 'x')"
case $db_kind in
postgres) giant="repeat('x', 100000000)" ;;
mariadb) note_type=longtext grown="concat(note, 'y')" giant="repeat('x', 100000000)" ;;
esac
db_new shop
sql "CREATE TABLE items (k bigint PRIMARY KEY, note $note_type)"
receiver_start
workload_tables=(items)
# no attempt may end by its time, however slow the machine
workload_config </dev/null | sed 's/^  timeout: .*/  timeout: 120\n  breaker_max_delay: 500ms/' >"$test_dir/config.yaml"
ok "install" app install
sql "INSERT INTO items $(sql_series 1 "$rows" "SELECT i, $(sql_text 6)")"
is "the backlog" "$(sql "SELECT count(*) FROM $outbox")" "$rows"

daemon_start
ok "memory is bounded while $rows rows drain" rss_stays $((60 + rows / 1000)) stats_min .distinct "$rows"
diag "long backlog: RSS at most $(rss_max_kb daemon) kB of $limit_kb"
ok "the outbox is empty" wait_until 30 sql_is "SELECT count(*) FROM $outbox" 0
is "distinct" "$(stats .distinct)" "$rows"
is "out of order" "$(stats .out_of_order)" 0

# rows of nearly max_event_bytes: the bytes are the bound, not the number; a receiver that hangs keeps the ring full,
# or the memory budget where what is in flight takes its share
receiver_control mode=hang
sql "INSERT INTO items $(sql_series 1 300 "SELECT -i, $(sql_text 28000)")"
ok "the queue fills up" wait_until 30 metrics_is '.pipelines[0] | .full_total > 0 or .memory_stopped' true
pause 1
receiver_control 'mode=ok&down_ms=1' # what hangs is reset
ok "memory is bounded with rows of 900 kB" rss_stays 60 stats_min .distinct $((rows + 300))
diag "wide backlog: RSS at most $(rss_max_kb daemon) kB of $limit_kb"

last() {
	tail -n 1 "$test_dir/receiver.ndjson" | jq -c "$1"
}
ok "a row of 100 MB: insert" sql "INSERT INTO items SELECT 0, $giant"
ok "... update" sql "UPDATE items SET note = $grown WHERE k = 0"
ok "... delete" sql 'DELETE FROM items WHERE k = 0'
ok "memory is bounded with a row of 100 MB" rss_stays 60 stats_min .distinct $((rows + 303))
diag "100 MB row: RSS at most $(rss_max_kb daemon) kB of $limit_kb"
is "out of order" "$(stats .out_of_order)" 0
is "dead letters" "$(sql "SELECT count(*) FROM $dead_letter")" 0

# one that keeps bodies, and hears of nothing that was before
ok "the outbox is empty" wait_until 30 sql_is "SELECT count(*) FROM $outbox" 0
receiver_stop
rm "$test_dir/receiver.ndjson"
receiver_start receiver --bodies
sql "INSERT INTO items SELECT 0, $giant"
ok "it is delivered" wait_until 30 stats_is .distinct 1
ok "... and recorded" wait_until 10 journal_is_complete
is "... with its key only, and says so" "$(last '[.operation, .body.key, .body.data, .body.truncated]')" \
	'["insert",{"k":0},{"k":0},true]'
tests_end
