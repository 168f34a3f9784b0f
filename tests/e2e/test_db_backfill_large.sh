#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A backfill of a long table and of a wide one, the daemon killed in the middle of each: every row is read exactly once,
# and memory is bounded, in a long run flat, whatever the table has. BACKFILL_ROWS and BACKFILL_WIDE_ROWS (of 100 KB) say how large;
# make backfill-large has the full numbers.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind, outbox and the like come from lib.sh
. "$(dirname "$0")/../support/lib.sh"
options=()
[ "${1:-}" != mariadb ] || options=(-o 'max_allowed_packet = 256M' -o 'innodb_buffer_pool_size = 256M')
need_database "${1:-}" "${options[@]}"

rows=${BACKFILL_ROWS:-12000} wide_rows=${BACKFILL_WIDE_ROWS:-150}
limit_kb=$(((64 + 32) * 1024)) # memory.max and what the daemon may have besides
jobs=${dead_letter%dead_letter}backfill
note_type=text
[ "$db_kind" != mariadb ] || note_type=longtext

app() {
	local command=$1
	shift
	"$ADBL" "$command" -c "$test_dir/config.yaml" "$@" >>"$test_dir/app.log" 2>&1 </dev/null
}

# Of the newest job.
job() {
	sql "SELECT $1 FROM $jobs ORDER BY id DESC LIMIT 1"
}
job_is() { # STATE ROWS
	[ "$(job state) $(job rows_done)" = "$1 $2" ]
}

# sample: note what the daemon has now; a condition for wait_until is asked often, and this with it.
peak_kb=0
sample() {
	local now
	now=$(rss_kb daemon) || return
	echo "$now" >>"$test_dir/rss"
	now=$(rss_max_kb daemon)
	[ "$now" -le "$peak_kb" ] || peak_kb=$now
}
rows_done_min() {
	sample
	[ "$(job rows_done)" -ge "$1" ]
}
arrived() {
	sample
	stats_min .distinct "$1" && sql_is "SELECT count(*) FROM $outbox" 0
}

# grown_kb: how much more there is in the last quarter of the samples than in the second one, on average.
grown_kb() {
	awk '{ kb[NR] = $1 } END {
		q = int(NR / 4)
		for (i = 1; i <= q; i++) { early += kb[q + i]; late += kb[NR - q + i] }
		print q ? int((late - early) / q) : 0 }' "$test_dir/rss"
}

# read_all TABLE ROWS BEFORE: tests; BEFORE events came from others.
read_all() {
	local table=$1 n=$2 before=$3 begin_us=${EPOCHREALTIME/[.,]/} patience=$((60 + $2 / 500)) us
	peak_kb=0
	: >"$test_dir/rss"
	ok "a job for $table is made" app backfill "$table" --detach
	ok "half of it is read" wait_until "$patience" rows_done_min $((n / 2))
	process_kill daemon
	daemon_start
	wait_until 20 daemon_ready
	: >"$test_dir/rss" # of the second one
	ok "all of it arrives" wait_until "$patience" arrived $((before + n)) ||
		diag "$(job 'state') $(job rows_done) of $n, $(stats .distinct) arrived, $(metrics . | jq -c '.pipelines[0]')"
	us=$((${EPOCHREALTIME/[.,]/} - begin_us))
	# which it finds out by one more look
	ok "... the job says so" wait_until 20 job_is 'done' "$n" || diag "$(job state) $(job rows_done)"
	ok "... the outbox is empty" wait_until 20 arrived $((before + n))
	is "... each row once" "$(stats .distinct)" $((before + n))
	is "... in order" "$(stats .out_of_order)" 0
	ok "memory is bounded" test "$peak_kb" -le "$limit_kb"
	# of a short run the first samples are of a daemon that has only begun
	[ "$(wc -l <"$test_dir/rss")" -lt 40 ] || ok "... and flat" test "$(grown_kb)" -le 8192
	diag "$db_kind, $table: $n rows in $((us / 1000)) ms, $((n * 1000 / (us / 1000 + 1))) rows/s with the kill," \
		"RSS at most $peak_kb kB of $limit_kb, $(grown_kb) kB more at the end than at the beginning" \
		"($(wc -l <"$test_dir/rss") samples), duplicates $(stats .duplicates)"
}

db_new shop
sql "CREATE TABLE longer (k bigint PRIMARY KEY, note $note_type)" "CREATE TABLE wide (k bigint PRIMARY KEY, note $note_type)"
sql "INSERT INTO longer $(sql_series 1 "$rows" "SELECT i, $(sql_text 3)")"
sql "INSERT INTO wide $(sql_series 1 "$wide_rows" "SELECT i, $(sql_text 3200)")"
receiver_start
config_write x | sed 's/^  table: .*/  tables: [longer, wide]/; s/^  timeout: 5/&\n  batch_max_events: 100/' >"$test_dir/config.yaml"
installer=()
[ "$db_kind" != mariadb ] || installer=(--user "$TEST_MY_USER")
ok "install" app install "${installer[@]}"
daemon_start
ok "it is ready" wait_until 20 daemon_ready
read_all longer "$rows" 0
read_all wide "$wide_rows" "$rows"
is "dead letters" "$(sql "SELECT count(*) FROM $dead_letter")" 0
ok "it ends cleanly" process_stop daemon
tests_end
