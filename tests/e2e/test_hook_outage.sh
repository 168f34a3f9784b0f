#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The receiver is down, dies, comes back, asks for patience: everything arrives in order, nothing becomes a dead letter.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

# The environment's proxy is none of the daemon's business: all of this is delivered without it.
export http_proxy=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1
export no_proxy=''
curl() {
	command curl --noproxy '*' "$@"
}

shop_open webhook.retry_count 2 webhook.retry_delay 50ms webhook.timeout 10

# ---- down for longer than all retries

people 1 50
all_delivered "before" 50
receiver_stop
people 51 100
sql 'UPDATE users SET n = 1 WHERE id <= 20' 'UPDATE users SET n = 2 WHERE id <= 20' 'DELETE FROM users WHERE id <= 5'
ok "the breaker opens" wait_until 30 breaker_is open
held() {
	[ "$(metrics .held_total)" -ge "$1" ]
}
ok "more probes fail than an event may have attempts" wait_until 30 held 8
ok "no event is a dead letter" dead_is 0
ok "all wait in the outbox" outbox_is 95
is "the daemon stays alive" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$admin_port/healthz")" 200
has "... and warns" "$(curl -s "http://127.0.0.1:$admin_port/readyz")" warning default
has "... and says why in /metrics" "$(metrics '.webhooks[0].last_error')" connect
receiver_start receiver
all_delivered "after the outage" 145
ok "the breaker closes" wait_until 10 breaker_is closed

# ---- stopped in the middle of requests, three times under load

receiver_control delay_ms=20
for i in 1 2 3; do
	people $((i * 1000 + 1)) $((i * 1000 + 100))
	sql "UPDATE users SET n = n + 1 WHERE id > $((i * 1000))"
	wait_until 30 stats_min .distinct $((145 + i * 200 - 150))
	receiver_stop
	receiver_start receiver --control delay_ms=20
done
all_delivered "stopped three times" 745
# a straggler's failure may have opened the breaker again: with one probe in flight nothing but that one would hang
people 5000 5000
all_delivered "one more closes the breaker" 746

# ---- killed while it has requests that it never answers

receiver_control mode=hang
people 5001 5020
ok "requests hang" wait_until 20 stats_min .in_flight 20
process_kill receiver
ok "their end is noticed" wait_until 30 metrics_is .in_flight 0
receiver_start receiver
all_delivered "killed" 766

# ---- a new receiver behind connections kept open

receiver_stop
receiver_start receiver
people 6001 6010
all_delivered "restarted while idle" 776

# ---- 429 with Retry-After: it waits as asked, but never for longer than webhook.retry_max_delay

process_stop daemon
config_set webhook.retry_max_delay 3 webhook.breaker_max_delay 3 webhook.retry_delay 1ms
shop_run
distinct=776
# between the first two attempts of the newest event, in ms
waited_ms() {
	jq -s '(last | .id) as $id | map(select(.id == $id)) | ((.[1].t_us - .[0].t_us) / 1000 | floor)' \
		"$test_dir/receiver.ndjson"
}
while IFS='~' read -r text least_ms; do
	receiver_control "status=429&count=1&retry_after=$(jq -rn --arg t "$text" '$t | @uri')"
	distinct=$((distinct + 1))
	people $distinct $distinct
	ok "Retry-After: $text" wait_until 30 stats_is .distinct $distinct
	ms=$(waited_ms)
	ok "... waits $ms ms, $least_ms at least" test "$ms" -ge "$least_ms"
done <<'CASES'
1~1000
2~2000
0~0
-5~0
soon~0
999999999~3000
99999999999999999999999~0
Fri, 31 Dec 2099 23:59:59 GMT~3000
Sun, 06 Nov 1994 08:49:37 GMT~0
CASES
all_delivered "after all those" $distinct
exits "it ends well" 0 process_stop daemon
tests_end
