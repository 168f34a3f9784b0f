#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Captured tables of a MariaDB change their shape under load, are rebuilt by rename as online schema changes do, and go:
# events go on, drift is told in /metrics, in the log and by check, and install puts it right. Then what the
# daemon needs is taken away.
. "$(dirname "$0")/../support/workload.sh"
workload_need mariadb

tables() {
	cat <<-'SQL'
		CREATE TABLE shape (k bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0, a varchar(100), b varchar(100));
		CREATE TABLE rebuilt (k bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0, a varchar(100));
		CREATE TABLE gone (k bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0);
	SQL
	workload_watch shape k
	workload_watch rebuilt k
	workload_watch gone k
	cat <<-'SQL'
		DELIMITER //
		CREATE PROCEDURE workload_reshape(key_ bigint)
		BEGIN
			WHILE NOT EXISTS (SELECT 1 FROM workload.stop) DO
				INSERT INTO shape (k) VALUES (key_) ON DUPLICATE KEY UPDATE v = 0;
				UPDATE shape SET v = 0 WHERE k = key_;
				INSERT INTO rebuilt (k) VALUES (key_) ON DUPLICATE KEY UPDATE v = 0;
				DELETE FROM rebuilt WHERE k = key_;
				DO sleep(0.01);
			END WHILE;
		END //
		DELIMITER ;
	SQL
}
events_of() { # TABLE LEAST
	[ "$(grep -c "\"table\":\"$1\",\"key\"" "$test_dir/receiver.ndjson")" -ge "$2" ]
}
# changes_arrive TABLE: so many more of its changes are delivered that some were made just now.
changes_arrive() {
	wait_until 30 events_of "$1" $(($(grep -c "\"table\":\"$1\",\"key\"" "$test_dir/receiver.ndjson") + 20))
}
newest_has() { # TABLE FILTER
	grep "\"table\":\"$1\",\"key\"" "$test_dir/receiver.ndjson" | tail -n 1 | jq -e "(.body.data // .body.old_data) | $2" >/dev/null
}
no_warning() {
	source_is warning ''
}
# looks: the daemon looks at its tables now, and not in a minute
looks() {
	process_signal daemon HUP
}
cpu_ms() {
	awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/${process[daemon]}/stat"
}
last_error_has() {
	[[ $(metrics '.sources[0].last_error') == *$1* ]]
}
arrived() {
	grep -q "\"key\":{\"k\":$1}" "$test_dir/receiver.ndjson"
}
is_read() { # it goes on after a reload too
	more_delivered 50
}

workload_tables=(items pairs shape rebuilt gone)
tables >"$test_dir/tables.sql"
workload_begin "$test_dir/tables.sql"
daemon_start
workload_start 4
process_start reshaper_1 sql 'CALL workload_reshape(1)'
process_start reshaper_2 sql 'CALL workload_reshape(2)'
writers+=(reshaper_1 reshaper_2)
ok "it delivers" more_delivered 300
ok "no alarm" wait_until 20 no_warning

ok "a column is added" sql "ALTER TABLE shape ADD COLUMN c varchar(20) DEFAULT 'new'"
ok "... events go on" changes_arrive shape
ok "... which is told in /metrics within a minute" wait_until 75 warning_has shape
ok "... in the log" wait_until 10 grep -q 'warning=.*shape' "$test_dir/daemon.log"
ok "... and by check" check_says 'shape.*c'
ok "... install puts it right" app install --user root
ok "... events have it" wait_until 30 newest_has shape '.c == "new"'
looks
ok "... and the alarm ends" wait_until 30 no_warning
ok "a column changes its type" sql 'ALTER TABLE shape MODIFY COLUMN b bit(7)'
ok "... events go on" changes_arrive shape
looks
ok "... which is told" wait_until 30 warning_has shape
ok "... install puts it right" app install --user root
looks
ok "... and the alarm ends" wait_until 30 no_warning
ok "an index is added: no drift" sql 'ALTER TABLE shape ADD INDEX (a)'
looks
ok "... events go on" is_read
ok "... no alarm" no_warning

# as pt-online-schema-change and gh-ost end
ok "a table is rebuilt beside and renamed" sql 'CREATE TABLE rebuilt_new LIKE rebuilt' \
	'INSERT INTO rebuilt_new SELECT * FROM rebuilt' 'RENAME TABLE rebuilt TO rebuilt_old, rebuilt_new TO rebuilt'
looks
ok "... that its triggers are gone is told in /metrics" wait_until 30 warning_has rebuilt
ok "... in the log" wait_until 10 grep -q 'warning=.*rebuilt' "$test_dir/daemon.log"
ok "... and by check" check_says 'rebuilt'
ok "... others go on" is_read
sql 'DROP TABLE rebuilt_old'
workload_watch rebuilt k >"$test_dir/watch.sql"
ok "... install puts it right" app install --user root
ok "... and the truth notes it again" sql_file "$test_dir/watch.sql"
looks
ok "... and the alarm ends" wait_until 30 no_warning
ok "... events go on" changes_arrive rebuilt

