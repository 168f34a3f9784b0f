#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Old dead letters and delivered events are removed in small steps, and writers do not wait for that.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind and the names of tables come from need_database
. "$(dirname "$0")/../support/lib.sh"
options=()
# each wait of more than that is a line in the server's log
[ "${1:-postgres}" != postgres ] || options=(-o 'log_lock_waits = on' -o 'deadlock_timeout = 50ms')
need_database "${1:-}" "${options[@]}"
. tests/e2e/shop.sh

rows=${PURGE_ROWS:-3000}
delivered=${dead_letter%dead_letter}delivered

# old_rows TABLE FROM TO DAYS: rows of an event each, which died, or was delivered, so many days ago
old_rows() {
	local columns='id, pipeline, operation, schema_name, table_name, row_key, changed_at, truncated' when values schema="'public', "
	case $db_kind in
	postgres) when="now() - interval '$4 days'" values=false ;;
	mariadb) when="UTC_TIMESTAMP(6) - INTERVAL $4 DAY" values=0 schema="'shop', " ;;
	sqlite) when="(unixepoch() - $4 * 86400) * 1000000" values=0 schema='' columns=${columns/schema_name, /} ;;
	esac
	if [ "$1" = "$dead_letter" ]; then
		columns="$columns, died_at, attempts, last_error" values="$values, $when, 3, 'x'"
	else
		columns="$columns, delivered_at" values="$values, $when"
	fi
	sql "INSERT INTO $1 ($columns) $(sql_series "$2" "$3" "SELECT i, 'default', 'insert', $schema'users', '{}', $when, $values")"
}
# waits: how often a writer waited for a lock so far; MariaDB counts everybody
waits() {
	case $db_kind in
	postgres) grep -c '\] psql LOG: .* still waiting for' "$TEST_PG_LOG" ;;
	mariadb) sql "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'" | cut -f 2 ;;
	sqlite) echo 0 ;;
	esac
}
write_one() { # ID: without the patience that sql has
	local text="INSERT INTO users VALUES ($1, 'x', 0)"
	case $db_kind in
	sqlite) sqlite3 -batch -bail -cmd '.timeout 5000' "$test_db" "$text" ;;
	*) sql "$text" ;;
	esac
}

receiver_start receiver
shop_new || give_up 'the shop opens'
config_set listener.retain 7d listener.dead_letter_retention 30d
exits "install" 0 adbl install
for table in "$dead_letter" "$delivered"; do
	ok "young rows in $table" old_rows "$table" 500001 500010 1
done
removed() {
	metrics_is '.sources[0] | "\(.dead_purged_total) \(.delivered_purged_total)"' "$rows $rows"
}

# a removal that is over before a second statement, as the machine had others to run, tells nothing: then there is another one
failed=0 written=0 waited=0 meanwhile=0
for ((round = 0; round < 5 && meanwhile < 2; round++)); do
	[ $round = 0 ] || process_stop daemon
	for table in "$dead_letter" "$delivered"; do
		ok "old rows in $table" old_rows "$table" 100001 $((100000 + rows)) 40
	done
	before=$(waits)
	shop_run
	deadline=$((SECONDS + 60 * ${TEST_PATIENCE:-3})) meanwhile=0
	until removed || [ $SECONDS -ge $deadline ]; do
		meanwhile=$((meanwhile + 1)) written=$((written + 1))
		write_one $written 2>>"$test_dir/writer.log" || failed=$((failed + 1))
		[ "$(waits)" = "$before" ] || waited=$((waited + 1))
	done
done
ok "all old ones are removed, and counted" removed
is "... the young dead letters stay" "$(sql "SELECT count(*) FROM $dead_letter")" 10
is "... and the young delivered events" "$(sql "SELECT count(*) FROM $delivered WHERE id BETWEEN 100000 AND 600000")" 10
ok "writers wrote meanwhile" test $meanwhile -ge 2
is "... none failed" "$failed" 0 || diag "$(<"$test_dir/writer.log")"
is "... none waited" "$waited" 0
ok "what was written is delivered" wait_until 60 stats_is .distinct $written
diag "$db_kind: $meanwhile statements beside the removal of $((2 * rows)) rows"
tests_end
