#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What runs for weeks: an import with faults on the way. The daemon is killed, the receiver restarts, answers 500 and 429,
# hangs, the database crashes. Memory stays flat, logs and metric history within their bounds, nothing is lost and each
# row's changes arrive in order. WEEKS_EVENTS=525000 for the figures of docs/RELIABILITY.md: make weeks.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

events=${WEEKS_EVENTS:-3500}
rounds=$((events < 100000 ? 7 : 21)) limit_kb=$((64 * 1024))
chunk=$((events / rounds / 5)) # keys of a round; each has five events
size=$((events < 100000 ? 2048 : 262144)) keep=3
history_size=$((events < 100000 ? 2048 : 32768))
dir=$test_dir/written
mkdir "$dir"

bytes_of() { # NAME: of a file and what it was rotated to
	find "$dir" -name "$1*" -printf '%s\n' 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'
}
# sample: memory and disk, now; the largest are kept
log_max=0 history_max=0 rss_first=0 rss_last=0 rss_peak=0
sample() {
	local n
	n=$(bytes_of app.log) && [ "$n" -le "$log_max" ] || log_max=$n
	n=$(bytes_of history) && [ "$n" -le "$history_max" ] || history_max=$n
	n=$(rss_max_kb daemon 2>/dev/null) && [ "${n:-0}" -le "$rss_peak" ] || rss_peak=$n
	echo "$((${EPOCHREALTIME/[.,]/} / 1000)) $(rss_kb daemon 2>/dev/null) $log_max $history_max" >>"$test_dir/samples"
}
arrived() { # LEAST: samples while it waits
	sample
	stats_min .distinct "$1"
}
write_round() { # N: an insert, three updates and a delete of each key, in an order of their own
	local from=$(($1 * chunk + 1)) to=$((($1 + 1) * chunk)) i
	people "$from" "$to" &&
		for i in 1 2 3; do
			sql "UPDATE users SET n = $i WHERE id BETWEEN $from AND $to" || return 1
		done && sql "DELETE FROM users WHERE id BETWEEN $from AND $to"
}
fault() { # N
	case $(($1 % 7)) in
	0) process_kill daemon && shop_start ;;
	1) receiver_control 'status=500&rate=0.05' ;;
	2) receiver_stop && receiver_start receiver ;; # killed, it would forget what it took
	3) receiver_control 'status=429&rate=0.05&retry_after=0' ;;
	4) db_crash && db_start ;;
	5) receiver_control 'mode=hang&count=5' ;;
	6) receiver_control 'down_ms=500' ;;
	esac
}
shop_start() {
	daemon_start daemon "$shop_config"
	wait_until 30 daemon_ready
}

receiver_start receiver
shop_new || give_up 'the shop opens'
config_set logging.file "$dir/app.log" logging.level debug logging.rotate_size "${size}B" logging.rotate_keep $keep \
	metrics_history.file "$dir/history.ndjson" metrics_history.interval 1s metrics_history.max_records 10 \
	metrics_history.flush_interval 1s metrics_history.rotate_size "${history_size}B" metrics_history.rotate_keep $keep \
	webhook.timeout 2s webhook.retry_count 1000 webhook.retry_max_delay 500ms webhook.breaker_max_delay 500ms \
	database.reconnect_max_delay 500ms
exits "install" 0 adbl install
shop_run
begin=${EPOCHREALTIME/[.,]/}
failed=
for ((round = 0; round < rounds; round++)); do
	write_round "$round" || failed="$failed write $round"
	# the daemon is in the middle of it
	wait_until 600 arrived $((round * chunk * 5 + chunk)) || failed="$failed stuck $round"
	fault "$round" || failed="$failed fault $round"
	sample
	[ "$round" != $((rounds / 3 - 1)) ] || rss_first=$rss_peak rss_peak=0
done
ok "the receiver is well again" wait_until 30 receiver_control mode=ok
total=$((rounds * chunk * 5))
is "every fault came and every write was written" "$failed" ''
ok "all $total events arrive" wait_until 300 arrived "$total"
took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000000))
ok "... and leave the outbox" wait_until 30 outbox_is 0
is "distinct" "$(stats .distinct)" "$total"
is "out of order" "$(stats .out_of_order)" 0
is "two of one row at once" "$(stats .overlaps)" 0
ok "nobody died" dead_is 0
ok "the database is whole" sql_is 'SELECT count(*) FROM users' 0
rss_last=$rss_peak
[ "$rss_first" -gt "$rss_last" ] && peak=$rss_first || peak=$rss_last
ok "memory stayed under 64 MB" test "$peak" -le "$limit_kb"
ok "... and flat: no more in the last two thirds than in the first" test "$rss_last" -le $((rss_first + 8192))
ok "the metric history comes to its bound" wait_until 60 test -e "$dir/history.ndjson.$keep"
# how many attempts failed so far is chance, and each is a line: as many more as it takes
log_is_full() {
	[ ! -e "$dir/app.log.$keep" ] || return 0
	receiver_control 'status=500&rate=0.5' && people $((total + 1)) $((total + 100))
	total=$((total + 100))
	return 1
}
ok "... and so does the log" wait_until 60 log_is_full
exits "it ends" 0 process_stop daemon
sample
# a line is 2 kB at most, a record of this configuration too
ok "the log took no more than agreed" test "$log_max" -le $((size * (keep + 1) + 2048))
ok "the metric history took no more than agreed" test "$history_max" -le $((history_size * (keep + 1) + 4096))
is "... and every line is a record" "$(cat "$dir"/history.ndjson* | jq -R 'fromjson? | select(.v == 1) | 1' | wc -l)" \
	"$(cat "$dir"/history.ndjson* | wc -l)"
diag "$((rounds * chunk * 5)) events in $took s, $(stats .duplicates) delivered twice, $(stats .retries) tried again"
diag "memory at most $rss_first kB in the first third, $rss_last kB later; log at most $log_max of $((size * (keep + 1)))," \
	"history $history_max of $((history_size * (keep + 1))) bytes"
[ -z "${WEEKS_KEEP:-}" ] || cp "$test_dir/samples" "$WEEKS_KEEP"
tests_end
