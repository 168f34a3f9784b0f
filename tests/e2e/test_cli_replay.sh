#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Replayed dead letters: their order behind and in front, their ids; and the export of many, with flat memory.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind comes from need_database
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

shop_open webhook.retry_count 0 webhook.breaker_failures 1000

# numbers_of KEY: what was accepted of a row: the numbers of the events in the order in which they came.
numbers_of() {
	jq -rs --argjson key "$1" 'map(select(.status == 200 and .key.id == $key) | .id | split("-") | last) | join(" ")' \
		"$test_dir/receiver.ndjson"
}
numbers_are() {
	[ "$(numbers_of "$1")" = "$2" ]
}
# versions KEY FROM TO: updates that set n.
versions() {
	local n
	for ((n = $2; n <= $3; n++)); do
		sql "UPDATE users SET n = $n WHERE id = $1"
	done
}
numbers_min() {
	[ -n "$(numbers_of "$1")" ]
}
letters_of() {
	adbl dead-letters list --json --key "id=$1" && jq -rs 'map(.id) | join(" ")' <<<"$said"
}

# ---- behind: an old change after a newer one, in order among themselves, under their own ids

receiver_control status=422
people 1 1
versions 1 1 2
ok "three changes of a row die" wait_until 30 dead_is 3
old=$(letters_of 1)
receiver_control mode=ok
versions 1 3 3
ok "the fourth is delivered" wait_until 30 stats_is .distinct 1
new=$(numbers_of 1)
receiver_control status=422
exits "replay to a receiver that refuses" 0 adbl dead-letters replay --key id=1
ok "... they die again" wait_until 30 metrics_is .dead_total 6
ok "... all of them" wait_until 30 dead_is 3
is "... and are the same letters" "$(letters_of 1)" "$old"
receiver_control mode=ok
exits "replay behind" 0 adbl dead-letters replay --key id=1
ok "... comes after the newer one, in order" wait_until 30 numbers_are 1 "$new $old"
is "... which the receiver can tell by the ids" "$(stats '.out_of_order > 0')" true

# ---- what a newer one supersedes

receiver_control status=422
people 2 2
versions 2 1 1
people 3 3
ok "two of one row and one of another die" wait_until 30 dead_is 3
exits "replay --skip-superseded --dry-run" 0 adbl dead-letters replay --all --skip-superseded --dry-run --json
ok "... takes two and leaves one" grep -q '"count":2,"superseded":1' "$test_dir/stdout"
exits "replay --skip-superseded" 0 adbl dead-letters replay --all --skip-superseded
has "... says so" "$said" '2 put back' '1 left out'
ok "... and they die again" wait_until 30 metrics_is .dead_total 11
ok "... both of them" wait_until 30 dead_is 3

# ---- in front: before what waits

versions 3 1 1
ok "one more dies" wait_until 30 dead_is 4
old=$(letters_of 3)
exits "replay --in-front beside a daemon" 75 adbl dead-letters replay --key id=3 --in-front
has "... says why" "$complained" 'a daemon is active'
ok "... and changes nothing" dead_is 4
exits "the daemon ends" 0 process_stop daemon
versions 3 2 3
exits "replay --in-front without one" 0 adbl dead-letters replay --key id=3 --in-front
ok "... leaves the others" dead_is 2
waiting=$(sql "SELECT id FROM $outbox ORDER BY id" | tr '\n' ' ')
is "... puts them before what waits" "${waiting%% *}" "${old%% *}"
receiver_control mode=ok
shop_run
ok "... and they are delivered in the order of the changes" wait_until 30 numbers_are 3 "${waiting% }"
is "... all four" "$(wc -w <<<"$waiting")" 4
exits "purge of the rest" 0 adbl dead-letters purge --all
exits "the daemon ends" 0 process_stop daemon

# ---- export

