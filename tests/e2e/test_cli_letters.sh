#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What an operator does with dead letters: list, show, replay, purge; and test-webhook, and status beside a daemon.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind comes from need_database
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

schema=public # as the events have it
[ "$db_kind" = postgres ] || schema=
[ "$db_kind" != mariadb ] || schema=shop
shop_open webhook.retry_count 0 webhook.breaker_failures 1000 webhook.timeout 60 # late is not dead
sql 'CREATE TABLE orders (id bigint PRIMARY KEY, n int)'
exits "list --json when there are none" 0 adbl dead-letters list --json
is "... is nothing" "$said" ''
exits "list when there are none" 0 adbl dead-letters list
has "... says so" "$said" 'no dead letters'
exits "show of one that is not there" 66 adbl dead-letters show 4711
has "... says so" "$said" 'no such dead letters'
exits "replay of one that is not there" 66 adbl dead-letters replay 4711
exits "replay of what nobody keeps" 0 adbl replay --since 1h
has "... says why there is nothing" "$said $complained" '0 put back' listener.retain

# ---- four kinds of death

receiver_control 'status=422&match=refused'
people 1 3 refused
people 4 6
ok "three die" wait_until 30 dead_is 3
receiver_control 'status=500&match=broken'
people 7 8 broken
ok "two more" wait_until 30 dead_is 5
ok "the others went" wait_until 30 stats_is .distinct 3
receiver_control 'status=400&match=old'
sql "UPDATE users SET n = 7 WHERE id = 1"
ok "six are dead" wait_until 30 dead_is 6
ok "the metrics count them" wait_until 20 metrics_is .dead_letters 6

exits "list" 0 adbl dead-letters list
is "... has a line for each and a head" "$(wc -l <<<"$said")" 7
has "... with statuses" "$said" 422 500 400 users insert update
exits "list --json" 0 adbl dead-letters list --json
is "... has a JSON object for each, oldest first" "$(jq -s 'map(.id) == (map(.id) | sort) and length == 6' <<<"$said")" true
is "... with what a script needs" "$(jq -rs 'first | "\(.pipeline) \(.operation) \(.schema).\(.table) \(.key.id) \(.attempts) \(.last_status)"' <<<"$said")" \
	"default insert ${schema:-null}.users 1 1 422" # as deliveries have it
is "... and the reason and times" "$(jq -s 'all((.last_error | test("HTTP")) and (.died_at | test("^2.*Z$")) and (.event_id | test("-[0-9]+$")))' <<<"$said")" true
first=$(jq -rs 'first | .id' <<<"$said") event=$(jq -rs 'first | .event_id' <<<"$said")
exits "list --limit" 0 adbl dead-letters list --json --limit 2
is "... gives so many" "$(jq -s length <<<"$said")" 2
while read -r filter want; do
	read -ra options <<<"${filter//,/ }"
	exits "list ${options[*]}" 0 adbl dead-letters list --json "${options[@]}"
	is "... finds $want" "$(jq -s length <<<"$said")" "$want"
done <<CASES
--pipeline,default 6
--table,users 6
--table,${schema:-main}.users 6
--table,orders 0
--table,other.users 0
--older-than,1h 0
--older-than,1ms 6
--id,$first 1
--source,default 6
--key,id=1 2
--key,{"id":7.0} 1
--key,id=9 0
--status,422 3
--status,4xx 4
--status,none 0
--error,http,--status,5xx 2
--operation,update 1
--operation,delete,--operation,insert 5
--since,1h 6
--until,1h 0
--since,2020-01-01T00:00:00Z,--limit,4 4
CASES
for wrong in --since,never --until,x --status,700 --key,id --since,1h,--until,2h --format,json --in-front; do
	IFS=, read -ra options <<<"$wrong"
	exits "list ${options[*]}" 64 adbl dead-letters list "${options[@]}"
	has "... names the option" "$complained" "${options[0]}"
done
exits "export dead-letters" 0 adbl export dead-letters --operation insert --status 4xx
exported=$said
is "... has three lines" "$(wc -l <<<"$exported")" 3
exits "dead-letters export" 0 adbl dead-letters export --operation insert --status 422
is "... is the same" "$said" "$exported"
exits "export dead-letters of an id as an array" 0 adbl export dead-letters --format json "$first"
ok "... has it" said_is 'length == 1 and .[0].data.name == "refused"'
exits "list --source of none" 64 adbl dead-letters list --source nobody
exits "list --pipeline of none" 66 adbl dead-letters list --pipeline nobody
has "... says which there are" "$complained" default
exits "show" 0 adbl dead-letters show "$first"
has "... has the data" "$said" refused 422
exits "show --json" 0 adbl dead-letters show --json "$first"
is "... as JSON" "$(jq -r '"\(.data.name) \(.old_data) \(.id)"' <<<"$said")" "refused null $first"
exits "show of a whole event id" 0 adbl dead-letters show --json "$event"
is "... is the same" "$(jq -r .id <<<"$said")" "$first"

