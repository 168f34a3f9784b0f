#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# POST /v1/events with curl: each status, each bound, a kill, a reload; what got 202 arrives, in order.
. "$(dirname "$0")/../support/lib.sh"
. tests/e2e/shop.sh
need_sqlite # the daemon's own store

token=Ingest-4d0c1b5e7f92 crm=Ingest-77e0ab91cc03
ingest_port=$(port_free)
events=http://127.0.0.1:$ingest_port/v1/events
echo "$crm" >"$test_dir/crm.token"
mkdir "$test_dir/spill"
export INGEST_TOKEN=$token
receiver_start receiver
test_db=$test_dir/events.db
cat >"$shop_config" <<CONFIG
database:
  type: http
  path: $test_db
webhook:
  url: "http://127.0.0.1:${port[receiver]}/hook"
  retry_delay: 50ms
  timeout: 60
ingest:
  listen: 127.0.0.1:$ingest_port
  tokens: {shop: "\${INGEST_TOKEN}", crm: {file: $test_dir/crm.token}}
  max_body: 200kB
  max_concurrent: 2
  idle_timeout: 5s
  spill_dir: $test_dir/spill
  idempotency_window: 1h
admin:
  listen: "127.0.0.1:$admin_port"
CONFIG

# post [CURL OPTION...]: as $type to $url, JSON to $events when they are not set; its status in $status, head and body in $test_dir/answer
post() {
	status=$(curl -sS -m 20 -o "$test_dir/body" -D "$test_dir/head" -w '%{http_code}' --oauth2-bearer "$token" \
		-H "Content-Type: ${type:-application/json}" "$@" "${url:-$events}" 2>"$test_dir/curl.err")
	answer=$(<"$test_dir/body") head=$(<"$test_dir/head")
}
# answers NAME STATUS WORDS [CURL OPTION...]: a test
answers() {
	local name=$1 want=$2 words=$3
	shift 3
	post "$@"
	is "$name" "$status" "$want" || diag "$answer $(<"$test_dir/curl.err")"
	[ -z "$words" ] || has "... and says why" "$head $answer" "$words"
}
event() { # ID
	echo "{\"table\":\"orders\",\"operation\":\"insert\",\"key\":{\"id\":$1},\"data\":{\"id\":$1}}"
}
up() {
	daemon_start daemon "$shop_config"
	wait_until 20 grep -q 'events can be posted' "$test_dir/daemon.log"
}

ok "the daemon makes its store" up
answers "an event" 202 '{"stored":1}' -d "$(event 1)"
ok "... is delivered" wait_until 20 stats_is .distinct 1
answers "an array" 202 '{"stored":2}' -d "[$(event 2), $(event 3)]"
type=application/x-ndjson answers "lines" 202 '{"stored":2}' --data-binary "$(event 4)
$(event 5)"
answers "a key" 202 '{"stored":1}' -H 'Idempotency-Key: k1' -d "$(event 6)"
answers "... once more" 202 'Idempotent-Replayed: true' -H 'Idempotency-Key: k1' -d "$(event 6)"
answers "... with another body" 422 'another body' -H 'Idempotency-Key: k1' -d "$(event 7)"
answers "no JSON" 400 '"line":2,"column":2' -d '{
 !'
answers "no event" 422 '"index":1,"field":"data"' -d "[$(event 8), {\"table\":\"t\",\"operation\":\"update\"}]"
answers "no token" 401 'WWW-Authenticate: Bearer' --oauth2-bearer wrong -d "$(event 8)"
url=http://127.0.0.1:$ingest_port/ answers "another path" 404 /v1/events -d "$(event 8)"
answers "another method" 405 'Allow: POST' -X PUT -d "$(event 8)"
type=text/csv answers "another type" 415 x-ndjson -d 1,2
head -c 1200000 /dev/zero | tr '\0' ' ' >"$test_dir/large"
before=$(metrics .ingest.bytes_total)
answers "a large body" 413 max_body --data-binary @"$test_dir/large"
is "... was not read" "$(metrics .ingest.bytes_total)" "$before"
answers "... nor one in chunks" 413 max_body -H 'Transfer-Encoding: chunked' --data-binary @"$test_dir/large"
{ echo -n '{"table":"orders","operation":"insert","key":{"id":9},"data":{"text":"'; head -c 150000 /dev/zero | tr '\0' x; echo '"}}'; } \
	>"$test_dir/spilled"
