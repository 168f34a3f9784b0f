#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The cluster's NOTIFY queue is full, because a session that listens has a transaction open: applications write on though the
# daemon sleeps and would be notified, what they write is delivered by polling, and check says what is wrong.
# Part of make soak only: the queue takes 8 GB of disk, and 40 s on a machine where nothing else runs.
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms'

queue_is() { # CONDITION
	sql_is "SELECT pg_notification_queue_usage() $1" t
}
# fill ROWS: that many notifications of half a page and a bit, so that each takes a page; in one transaction.
fill() {
	sql "SELECT count(pg_notify('noise', repeat('x', 4100) || i)) FROM generate_series(1, $1) AS i" \
		>>"$test_dir/fill.log" 2>&1
}
fill_all() {
	local rows
	for rows in 20000 1000 50 1; do
		while fill "$rows"; do :; done
	done
	while sql "NOTIFY noise" 2>>"$test_dir/fill.log"; do :; done
}
refused() {
	! sql "NOTIFY noise" 2>"$test_dir/refused.log" && grep -q 'too many notifications' "$test_dir/refused.log"
}
# asleep: the daemon holds the lock that makes writers notify.
asleep() {
	sql_is "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1633968748 AND objid = 1
		AND mode = 'ExclusiveLock' AND granted" 1
}
listen_forever() {
	printf '%s\n' 'LISTEN noise;' 'BEGIN;' 'SELECT 1;' >&"$1"
}

free_mb=$(df -m --output=avail "$TEST_PG_DATA" | tail -n 1)
if [ "$free_mb" -lt 12000 ]; then
	ok "12 GB of disk for the queue: there are $free_mb MB in $TEST_PG_DATA, set TMPDIR" false
	tests_end
fi
workload_begin
daemon_start
ok "the daemon is active" wait_until 20 source_is state active
ok "... and wants to be notified" wait_until 10 source_is notify true

mkfifo "$test_dir/words"
process_start listener psql -X -q -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -d shop -f "$test_dir/words"
exec {words}>"$test_dir/words"
listen_forever "$words"
ok "a session listens in a transaction" wait_until 10 sql_is "SELECT count(*) FROM pg_stat_activity
	WHERE state = 'idle in transaction'" 1
fill_all
ok "the queue is full" queue_is '> 0.999'
ok "... and refuses others' NOTIFY" refused
ok "check fails on it" check_says 'notify queue.*full'
for i in 1 2 3 4 5; do
	ok "the daemon sleeps, $i" wait_until 20 asleep
	ok "... an application's write goes on" sql "INSERT INTO items (k) VALUES (9000 + $i)"
	ok "... and is delivered" wait_until 20 workload_arrived
done
workload_start 8
ok "load goes on" more_delivered 1000
ok "no statement of the application failed" workload_stop
ok "the queue is full still" refused
workload_verify "with a full queue"

exec {words}>&-
process_wait listener
ok "the listener ends: the queue empties" wait_until 30 queue_is '< 0.1'
sql 'INSERT INTO items (k) VALUES (9100)'
ok "all goes on" wait_until 20 workload_arrived
tests_end
