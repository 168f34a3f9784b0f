#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What an operator does to a MariaDB under load: rows of the outbox locked, tables locked, the server made read-only,
# max_allowed_packet low. Applications write on wherever the operator lets them, and nothing is lost.
. "$(dirname "$0")/../support/workload.sh"
workload_need mariadb -o 'max_allowed_packet = 1M'

alive() {
	! process_gone daemon
}
cpu_ms() {
	awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/${process[daemon]}/stat"
}
more_committed() { # N: soon
	local now
	now=$(committed) && wait_until 20 committed_min $((now + $1))
}
waiting_for_lock() { # STATE
	sql_min "SELECT count(*) FROM information_schema.processlist WHERE user = 'listener' AND state LIKE '$1%'" 1
}
# What was delivered has left the outbox.
all_acked() {
	sql_is "SELECT (SELECT count(*) FROM $truth) - (SELECT count(*) FROM $outbox)" "$(stats .distinct)"
}
# operator SQL: a session that does it and holds on to what it has until operator_ends
operator() {
	rm -f "$test_dir/operator.log"
	process_start operator mariadb_as root shop --unbuffered -e "SELECT connection_id(); $1; SELECT 'done'; SELECT sleep(600)"
	wait_until 20 grep -q 'done' "$test_dir/operator.log"
}
operator_ends() {
	sql "KILL $(head -n 1 "$test_dir/operator.log")"
	process_wait operator || :
}
# client_writer FROM: single statements, each its own transaction.
client_writer() {
	local i
	# shellcheck disable=SC2034 # pause reads from it; process_start closes the one there was
	exec {pause_fd}<> <(:)
	for ((i = $1; ; i++)); do
		echo "INSERT INTO items (k) VALUES ($i); UPDATE items SET note = 'x' WHERE k = $i;"
		[ ! -e "$test_dir/stop" ] || break
		pause 0.01
	done | mariadb_as root shop
}
# clients_start FROM: client_writer in place of the workload. What locks the whole server (FLUSH TABLES WITH READ LOCK,
# SET GLOBAL read_only) waits for the transactions that wrote, and lets no statement write meanwhile: a transaction of
# several statements that waits for a row of one that waits for this lock ends by innodb_lock_wait_timeout, with triggers
# or without. workload_stop ends them too.
clients_start() {
	rm -f "$test_dir/stop"
	writers=(client_1 client_2)
	process_start client_1 client_writer "$1"
	process_start client_2 client_writer "$(($1 + 100000))"
}
clients_stop() {
	: >"$test_dir/stop"
	workload_stop
}

workload_begin
daemon_start
workload_start 8
ok "it delivers" more_delivered 300

# ---- rows of the outbox, locked

receiver_control mode=hang
ok "a backlog" wait_until 30 sql_min "SELECT count(*) FROM $outbox" 200
# the operator's statement and an acknowledgement under way could find each other in a deadlock
ok "... and nothing to acknowledge" wait_until 30 all_acked
ok "an operator locks what is in the outbox" operator \
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN; SELECT count(*) FROM $outbox FOR UPDATE"
receiver_control mode=ok
ok "... applications write on" more_committed 500
ok "... requests go on" more_delivered 50
before=$(stats .duplicates)
pause 6
ok "... it lives" alive
diag "locked: failures $(metrics '.sources[0].failures_total'), duplicates $(($(stats .duplicates) - before))," \
	"$(metrics '.sources[0] | "\(.state) \(.last_error)"')"
ok "... and repeats little of what it cannot acknowledge" test $(($(stats .duplicates) - before)) -lt 2000
operator_ends
ok "... and goes on when they are free" more_delivered 500

# ---- tables, locked

