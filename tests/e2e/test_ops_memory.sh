#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Memory is short: a receiver hangs, its pipeline's large rows fill the budget and stop; a critical pipeline goes on.
# Afterwards everything arrives, and the memory is given back.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind and outbox are database.sh's
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

# Rows of 100 kB that compression does not make small.
noise="(SELECT string_agg(md5(concat(i, '/', j)), '') FROM generate_series(1, 3200) AS j)"
case $db_kind in
mariadb) noise="(SELECT group_concat(md5(concat(i, '/', j.seq)) SEPARATOR '') FROM seq_1_to_3200 AS j)" ;;
sqlite) noise='hex(randomblob(51200))' ;;
esac
large() { # TABLE FROM TO
	echo "INSERT INTO $1 $(sql_series "$2" "$3" "SELECT i, $noise")"
}
outbox_of() {
	case $db_kind in
	postgres) echo "$outbox WHERE pipeline = '$1'" ;;
	*) echo "${outbox}_$1" ;;
	esac
}
# a tenth, and the megabyte that is not worth a malloc_trim (control/memory.h)
rss_is_back() {
	[ "$(rss_kb daemon)" -le $((idle_kb * 110 / 100 + 1024)) ]
}

receiver_start quick
receiver_start stuck
receiver_start alerts
db_new shop
note=text
[ "$db_kind" != mariadb ] || note=longtext
sql "CREATE TABLE pictures (id bigint PRIMARY KEY, body $note)" "CREATE TABLE orders (id bigint PRIMARY KEY, body $note)"
cat >"$shop_config" <<CONFIG
sources:
  - name: shop
    poll_interval: 200ms
    max_event_bytes: 128kB
$(config_database | sed 's/^/  /')
webhooks:
  - {name: stuck, url: "http://127.0.0.1:${port[stuck]}/hook", timeout: 60, breaker_failures: 1000}
  - {name: quick, url: "http://127.0.0.1:${port[quick]}/hook"}
pipelines:
  - {name: pictures, source: shop, webhook: stuck, tables: [pictures], priority: optional, max_bytes: 15MB}
  - {name: orders, source: shop, webhook: quick, tables: [orders], priority: critical, max_bytes: 1MB}
memory: {max: 16MB, alert_url: "http://127.0.0.1:${port[alerts]}/hook"}
worker: {pool_size: 2}
admin: {listen: "127.0.0.1:$admin_port"}
daemon: {shutdown_timeout: 1}
CONFIG
exits "install" 0 adbl install
shop_run

# idle is what it has after it has done its first work
sql "$(large pictures 1 2)" "$(large orders 1 2)"
ok "the first rows arrive" wait_until 20 stats_is .distinct 2 stuck
ok "... of both" wait_until 20 stats_is .distinct 2 quick
idle_kb=$(rss_kb daemon)

receiver_control mode=hang stuck
sql "$(large pictures 101 300)"
ok "what the stuck receiver does not take fills the budget" wait_until 30 metrics_is '.budget.used_bytes > 0.8 * .budget.max_bytes' true
ok "its pipeline, which is optional, stops" wait_until 20 metrics_is '.pipelines[0] | .memory_stopped and .priority == "optional"' true
ok "... and the level says why" metrics_is '.budget.level == "alert" or .budget.level == "critical"' true
ok "... with room in its queue" metrics_is '.pipelines[0] | .queue_bytes < .queue_max_bytes - 1e6' true
is "the critical one is not stopped" "$(metrics '.pipelines[1].memory_stopped')" false
sql "INSERT INTO orders $(sql_series 1001 3000 "SELECT i, 'small'")" "$(large orders 4001 4040)"
ok "all that it has to send arrives meanwhile" wait_until 30 stats_is .distinct 2042 quick
is "... in order, once" "$(stats '"\(.out_of_order) \(.duplicates)"' quick)" "0 0"
is "nothing of the other has been lost" "$(sql "SELECT count(*) FROM $(outbox_of pictures)")" 200
# bodies of what is in the queue already are charged in any case
ok "the budget held" metrics_is '.budget.peak_bytes <= 1.1 * .budget.max_bytes' true
ok "the log tells of the level" wait_until 10 grep -q 'msg="memory level" level=\(alert\|critical\)' "$test_dir/daemon.log"

ok "and the operator's own webhook" wait_until 10 stats_min .requests 1 alerts

receiver_stop stuck
receiver_start stuck
ok "with the receiver back, all arrives" wait_until 60 stats_is .distinct 202 stuck
is "... in order, once" "$(stats '"\(.out_of_order) \(.duplicates)"' stuck)" "0 0"
ok "the outbox is empty" wait_until 20 sql_is "SELECT count(*) FROM $(outbox_of pictures)" 0
ok "the level is normal again" wait_until 20 metrics_is '.budget.level' normal
ok "nothing is in the queue's account" wait_until 20 metrics_is '.budget.account_bytes.queue + .budget.account_bytes.read' 0
ok "memory never went over budget + 32 MB" test "$(rss_max_kb daemon)" -le $(((16 + 32) * 1024))
before_us=${EPOCHREALTIME/[.,]/}
TEST_PATIENCE=1 ok "it is back within 10 % of idle in 30 s" wait_until 32 rss_is_back
diag "RSS: idle $idle_kb kB, at most $(rss_max_kb daemon) kB, now $(rss_kb daemon) kB" \
	"after $(((${EPOCHREALTIME/[.,]/} - before_us) / 100000))00 ms"
diag "$(metrics '.memory, .budget.reached_total, .budget.refused_total.read | tostring')"
tests_end
