#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Three pipelines, of which one is dead and one slow; a thousand requests in flight.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind and outbox are database.sh's
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

# outbox_of PIPELINE: what to count in
outbox_of() {
	case $db_kind in
	postgres) echo "$outbox WHERE pipeline = '$1'" ;;
	*) echo "${outbox}_$1" ;;
	esac
}
outboxes_are_empty() {
	sql_is "SELECT count(*) FROM $(outbox_of first)" 0 && sql_is "SELECT count(*) FROM $(outbox_of second)" 0 &&
		sql_is "SELECT count(*) FROM $(outbox_of third)" 0
}

receiver_start healthy
receiver_start dead --control mode=hang
receiver_start slow --control delay_ms=5000
db_new shop
sql 'CREATE TABLE users (id bigint PRIMARY KEY, name text, n int)' 'CREATE TABLE orders (id bigint PRIMARY KEY, n int)'
cat >"$shop_config" <<CONFIG
sources:
  - name: shop
    poll_interval: 500ms
$(config_database | sed 's/^/  /')
webhooks:
  - name: broken
    url: "http://127.0.0.1:${port[dead]}/hook"
    timeout: 300
    max_in_flight: 1000
    retry_max_delay: 500ms
    breaker_max_delay: 500ms
  - name: well
    url: "http://127.0.0.1:${port[healthy]}/hook"
    timeout: 300
    max_in_flight: 1000
    retry_max_delay: 500ms
    breaker_max_delay: 500ms
  - {name: late, url: "http://127.0.0.1:${port[slow]}/hook", timeout: 30}
pipelines:
  - {name: first, source: shop, webhook: broken, tables: [users, orders]}
  - {name: second, source: shop, webhook: well, tables: [users]}
  - {name: third, source: shop, webhook: late, tables: [orders]}
queue: {capacity: 3000}
worker: {pool_size: 2}
admin: {listen: "127.0.0.1:$admin_port"}
daemon: {shutdown_timeout: 1}
CONFIG
exits "install" 0 adbl install
shop_run

# ---- the dead and the slow one fill their shares of the queue; the healthy one has all of its own

sql "INSERT INTO orders $(sql_series 1 3000 'SELECT i, 0')"
ok "the dead one's receiver has all it may have" wait_until 30 stats_is .in_flight 1000 dead
ok "... and its pipeline is full" wait_until 20 metrics_is '.pipelines[0] | .queue_size == .queue_capacity' true
ok "the slow one's, too" wait_until 20 metrics_is '.pipelines[2] | .queue_size == .queue_capacity and .in_flight == 64' true
people 1 2000
sql 'UPDATE users SET n = 1 WHERE id <= 500'
ok "the healthy one has everything meanwhile" wait_until 60 stats_is .distinct 2500 healthy
is "... in order" "$(stats '"\(.out_of_order) \(.overlaps) \(.duplicates)"' healthy)" "0 0 0"
is "... when the dead one has nothing" "$(stats .distinct dead)" 0
ok "... and the slow one little" test "$(stats .distinct slow)" -lt 3000
ok "only their rows are pinned" wait_until 20 sql_is "SELECT count(*) FROM $(outbox_of second)" 0
is "... and all of the dead one's" "$(sql "SELECT count(*) FROM $(outbox_of first)")" 5500
ok "the metrics tell them apart" wait_until 20 \
	metrics_is '[.pipelines[:2][] | "\(.name) \(.settled_total)"] | join(", ")' "first 0, second 2500"
receiver_stop dead
receiver_start dead
ok "repaired, the other has everything too" wait_until 60 stats_is .distinct 5500 dead
is "... in order" "$(stats .out_of_order dead)" 0
receiver_control mode=ok slow
ok "hurried, the slow one as well" wait_until 60 stats_is .distinct 3000 slow
ok "the outbox is empty" wait_until 20 outboxes_are_empty
ok "nobody died" dead_is 0

# ---- a thousand in flight at a receiver that takes its time

receiver_control mode=hang healthy
people 10001 11200
ok "1,000 are in flight" wait_until 30 stats_is .in_flight 1000 healthy
is "... never more at once" "$(stats .max_in_flight healthy)" 1000
receiver_stop healthy
receiver_start healthy --control delay_ms=100
people 20001 25000
sql 'UPDATE users SET n = 2 WHERE id > 20000'
ok "all arrive" wait_until 90 stats_is .distinct $((2500 + 1200 + 10000)) healthy
ok "... never more at once" test "$(stats .max_in_flight healthy)" -le 1000
is "... in order" "$(stats '"\(.out_of_order) \(.overlaps)"' healthy)" "0 0"
ok "the outbox is empty" wait_until 60 outboxes_are_empty
exits "it ends well" 0 process_stop daemon

tests_end