ok "an application takes LOCK TABLES for a captured table" operator "LOCK TABLES items WRITE"
pause 3
ok "... it lives" alive
operator_ends
ok "... and goes on" more_delivered 500
ok "a backup by mysqldump's locks" operator "FLUSH TABLES items, pairs WITH READ LOCK"
pause 1
operator_ends
ok "... and goes on" more_delivered 300
ok "no statement of the application failed" workload_stop
clients_start 500001
# a daemon that has nothing to acknowledge waits for no lock
receiver_control mode=hang
ok "a backlog" wait_until 30 sql_min "SELECT count(*) FROM $outbox" 200
ok "FLUSH TABLES WITH READ LOCK" operator "FLUSH TABLES WITH READ LOCK"
receiver_control mode=ok
ok "... for which the daemon waits" wait_until 20 waiting_for_lock 'Waiting for'
pause 3
diag "flushed: failures $(metrics '.sources[0].failures_total'), $(metrics '.sources[0] | "\(.state) \(.last_error)"')"
ok "... it lives" alive
operator_ends
ok "... and goes on" more_delivered 300
ok "no statement of the application failed" clients_stop
workload_start 8
ok "... as before" more_delivered 300

# ---- a server that stands still, and one that ends idle connections

kill -STOP "$("$TEST_MY_CTL" pid)"
pause 3
kill -CONT "$("$TEST_MY_CTL" pid)"
ok "the server was stopped in its tracks: it goes on" more_delivered 300
sql 'SET GLOBAL wait_timeout = 1'
db_terminate
more_delivered 50
receiver_control mode=hang
ok "everything hangs" wait_until 20 stats_min .in_flight 1
pause 3
receiver_control mode=ok
ok "idle connections are ended after a second: it goes on" more_delivered 300
sql 'SET GLOBAL wait_timeout = 28800'
ok "200,000 changes are rolled back" sql \
	"START TRANSACTION; INSERT INTO items (k, note) $(sql_series 1 200000 "SELECT -i, 'x'"); ROLLBACK"
ok "... and it goes on" more_delivered 300
diag "after the rollback: RSS $(rss_kb daemon) kB, gaps $(metrics '.sources[0].gaps // "?"')"

# ---- a server that takes no writes, though those of root

writes_anyway='READ_ONLY ADMIN'
! is_mysql || writes_anyway=CONNECTION_ADMIN
sql "REVOKE SUPER, $writes_anyway ON *.* FROM listener"
db_terminate
ok "it goes on with fewer rights" more_delivered 300
ok "no statement of the application failed" workload_stop
clients_start 700001
sql 'SET GLOBAL read_only = 1'
db_terminate
last_error_has() {
	[[ $(metrics '.sources[0] | "\(.last_error) \(.warning)"') == *$1* ]]
}
ok "read_only: it says so" wait_until 60 last_error_has read-only || diag "$(metrics '.sources[0]')"
before=$(stats .requests)
begin=$(cpu_ms)
pause 4
diag "read_only: requests $(($(stats .requests) - before)), CPU $((($(cpu_ms) - begin) / 4)) ms a second," \
	"$(metrics '.sources[0] | "\(.state) \(.last_error)"'), outbox $(sql "SELECT count(*) FROM $outbox")"
ok "... it lives" alive
ok "... and does not spin" test $(($(cpu_ms) - begin)) -lt 3000
before=$(stats .duplicates)
sql 'SET GLOBAL read_only = 0'
ok "... and goes on" more_delivered 500
diag "after read_only: duplicates $(($(stats .duplicates) - before))"
ok "no statement of the application failed" clients_stop
workload_verify

# ---- rows around max_allowed_packet: whatever an application may write without the triggers, it may write with them

process_stop daemon
# the table of the same shape that nobody captures
sql 'CREATE TABLE free (k bigint PRIMARY KEY, note longtext, raw longblob)' \
	'CREATE TABLE wide (k bigint PRIMARY KEY, note longtext, raw longblob)'
