#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One tenant has many rows in front, others a few behind them: those are reached and delivered as if they were alone. All
# by places in the receiver's record; times are only told. TENANT_ROWS sets how many.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/workload.sh"
need_database "${1:-}"

rows=${TENANT_ROWS:-20000} others=20 each=3
group=$((others * each)) at_once=32

# group_insert FROM: rows of all the others; their keys are above the noisy one's.
group_insert() {
	sql "INSERT INTO items $(sql_series $((rows + $1)) $((rows + $1 + group - 1)) "SELECT i, $(owner_of), 'x'")"
}
owner_of() {
	if [ "$db_kind" = mariadb ]; then echo "concat('o', i % $others)"; else echo "'o' || (i % $others)"; fi
}
# group_last FROM [SEEN]: at which place of the record the last of them is, 0 while one is missing; none is among the first
# SEEN.
group_last() {
	tail -n "+$((${2:-0} + 1))" "$test_dir/receiver.ndjson" | jq -rR 'fromjson? | select(.status == 200) | .key.k' |
		awk -v from=$((rows + $1)) -v to=$((rows + $1 + group)) -v at="${2:-0}" -v want="$group" '
			{ at++ }
			$1 >= from && $1 < to { n++; last = at }
			END { print n == want ? last : 0 }'
}
group_is_there() {
	[ "$(group_last "$@")" -gt 0 ]
}
# group_time FROM: insert them, wait until they have arrived; the ms that took, and how many others came meanwhile.
group_time() {
	local before start
	before=$(stats .distinct)
	start=${EPOCHREALTIME/[.,]/}
	group_insert "$1"
	wait_until 60 group_is_there "$1" "$before" || return 1
	took_ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
	passed=$(($(group_last "$1" "$before") - before - group))
}

db_new shop
sql "CREATE TABLE items (k bigint PRIMARY KEY, owner varchar(20), note varchar(20))"
receiver_start
workload_tables=(items)
workload_config <<-CONFIG | sed "s/^  retry_delay.*/&\n  max_in_flight: $at_once/" >"$test_dir/config.yaml"
	listener:
	  tenant: owner
	  tenant_tiers: {gold: 5%}
	  tenants: {o1: gold}
	  poll_interval: 50ms
CONFIG
ok "install" app install
sql "INSERT INTO items $(sql_series 1 "$rows" "SELECT i, 'noisy', 'x'")"
group_insert 1000
# what is delivered while something else takes its time is counted below: little, and the first tenant's rows last
receiver_control 'mode=ok&delay_ms=100'
daemon_start
ok "rows of others behind $rows of one tenant arrive" wait_until 120 group_is_there 1000
last=$(group_last 1000)
diag "$db_kind: the last of them is number $last of $((rows + group))"
ok "... when not a fifth of those is delivered" test "$last" -le $((rows / 5))

# one more group while the first tenant's rows are left behind
ok "the noisy tenant is deferred" wait_until 60 metrics_is '.pipelines[0].tenants_deferred >= 1' true
ok "another group arrives" group_time 3000
diag "$db_kind: beside the noisy tenant $took_ms ms, $passed of its events came between"
noisy_ms=$took_ms
ok "... between a few of the noisy tenant's" test "$passed" -le $((rows / 10))
ok "the noisy one still waits" metrics_is '.pipelines[0].tenants_deferred >= 1' true
# shellcheck disable=SC2154 # admin_port is lib.sh's
page_has() {
	curl -sS -m 30 "http://127.0.0.1:$admin_port/metrics?format=prometheus" >"$test_dir/page" && grep -q "$1" "$test_dir/page"
}
ok "the metrics name it" wait_until 20 page_has '^app_db_listener_tenant_rows_deferred{pipeline="default",tenant="noisy"} [1-9]'
ok "... and who else" wait_until 20 page_has '^app_db_listener_tenant_events{pipeline="default",tenant="o1"} 6$'

receiver_control mode=ok
ok "all arrive" wait_until 120 stats_is .distinct $((rows + 2 * group))
ok "... and leave the outbox" wait_until 30 sql_is "SELECT count(*) FROM $outbox" 0
is "in order, none twice" "$(stats '"\(.out_of_order) \(.duplicates)"')" "0 0"
ok "nobody is deferred any more" wait_until 20 metrics_is '.pipelines[0].tenants_deferred' 0
again=$(metrics '.pipelines[0].rows_reread_total')
diag "$db_kind: $again rows read once more, of $rows"
ok "a row was not read three times on average" test "$again" -le $((rows * 2))

receiver_control 'mode=ok&delay_ms=20'
ok "a group alone arrives" group_time 5000
diag "$db_kind: alone $took_ms ms, beside the noisy tenant $noisy_ms ms"
is "order" "$(stats .out_of_order)" 0
tests_end