trigger=$(sql "SELECT trigger_name FROM information_schema.triggers WHERE event_object_table = 'gone'
	AND trigger_name LIKE '%app_db_listener%' AND event_manipulation = 'UPDATE' LIMIT 1")
sql 'INSERT INTO gone (k) SELECT seq FROM seq_1_to_20'
ok "a trigger is dropped" sql "DROP TRIGGER \`$trigger\`"
looks
ok "... which is told" wait_until 30 warning_has gone
ok "... install puts it right" app install --user root
looks
ok "... and the alarm ends" wait_until 30 no_warning
ok "a table is dropped" sql 'DROP TABLE gone'
looks
ok "... which is told in /metrics" wait_until 30 warning_has gone
ok "... and by check" check_says gone
ok "... events go on" is_read
ok "no statement of the application failed" workload_stop
sql "CREATE TABLE gone (k bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0)"
ok "install for it again" app install --user root
# what happened to rebuilt while it had no trigger is in neither ledger, or in ours alone, so its changes form no chain
ok "the outbox empties" wait_until 60 sql_is "SELECT count(*) FROM $outbox" 0
is "the receiver says out of order" "$(stats .out_of_order)" 0
is "dead letters" "$(sql "SELECT count(*) FROM $dead_letter")" 0
wait_until 10 journal_is_complete
delivered | sort >"$test_dir/got"
truth_rows | sort >"$test_dir/want"
ok "changes of each table were committed" test "$(cut -f 1 "$test_dir/want" | sort -u | xargs)" = "gone items pairs rebuilt shape"
is "committed, not delivered" "$(comm -23 "$test_dir/want" "$test_dir/got" | head -n 3)" ""

# ---- a column that the triggers name is dropped: MariaDB lets that happen, and then writes fail until install. docs say so
sql 'ALTER TABLE shape DROP COLUMN a'
refused() { # PATTERN SQL: the statement fails, and says so
	! sql "$2" 2>"$test_dir/refused.log" && grep -qE "$1" "$test_dir/refused.log"
}
ok "a column of the triggers is dropped: writes to this table fail" refused 'Unknown column' 'INSERT INTO shape (k) VALUES (77)'
ok "... check says which" check_says 'shape.*a'
ok "... install puts it right" app install --user root
ok "... applications write" sql 'INSERT INTO shape (k) VALUES (77)'
ok "... and it arrives" wait_until 30 arrived 77

# ---- what the daemon needs is taken away

sql "REVOKE ALL PRIVILEGES, GRANT OPTION FROM listener"
db_terminate
ok "its rights are revoked: applications write on" sql 'INSERT INTO items (k) VALUES (7002)'
ok "... it says so" wait_until 60 last_error_has denied || diag "$(metrics '.sources[0]')"
begin=$(cpu_ms)
pause 3
ok "... and does not spin" test $(($(cpu_ms) - begin)) -lt 1500
ok "... and does not flood the log" test "$(grep -c denied "$test_dir/daemon.log")" -lt 20
sql 'GRANT ALL ON *.* TO listener'
ok "... what was written meanwhile arrives" wait_until 60 arrived 7002
ok "the outbox is dropped by hand" sql "DROP TABLE $outbox"
ok "... it says what to do" wait_until 60 last_error_has install || diag "$(metrics '.sources[0]')"
ok "... install puts it back" app install --user root
ok "... applications write on" sql 'INSERT INTO items (k) VALUES (7007)'
ok "... and it goes on by itself" wait_until 60 arrived 7007
ok "the outbox is truncated by hand, so that its numbers begin again" sql "TRUNCATE $outbox" \
	'INSERT INTO items (k) VALUES (7011)' 'INSERT INTO items (k) VALUES (7012)'
ok "... what is written then arrives" wait_until 60 arrived 7012 || diag "$(metrics '.sources[0]')"
ok "... all of it, what has an old number when it looks, once a minute" wait_until 90 arrived 7011
ok "it is active" wait_until 30 source_is state active
is "uninstall refuses while it runs" "$(app uninstall; echo $?)" 75
process_stop daemon
ok "uninstall" app uninstall
is "... leaves nothing" "$(sql "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'app_db_listener%'"
	sql "SELECT count(*) FROM information_schema.triggers WHERE trigger_name LIKE '%app_db_listener%'"
	sql "SELECT count(*) FROM information_schema.routines WHERE routine_name LIKE '%app_db_listener%'")" "0
0
0"
ok "... and applications write" sql 'INSERT INTO items (k) VALUES (7008)'

# ---- triggers run with the rights of who made them: without that account writes fail

sql 'CREATE USER installer' 'GRANT ALL ON *.* TO installer'
ok "install by an account of its own" app install --user installer
ok "... check finds it well" app check
sql 'DROP USER installer'
ok "the account is dropped: check says which" check_says "installer"
ok "... install puts it right" app install --user root
ok "... applications write" sql 'INSERT INTO items (k) VALUES (7009)'
ok "... check agrees" app check
tests_end
