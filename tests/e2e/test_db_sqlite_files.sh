#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What happens to an SQLite file under load: writers killed, the file locked, its disk full, read-only, replaced by a
# restored copy; and what the daemon must not do to it: hold up checkpoints, VACUUM or backups.
# shellcheck disable=SC2154 # admin_port is of lib.sh, which workload.sh sources
. "$(dirname "$0")/../support/workload.sh"
workload_need sqlite

alive() {
	! process_gone daemon
}
cpu_ms() {
	awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/${process[daemon]}/stat"
}
last_error_has() {
	[[ $(metrics '.sources[0] | "\(.last_error) \(.warning)"') == *$1* ]]
}
has_trouble() {
	last_error_has '[a-z]'
}
arrived() { # KEY...: each of them
	local k
	for k in "$@"; do
		grep -q "\"key\":{\"k\":$k}" "$test_dir/receiver.ndjson" || return 1
	done
}
# the log is wholly in the database, and empty
checkpoint_is_whole() {
	[ "$(sql 'PRAGMA wal_checkpoint(TRUNCATE)') $(stat -c %s "$test_db-wal")" = "0|0|0 0" ]
}
outbox_is_empty() {
	sql_is "SELECT count(*) FROM $outbox" 0
}
# locker SQL: a session that begins with it and keeps its locks until locker_ends
locker() {
	rm -f "$test_dir/locker.in"
	mkfifo "$test_dir/locker.in"
	process_start locker bash -c "exec sqlite3 -batch -bail -cmd '.timeout 120000' '$test_db' <'$test_dir/locker.in'"
	exec {locker_fd}>"$test_dir/locker.in"
	printf "%s;\nSELECT 'it is ' || 'locked';\n" "$1" >&"$locker_fd"
	wait_until 60 grep -qx 'it is locked' "$test_dir/locker.log"
}
locker_ends() {
	exec {locker_fd}>&-
	process_wait locker || :
	rm -f "$test_dir/locker.log"
}

workload_begin
daemon_start
workload_start 4 300 10
ok "it delivers" more_delivered 300

# ---- kill -9 of writers

for ((i = 0; i < 12 * scale; i++)); do
	process_kill "${writers[i % 4]}"
	process_start "${writers[i % 4]}" workload_writer 300 10
	more_delivered $((RANDOM % 60 + 1)) || break
done
is "writers were killed" "$i" $((12 * scale))

# ---- the file locked by a writer for seconds

ok "a transaction holds the write lock" locker 'BEGIN IMMEDIATE; INSERT INTO items (k) VALUES (-1)'
pause 7
diag "locked: failures $(metrics '.sources[0].failures_total'), $(metrics '.sources[0] | "\(.state) \(.last_error)"')"
ok "... the daemon lives" alive
locker_ends # its changes are undone
ok "... and goes on" more_delivered 200
ok "the same with an exclusive lock" locker 'BEGIN EXCLUSIVE'
pause 2
locker_ends
ok "... and goes on" more_delivered 200

# ---- maintenance while it runs

ok "VACUUM" sql VACUUM
ok "ANALYZE and REINDEX" sql ANALYZE REINDEX
ok "a backup" sql "VACUUM INTO '$test_dir/backup.db'"
ok "integrity" sql_is 'PRAGMA integrity_check' ok
ok "it goes on" more_delivered 200
ok "no statement of the application failed" workload_stop
workload_verify "killed, locked"

# ---- one file by two names is one source

