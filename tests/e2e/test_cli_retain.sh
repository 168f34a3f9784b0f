#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Delivered events that are kept (retain): replayed by time, in order and under their own ids; kept once, however often
# they are delivered; and removed when they are old.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

# shellcheck disable=SC2154 # from lib.sh
delivered=${dead_letter%dead_letter}delivered
shop_open listener.retain 7d listener.poll_interval 100ms webhook.retry_count 0 webhook.retry_schedule '[1s, 1s, 1s, 1s, 1s, 1s, 5s, 5s, 5s, 5s, 5s, 5s]' webhook.breaker_failures 1000 webhook.timeout 60

# shellcheck disable=SC2154 # test_dir too
accepted() { # FILTER: what was accepted, as numbers of the events in the order in which they came
	stats . >"$test_dir/stats" # asked for them, the receiver writes down what it has for its record
	jq -rs "map(select(.status == 200)) | $1 | map(.id | split(\"-\") | last) | join(\" \")" "$test_dir/receiver.ndjson"
}
accepted_is() {
	[ "$(accepted "$1")" = "$2" ]
}
requests_are() {
	stats_is .requests "$1"
}
kept_is() {
	sql_is "SELECT count(*) FROM $delivered" "$1"
}
of_row1='map(select(.key.id == 1))'

# ---- what is delivered is kept

people 1 2
ok "two are delivered" wait_until 20 stats_is .distinct 2
ok "... and kept" wait_until 20 kept_is 2
middle=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
for n in 1 2 3; do sql "UPDATE users SET n = $n WHERE id = 1"; done
sql "UPDATE users SET n = 1 WHERE id = 2"
ok "four more are" wait_until 20 kept_is 6
ok "... and have left the outbox" outbox_is 0
first=$(accepted "$of_row1")
is "... four of them of one row" "$(wc -w <<<"$first")" 4

# ---- what may be asked

exits "replay without a time" 64 adbl replay
has "... says so" "$complained" 'replay needs --since'
exits "replay of no time" 64 adbl replay --since soon
exits "replay --all" 64 adbl replay --since 1h --all
exits "replay of a pipeline that is not there" 66 adbl replay --since 1h --pipeline other

# ---- by time

exits "replay --dry-run" 0 adbl replay --since "$middle" --dry-run
has "... lists and counts" "$said" DELIVERED '4 would be put back'
is "... those since then" "$(grep -c '{"id":1}' <<<"$said")" 3
exits "replay --dry-run as JSON" 0 adbl replay --since 1h --until "$middle" --dry-run --json
ok "... of those before" said_is 'select(.count) | .count == 2 and .dry_run'
ok "... with the time of delivery, and no failures" test "$(jq -r 'select(.id) | has("delivered_at") and (has("attempts") or has("died_at") | not)' "$test_dir/stdout" | uniq)" = true
exits "replay of another table" 0 adbl replay --since 1h --table other
has "... takes none" "$said" '0 put back'
ok "nothing of it was sent" requests_are 6
exits "replay of one row" 0 adbl replay --since "$middle" --key id=1
has "... takes three" "$said" '3 put back'
ok "... sends them again, in order, under their ids" wait_until 20 accepted_is "$of_row1" "$first ${first#* }"
ok "... and they stay kept, once each" wait_until 20 outbox_is 0
ok "... all six" kept_is 6
exits "replay --limit" 0 adbl replay --since 1h --limit 2
ok "... takes the oldest" wait_until 20 accepted_is '.[9:] | sort_by(.id)' "$(accepted '.[:2] | sort_by(.id)')"

# ---- twice at once

exits "the daemon ends" 0 process_stop daemon
exits "replay without a daemon" 0 adbl replay --since 1h
exits "... and again" 0 adbl replay --since 1h --json
ok "... takes all of them" said_is '.count == 6'
ok "... twelve copies wait" outbox_is 12
shop_run
ok "all are sent" wait_until 20 stats_is .requests 23
ok "... and acknowledged" wait_until 20 outbox_is 0
ok "... and kept once" kept_is 6
is "... as the events that they are" "$(stats '"\(.distinct)"') $(sql "SELECT count(*) FROM $dead_letter")" "6 0"

# ---- out of the parked ones

receiver_control poison=bad
people 3 3 bad
ok "an event is parked" wait_until 20 metrics_is '.pipelines[0].parked' 1
ok "... and not kept" kept_is 6
receiver_control mode=ok
ok "... delivered" wait_until 20 stats_is .distinct 7
ok "... and kept" wait_until 20 kept_is 7
ok "... and no longer parked" wait_until 20 metrics_is '.pipelines[0].parked' 0

# ---- an installation of before

process_stop daemon
sql "DROP TABLE $delivered"
adbl check
has "check tells that the table is missing" "$said" delivered 'retain needs it'
exits "replay without the table" 66 adbl replay --since 1h
exits "install makes it" 0 adbl install

# ---- what is old goes

shop_run
people 4 6
ok "three are kept" wait_until 20 kept_is 3
process_stop daemon
config_set listener.retain 100ms
shop_run
ok "what is older than retain goes" wait_until 20 kept_is 0
ok "... and is told" wait_until 20 grep -q 'delivered events were removed for their age' "$test_dir/daemon.log"
people 7 7
ok "... and deliveries go on" wait_until 20 stats_is .distinct 11
tests_end
