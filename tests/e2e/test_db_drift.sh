#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Captured tables change their shape, and one goes, under load: no statement of the application fails, events go on, drift is
# told. Then what the daemon needs is taken away: it says so, waits without burning CPU, and goes on when it is back.
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms'

tables() {
	cat <<-'SQL'
		CREATE TABLE shape (k bigint PRIMARY KEY, v bigint NOT NULL, a text, b text);
		CREATE TABLE narrow (k bigint PRIMARY KEY, v bigint NOT NULL, a text, b text);
		CREATE TABLE gone (k bigint PRIMARY KEY, v bigint NOT NULL);
		CALL workload.watch('shape');
		CALL workload.watch('narrow');
		CALL workload.watch('gone');
		CREATE PROCEDURE workload.reshape(k bigint) LANGUAGE plpgsql AS $$
		BEGIN
			WHILE NOT EXISTS (SELECT FROM workload.stop) LOOP
				INSERT INTO shape (k) VALUES (reshape.k) ON CONFLICT ON CONSTRAINT shape_pkey DO NOTHING;
				UPDATE shape SET v = 0 WHERE shape.k = reshape.k;
				INSERT INTO narrow (k) VALUES (reshape.k) ON CONFLICT ON CONSTRAINT narrow_pkey DO NOTHING;
				UPDATE narrow SET v = 0 WHERE narrow.k = reshape.k;
				DELETE FROM narrow WHERE narrow.k = reshape.k;
				COMMIT;
				PERFORM pg_sleep(0.01);
			END LOOP;
		END $$;
	SQL
}
# changes_arrive TABLE: so many more of its changes are delivered that some were made just now.
changes_arrive() {
	local last
	last=$(jq -s "map(select(.table == \"$1\")) | length" "$test_dir/receiver.ndjson")
	wait_until 30 events_of "$1" $((last + 20))
}
events_of() { # TABLE LEAST
	[ "$(grep -c "\"table\":\"$1\",\"key\"" "$test_dir/receiver.ndjson")" -ge "$2" ]
}
newest_has() { # TABLE FILTER
	grep "\"table\":\"$1\",\"key\"" "$test_dir/receiver.ndjson" | tail -n 1 | jq -e "(.body.data // .body.old_data) | $2" >/dev/null
}
arrived() {
	grep -q "\"key\":{\"k\":$1}" "$test_dir/receiver.ndjson"
}
cpu_ms() {
	awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/${process[daemon]}/stat"
}
process_alive() {
	! process_gone daemon
}
last_error_has() {
	[[ $(metrics '.sources[0].last_error') == *$1* ]]
}

workload_tables=(items pairs shape gone '{name: narrow, columns: [k, v, a]}')
tables >"$test_dir/tables.sql"
workload_begin "$test_dir/tables.sql"
daemon_start
workload_start 4
process_start reshaper_1 sql 'CALL workload.reshape(1)'
process_start reshaper_2 sql 'CALL workload.reshape(2)'
writers+=(reshaper_1 reshaper_2)
ok "it delivers" more_delivered 300

