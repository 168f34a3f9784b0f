#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# workload.sqlite.sh KEYS PAUSE_MS STOP-FILE: the random transactions of one writer, for the sqlite3 shell, until there is
# a STOP-FILE. As the procedures of workload.postgres.sql.
set -u
keys=$1 pause_ms=$2 stop=$3
version='random() & 9007199254740991'
exec {pause_fd}<> <(:)
RANDOM=$((($$ * 7919 + ${EPOCHREALTIME/[.,]/}) % 32768))

chance() { # PERMILLE
	[ $((RANDOM % 1000)) -lt "$1" ]
}

pause_up_to() { # MS
	read -r -t "$(printf '%d.%03d' $(($1 / 1000)) $((RANDOM % ($1 % 1000 + 1))))" -u "$pause_fd"
}

put() {
	echo "INSERT INTO items (k, note) VALUES ($((1 + RANDOM % keys)), hex(randomblob(16)))
		ON CONFLICT (k) DO UPDATE SET v = excluded.v, note = excluded.note;"
}

step() {
	local a=$((1 + RANDOM % keys)) b=$((1 + RANDOM % keys)) name r=$((RANDOM % 100)) note='note = hex(randomblob(16))'
	name="'key \"$((a % 20))\" \\ '||char(9)||'ü'"
	if [ $r -lt 25 ]; then
		put
	elif [ $r -lt 50 ]; then
		echo "UPDATE items SET v = $version, $note WHERE k = $a;"
	elif [ $r -lt 60 ]; then
		echo "UPDATE items SET v = $version, $note WHERE k BETWEEN $a AND $a + 4;"
	elif [ $r -lt 72 ]; then
		echo "DELETE FROM items WHERE k = $a;"
	elif [ $r -lt 80 ]; then
		echo "UPDATE OR IGNORE items SET k = $b, v = $version WHERE k = $a;"
	elif [ $r -lt 90 ]; then
		echo "INSERT INTO pairs (k, part, note) VALUES ($name, $((b % 5)), hex(randomblob(16)))
			ON CONFLICT (k, part) DO UPDATE SET v = excluded.v, note = excluded.note;"
	elif [ $r -lt 95 ]; then
		echo "UPDATE OR IGNORE pairs SET part = (part + 1) % 5, v = $version WHERE k = $name AND part = $((b % 5));"
	else
		echo "DELETE FROM pairs WHERE k = $name AND part = $((b % 5));"
	fi
}

transaction() {
	local i n=$((RANDOM % 15))
	n=$((n * n * n / 196))
	if chance 500; then echo 'BEGIN IMMEDIATE;'; else echo 'BEGIN;'; fi
	put
	for ((i = 0; i < n; i++)); do
		echo 'SAVEPOINT s;'
		step
		if chance 100; then echo 'ROLLBACK TO s;'; fi
		echo 'RELEASE s;'
		if chance 100; then pause_up_to 20; fi
	done
	if chance 10; then pause_up_to 200; fi
	if chance 100; then echo 'ROLLBACK;'; else echo 'COMMIT;'; fi
}

until [ -e "$stop" ]; do
	transaction || exit 0 # nobody reads it any more
	pause_up_to $((2 * pause_ms))
done
