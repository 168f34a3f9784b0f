#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# export outbox: what waits, by filters, beside the daemon and writers, in flat memory. EXPORT_ROWS=500000 for more.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind comes from need_database
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

rows=${EXPORT_ROWS:-20000}

counted() { # NAME WANT OPTION...: a test: so many lines
	local name=$1 want=$2
	shift 2
	adbl export outbox "$@"
	is "$name" "$? $(wc -l <"$test_dir/stdout")" "0 $want" || diag "$complained"
}
# peak_kb LINES OPTION...: the most memory in kB that an export of so many lines had, looked at shortly before its end, when it
# waits for its reader: the last lines are more than a pipe takes. They are in $test_dir/all.ndjson.
peak_kb() {
	local at=$(($1 - 700)) pid
	shift
	mkfifo "$test_dir/fifo"
	frugal "$ADBL" export outbox -c "$shop_config" "$@" >"$test_dir/fifo" &
	pid=$!
	awk -v pid="$pid" -v at="$at" -v out="$test_dir/peak" '
		{ print }
		NR == at {
			while ((getline line < ("/proc/" pid "/status")) > 0)
				if (line ~ /^VmHWM/) { split(line, word); print word[2] >out }
		}' "$test_dir/fifo" >"$test_dir/all.ndjson"
	rm "$test_dir/fifo"
	wait "$pid" && tail -n 1 "$test_dir/peak"
	rm -f "$test_dir/peak"
}

receiver_start receiver
shop_new || give_up 'the shop opens'
sql 'CREATE TABLE orders (id bigint PRIMARY KEY, name text, n int)'
sed -i 's/^  table: "users"$/  tables: [users, orders]/' "$shop_config"
config_set webhook.timeout 60
exits "install" 0 adbl install
counted "nothing waits" 0
is "... as an array" "$(adbl export outbox --format json && jq -c . "$test_dir/stdout")" '[]'
sql "INSERT INTO users VALUES (1, 'Ada', 0), (2, 'Zoë \"z\"', 0)"
sql "UPDATE users SET n = 1 WHERE id = 2"
sql "DELETE FROM users WHERE id = 1"
sql "INSERT INTO orders VALUES (7, NULL, 3)"

exits "export outbox" 0 adbl export outbox
is "... has everything, in order" "$(jq -c '[.operation, .table, .key.id, .data.n, .old_data.n]' "$test_dir/stdout" | paste -s -d ' ')" \
	'["insert","users",1,0,null] ["insert","users",2,0,null] ["update","users",2,1,0] ["delete","users",1,null,0] ["insert","orders",7,3,null]'
is "... whole" "$(jq -r 'select(.id and (.event_id | test("^[0-9a-f-]{36}-[0-9]+$")) and .pipeline == "default" and
	(.changed_at | test("^20.*Z$")) and .truncated == false) | .data.name // "-"' "$test_dir/stdout" | paste -s -d ' ')" 'Ada Zoë "z" Zoë "z" - -'
counted "by table" 1 --table orders
counted "by operation" 2 --operation update --operation delete
counted "by key" 2 --key id=2
counted "by pipeline" 5 --pipeline default
counted "by time" 5 --since 1h
counted "... before" 0 --until 1h
counted "a limit" 3 --limit 3
counted "all of them" 1 --table users --operation insert --key id=2 --since 1h --limit 9
exits "a pipeline that is none" 66 adbl export outbox --pipeline nobody
exits "a filter that it has not" 64 adbl export outbox --status 404
exits "an array" 0 adbl export outbox --format json
is "... is one" "$(jq length "$test_dir/stdout")" 5
exits "into a file" 0 adbl export outbox -o "$test_dir/out.ndjson"
is "... that is whole" "$(wc -l <"$test_dir/out.ndjson")" 5

# ---- the ids are those that the receiver gets

exits "export, then deliver" 0 adbl export outbox
jq -r .event_id "$test_dir/stdout" | sort >"$test_dir/ids"
shop_run
all_delivered "all" 5
is "the event ids are the same" "$(jq -r .id "$test_dir/receiver.ndjson" | sort | diff - "$test_dir/ids" && echo same)" same

# ---- a long one, while writers write and the daemon is the active reader of nothing: its receiver is down

few=1000
receiver_control 'mode=status&status=503'
people 1001 $((1000 + few))
small=$(peak_kb $few --table users)
is "a short outbox" "$(wc -l <"$test_dir/all.ndjson")" $few
people $((1001 + few)) $((1000 + rows / 2))
people $((1001 + rows / 2)) $((1000 + rows))
writer() {
	while [ ! -e "$test_dir/enough" ]; do
		sql "UPDATE orders SET n = n + 1 WHERE id = 7" || return
		echo >>"$test_dir/written"
	done
}
process_start writer writer
ok "a writer writes" wait_until 20 test -s "$test_dir/written"
large=$(peak_kb "$rows" --table users)
written_min() {
	[ "$(wc -l <"$test_dir/written")" -ge "$1" ]
}
ok "the writer goes on" wait_until 20 written_min 2
touch "$test_dir/enough"
exits "no statement of the writer failed" 0 process_wait writer
is "a long outbox, beside writers" "$(wc -l <"$test_dir/all.ndjson")" "$rows"
is "... in order" "$(jq .id "$test_dir/all.ndjson" | sort -n -c 2>&1)" ''
diag "$db_kind: $rows rows in ${large:-?} kB, $few in ${small:-?} kB"
ok "memory is flat: two pages at most" test "${large:-999999}" -le $((${small:--10240} + 10240))
receiver_control mode=ok
ok "the daemon remained the active one" wait_until 60 stats_is .distinct $((rows + 5 + $(wc -l <"$test_dir/written")))
exits "it ends" 0 process_stop daemon
tests_end