ok "a column is added" sql "ALTER TABLE shape ADD COLUMN c text DEFAULT 'new'"
ok "... events go on" changes_arrive shape
ok "... and have it" wait_until 10 newest_has shape '.c == "new"'
ok "a column is renamed" sql 'ALTER TABLE shape RENAME a TO aa'
ok "... events go on" changes_arrive shape
ok "... and have the new name" wait_until 10 newest_has shape 'has("aa")'
ok "a column is dropped" sql 'ALTER TABLE shape DROP COLUMN b'
ok "... events go on" changes_arrive shape
ok "... without it" wait_until 10 newest_has shape 'has("b") | not'
ok "a column changes its type" sql 'ALTER TABLE shape ALTER COLUMN c TYPE varchar(20)'
ok "... events go on" changes_arrive shape
ok "a column named in the configuration is renamed" sql 'ALTER TABLE narrow RENAME a TO aa'
ok "... events go on" changes_arrive narrow
ok "... and dropped" sql 'ALTER TABLE narrow DROP COLUMN aa'
ok "... events go on" changes_arrive narrow
ok "check tells it" check_says 'narrow.*column'
trigger=$(sql "SELECT tgname FROM pg_trigger WHERE tgrelid = 'gone'::regclass AND tgname LIKE '%app_db_listener%' LIMIT 1")
ok "a trigger is disabled" sql "ALTER TABLE gone DISABLE TRIGGER \"$trigger\""
ok "... which is told in /metrics" wait_until 60 warning_has disabled
sql "ALTER TABLE gone ENABLE TRIGGER \"$trigger\""
ok "... until it is enabled again" wait_until 60 source_is warning ''
sql 'INSERT INTO gone (k) SELECT generate_series(1, 100)'
ok "a table is dropped" sql 'DROP TABLE gone'
ok "... events go on" more_delivered 100
ok "... which is told in /metrics" wait_until 60 warning_has gone
ok "... in the log" wait_until 10 grep -q 'warning=.*gone' "$test_dir/daemon.log"
ok "... and by check" check_says 'gone.*(no such table|not there|does not exist)'
ok "no statement of the application failed" workload_stop
workload_verify

# with a role of its own, so that something can be taken away from it
sql "CREATE ROLE listener LOGIN"
workload_tables=(items)
workload_config </dev/null | sed 's/user: .*/user: "listener"/' >"$test_dir/config.yaml"
process_stop daemon
ok "install for a role of its own, by the administrator" app install --user postgres
daemon_start
sql 'INSERT INTO items (k) VALUES (7001)'
ok "it delivers" wait_until 20 arrived 7001
ok "it is active" wait_until 20 source_is state active
sql 'REVOKE SELECT, DELETE ON app_db_listener.outbox FROM listener'
ok "its permission to read is revoked: applications write on" sql 'INSERT INTO items (k) VALUES (7002)'
ok "... it says so" wait_until 60 last_error_has permission
begin=$(cpu_ms)
pause 3
diag "without permission: $((($(cpu_ms) - begin) / 3)) ms of CPU a second"
ok "... and does not spin" test $(($(cpu_ms) - begin)) -lt 1500
ok "... and does not flood the log" test "$(grep -c permission "$test_dir/daemon.log")" -lt 20
ok "... install grants it again" app install --user postgres
ok "... and what was written meanwhile arrives" wait_until 60 arrived 7002
sql 'INSERT INTO items (k) VALUES (7003)'
ok "... and what is written now" wait_until 60 arrived 7003

# beside a daemon that reads it, and may make it the victim of a deadlock
ok "the schema is dropped by hand, triggers and all" wait_until 20 sql 'DROP SCHEMA app_db_listener CASCADE'
ok "... applications write on" sql 'INSERT INTO items (k) VALUES (7004)'
ok "... it says what to do" wait_until 60 last_error_has install
begin=$(cpu_ms)
pause 3
ok "... and does not spin" test $(($(cpu_ms) - begin)) -lt 1500
ok "... install puts it back" app install --user postgres
sql 'INSERT INTO items (k) VALUES (7005)'
ok "... and it goes on by itself" wait_until 60 arrived 7005

# with the triggers still there applications cannot write: docs/postgresql.md says so
ok "... and has no complaint any more" wait_until 60 source_is last_error ''
ok "the outbox is dropped by hand" wait_until 20 sql 'DROP TABLE app_db_listener.outbox CASCADE'
ok "... it says what to do" wait_until 60 last_error_has install
ok "... install puts it back" app install --user postgres
ok "... applications write on" sql 'INSERT INTO items (k) VALUES (7007)'
ok "... and it goes on by itself" wait_until 60 arrived 7007
ok "the daemon lives" process_alive
tests_end
