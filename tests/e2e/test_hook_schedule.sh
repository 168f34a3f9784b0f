#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# retry_schedule: an event that its receiver does not take waits in the database, with what comes behind it; other keys
# go on; kill -9 and a restart change nothing; in the end it is delivered, or dead.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/workload.sh"
need_database "${1:-}"

db_new shop
note_type=text
[ "$db_kind" != mariadb ] || note_type=longtext
sql "CREATE TABLE items (k bigint PRIMARY KEY, note $note_type)"
receiver_start
workload_tables=(items)
schedule() { # WAITS
	workload_config </dev/null | sed "s/^  retry_count: .*/  retry_count: 1\n  retry_schedule: [$1]/; s/^  timeout: .*/  timeout: 60/" \
		>"$test_dir/config.yaml"
}
schedule "1s, 1s, 1s, 1s, 1s, 2s, 2s, 2s, 2s, 2s, 2s, 2s$(printf ', 5s%.0s' {1..10})$(printf ', 15s%.0s' {1..10})" # minutes for what follows
ok "install" app install

parked_is() {
	metrics_is '.pipelines[0].parked' "$1"
}
status_says() { # FILTER WANT
	app status --json && [ "$(tail -n 1 "$test_dir/app.log" | jq -r "$1")" = "$2" ]
}
dead_is() {
	sql_is "SELECT count(*) FROM $dead_letter" "$1"
}

# ---- one key is poison: its first two events have "bad" in them, as the new row or the old one

receiver_control poison=bad
daemon_start
sql "INSERT INTO items VALUES (1, 'bad')"
for i in 1 2 3; do sql "UPDATE items SET note = 'n$i' WHERE k = 1"; done
sql "INSERT INTO items $(sql_series 2 50 "SELECT i, 'good'")"
ok "the key is parked with what comes behind" wait_until 20 parked_is 4
ok "other keys go on" wait_until 20 stats_is .distinct 49
ok "nothing is left in the outbox" wait_until 20 sql_is "SELECT count(*) FROM $outbox" 0
ok "status tells" status_says '.pipelines[0].parked' 4
is "... and the metrics" "$(metrics '.pipelines[0] | "\(.parked_keys) \(.parked_total >= 4) \(.parked_next_seconds <= 5)"')" "1 true true"

# ---- killed while it waits

process_kill daemon
for i in 4 5; do sql "UPDATE items SET note = 'n$i' WHERE k = 1"; done
sql "UPDATE items SET k = 1001 WHERE k = 1" "INSERT INTO items VALUES (1, 'again')" "UPDATE items SET note = 'more' WHERE k > 1"
daemon_start
ok "after kill -9 all of the key is parked" wait_until 20 parked_is 9
ok "... and the others go on" wait_until 20 stats_is .distinct 98
is "nothing is out of order" "$(stats .out_of_order)" 0

# ---- the receiver is well again

receiver_control mode=ok
ok "all arrive" wait_until 30 stats_is .distinct 107
ok "none is parked" wait_until 20 parked_is 0
is "each once and in order" "$(stats '"\(.duplicates) \(.out_of_order) \(.overlaps)"')" "0 0 0"
ok "none is dead" dead_is 0
ok "status tells" wait_until 20 status_says '.pipelines[0].parked' 0

# ---- the last step: then the key goes on. Others must be delivered meanwhile, or it would be an outage.

process_stop daemon
schedule 1s
receiver_control poison=bad
daemon_start
sql "INSERT INTO items VALUES (2000, 'bad')" "UPDATE items SET note = 'x' WHERE k = 2000" "UPDATE items SET note = 'y' WHERE k = 2000"
others=0
goes_on() {
	sql "UPDATE items SET note = 'o$others' WHERE k = 3"
	others=$((others + 1))
	dead_is 2
}
ok "after the last step the two are dead" wait_until 30 goes_on
ok "... and the key goes on" wait_until 20 stats_is .distinct $((107 + 1 + others))
ok "nothing is left" wait_until 20 sql_is "SELECT count(*) FROM $outbox" 0
ok "none is parked" wait_until 20 parked_is 0
is "in order" "$(stats '"\(.duplicates) \(.out_of_order)"')" "0 0"
ok "it ends well" process_stop daemon
tests_end
