#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every statement that changes rows of an SQLite file, in both journal modes, tables of every kind, and shapes that
# change under it: what was captured is exactly what was changed.
. "$(dirname "$0")/../support/workload.sh"
workload_need sqlite

tables() {
	cat <<-'SQL'
		CREATE TABLE parents (k INTEGER PRIMARY KEY, v INTEGER NOT NULL DEFAULT (random() & 9007199254740991));
		CREATE TABLE children (k INTEGER PRIMARY KEY, v INTEGER NOT NULL DEFAULT (random() & 9007199254740991),
			parent int REFERENCES parents (k) ON DELETE CASCADE ON UPDATE CASCADE);
		CREATE TABLE keyless (k int, v INTEGER NOT NULL DEFAULT (random() & 9007199254740991), note);
		CREATE TABLE oddities (k PRIMARY KEY, v INTEGER NOT NULL DEFAULT (random() & 9007199254740991), "a ""b" TEXT, raw BLOB,
			made TEXT GENERATED ALWAYS AS (k || '!') VIRTUAL) WITHOUT ROWID;
		CREATE TABLE "odd 'table""" (k INTEGER PRIMARY KEY, note);
	SQL
	workload_watch parents k
	workload_watch children k
	workload_watch keyless k
}
operations() { # TABLE: insert=N update=N ... of what was delivered
	awk -F '\t' -v t="$1" '$1 == t { n[$2]++ } END { for (o in n) print o "=" n[o] }' "$test_dir/delivered" | sort | paste -sd ' '
}
quietly() {
	"$@" >/dev/null
}
is_empty() {
	sql_is "SELECT count(*) FROM $outbox" 0
}
all_told() {
	wait_until 30 is_empty && wait_until 10 journal_is_complete && delivered >"$test_dir/delivered"
}
bodies() { # TABLE FILTER
	jq -c --arg t "$1" 'select(.table == $t and .verdict == "first") | .body' "$test_dir/receiver.ndjson" | jq -c "$2"
}
no_warning() {
	source_is warning ''
}
looks() {
	process_signal daemon HUP
}

workload_tables=(items pairs parents children keyless oddities "'\"odd ''table\"\"\"'")
tables >"$test_dir/tables.sql"
workload_begin "$test_dir/tables.sql"
daemon_start
workload_start 4 200 10
ok "it delivers" more_delivered 300
new='v = random() & 9007199254740991'
ok "upsert" sql "INSERT INTO items (k) SELECT value + 6000 FROM generate_series(1, 20)" \
	"INSERT INTO items (k) SELECT value + 6000 FROM generate_series(11, 30) WHERE true ON CONFLICT (k) DO UPDATE SET v = excluded.v"
ok "INSERT OR IGNORE" sql "INSERT OR IGNORE INTO items (k) SELECT value + 6000 FROM generate_series(21, 40)"
ok "RETURNING" quietly sql 'INSERT INTO items (k) VALUES (6100) RETURNING k' 'DELETE FROM items WHERE k = 6100 RETURNING k'
ok "UPDATE FROM" sql "UPDATE pairs SET note = 'f', $new FROM items WHERE items.k = pairs.part"
ok "savepoints" sql 'BEGIN; INSERT INTO items (k) VALUES (6200); SAVEPOINT a; DELETE FROM items; ROLLBACK TO a; COMMIT'
ok "a statement that fails half way" bash -c "! sqlite3 -cmd '.timeout 20000' '$test_db' \
	'INSERT INTO items (k) SELECT 6215 - value FROM generate_series(0, 20)' 2>/dev/null"
ok "OR FAIL keeps what came before it" bash -c "! sqlite3 -cmd '.timeout 20000' '$test_db' \
	'INSERT OR FAIL INTO items (k) SELECT 6515 - value FROM generate_series(0, 20) UNION ALL SELECT 6515' 2>/dev/null"
ok "keys that change places" sql "UPDATE items SET k = -k, $new WHERE k BETWEEN 6001 AND 6010" \
	"UPDATE items SET k = 6011 + k + 6000, $new WHERE k < 0"
sql "INSERT INTO parents (k) SELECT value FROM generate_series(1, 10)" \
	'INSERT INTO children (k, parent) SELECT value, 1 + value % 10 FROM generate_series(1, 40)' \
	"UPDATE parents SET k = 101, $new WHERE k = 1" 'DELETE FROM parents WHERE k IN (2, 3)'
sql 'INSERT INTO keyless (k) SELECT value FROM generate_series(1, 50)' "UPDATE keyless SET note = 'x', $new WHERE k <= 20" \
	'DELETE FROM keyless WHERE k > 45' 'DELETE FROM keyless'
ok "settings of applications" sql 'PRAGMA recursive_triggers = on; INSERT OR REPLACE INTO parents (k) VALUES (5), (6), (200)'
i=0
for pragma in 'case_sensitive_like = on' 'reverse_unordered_selects = on' 'ignore_check_constraints = on' 'defer_foreign_keys = on' \
	'legacy_alter_table = on' 'trusted_schema = off' 'cell_size_check = on' 'synchronous = off' 'temp_store = memory' 'cache_size = 10' \
	'locking_mode = normal' 'writable_schema = off' 'query_only = off' 'secure_delete = on' 'count_changes = on' 'full_column_names = on'; do
	i=$((i + 1))
	ok "an application with $pragma" quietly sql "PRAGMA $pragma; INSERT INTO items (k) VALUES ($((7000 + i))); UPDATE items SET note = 1, $new
		WHERE k = $((7000 + i)); DELETE FROM items WHERE k = $((7000 + i))"
