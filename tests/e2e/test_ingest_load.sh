#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many clients that post large bodies at once, and kill -9 in the middle: nothing that got 202 is lost, memory stays within
# the budget and 32 MB, and comes back; what is refused is refused at once, and counted.
# The small version; make load-ingest is the large one: LOAD_CONNECTIONS, LOAD_REQUESTS, LOAD_MIN_KB, LOAD_MAX_KB, LOAD_TRIES,
# LOAD_PAUSE_MS, LOAD_SETTLE_S.
. "$(dirname "$0")/../support/lib.sh"
. tests/e2e/shop.sh

connections=${LOAD_CONNECTIONS:-80} requests=${LOAD_REQUESTS:-2} min_kb=${LOAD_MIN_KB:-200} max_kb=${LOAD_MAX_KB:-900}
patience=${LOAD_PATIENCE:-60} budget_mb=64 tries=${LOAD_TRIES:-100} pause_ms=${LOAD_PAUSE_MS:-300}
settle_s=${LOAD_SETTLE_S:-0}
poster=${POSTER_BIN:-$PWD/build/tests/support/poster}
token=Load-9f2e71c05ab8
ingest_port=$(port_free)
mkdir "$test_dir/spill"
receiver_start receiver
cat >"$shop_config" <<CONFIG
database: {type: http, path: $test_dir/events.db}
webhook: {url: "http://127.0.0.1:${port[receiver]}/hook", timeout: 60s}
memory: {max: ${budget_mb}MB}
ingest:
  listen: 127.0.0.1:$ingest_port
  tokens: {load: $token}
  spill_dir: $test_dir/spill
admin: {listen: "127.0.0.1:$admin_port"}
CONFIG
# malloc as it is under systemd
malloc=$(sed -n 's/^Environment=\(GLIBC_TUNABLES=\)/\1/p' systemd/app-db-listener.service)
up() {
	: >"$test_dir/daemon.log"
	process_start daemon env ${malloc:+"$malloc"} "$ADBL" run -c "$shop_config"
	wait_until 30 grep -q 'events can be posted' "$test_dir/daemon.log"
}
accepted_min() {
	[ "$(wc -l <"$test_dir/accepted")" -ge "$1" ]
}
# Of the events of accepted requests, how many the receiver has not. What was committed and never answered is there too, so
# that counting what came says nothing of this.
missing() {
	stats . >"$test_dir/stats" # asked for them, the receiver writes down what it has for its record
	jq -r '.key.id' "$test_dir/receiver.ndjson" | sort -u >"$test_dir/have"
	comm -23 "$test_dir/want" "$test_dir/have" | wc -l
}
missing_is() {
	[ "$(missing)" = "$1" ]
}
# is_within NAME KB MOST_KB
is_within() {
	echo "# $1: $2 kB"
	ok "$1 is at most $3 kB" [ "$2" -le "$3" ]
}

: >"$test_dir/accepted"
up
# idle is what it has after its first request, one with a key as all are
curl -s --oauth2-bearer "$token" -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -o /dev/null \
	-d '{"table":"flood","operation":"insert","key":{"id":"0-0"},"data":{}}' "http://127.0.0.1:$ingest_port/v1/events"
ok "one event" wait_until 20 stats_is .distinct 1
idle=$(rss_kb daemon)
start_ms=$((${EPOCHREALTIME/[.,]/} / 1000))
process_start poster "$poster" --url "http://127.0.0.1:$ingest_port/v1/events" --token "$token" --connections "$connections" \
	--requests "$requests" --min-kb "$min_kb" --max-kb "$max_kb" --tries "$tries" --pause-ms "$pause_ms" \
	--accepted "$test_dir/accepted"
ok "some are accepted" wait_until "$patience" accepted_min $((connections / 20 + 1))
is_within "the peak before the kill" "$(rss_max_kb daemon)" $(((budget_mb + 32) * 1024))
refused=$(metrics .ingest.refused.busy)
process_kill daemon
before=$(wc -l <"$test_dir/accepted")
ok "after kill -9" up
ok "... more are accepted" wait_until "$patience" accepted_min $((before + 1))
ok "all clients end" wait_until $((patience * 10)) process_gone poster
echo "# answers by status, 0 for none: $(tail -n 1 "$test_dir/poster.log")"
echo "# posting took $((${EPOCHREALTIME/[.,]/} / 1000 - start_ms)) ms"
refused=$((refused + $(metrics .ingest.refused.busy)))
ok "what is too much was refused, and counted" [ "$refused" -gt 0 ]
ok "nothing is in progress" wait_until 20 metrics_is .ingest.in_progress 0
events=$(awk '{ sum += $2 } END { print sum + 1 }' "$test_dir/accepted")
ok "all $events events are delivered" wait_until $((patience * 10)) stats_min .distinct "$events"
awk '{ for (i = 0; i < $2; i++) print $1 "-" i }' "$test_dir/accepted" | sort >"$test_dir/want"
ok "nothing that got 202 is lost" wait_until "$patience" missing_is 0 || diag "$(missing) are missing"
is_within "the peak" "$(rss_max_kb daemon)" $(((budget_mb + 32) * 1024))
# 10 % of idle. The small version allows the megabyte that is not worth a malloc_trim, too (control/memory.h), and the index of
# the WAL, which is longer where the disk is slow.
if [ "$settle_s" -gt 0 ]; then
	most_kb() { echo $((idle * 110 / 100)); }
else
	most_kb() { echo $((idle * 110 / 100 + 1024 + $(wal_index_kb))); }
fi
wal_index_kb() {
	echo $(($(stat -c %s "$test_dir/events.db-shm") / 1024))
}
is_back() {
	[ "$(rss_kb daemon)" -le "$(most_kb)" ]
}
rss_parts() {
	awk '/^Rss/ { printf "%s %s kB, ", $1, $2 }' "/proc/${process[daemon]}/status"
}
settled() {
	metrics_is ".uptime_seconds >= $1" true
}
delivered_s=$(metrics '.uptime_seconds')
TEST_PATIENCE=1 ok "memory is back within 30 s" wait_until 30 is_back
if [ "$settle_s" -gt 0 ]; then
	echo "# idle $idle kB, $(rss_kb daemon) kB $(metrics ".uptime_seconds - $delivered_s | round") s after the last event"
	# when the last handles, connections and pages of SQLite's have gone back
	ok "... $settle_s s later too" wait_until $((settle_s + 30)) settled "$delivered_s + $settle_s"
	ok "... it stays there" is_back
fi
echo "# idle $idle kB, now $(rss_kb daemon) kB: $(rss_parts)wal-index $(wal_index_kb) kB, $(metrics '.memory | tostring')"
echo "# accepted $(wc -l <"$test_dir/accepted") requests, $events events"
is "no file is left" "$(find "$test_dir/spill" -type f | wc -l)" 0
process_stop daemon
tests_end
