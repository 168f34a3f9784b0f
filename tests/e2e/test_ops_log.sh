#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The log file: text and JSON lines, rotation from outside and by size, a place that cannot be written.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

logs=$test_dir/logs
mkdir "$logs"
# broken_lines FILTER FILE...: how many lines are no JSON of which FILTER is true, of how many
broken_lines() {
	local filter=$1 lines good
	shift
	lines=$(cat "$@" | wc -l)
	good=$(cat "$@" | jq -R "fromjson? | select($filter) | 1" | wc -l)
	[ "$lines" -gt 0 ] && echo $((lines - good))
}
lines_of() { # FILE PATTERN
	grep -qE -- "$2" "$1"
}
text_line='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z (error|warn|info|debug) +([a-z_]+=("([^"\\]|\\.)*"|[^ "]*) ?)+$'

# ---- text

shop_open logging.file "$logs/app.log" webhook.retry_count 0
ok "the log file is made" wait_until 10 test -s "$logs/app.log"
is "... and standard error is silent" "$(wc -c <"$test_dir/daemon.log")" 0
receiver_control 'status=400&count=3'
sql "INSERT INTO users VALUES (1, 'a \"quoted\" name', 0), (2, E'two\nlines', 0), (3, 'ümläut', 0)"
ok "three events die" wait_until 20 dead_is 3
ok "... and are in the log" wait_until 10 lines_of "$logs/app.log" 'id=3 '
is "every line is time, level and key=value" "$(grep -vcE "$text_line" "$logs/app.log")" 0 ||
	diag "$(grep -vE "$text_line" "$logs/app.log")"
is "what is in the rows is not in the log" "$(grep -cE 'quoted|ümläut' "$logs/app.log")" 0
ok "the mode lets nobody else write" test -z "$(find "$logs/app.log" -perm /022)"

# ---- rotation from outside

for signal in USR1 HUP; do
	mv "$logs/app.log" "$logs/app.log.$signal"
	process_signal daemon $signal
	ok "moved away, then SIG$signal: it opens a new one" wait_until 20 test -e "$logs/app.log"
	size=$(stat -c %s "$logs/app.log.$signal")
	receiver_control 'status=400&count=1'
	people "1$((${#signal} * 10))" "1$((${#signal} * 10))"
	ok "... and writes there" wait_until 20 lines_of "$logs/app.log" 'dead letters'
	is "... and not to the old one" "$(stat -c %s "$logs/app.log.$signal")" "$size"
done
exits "it ends" 0 process_stop daemon
ok "... with a last line" lines_of "$logs/app.log" 'msg="stopped"'

# ---- JSON lines, and rotation by size

config_set logging.format json logging.file "$logs/app.json" logging.rotate_size 4kB logging.rotate_keep 3
shop_run
receiver_control 'status=400&count=300'
people 1001 1300
ok "300 events die" wait_until 30 dead_is 305
ok "rotated files appear" wait_until 20 test -e "$logs/app.json.3"
ok "... so many as are kept" test ! -e "$logs/app.json.4"
exits "it ends" 0 process_stop daemon
for f in "$logs"/app.json*; do
	is "${f##*/}: every line is a JSON object with time, level and message" \
		"$(broken_lines 'type == "object" and (.time // .ts) and .level and .msg' "$f")" 0
	ok "... in a file of a bounded size" test "$(stat -c %s "$f")" -le 4200
done
is "the daemon lost no line" "$(cat "$logs"/app.json* | jq -r .msg | grep -c dropped)" 0

# ---- the metric history, with the next daemon

history=$logs/metrics.ndjson
config_set logging.file "$logs/app.json" metrics_history.file "$history" metrics_history.interval 1s \
	metrics_history.max_records 2 metrics_history.rotate_size 6kB metrics_history.rotate_keep 2
shop_run
people 2001 2010
ok "records are written while it runs" wait_until 20 metrics_is '.history.written_total >= 4' true
ok "... none is lost" metrics_is .history.dropped_total 0
mv "$history" "$history.away"
process_signal daemon USR1
ok "moved away, then SIGUSR1: it opens a new one" wait_until 20 test -e "$history"
ok "it rotates" wait_until 30 test -e "$history.1"
exits "it ends" 0 process_stop daemon
is "every line is a record" "$(broken_lines '.v == 1 and .time and (.pipelines | length) == 1' "$history"*)" 0
is "... in files no larger than agreed" "$(find "$logs" -name 'metrics.ndjson*' -size +6144c | wc -l)" 0
is "... the last one knows what was delivered" "$(tail -n 1 "$history" | jq .delivered_total)" 10

# ---- a place that cannot be written

config_set logging.format text
while IFS='~' read -r status name path; do
	config_set logging.file "$path"
	exits "$name" "$status" adbl run
	has "... says which file" "$complained" "$path"
	is "... once" "$(grep -cF "$path" <<<"$complained")" 1
done <<CASES
66~a directory that is not there~$test_dir/none/app.log
74~a directory in the place of the file~$logs
66~a file in the place of the directory~$logs/app.json/app.log
CASES
if [ "$(id -u)" = 0 ]; then
	cp "$ADBL" "$test_dir/app-db-listener" && chmod 755 "$test_dir/app-db-listener" "$test_dir"
	config_set logging.file "$logs/denied.log"
	chmod 644 "$shop_config"
	chmod 755 "$logs"
	denied() {
		setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$test_dir/app-db-listener" run -c "$shop_config" 2>"$test_dir/stderr"
	}
	exits "a directory of another user" 77 denied
	has "... says which file and why" "$(<"$test_dir/stderr")" "$logs/denied.log" denied
fi

# ---- a full log directory, the journal's prefixes

config_set logging.file /dev/full
shop_run
people 5001 5010
ok "a full disk does not stop deliveries" wait_until 20 outbox_is 0
ok "... and is counted" wait_until 10 metrics_is '.log.write_failures_total > 0' true
exits "... nor the end" 0 process_stop daemon
config_set logging.file stderr
export JOURNAL_STREAM=1:2
shop_run
exits "with JOURNAL_STREAM" 0 process_stop daemon
ok "... lines on standard error have the journal's levels" lines_of "$test_dir/daemon.log" '^<[0-7]>'
tests_end