workload_tables=(items wide)
workload_config </dev/null >"$test_dir/config.yaml"
ok "install" app install --user root
daemon_start
ok "it is active" wait_until 20 source_is state active
same() { # WHAT: both tables have the same rows and refused the same statements
	is "$1" "$(sql 'SELECT count(*), sum(length(note)), sum(length(raw)) FROM wide')" \
		"$(sql 'SELECT count(*), sum(length(note)), sum(length(raw)) FROM free')"
}
k=0 differ=()
both() { # STATEMENT with @t for the table
	local a=ok b=ok
	sql "${1//@t/free}" 2>"$test_dir/free.err" || a=failed
	sql "${1//@t/wide}" 2>"$test_dir/wide.err" || b=failed
	[ $a = $b ] || differ+=("$1: $a without, $b with triggers: $(<"$test_dir/wide.err")")
}
for unit in "'x'" "'\"'" 'char(1)' "'é'" "'😀'"; do
	for bytes in 1000 86000 130000 174000 260000 349000 350000 500000 523000 525000 700000 1040000 1048000; do
		k=$((k + 1))
		both "INSERT INTO @t VALUES ($k, repeat($unit, $bytes DIV length($unit)), NULL)"
		both "UPDATE @t SET note = concat('y', substr(note, 2)) WHERE k = $k"
	done
done
for bytes in 1000 200000 390000 520000 785000 787000 1040000; do
	k=$((k + 1))
	both "INSERT INTO @t VALUES ($k, repeat('z', 1000), repeat(char(0), $bytes))"
	both "UPDATE @t SET raw = concat('y', substr(raw, 2)) WHERE k = $k"
	both "UPDATE @t SET note = repeat('\"', $bytes) WHERE k = $k"
done
is "the statements are of the application's size" "$(sql 'SELECT count(*) FROM free')" "$k"
both "DELETE FROM @t WHERE k % 2 = 0"
is "the application may do what it could without triggers" "$(printf '%s\n' "${differ[@]}" | cut -c 1-200 | head -n 5)" ""
same "... and its rows are the same"
wide_events() {
	jq -r 'select(.table == "wide" and (.verdict == "first" or .verdict == "disorder")) | "\(.body.operation) \(.key.k)"' "$test_dir/receiver.ndjson" |
		sort | uniq -c | wc -l
}
outbox_is_empty() {
	sql_is "SELECT count(*) FROM $outbox" 0
}
ok "... and every change is delivered" wait_until 60 outbox_is_empty
wait_until 10 journal_is_complete
rows=$(sql 'SELECT count(*) FROM wide')
is "... each insert" "$(jq -r 'select(.table == "wide" and .verdict == "first" and .body.operation == "insert") | .key.k' \
	"$test_dir/receiver.ndjson" | wc -l)" "$k"
diag "rows $rows, events $(wide_events), truncated $(jq -r 'select(.table == "wide" and .body.truncated) | .id' "$test_dir/receiver.ndjson" | wc -l)"
is "... whole or marked truncated" "$(jq -c 'select(.table == "wide" and .body.operation != "delete" and
	(.body.truncated | not) and (.body.data.note == null)) | .id' "$test_dir/receiver.ndjson" | wc -l)" 0
is "... none is dead" "$(sql "SELECT count(*) FROM $dead_letter")" 0

# ---- the limit is lowered below rows that wait

process_stop daemon
sql "INSERT INTO wide VALUES (100001, repeat('x', 300000), NULL)" "INSERT INTO wide VALUES (100002, 'small', NULL)"
sql 'SET GLOBAL max_allowed_packet = 65536'
daemon_start
arrived() {
	grep -q "\"key\":{\"k\":$1}" "$test_dir/receiver.ndjson"
}
ok "max_allowed_packet is lowered: small rows arrive" wait_until 30 arrived 100002 || diag "$(metrics '.sources[0]')"
ok "... and those that are larger" wait_until 30 arrived 100001 || diag "$(metrics '.sources[0]')"
sql "INSERT INTO wide VALUES (100003, repeat('x', 60000), repeat('y', 30000))"
ok "... and an application's row near it" wait_until 30 arrived 100003
tests_end
