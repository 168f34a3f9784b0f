#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The command backfill: what it says, what it refuses, and that a job outlives whoever made it.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

# shellcheck disable=SC2154 # from lib.sh
jobs=${dead_letter%dead_letter}backfill

# shellcheck disable=SC2154 # test_dir too
accepted() { # FILTER: over the array of what was accepted
	jq -rs "map(select(.status == 200)) | $1" "$test_dir/receiver.ndjson"
}
reads_are() {
	[ "$(accepted 'map(select(.operation == "read")) | length')" = "$1" ]
}
state_is() { # JOB STATE
	sql_is "SELECT state FROM $jobs WHERE id = $1" "$2"
}
has_read() { # JOB ROWS
	sql_min "SELECT rows_done FROM $jobs WHERE id = $1" "$2"
}

{ receiver_start receiver --bodies && shop_new; } || give_up 'the shop opens'
people 1 50
exits "before install" 66 adbl backfill users
has "... it says what to do" "$complained" 'run app-db-listener install'
adbl install || give_up 'install succeeds'
is "rows of before are not in the outbox" "$(sql "SELECT count(*) FROM $outbox")" 0

# ---- what is refused

exits "no table" 64 adbl backfill
exits "a table that is not captured" 64 adbl backfill user
has "... is told with what was meant" "$complained" 'did you mean users'
exits "a filter with a mistake" 64 adbl backfill users --where 'nosuch = 1'
has "... is told" "$complained" '--where' nosuch
exits "two statements as a filter" 64 adbl backfill users --where 'id = 1; DELETE FROM users'
exits "an unknown column" 64 adbl backfill users --columns id,nmae
has "... is told with what was meant" "$complained" 'did you mean name'
exits "a page of nothing" 64 adbl backfill users --flush-every 0
exits "too many pages" 64 adbl backfill users --max-concurrent-pages 65
exits "a pipeline that is not there" 64 adbl backfill users --pipeline other
exits "a job that is not there" 66 adbl backfill cancel 7
exits "a job without a number" 64 adbl backfill cancel it
exits "cancel without a job" 64 adbl backfill cancel
exits "another rate for a job" 64 adbl backfill resume 1 --rate 3
exits "list" 0 adbl backfill list
has "... of nothing" "$said" 'no backfill was made here'
exits "list --json" 0 adbl backfill list --json
ok "... of nothing" said_is '. == []'

# ---- without a daemon

process_start watcher "$ADBL" backfill users -c "$shop_config"
ok "a job without a daemon is told" wait_until 20 grep -q 'no daemon is active' "$test_dir/watcher.log"
process_signal watcher INT
exits "the watcher ends by SIGINT" 130 process_wait watcher
ok "... and says that the job goes on" grep -q 'backfill 1 goes on without this command' "$test_dir/watcher.log"
ok "... which is so" state_is 1 running
process_start orphan "$ADBL" backfill follow 1 -c "$shop_config"
ok "a watcher of it" wait_until 20 test -s "$test_dir/orphan.log"
process_signal orphan HUP
exits "... ends when its terminal does" 130 process_wait orphan
shop_run
exits "follow" 0 adbl backfill follow 1
has "... tells the end" "$said" 'backfill 1 of' 'users is done: 50 rows'
ok "fifty rows are delivered" wait_until 20 reads_are 50
is "... once each, as they are" "$(accepted 'map(.body | select(.data.id == .key.id and .data.name == "person" and
	.old_data == null)) | unique_by(.key.id) | length')" 50
is "... and nothing else" "$(accepted length)" 50

# ---- some of them

exits "a filter and a column" 0 adbl backfill users --where "id > 48 AND name LIKE '%s%'" --columns name
ok "two rows" wait_until 20 reads_are 52
is "... with the key and the column" "$(accepted '[.[50:][].body.data | keys | join(" ")] | unique | join(",")')" 'id name'
exits "list --json" 0 adbl backfill list --json
ok "... has both jobs" said_is '[.[] | "\(.id) \(.state) \(.rows_done)"] == ["1 done 50", "2 done 2"]'
ok "... with what was wanted" said_is '.[1].columns == ["name"] and (.[1].where | test("id > 48")) and .[0].where == null'

# ---- pause, resume, cancel

# all of this while it is under way: four minutes
people 51 500
exits "a slow one" 0 adbl backfill users --rate 2 --detach
has "... tells its number" "$said" 'backfill 3'
ok "... begins" wait_until 20 has_read 3 2
exits "pause" 0 adbl backfill pause 3
now=$(sql "SELECT rows_done FROM $jobs WHERE id = 3")
exits "follow of a paused one" 1 adbl backfill follow 3
has "... says how to go on" "$said" 'is paused' 'backfill resume 3'
is "... it stands still" "$(sql "SELECT rows_done FROM $jobs WHERE id = 3")" "$now"
exits "pause again" 64 adbl backfill pause 3
exits "resume" 0 adbl backfill resume 3 --detach
ok "... goes on" wait_until 20 has_read 3 $((now + 1))
estimate=$(sql "SELECT rows_estimate FROM $jobs WHERE id = 3")
ok "metrics show it" wait_until 20 metrics_is '.pipelines[0] | "\(.backfill) \(.backfill_rows_estimate)"' "running $estimate"
exits "status" 0 adbl status
has "... shows it" "$said" 'backfill 3'
process_kill daemon
ok "a killed daemon leaves it running" state_is 3 running
shop_run
ok "... and goes on where it was" wait_until 20 has_read 3 $((now + 3))
exits "cancel" 0 adbl backfill cancel 3
ok "... holds" state_is 3 cancelled
exits "cancel again" 64 adbl backfill cancel 3
ok "the log tells of it" wait_until 20 grep -q 'a backfill was stopped by an operator' "$test_dir/daemon.log"
exits "a job that is done" 64 adbl backfill resume 1
has "... stays done" "$complained" 'make a new one'

# ---- what fails

exits "one more" 0 adbl backfill users --rate 3 --detach
ok "... begins" wait_until 20 has_read 4 2
sql 'ALTER TABLE users RENAME TO people'
exits "a table that goes away" 1 adbl backfill follow 4
has "... fails it, with the reason" "$said" 'is failed' users
ok "... in the log too" wait_until 20 grep -q 'a backfill failed' "$test_dir/daemon.log"
sql 'ALTER TABLE people RENAME TO users'
exits "resume, when it is there again" 0 adbl backfill resume 4 --detach
exits "cancel" 0 adbl backfill cancel 4
sql "UPDATE users SET n = 2 WHERE id = 1"
ok "changes flow as ever" wait_until 20 sh -c "grep -q '\"operation\":\"update\"' $test_dir/receiver.ndjson"
is "nothing came out of order" "$(stats .out_of_order)" 0
tests_end
