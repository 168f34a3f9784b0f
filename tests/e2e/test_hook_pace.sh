#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A webhook's rate limit as the receiver sees it, through a reload; adaptive concurrency.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

# crowd SECONDS: the most requests that were made within so many seconds, by the daemon's clock: webhook-timestamp has whole
# ones. When they came depends on when the receiver had its turn.
crowd() {
	jq -s --argjson span "$1" 'map(.head | capture("webhook-timestamp: (?<s>[0-9]+)"; "i").s | tonumber) | . as $t |
		[unique[] as $s | [$t[] | select(. >= $s and . < $s + $span)] | length] | max' "$test_dir/receiver.ndjson"
}
limit_is() { # CONDITION, in jq
	metrics_is ".webhooks[0].concurrency_limit $1" true
}
# rises: the limit is above one; if not, there is something more to deliver: what is slow for a moment makes it fall too.
person=10000
rises() {
	limit_is "> 1" && return
	people $((person + 1)) $((person + 100))
	person=$((person + 100))
	return 1
}

# ---- one in 110 ms: 30 in 3 s

receiver_start receiver --bodies
shop_new || give_up 'the shop opens'
config_set worker.pool_size 4 webhook.rate_limit 30/3s webhook.retry_delay 20ms webhook.retry_count 1000 webhook.timeout 60
exits "install" 0 adbl install
shop_run
receiver_control 'status=503&count=3'
start=${EPOCHREALTIME/[.,]/}
people 1 40
all_delivered "paced" 40
took=$((${EPOCHREALTIME/[.,]/} - start))
is "three were tried twice" "$(stats .requests)" 43
ok "in no three seconds there were more than 30" test "$(crowd 3)" -le 30
ok "... which took its time" test "$took" -ge $((42 * 110000))
ok "the metrics tell of the time" test "$(metrics '.webhooks[0].rate_limited_seconds_total | floor')" -ge 3
ok "nobody looked in vain for long" test "$(metrics .worker_passes_total)" -lt 1000

# ---- a reload takes it away; what it held up goes at once

people 101 500
ok "a backlog waits" wait_until 10 metrics_is '.queue_size > 100' true
config_set webhook.rate_limit none webhook.concurrency adaptive webhook.max_in_flight 50 webhook.breaker_failures 1000
process_signal daemon HUP
ok "a reload takes the limit away" wait_until 20 grep -q 'configuration read.*rate_limit' "$test_dir/daemon.log"
all_delivered "without a limit" 440
ok "adaptive concurrency rises" wait_until 20 rises

# ---- 429 makes it fall

receiver_control 'status=429'
people 601 700
ok "it falls with every 429" wait_until 20 limit_is "== 1"
receiver_control mode=ok
people 701 1500
ok "it rises again" wait_until 20 rises
all_delivered "and all arrives" $((1340 + person - 10000))
is "... in order, none twice" "$(stats '"\(.out_of_order) \(.overlaps) \(.duplicates)"')" "0 0 0"
ok "nobody died" dead_is 0
exits "it ends well" 0 process_stop daemon

tests_end
