#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Several events in one request: poison among them, requests that are too large, kill -9 of the daemon. Nothing is lost, each
# row's changes come in order, and who is to blame is dead alone.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

record=$test_dir/receiver.ndjson
total=0 killed=0

# arrived NAME WANT DEAD: tests: WANT events were taken, in order; DEAD are dead letters; the outbox is empty.
arrived() {
	ok "$1: the outbox empties" wait_until 60 outbox_is 0 ||
		diag "$(stats '"distinct \(.distinct) of \(.events)"') $(metrics '.webhooks[0]')"
	is "... all $2 others arrive, each row's in order" "$(stats '"\(.distinct) \(.out_of_order) \(.overlaps)"')" "$2 0 0"
	ok "... $3 are dead" dead_is "$3"
}

# dead_alone STATUS: of each dead event the answers when it was alone in a request.
dead_alone() {
	jq -s --argjson status "$1" 'group_by(.id) | map(select(all(.status != 200))) |
		map(map(select(.batch == 1 and .status == $status)) | length) | @json' "$record"
}

receiver_start receiver --bodies
shop_new || give_up 'the shop opens'
config_set webhook.batch_max_events 100 webhook.format cloudevents webhook.compression gzip webhook.max_in_flight 4 \
	webhook.retry_count 1 webhook.retry_delay 20ms webhook.timeout 60 webhook.batch_max_delay 50ms webhook.breaker_failures 50
sed -i 's/format: cloudevents/format: cloudevents-binary/' "$shop_config"
exits "a format without a batch form is a mistake" 78 adbl check
has "... where it stands" "$complained" 'webhook.format: has one event a request'
sed -i 's/format: cloudevents-binary/format: cloudevents/' "$shop_config"
adbl install || give_up 'install succeeds'

# ---- 400 for whatever holds the poison, while the daemon is killed again and again

receiver_control 'poison=evil&poison_status=400&delay_ms=5'
people 1 300
sql "INSERT INTO users VALUES (1000, 'evil', 0)" "UPDATE users SET n = 1 WHERE id <= 250 OR id = 1000" \
	"UPDATE users SET name = 'good', n = 2 WHERE id = 1000" "UPDATE users SET n = n + 1 WHERE id <= 100 OR id = 1000"
for least in 1 200 450; do
	daemon_start daemon "$shop_config"
	wait_until 30 stats_min .distinct "$least" || break
	process_kill daemon
	killed=$((killed + 1))
done
is "killed on the way" $killed 3
shop_run
total=$((300 + 250 + 100 + 1))
arrived "400" "$total" 3
ok "requests hold up to $(stats .max_events) events" stats_min .max_events 50
is "... the poison is tried alone, once" "$(dead_alone 400 | jq -r 'fromjson | "\(length) \(map(. >= 1) | all)"')" "3 true"
is "... and what followed it in its row came" "$(jq -r 'select(.key.id == 1000 and .verdict == "first") | .operation' "$record")" update
is "... in CloudEvents' batch format" "$(jq -r '.head | ascii_downcase | capture("content-type: (?<t>[^;\r]*)").t' "$record" | sort -u)" \
	application/cloudevents-batch+json

# ---- 500 for one of them: nobody else's attempts are used up

receiver_control 'poison=wicked&poison_status=500'
# in one transaction, so that it is never alone
sql "BEGIN; UPDATE users SET n = 5 WHERE id <= 150; INSERT INTO users VALUES (1001, 'wicked', 0);
	UPDATE users SET n = 6 WHERE id <= 150; COMMIT"
total=$((total + 300))
arrived "500" "$total" 4
is "... after all its attempts" "$(sql "SELECT max(attempts) FROM $dead_letter")" 2
ok "requests were split" test "$(metrics '.webhooks[0].batch_splits_total')" -ge 1

# ---- a receiver that takes 7 at a time

receiver_control 'max_events=7'
sql "UPDATE users SET n = 7 WHERE id <= 200"
total=$((total + 200))
arrived "413" "$total" 4

# ---- an outage splits nothing

receiver_control 'status=503&count=3'
splits=$(metrics '.webhooks[0].batch_splits_total')
sql "UPDATE users SET n = 8 WHERE id <= 200"
total=$((total + 200))
arrived "503" "$total" 4
is "... by halves" "$(metrics '.webhooks[0].batch_splits_total')" "$splits"

# ---- all in one line: a request holds events that wait for each other

process_stop daemon
config_set listener.ordering pipeline
shop_run
receiver_control mode=ok
before=$(stats .requests)
sql "UPDATE users SET n = 9 WHERE id <= 200" "UPDATE users SET n = 10 WHERE id <= 200"
total=$((total + 400))
arrived "ordering: pipeline" "$total" 4
before=$(($(stats .requests) - before))
ok "... in $before requests" test "$before" -le 40
exits "it ends well" 0 process_stop daemon

# ---- the same in binary encodings

config_set listener.ordering key webhook.format native webhook.encoding cbor
shop_run
sql "UPDATE users SET n = 11 WHERE id <= 200"
total=$((total + 200))
arrived "encoding: cbor" "$total" 4
exits "it ends well" 0 process_stop daemon
sed -i 's/encoding: cbor/encoding: msgpack/' "$shop_config"
shop_run
sql "UPDATE users SET n = 12 WHERE id <= 200"
total=$((total + 200))
arrived "encoding: msgpack" "$total" 4
is "... as what they are" "$(jq -r '.head | ascii_downcase | capture("content-type: (?<t>[^;\r]*)").t' "$record" | sort -u | xargs)" \
	"application/cbor application/cloudevents-batch+json application/msgpack"
is "... whole" "$(jq -c 'select(.key.id == 7) | .body | if type == "string" then fromjson else . end | select(.old_data.n == 11).data.n' \
	"$record" | sort -u)" 12
exits "it ends well" 0 process_stop daemon
tests_end
