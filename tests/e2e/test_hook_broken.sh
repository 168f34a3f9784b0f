#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A receiver that speaks HTTP badly, or not at all: the request ends in time, the event waits for a better day, and
# the daemon stays small.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

shop_open webhook.timeout 1 webhook.retry_count 2 webhook.retry_delay 50ms webhook.max_response_bytes 4kB
distinct=0
attempts_min() {
	[ "$(metrics .attempts_total)" -ge "$1" ]
}

for mode in hang trickle reset close cut early endless endless-head flood; do
	receiver_control "mode=$mode&trickle_ms=1000"
	before=$(metrics .attempts_total)
	people $((distinct + 1)) $((distinct + 8))
	sql "UPDATE users SET n = 1 WHERE id > $distinct AND id <= $((distinct + 4))"
	ok "$mode: requests end" wait_until 30 attempts_min $((before + 3))
	receiver_control mode=ok
	distinct=$((distinct + 12))
	# A 200 that did not arrive whole, or not before the body was sent, may count or not: all that is asked is that
	# none is lost or passes another.
	ok "... all are delivered or were told so" wait_until 40 outbox_is 0
	is "... all came" "$(stats .seen)" "$distinct"
	is "... in order" "$(stats .out_of_order)" 0
	ok "... none is dead" dead_is 0
	ok "... the application writes" people $distinct $distinct
	distinct=$((distinct + 1))
	ok "... and the next one arrives" wait_until 30 outbox_is 0
done
is "it was never out of order" "$(stats '"\(.out_of_order)"')" 0
kb=$(rss_max_kb daemon)
ok "the daemon had $kb kB at most" test "$kb" -lt 98304
ok "the breaker is closed" wait_until 10 breaker_is closed
exits "it ends well" 0 process_stop daemon
tests_end