# ---- replay and purge want to know what

for action in replay purge; do
	exits "$action of nothing" 64 adbl dead-letters $action
	has "... says how" "$complained" --all
	exits "$action --dry-run" 0 adbl dead-letters $action --key id=1 --dry-run
	has "... lists what it would take" "$said" '{"id":1}' '2 would be'
	ok "... and changes nothing" dead_is 6
done
exits "dead-letters without an action" 64 adbl dead-letters
exits "... with a wrong one" 64 adbl dead-letters eat
exits "... with a wrong id" 64 adbl dead-letters show soup

receiver_control mode=ok
exits "replay of one" 0 adbl dead-letters replay "$first"
has "... says how many" "$said" 1
ok "... delivers it" wait_until 20 stats_is .distinct 4
ok "... and it is dead no more" dead_is 5
is "... with its own data" \
	"$(jq -rs 'map(select(.status == 200)) | last | "\(.operation) \(.key.id)"' "$test_dir/receiver.ndjson")" "insert 1"
is "... under the id it always had" "$(jq -rs 'map(select(.status == 200)) | last | .id' "$test_dir/receiver.ndjson")" "$event"
exits "replay of those of a table" 0 adbl dead-letters replay --table users --limit 2
has "... says how many" "$said" 2
ok "... delivers them" wait_until 20 stats_is .distinct 6
exits "purge of those older than an hour" 0 adbl dead-letters purge --older-than 1h
ok "... takes none" dead_is 3
last=$(sql "SELECT max(id) FROM $dead_letter")
exits "purge of one" 0 adbl dead-letters purge "$last"
ok "... takes it" dead_is 2
exits "replay --all" 0 adbl dead-letters replay --all
ok "... delivers the rest" wait_until 20 stats_is .distinct 8
ok "... none is left" dead_is 0
ok "... the outbox is empty" wait_until 20 outbox_is 0
is "nothing came twice" "$(stats .duplicates)" 0
receiver_control 'status=400&match=again'
people 21 22 again
ok "two more died" wait_until 20 dead_is 2
exits "replay to a receiver that still refuses" 0 adbl dead-letters replay --all
ok "... they die again" wait_until 20 metrics_is .dead_total 10
ok "... none is lost" wait_until 20 dead_is 2
exits "purge --all" 0 adbl dead-letters purge --all --json
ok "... takes them" dead_is 0

# ---- status and test-webhook

exits "status beside a daemon" 0 adbl status
has "... knows it" "$said" running workers delivered 'a daemon is active'
ok "the daemon has nothing left to do" wait_until 20 metrics_is .queue_size 0
exits "status --json" 0 adbl status --json
ok "... too" said_is '.daemon.queue_size == 0 and .daemon.delivered_total == 8 and .pipelines[0].active'
before=$(stats .requests)
receiver_control mode=ok
exits "test-webhook" 0 adbl test-webhook
is "... sends one" "$(stats .requests)" $((before + 1))
is "... of table app_db_listener_test" "$(tail -n 1 "$test_dir/receiver.ndjson" | jq -r .table)" app_db_listener_test
exits "test-webhook --json" 0 adbl test-webhook --json
ok "... is JSON" said_is '.webhook == "default" and .ok == true'
exits "test-webhook --webhook of none" 64 adbl test-webhook --webhook nobody
receiver_control status=404
exits "test-webhook of a receiver that refuses" 1 adbl test-webhook
has "... says why" "$said$complained" 404
exits "test-webhook --json" 1 adbl test-webhook --json
ok "... too" said_is '.ok == false and .status == 404'
receiver_stop
exits "test-webhook of a receiver that is down" 1 adbl test-webhook
has "... says so" "$said$complained" connect
exits "the daemon ends well" 0 process_stop daemon
idle() { # the server notices a bit later than the daemon that a connection has ended
	adbl status && [[ ${said,,} == *'no daemon is active'* ]]
}
ok "status without a daemon" wait_until 20 idle
has "... says so" "$said" 'no daemon is active' 'no answer'
tests_end