many=12000
case $db_kind in
postgres) columns=schema_name,changed_at,died_at,last_error values="'public', now(), now(), 'x'" ;;
mariadb) columns=schema_name,changed_at,died_at,last_error values="'shop', now(), now(), 'x'" ;;
sqlite) columns=last_error values="'x'" ;;
esac
letters_make() { # FROM TO
	sql "INSERT INTO $dead_letter (pipeline, id, operation, table_name, row_key, attempts, data, $columns) $(sql_series "$1" "$2" \
		"SELECT 'default', 1000 + i, 'insert', 'users', '{\"id\":7}', 3, '{\"text\":\"$(printf 'x%.0s' {1..900})\"}', $values")"
}
# export_peak: the most memory in kB that an export had, looked at shortly before its end, when it waits for its reader.
export_peak() {
	local pid lines
	mkfifo "$test_dir/fifo"
	"$ADBL" dead-letters export -c "$shop_config" >"$test_dir/fifo" &
	pid=$!
	lines=$(awk -v pid="$pid" -v at="$(($1 - 500))" -v out="$test_dir/peak" '
		NR == at || NR == 1 {
			while ((getline line < ("/proc/" pid "/status")) > 0)
				if (line ~ /^VmHWM/) { split(line, word); print word[2] >out }
			close("/proc/" pid "/status")
		}
		END { print NR }' "$test_dir/fifo")
	rm "$test_dir/fifo"
	wait "$pid" && [ "$lines" = "$1" ] && tail -n 1 "$test_dir/peak"
}
letters_make 1 1500
few=$(export_peak 1500) || few=failed
letters_make 1501 "$many"
all=$(export_peak "$many") || all=failed
ok "$many letters take no more memory ($all kB) than 1500 ($few kB)" test "$all" -lt $((few + 6000))
exits "export as an array into a file" 0 adbl dead-letters export --format json -o "$test_dir/letters.json"
is "... says nothing" "$said" ''
is "... is JSON, with all, in order" \
	"$(jq -r '"\(length) \(map(.id) == (map(.id) | sort)) \(.[0].data.text | length)"' "$test_dir/letters.json")" "$many true 900"
is "... for its owner alone" "$(stat -c %a "$test_dir/letters.json")" 600
exits "export with a filter" 0 adbl dead-letters export --id 1001
is "... is a line" "$(jq -r .id "$test_dir/stdout")" 1001
exits "export of none as an array" 0 adbl dead-letters export --format json --table nothing
is "... is one that is empty" "$(jq -c . "$test_dir/stdout")" '[]'
exits "export onto a full disk" 74 adbl dead-letters export -o /dev/full
has "... says so" "$complained" 'no space left'
(
	ulimit -f 500
	trap '' XFSZ
	adbl dead-letters export -o "$test_dir/cut.json"
)
is "export that does not fit ends with an error" $? 74
is "... and leaves no file, nor a part of one" "$(find "$test_dir" -name 'cut.json*')" ''
"$ADBL" dead-letters export -c "$shop_config" | head -n 1 >/dev/null
status=${PIPESTATUS[0]}
case $status in 141 | 74) status=right ;; esac # MariaDB's library ignores SIGPIPE for its sockets
is "export to somebody who went away ends by SIGPIPE, or with the status of a failed write" "$status" right
"$ADBL" dead-letters export --format json -c "$shop_config" 2>/dev/null | head -n 3 >"$test_dir/cut"
jq . "$test_dir/cut" >/dev/null 2>&1
ok "... and what was cut is no JSON" test $? -ne 0

# ---- retention

sql "INSERT INTO $dead_letter (pipeline, id, operation, table_name, attempts, $columns) SELECT 'gone', id, operation, table_name, attempts, $columns
	FROM $dead_letter WHERE id <= 1010"
config_set listener.dead_letter_retention 1s
shop_run
ok "what is older than the retention goes" wait_until 60 sql_is "SELECT count(*) FROM $dead_letter WHERE pipeline = 'default'" 0
ok "... and is counted" wait_until 20 metrics_is '.sources[0].dead_purged_total' "$many"
ok "... and told" wait_until 10 grep -q 'removed for their age' "$test_dir/daemon.log"
is "... a pipeline that is not configured keeps what it has" "$(sql "SELECT count(*) FROM $dead_letter")" 10
people 100 101
ok "... and deliveries go on" wait_until 20 numbers_min 101
tests_end
