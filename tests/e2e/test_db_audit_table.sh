#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# listener.audit_table: a table that the application's own triggers fill, as docs/mysql.md has it, read in place of ours.
# Its rows are delivered once and in order, stay with processed = TRUE, over a kill too; install and uninstall leave it alone.
. "$(dirname "$0")/../support/lib.sh"
need_mariadb
. tests/e2e/shop.sh

receiver_start receiver --bodies
db_new shop
sql 'CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100)) ENGINE = InnoDB'
# the statements of the documentation themselves
awk '/^    CREATE TABLE audit_log/ { on = 1 } /^[^ ]/ { on = 0 } on' docs/mysql.md >"$test_dir/audit.sql"
sql_file "$test_dir/audit.sql"
config_write users >"$shop_config"
config_set listener.audit_table audit_log listener.poll_interval 200ms
exits "install" 0 adbl install
is "... makes no triggers" "$(sql "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'shop' AND trigger_name NOT LIKE 'users_audit_%'")" 0
is "... and no outbox" "$(sql "SELECT count(*) FROM information_schema.tables WHERE table_name = '$outbox'")" 0
exits "check finds nothing wrong" 0 adbl check
shop_run

sql "INSERT INTO users VALUES (1, 'Zoe \"é\"')" "UPDATE users SET name = 'b' WHERE id = 1" "DELETE FROM users WHERE id = 1" \
	"INSERT INTO users SELECT seq, 'many' FROM seq_10_to_209"
processed_is() {
	sql_is 'SELECT count(*) FROM audit_log WHERE processed' "$1"
}
ok "all rows arrive" wait_until 20 stats_is .distinct 203
ok "... and are marked" wait_until 20 processed_is 203
is "... all that there are" "$(sql 'SELECT count(*) FROM audit_log')" 203
is "a change is what the trigger wrote" \
	"$(jq -c 'select(.key.id == 1) | .body | if type == "string" then fromjson else . end | [.operation, .table, .data.name, .old_data.name]' \
		"$test_dir/receiver.ndjson" | jq -sc .)" \
	'[["insert","users","Zoe \"é\"",null],["update","users","b","Zoe \"é\""],["delete","users",null,"b"]]'

receiver_control 'status=400&count=1'
sql "INSERT INTO users VALUES (300, 'refused')"
ok "a refused row is a dead letter" wait_until 20 dead_is 1
ok "... and is done with" wait_until 20 processed_is 204
receiver_control 'delay_ms=20'
sql "UPDATE users SET name = 'again' WHERE id < 210"
ok "some are under way" wait_until 20 stats_min .distinct 230
process_kill daemon
receiver_control mode=ok
shop_run
ok "nothing is lost when the daemon is killed" wait_until 30 stats_is .distinct 403
ok "... all are marked" wait_until 20 processed_is 404
is "... in order" "$(stats .out_of_order)" 0
exits "it ends well" 0 process_stop daemon
exits "uninstall" 0 adbl uninstall
is "... leaves the table and its triggers alone" "$(sql 'SELECT count(*) FROM audit_log')$(sql "SELECT count(*) FROM
	information_schema.triggers WHERE trigger_schema = 'shop'")" 4043
tests_end