ln -s "$test_db" "$test_dir/link.db"
link_port=$(port_free)
sed "s|$test_db|$test_dir/link.db|; s/127.0.0.1:$admin_port/127.0.0.1:$link_port/" "$test_dir/config.yaml" >"$test_dir/link.yaml"
daemon_start link "$test_dir/link.yaml"
link_is() {
	[ "$(curl -s "http://127.0.0.1:$link_port/metrics" | jq -r '.sources[0].state')" = "$1" ]
}
ok "a daemon with a symbolic link to the file stands by" wait_until 20 link_is standby
process_stop link

# ---- the log of the database is truncated while the receiver hangs

receiver_control mode=hang
# all of them at once: those of the writers come one by one, and the first timeouts end the rush
sql "INSERT INTO items (k) $(sql_series 150001 150040 'SELECT i')"
workload_start 2 300 1
ok "requests hang while applications write" wait_until 20 stats_min .in_flight 20
ok "... and rows gather" wait_until 30 sql_min "SELECT count(*) FROM $outbox" 500
ok "no statement of the application failed" workload_stop
ok "... a checkpoint is whole, and the log is empty" wait_until 20 checkpoint_is_whole
receiver_control mode=ok
workload_verify "after hanging"

# ---- SIGSTOP at any moment: whatever it was doing, writers are not held for long

# stops FROM: how many of ten such moments held the write lock
stops() {
	local i blocked=0
	for ((i = 0; i < 10; i++)); do
		sql "INSERT INTO items (k) VALUES ($(($1 + i)))"
		pause "0.00$((RANDOM % 10))"
		process_signal daemon STOP
		sqlite3 -batch -cmd '.timeout 3000' "$test_db" "INSERT INTO items (k) VALUES ($(($1 + 1000 + i)))" 2>/dev/null ||
			blocked=$((blocked + 1))
		process_signal daemon CONT
	done
	echo "$blocked"
}
blocked=$(stops 200000)
diag "stopped at random moments while it delivers: $blocked of 10 held the write lock"
ok "stopped while it delivers it holds the write lock at some moments at most" test "$blocked" -lt 10
# what is read, sent and not answered leaves nothing to write; now and then it looks after its tables
receiver_control mode=hang
blocked=$(stops 210000)
diag "... while nothing is answered: $blocked of 10"
ok "... and while nothing is answered at none but such a one" test "$blocked" -le 1
receiver_control mode=ok
workload_verify "after stops"

# ---- its disk full

process_stop daemon
disk=$test_dir/disk
mkdir "$disk"
disk_is=full
if ! mount -t tmpfs -o size=3m none "$disk" 2>/dev/null; then
	diag "SKIPPED IN PART: no tmpfs can be mounted here; a limit on the size of files instead of a full disk"
	disk_is=limited
fi
disk_gone() {
	[ $disk_is != full ] || umount -l "$disk"
}
trap 'disk_gone; cleanup' EXIT
test_db=$disk/shop.db
sqlite_do 'PRAGMA journal_mode = wal' >/dev/null
sql 'CREATE TABLE items (k INTEGER PRIMARY KEY, v int, note text)'
workload_tables=(items)
workload_config </dev/null >"$test_dir/config.yaml"
ok "install" app install
ok "the receiver forgets" wait_until 20 receiver_control forget=1
receiver_control mode=hang
daemon_start
sql "INSERT INTO items $(sql_series 1 200 'SELECT i, i, hex(zeroblob(500))')"
ok "requests hang" wait_until 20 stats_min .in_flight 20
if [ $disk_is = full ]; then
	dd if=/dev/zero of="$disk/ballast" bs=4k 2>/dev/null
	ok "the disk is full" bash -c "! sqlite3 '$test_db' \"INSERT INTO items VALUES (0, 0, hex(zeroblob(100000)))\" 2>/dev/null"
	receiver_control mode=ok
	ok "... the daemon says so" wait_until 30 last_error_has full || diag "$(metrics '.sources[0]')"
	pause 2
	begin=$(cpu_ms) before=$(stats .requests)
	pause 3
	diag "full: CPU $((($(cpu_ms) - begin) / 3)) ms a second, requests $(($(stats .requests) - before)), duplicates $(stats .duplicates)"
	ok "... lives" alive
	ok "... and does not spin" test $(($(cpu_ms) - begin)) -lt 1500
	rm "$disk/ballast"
else
	process_stop daemon
	receiver_control mode=ok
	(
		ulimit -f 8
		exec "$ADBL" run -c "$test_dir/config.yaml"
	) >>"$test_dir/daemon.log" 2>&1 </dev/null &
	process[daemon]=$!
	ok "... the daemon says so" wait_until 30 has_trouble
	ok "... and lives" alive
	process_kill daemon
	daemon_start
fi
ok "there is room again: everything leaves the outbox" wait_until 60 outbox_is_empty
is "... nothing was lost" "$(stats .distinct)" 200
is "... or disordered" "$(stats .out_of_order)" 0
ok "... and it goes on" sql 'INSERT INTO items VALUES (1000, 1, 1)'
ok "... at once" wait_until 20 arrived 1000
process_stop daemon
disk_gone
trap cleanup EXIT

# ---- replaced by a restored copy, while it runs

test_db=$test_dir/restore.db
sqlite_do 'PRAGMA journal_mode = wal' >/dev/null
sql 'CREATE TABLE items (k INTEGER PRIMARY KEY, v int, note text)'
workload_config </dev/null >"$test_dir/config.yaml"
ok "install" app install
daemon_start
sql "INSERT INTO items $(sql_series 2001 2010 "SELECT i, i, 'before'")"
ok "it delivers" wait_until 20 arrived 2010
ok "... all" wait_until 20 outbox_is_empty
sql "VACUUM INTO '$test_dir/copy.db'"
sqlite3 "$test_dir/copy.db" 'PRAGMA journal_mode = wal' >/dev/null
sql "INSERT INTO items $(sql_series 2011 2020 "SELECT i, i, 'lost by the restore'")"
ok "... what comes after the copy too" wait_until 20 arrived 2020
ok "... all" wait_until 20 outbox_is_empty
rm -f "$test_db-wal" "$test_db-shm"
mv "$test_dir/copy.db" "$test_db"
sql "INSERT INTO items $(sql_series 2021 2040 "SELECT i, i, 'after the restore'")"
ok "the file is replaced: new changes arrive" wait_until 60 arrived 2040
# several requests at a time: the last one is not the last to arrive
ok "... each" wait_until 20 arrived {2021..2040}
ok "... the new file is whole" sql_is 'PRAGMA integrity_check' ok
is "... and has everything" "$(sql "SELECT count(*) FROM items WHERE note = 'after the restore'")" 20
ok "... the outbox empties" wait_until 30 outbox_is_empty
is "no event has the id of another" "$(jq -s -c '[.[] | select(.key.k > 2000) | {id, k: .key.k}] | unique | group_by(.id) |
	map(select(length > 1)) | .[:3]' "$test_dir/receiver.ndjson")" '[]'

# ... and again while events are in flight
receiver_control mode=hang
sql "VACUUM INTO '$test_dir/copy.db'"
sqlite3 "$test_dir/copy.db" 'PRAGMA journal_mode = wal' >/dev/null
sql "INSERT INTO items $(sql_series 2041 2050 "SELECT i, i, 'lost by the restore'")"
ok "in flight" wait_until 20 stats_min .in_flight 10
rm -f "$test_db-wal" "$test_db-shm"
mv "$test_dir/copy.db" "$test_db"
sql "INSERT INTO items $(sql_series 2051 2070 "SELECT i, i, 'after the restore'")"
receiver_control mode=ok
ok "replaced with requests in flight: what was written afterwards arrives" wait_until 60 arrived 2070
ok "... the outbox empties" wait_until 60 outbox_is_empty
ok "... all of it" wait_until 20 arrived {2051..2070}

# ... and its numbers begin again
sql "DELETE FROM sqlite_sequence WHERE name LIKE 'app_db_listener%'" "INSERT INTO items VALUES (2901, 1, 1)" \
	"INSERT INTO items VALUES (2902, 1, 1)"
ok "its numbers begin again: what is written then arrives" wait_until 60 arrived 2902 || diag "$(metrics '.sources[0]')"
ok "... all of it" wait_until 10 arrived 2901

# ... and taken away
mv "$test_db" "$test_dir/away.db"
rm -f "$test_db-wal" "$test_db-shm"
ok "the file is gone: it says so" wait_until 60 has_trouble
ok "... makes no new one" test ! -e "$test_db"
ok "... lives" alive
mv "$test_dir/away.db" "$test_db"
sql "INSERT INTO items VALUES (3001, 1, 1)"
ok "... and goes on when it is back" wait_until 60 arrived 3001
process_stop daemon

# ---- read-only for the daemon

as=()
if [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups)
fi
chmod 444 "$test_db" && rm -f "$test_db-wal" "$test_db-shm"
chmod 644 "$test_dir/config.yaml"
"${as[@]}" "$ADBL" check -c "$test_dir/config.yaml" >"$test_dir/check.out" 2>&1 </dev/null
ok "a file that the daemon may not write: check says so" grep -qiE '^fail.*(read-?only|write|permi|unable)' "$test_dir/check.out" ||
	diag "$(<"$test_dir/check.out")"
process_start daemon "${as[@]}" "$ADBL" run -c "$test_dir/config.yaml"
ok "... the daemon says so" wait_until 30 has_trouble
diag "read-only: $(metrics '.sources[0].last_error')"
pause 1
begin=$(cpu_ms)
pause 2
ok "... and does not spin" test $(($(cpu_ms) - begin)) -lt 1000
ok "... lives" alive
process_stop daemon
chmod 644 "$test_db"
daemon_start
sql "INSERT INTO items VALUES (3002, 1, 1)"
ok "... and works when it may" wait_until 20 arrived 3002
tests_end
