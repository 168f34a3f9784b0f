#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every statement that changes rows, with two-phase commit allowed on the server: what it captured is exactly what it changed.
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms' -o 'max_prepared_transactions = 10'

tables() {
	cat <<-'SQL'
		CREATE TABLE parents (k bigint PRIMARY KEY, v bigint NOT NULL);
		CREATE TABLE children (k bigint PRIMARY KEY, v bigint NOT NULL,
			parent bigint REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE,
			friend bigint REFERENCES parents ON DELETE SET NULL ON UPDATE CASCADE);
		CREATE TABLE keyless (k bigint, v bigint NOT NULL, note text);
		CREATE TABLE parts (k bigint, part int, v bigint NOT NULL, note text, PRIMARY KEY (k, part))
			PARTITION BY LIST (part);
		CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0);
		CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
		CALL workload.watch('parents');
		CALL workload.watch('children');
		CALL workload.watch('keyless');
		CALL workload.watch('parts');
		-- each truncated table is told, the partitions too
		CREATE TRIGGER z AFTER TRUNCATE ON parts_0 EXECUTE FUNCTION workload.note('parts_0');
		CREATE TRIGGER z AFTER TRUNCATE ON parts_1 EXECUTE FUNCTION workload.note('parts_1');
	SQL
}
operations() { # TABLE: insert=N update=N ... of what was delivered
	awk -F '\t' -v t="$1" '$1 == t { n[$2]++ } END { for (o in n) print o "=" n[o] }' "$test_dir/delivered" | sort | paste -sd ' '
}
truncate_under_load() {
	wait_until 30 sql 'TRUNCATE items' # may lose a deadlock
}

workload_tables=(items pairs parents children keyless parts)
tables >"$test_dir/tables.sql"
workload_begin "$test_dir/tables.sql"
daemon_start
ok "it is active" wait_until 20 source_is state active
ok "it does not notify, for that would break PREPARE TRANSACTION" wait_until 10 source_is notify false

for i in 1 2 3 4 5; do
	ok "a transaction is prepared, $i" sql "BEGIN; INSERT INTO items (k) VALUES (-$i); PREPARE TRANSACTION 't$i'"
done
workload_start 8
ok "others go on" more_delivered 500
is "prepared changes are not delivered" "$(jq -c 'select(.table == "items" and .key.k < 0)' "$test_dir/receiver.ndjson" | wc -l)" 0
for i in 1 2 3; do
	ok "COMMIT PREPARED, $i" sql "COMMIT PREPARED 't$i'"
done
ok "ROLLBACK PREPARED" sql "ROLLBACK PREPARED 't4'" "ROLLBACK PREPARED 't5'"
prepared_arrived() { # KEY
	jq -e -s --argjson k "$1" 'any(.[]; .table == "items" and .key.k == $k)' "$test_dir/receiver.ndjson" >"$test_dir/prepared"
}
for i in 1 2 3; do
	ok "prepared long ago, committed now, $i" wait_until 20 prepared_arrived "-$i"
done
for i in 1 2 3; do
	ok "TRUNCATE under load, $i" truncate_under_load
	ok "... which goes on" more_delivered 200
done
ok "COPY under load" sql "COPY parts (k, part) FROM PROGRAM 'seq 1 400 | sed \"s/\$/\t0/\"'"
for i in 1 2 3 4 5 6; do
	ok "rows move between partitions, $i" sql 'UPDATE parts SET part = 1 - part WHERE k % 2 = 0'
done
receiver_control delay_ms=20
for i in 1 2 3; do
	ok "one partition is truncated between its rows' changes, $i" sql 'TRUNCATE parts_0' \
		'INSERT INTO parts (k, part) SELECT i, 0 FROM generate_series(1, 300) AS i' 'UPDATE parts SET note = 2 WHERE k < 100'
done
receiver_control delay_ms=0
ok "rows of partitions by their own names" sql 'TRUNCATE parts' "INSERT INTO parts_1 (k, part) VALUES (1, 1)"
ok "... and of a new one" sql 'CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2)' 'INSERT INTO parts (k, part) VALUES (1, 2)' \
	'UPDATE parts_2 SET note = 1' 'DELETE FROM parts'
