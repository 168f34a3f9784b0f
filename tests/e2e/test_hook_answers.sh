#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What each answer of the receiver does to the event, to its row's later events, and to everything else.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

receiver_start elsewhere
# Nothing here is an outage, so nothing may look like one.
shop_open webhook.retry_count 3 webhook.retry_delay 20ms webhook.breaker_failures 1000 webhook.timeout 60
distinct=0 dead=0

uri() {
	jq -rn --arg t "$1" '$t | @uri'
}
enable() { # [CURL OPTION]...: the status of the answer
	curl -s -o "$test_dir/answer" -w '%{http_code}' -m 10 -X POST "$@" \
		"http://127.0.0.1:$admin_port/webhooks/default/enable"
}
# attempts ID: how many requests the row's first event made
attempts() {
	jq -s --argjson id "$1" 'map(select(.key.id == $id and .operation == "insert")) | length' "$test_dir/receiver.ndjson"
}

# ---- refused: to the dead letters with status and reason, at once; the others go on

id=0
for status in 301 302 303 307 308 400 401 403 404 409 413 422; do
	id=$((id + 10))
	receiver_control "status=$status&match=refuse-me&location=$(uri "http://127.0.0.1:${port[elsewhere]}/hook")"
	people $((id + 1)) $((id + 3))
	people $((id + 4)) $((id + 4)) refuse-me
	people $((id + 5)) $((id + 6))
	dead=$((dead + 1)) distinct=$((distinct + 5))
	ok "$status: one dead letter" wait_until 20 dead_is "$dead" || tests_end
	is "... with attempts, status and key" \
		"$(sql "SELECT attempts, last_status, row_key FROM app_db_listener.dead_letter ORDER BY id DESC LIMIT 1")" \
		"1|$status|{\"id\":$((id + 4))}"
	has "... with a reason" "$(sql 'SELECT last_error FROM app_db_listener.dead_letter ORDER BY id DESC LIMIT 1')" "$status"
done
ok "all others are delivered" wait_until 20 stats_is .distinct $distinct
is "nobody followed a redirect" "$(stats .requests elsewhere)" 0
ok "the outbox is empty" wait_until 20 outbox_is 0
is "the breaker is closed" "$(metrics '.webhooks[0].breaker')" closed
ok "the metrics count them" wait_until 20 metrics_is '"\(.dead_total) \(.webhooks[0].refused_total)"' "$dead $dead"

# ---- one poisoned event: retried, then dead; the others of its row follow, the others are not disturbed

receiver_control "poison=$(uri '"data":{"id":1000,"name":"evil"')"
people 1001 1020
people 1000 1000 evil
sql "UPDATE users SET name = 'good' WHERE id = 1000" "UPDATE users SET n = 1 WHERE id = 1000" 'DELETE FROM users WHERE id = 1000'
people 1021 1040
dead=$((dead + 1)) distinct=$((distinct + 43))
ok "500 for ever: a dead letter" wait_until 30 dead_is "$dead"
is "... after retry_count retries" \
	"$(sql "SELECT attempts, last_status, operation FROM app_db_listener.dead_letter ORDER BY id DESC LIMIT 1")" "4|500|insert"
ok "... all others are delivered" wait_until 30 stats_is .distinct $distinct
is "... so many requests were made for it" "$(attempts 1000)" 4
is "... and its row's later events came in order" \
	"$(jq -rs 'map(select(.key.id == 1000 and .status == 200) | .operation) | join(" ")' "$test_dir/receiver.ndjson")" "update update delete"
is "... none out of order" "$(stats '"\(.out_of_order) \(.overlaps)"')" "0 0"

# ---- each event fails some times, many rows at once: order per row, nobody dies

receiver_control 'fail_first=2&fail_status=500'
people 2001 2040
for i in 1 2 3; do
	sql "UPDATE users SET n = $i WHERE id > 2000"
done
distinct=$((distinct + 160))
ok "fail_first=2: all arrive" wait_until 60 stats_is .distinct $distinct
is "... in order, one at a time for a row" "$(stats '"\(.out_of_order) \(.overlaps)"')" "0 0"
ok "... nobody died" dead_is "$dead"
config_set webhook.retry_count 50 # which one in twenty does not hit by chance
process_signal daemon HUP
ok "a reload gives them more attempts" wait_until 20 grep -q 'configuration read.*retry_count' "$test_dir/daemon.log"
receiver_control 'rate=0.05&status=503'
people 3001 3040
for i in 1 2 3; do
	sql "UPDATE users SET n = $i WHERE id > 3000"
done
distinct=$((distinct + 160))
ok "503 now and then: all arrive" wait_until 60 stats_is .distinct $distinct
is "... in order, one at a time for a row" "$(stats '"\(.out_of_order) \(.overlaps)"')" "0 0"
ok "... nobody died" dead_is "$dead"

# ---- 410: nothing is lost, nothing is sent until an operator says so

receiver_control status=410
ok "the outbox is empty before" wait_until 20 outbox_is 0
people 4001 4010
ok "410 disables the webhook" wait_until 20 breaker_is disabled
ok "... what was in flight ends" wait_until 20 metrics_is .in_flight 0
receiver_control mode=ok
requests=$(stats .requests)
sql 'UPDATE users SET n = 1 WHERE id > 4000'
ok "... nothing more is sent" for_a_while 2 stats_is .requests "$requests"
ok "... all wait" outbox_is 20
ok "... nobody died" dead_is "$dead"
has "... it is said in /readyz" "$(curl -s "http://127.0.0.1:$admin_port/readyz")" default
ok "... and in the log" wait_until 10 grep -q 410 "$test_dir/daemon.log"
is "enable without a token" "$(enable)" 401
is "... with a wrong one" "$(enable -H 'Authorization: Bearer let-me-out')" 401
is "... by GET" "$(enable -X GET -H 'Authorization: Bearer let-me-in')" 405
is "... of another webhook" "$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Authorization: Bearer let-me-in' \
	"http://127.0.0.1:$admin_port/webhooks/nobody/enable")" 404
is "... which all change nothing" "$(metrics '.webhooks[0].breaker') $(stats .requests)" "disabled $requests"
answer=$(enable -H 'Authorization: Bearer let-me-in')
ok "enable with the token: $answer" grep -qE '^20[0-9]$' <<<"$answer"
distinct=$((distinct + 20))
ok "... all arrive" wait_until 20 stats_is .distinct $distinct
is "... in order" "$(stats '"\(.out_of_order) \(.overlaps)"')" "0 0"
ok "... the outbox is empty" wait_until 20 outbox_is 0
is "... the webhook is well" "$(metrics '.webhooks[0].breaker')" closed
is "every event was delivered or is dead" "$(sql "SELECT last_value FROM app_db_listener.outbox_id_seq")" $((distinct + dead))
tests_end
