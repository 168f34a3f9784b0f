#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Posted events are events like any other, whatever keeps them: a file of the daemon's own, or the database that is captured
# as well. Order per key, retries, dead letters and replay; what was answered 202 survives kill -9 at that very moment.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

token=0123456789abcdef0123456789abcdef0123456789abcdef
ingest_port=$(port_free)
own=$test_dir/own.db

db_new shop
sql 'CREATE TABLE users (id bigint PRIMARY KEY, name text, n int)'
receiver_start
{
	config_write users
	cat <<-CONFIG
		sources:
		  - {name: push, type: http, store: default}
		  - {name: own, type: http, path: "$own"}
		pipelines:
		  - {name: captured, source: default}
		  - {name: pushed, source: push, retain: 1h}
		  - {name: kept, source: own, retain: 1h}
		ingest:
		  listen: "127.0.0.1:$ingest_port"
		  spill_dir: "$test_dir"
		  tokens: {shop: "$token"}
	CONFIG
} >"$shop_config"
config_set webhook.retry_max_delay 200ms webhook.breaker_max_delay 200ms webhook.breaker_failures 1000

# post SOURCE BODY [OPTION...]: the status; the answer is in $test_dir/answer.
post() {
	local source=$1 body=$2
	shift 2
	curl -sS -m 20 -o "$test_dir/answer" -w '%{http_code}' -H "Authorization: Bearer $token" \
		-H 'Content-Type: application/json' "$@" --data-binary "$body" "http://127.0.0.1:$ingest_port/v1/events?source=$source" || echo 000
}
posts() { # NAME SOURCE BODY [OPTION...]: a test: it is taken
	local name=$1
	shift
	is "$name" "$(post "$@")" 202 || diag "$(<"$test_dir/answer")"
}
event() { # KEY N [OPERATION]
	echo '{"table":"orders","operation":"'"${3:-insert}"'","key":{"id":'"$1"'},"data":{"id":'"$1"',"n":'"$2"'}}'
}
delivered_is() { # the receiver has accepted so many, and nothing is left
	stats_is .distinct "$1" && metrics_is '[.pipelines[].queue_size] | add' 0
}

# ---- how it begins

exits "install" 0 adbl install
has "... makes what is needed" "$said" 'ready for events'
exits "uninstall takes it away again" 0 adbl uninstall
ok "... the file too" test ! -e "$own"
exits "install of the database alone" 0 adbl install --source default
exits "check" 0 adbl check
has "... knows that the daemon makes the file" "$said" 'is not there yet'
shop_run
is "the daemon makes it" "$(stat -c %a "$own")" 600
exits "check" 0 adbl check
has "... finds nothing wrong" "$said" ' 0 failures'

# ---- all three ways lead to the receiver

sql "INSERT INTO users (id, name, n) VALUES (1, 'a', 0)"
posts "an event for the store" push "$(event 1 1)"
posts "... and one for the file" own "$(event 1 1)"
ok "all are delivered" wait_until 20 delivered_is 3
is "... each once, by its pipeline" "$(jq -rs '[.[] | .pipeline] | sort | join(" ")' "$test_dir/receiver.ndjson" 2>/dev/null)" "captured kept pushed" ||
	diag "$(head -3 "$test_dir/receiver.ndjson")"

# ---- order, retries, the same key twice

receiver_control fail_first=2
for source in push own; do
	body=$(for n in {1..40}; do event $((n % 4 + 10)) "$n" update; done | jq -cs .)
	posts "forty events of four keys, for $source" "$source" "$body" -H "Idempotency-Key: batch 1"
	is "... are answered so" "$(<"$test_dir/answer")" '{"stored":40}'
	posts "... and again" "$source" "$body" -H "Idempotency-Key: batch 1"
	is "... as often as they come" "$(<"$test_dir/answer")" '{"stored":40}'
	is "... with another body they are refused" "$(post "$source" "$(event 1 2)" -H "Idempotency-Key: batch 1")" 422
done
ok "all are delivered, once" wait_until 20 delivered_is 83
is "... in order" "$(stats .out_of_order)" 0
receiver_control 'mode=ok&fail_first=0'

# ---- dead letters

receiver_control 'poison=poisoned'
for source in push own; do
	posts "a poisoned event for $source" "$source" '{"table":"orders","operation":"insert","key":{"id":66},"data":{"text":"poisoned"}}'
done
dead_is() {
	adbl dead-letters list && [ "$(grep -c orders "$test_dir/stdout")" = "$1" ]
}
ok "both become dead letters" wait_until 20 dead_is 2
receiver_control 'mode=ok&poison='
exits "replay" 0 adbl dead-letters replay --all
ok "... delivers them" wait_until 20 delivered_is 85
exits "replay --since of a pushed pipeline" 0 adbl replay --since 1h --source own --pipeline kept --key id=10
has "... has what was kept" "$said" '10 put back'

# ---- kill -9 at the moment of the answer

accepted=0
for ((round = 0; round < 4; round++)); do
	wait_until 20 daemon_ready
	for source in push own; do
		for n in 1 2 3; do
			[ "$(post "$source" "$(event $((1000 + round)) "$n")")" = 202 ] && accepted=$((accepted + 1))
		done
	done
	process_kill daemon
	shop_run
done
ok "twenty-four were accepted" test "$accepted" -eq 24
ok "... and not one is lost" wait_until 20 delivered_is $((85 + accepted))
is "... nor out of order" "$(stats .out_of_order)" 0

# ---- what operators see

exits "status" 0 adbl status --json
ok "... has the pipelines" said_is '[.pipelines[] | select(.installed)] | length == 3'
exits "the daemon ends" 0 process_stop daemon
# the server notices a bit later than the daemon that a connection has ended
ok "uninstall" wait_until 20 adbl uninstall || diag "$complained"
ok "... takes the file away" test ! -e "$own"
tests_end