ok "no statement of the application failed" workload_stop

ok "cascades" sql 'INSERT INTO parents (k) SELECT generate_series(1, 10)' \
	'INSERT INTO children (k, parent, friend) SELECT i, 1 + i % 10, 1 + (i + 5) % 10 FROM generate_series(1, 40) AS i' \
	'UPDATE parents SET k = 101 WHERE k = 1' 'DELETE FROM parents WHERE k IN (2, 3)'
ok "MERGE" sql "MERGE INTO pairs USING (VALUES ('m1', 1), ('m2', 2), ('m3', 3)) AS s (k, part)
	ON pairs.k = s.k AND pairs.part = s.part WHEN NOT MATCHED THEN INSERT (k, part) VALUES (s.k, s.part)"
ok "... of what is there" sql "MERGE INTO pairs USING (VALUES ('m1', 1), ('m2', 2), ('m4', 4)) AS s (k, part)
	ON pairs.k = s.k AND pairs.part = s.part
	WHEN MATCHED AND s.k = 'm1' THEN DELETE WHEN MATCHED THEN UPDATE SET note = 'merged'
	WHEN NOT MATCHED THEN INSERT (k, part) VALUES (s.k, s.part)"
ok "rows without a key" sql 'INSERT INTO keyless (k) SELECT generate_series(1, 50)' "UPDATE keyless SET note = 'x' WHERE k <= 20" \
	'UPDATE keyless SET k = k + 1000 WHERE k <= 10' 'DELETE FROM keyless WHERE k > 45' 'TRUNCATE keyless' \
	'INSERT INTO keyless (k) VALUES (1)'
ok "ON CONFLICT" sql 'INSERT INTO items (k) VALUES (5001) ON CONFLICT DO NOTHING' 'INSERT INTO items (k) VALUES (5001) ON CONFLICT DO NOTHING' \
	'INSERT INTO items (k) VALUES (5001) ON CONFLICT (k) DO UPDATE SET note = 1' \
	'UPDATE items SET k = 5002 WHERE k = 5001' 'UPDATE items SET k = 5001 WHERE k = 5002'
ok "savepoints" sql 'BEGIN; UPDATE items SET k = k + 10000 WHERE k > 5000; SAVEPOINT a; DELETE FROM items; ROLLBACK TO a; COMMIT'
workload_verify
is "cascades are events of the child" \
	"$(operations children | sed 's/update=[1-9].*/update/')" "delete=8 insert=40 update"
is "TRUNCATE is one event" "$(operations keyless)" "delete=15 insert=51 truncate=1 update=30"
is "a truncated partition names its table" "$(jq -c 'select(.operation == "truncate" and .table == "parts_0") |
	.body.partition_of' "$test_dir/receiver.ndjson" | sort -u)" '{"schema":"public","table":"parts"}'
is "rows of partitions are rows of their table" "$(grep -v truncate "$test_dir/delivered" | cut -f 1 | sort -u | paste -sd ' ')" \
	"children items keyless pairs parents parts"

sql 'SET session_replication_role = replica; INSERT INTO items (k, v) VALUES (9001, 1)'
sql 'INSERT INTO items (k) VALUES (9002)'
ok "a change is delivered" wait_until 30 workload_arrived
wait_until 10 journal_is_complete
is "one under session_replication_role=replica is not, as it comes from elsewhere" \
	"$(jq -c 'select(.table == "items" and .key.k > 9000 and .key.k < 10000) | .key.k' "$test_dir/receiver.ndjson")" 9002
printf 'pipelines:\n  - name: default\n    always: true\n' | workload_config >"$test_dir/config.yaml"
process_stop daemon
ok "... unless it is wanted" app install
daemon_start
sql 'SET session_replication_role = replica; INSERT INTO items (k, v) VALUES (9003, 1)'
ok "... and then it is delivered" wait_until 30 stats_is .distinct $(($(committed) + 1))

printf 'listener:\n  wakeup: notify\n' | workload_config >"$test_dir/config.yaml"
process_stop daemon
daemon_start
ok "told to notify it does" wait_until 20 source_is notify true
ok "... and check says what that breaks" check_says '[Pp][Rr][Ee][Pp][Aa][Rr][Ee]'
tests_end