answers "one that goes through a file" 202 '{"stored":1}' --data-binary @"$test_dir/spilled"
is "... does" "$(metrics .ingest.spilled_total)" 1
is "... and leaves none" "$(find "$test_dir/spill" -type f | wc -l)" 0
rmdir "$test_dir/spill"
has "check tells that its directory is gone" "$("$ADBL" check -c "$shop_config")" ingest.spill_dir "$test_dir/spill is not there"
answers "without its directory" 507 Retry-After --data-binary @"$test_dir/spilled"
mkdir "$test_dir/spill"

# ---- two that stand in the way, and say nothing

for i in 1 2; do
	mkfifo "$test_dir/pipe$i"
	# shellcheck disable=SC2016 # that shell's own variables
	process_start "slow$i" bash -c 'exec curl -sS -m 120 -o /dev/null -w "%{http_code}" --oauth2-bearer "$1" -T - -X POST \
		-H "Content-Type: application/json" "$2" <"$3"' slow "$token" "$events" "$test_dir/pipe$i"
done
exec {pipe1}<>"$test_dir/pipe1" {pipe2}<>"$test_dir/pipe2"
echo '{' >&"$pipe1"
echo '{' >&"$pipe2"
# not silent yet: their time begins anew with each blank
two_stand() {
	echo ' ' >&"$pipe1"
	echo ' ' >&"$pipe2"
	metrics_is .ingest.in_progress 2
}
ok "two are in progress" wait_until 10 two_stand
answers "one too many" 503 'server busy, please retry' -d "$(event 8)"
has "... and when to come back" "$head" 'Retry-After: 1'
ok "who is silent is sent away" wait_until 20 metrics_is .ingest.refused.timeout 2
exec {pipe1}>&- {pipe2}>&-
process_wait slow1
has "... with 408" "$(<"$test_dir/slow1.log")" 408
answers "then there is room" 202 '' -d "$(event 10)"

# ---- kill -9, reload

ok "all are delivered" wait_until 20 stats_is .distinct 8
ok "... which is written down, or the kill would have them come again" wait_until 20 outbox_is 0
receiver_stop
answers "accepted while nobody receives" 202 '' -d "[$(event 11), $(event 12)]"
process_kill daemon
receiver_start receiver
mv "$test_dir/daemon.log" "$test_dir/killed.log"
ok "after kill -9" up
ok "... what was accepted arrives" wait_until 20 stats_is .distinct 10
answers "... a key is known still" 202 'Idempotent-Replayed: true' -H 'Idempotency-Key: k1' -d "$(event 6)"
config_set ingest.rate_limit 1/h
process_signal daemon HUP
ok "a reload" wait_until 20 grep -q 'rate_limit: none -> 1/h' "$test_dir/daemon.log"
listens_again() {
	[ "$(grep -c 'events can be posted' "$test_dir/daemon.log")" = 2 ]
}
ok "... listens again" wait_until 20 listens_again
answers "... with a limit" 202 '' -d "$(event 13)"
answers "... which is kept" 429 'Retry-After: 3' -d "$(event 14)"
answers "... for each token" 202 '' --oauth2-bearer "$crm" -d "$(event 15)"
ok "all are delivered" wait_until 20 stats_is .distinct 12
is "... each once, in order" "$(stats '"\(.duplicates) \(.out_of_order)"')" "0 0"
curl -s "http://127.0.0.1:$admin_port/metrics?format=prometheus" >"$test_dir/prometheus"
ok "refusals are counted by reason" grep -q '^app_db_listener_ingest_refused_total{reason="rate"} 1$' "$test_dir/prometheus"
"$ADBL" check --offline -c "$shop_config" >"$test_dir/check" 2>&1
ok "the log of the first daemon is there" grep -q 'events can be posted' "$test_dir/killed.log"
is "no token is told" "$(cat "$test_dir"/*.log "$test_dir/prometheus" "$test_dir/check" | grep -c 'Ingest-')" 0
exits "it ends well" 0 process_stop daemon
tests_end