done
ok "no statement of the application failed" workload_stop
workload_verify
is "cascades are events of the child" "$(operations children | sed 's/update=[1-9].*/update/')" "delete=16 insert=40 update"
is "DELETE without WHERE is an event for each row" "$(operations keyless)" "delete=50 insert=50 update=20"

# ---- what is not seen: without recursive_triggers REPLACE tells no DELETE. docs/sqlite.md says so

sql 'INSERT OR REPLACE INTO oddities (k, v) VALUES (1, 1)' 'INSERT OR REPLACE INTO oddities (k, v) VALUES (1, 2)'
ok "REPLACE is delivered" all_told
is "INSERT OR REPLACE is two inserts" "$(operations oddities)" "insert=2"

# ---- values that could break a trigger or the JSON

ok "every value of every type is written" sql "INSERT INTO oddities (k, v, \"a \"\"b\", raw) VALUES
	('blob', 1, 'x', x'00ff22'), ('empty', 2, '', x''), (x'0102', 3, x'ff', 'text in a blob column'), (1.5, 4, 'inf', 9e999),
	(9223372036854775807, 5, char(1, 8, 10, 34, 92, 127, 8232), NULL), ('nul' || char(0) || 'in it', 6, 'a' || char(0) || 'b', NULL),
	(CAST(x'ff41' AS TEXT), 7, CAST(x'c328' AS TEXT), -9e999), ('😀', 8, 'ü', 0.1)"
ok "... and delivered" all_told
is "... as JSON" "$(jq -c 'select(.table == "oddities" and .verdict == "first") | .id' "$test_dir/receiver.ndjson" | wc -l)" 10
is "... none dead" "$(sql "SELECT count(*) FROM $dead_letter")" 0
sql "INSERT INTO \"odd 'table\"\"\" VALUES (1, 'n')"
ok "a table with an odd name is delivered" all_told
is "... as it is" "$(bodies "odd 'table\"" '[.key, .data]')" '[{"k":1},{"k":1,"note":"n"}]'

# ---- shapes that change

sql 'ALTER TABLE parents ADD COLUMN extra text DEFAULT 7'
looks
ok "a column is added: it is told" wait_until 75 warning_has parents
ok "... in the log" wait_until 10 grep -q 'warning=.*parents' "$test_dir/daemon.log"
ok "... and by check" check_says parents
ok "... install puts it right" app install
looks
ok "... and the alarm ends" wait_until 30 no_warning
sql 'INSERT INTO parents (k) VALUES (900)'
ok "... events have it" all_told
is "... with its value" "$(bodies parents 'select(.key.k == 900) | .data.extra')" '"7"'
sql 'ALTER TABLE parents RENAME COLUMN extra TO more'
ok "a column is renamed: applications write" sql 'INSERT INTO parents (k) VALUES (901)'
looks
ok "... it is told" wait_until 30 warning_has parents
ok "... install puts it right" app install
sqlite_do 'ALTER TABLE parents DROP COLUMN more' 2>/dev/null || diag "SQLite refuses to drop a column that triggers name"
ok "applications write" sql 'INSERT INTO parents (k) VALUES (902)'
# the way SQLite's manual rebuilds a table
ok "a table is rebuilt and renamed" sql 'PRAGMA foreign_keys = off; BEGIN; CREATE TABLE keyless_new (k int, v int NOT NULL DEFAULT 0, note, more);
	INSERT INTO keyless_new (k, v) SELECT k, v FROM keyless; DROP TABLE keyless; ALTER TABLE keyless_new RENAME TO keyless; COMMIT'
looks
ok "... its lost triggers are told" wait_until 30 warning_has keyless
ok "... and by check" check_says keyless
ok "... applications write" sql 'INSERT INTO keyless (k) VALUES (1)'
ok "... install puts it right" app install
sql 'INSERT INTO keyless (k) VALUES (4711)'
ok "... and all is delivered" all_told
is "... and events go on" "$(bodies keyless 'select(.data.k == 4711) | .operation')" '"insert"'
ok "a table is renamed: applications write" sql 'ALTER TABLE children RENAME TO kids' 'INSERT INTO kids (k) VALUES (77)'
looks
ok "... it is told" wait_until 30 warning_has children
ok "... and by check" check_says children
workload_tables=(items pairs parents keyless oddities)
workload_config </dev/null >"$test_dir/config.yaml"
ok "install without it" app install
looks
ok "... and the alarm ends" wait_until 30 no_warning
ok "a table is dropped" sql 'DROP TABLE kids' 'DROP TABLE oddities'
looks
ok "... it is told" wait_until 30 warning_has oddities
workload_tables=(items pairs parents keyless)
workload_config </dev/null >"$test_dir/config.yaml"
ok "install without it" app install
looks
ok "... and the alarm ends" wait_until 30 no_warning
is "uninstall refuses while it runs" "$(app uninstall; echo $?)" 75
process_stop daemon
ok "uninstall" app uninstall
is "... leaves nothing" "$(sql "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%app_db_listener%'")" 0
ok "... and applications write" sql 'INSERT INTO items (k) VALUES (7008)'

# ---- the other journal mode

# shellcheck disable=SC2034 # read by db_new
db_journal=delete
db_new rollback
sql 'CREATE TABLE items (k INTEGER PRIMARY KEY, v int, note text)'
workload_tables=(items)
workload_config </dev/null >"$test_dir/config.yaml"
ok "install in a file with a rollback journal" app install
ok "... check warns" check_says '[Ww][Aa][Ll]'
receiver_control forget=1
daemon_start
for ((i = 1; i <= 100; i++)); do
	sql "INSERT INTO items VALUES ($i, 0, 'a')" || break
done
is "applications that wait for locks write" "$i" 101
ok "... and everything arrives" wait_until 30 stats_is .distinct 100
ok "... and leaves the outbox" wait_until 30 is_empty
tests_end
