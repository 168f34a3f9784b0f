#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/monitor.sh against a fake /metrics: exit codes, thresholds, output. Needs curl, jq, perl.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
monitor=$root/scripts/monitor.sh
dir=$(mktemp -d)
server=''
failed=0
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :; rm -rf "$dir"' EXIT

fail() {
	printf 'FAIL %s\n' "$1"
	failed=1
}

# expect NAME STATUS TEXT -- OPTION...: run, compare the exit status, look for TEXT in the output.
expect() {
	local name=$1 want=$2 text=$3 got=0

	shift 4
	"$monitor" "$@" >"$dir/out" 2>&1 || got=$?
	if [ "$got" != "$want" ]; then
		fail "$name: exit $got, expected $want"
		sed 's/^/     | /' "$dir/out"
	elif ! grep -qF -- "$text" "$dir/out"; then
		fail "$name: no '$text' in the output"
		sed 's/^/     | /' "$dir/out"
	else
		printf 'ok   %s\n' "$name"
	fi
}

# A page of a healthy daemon, in the form of metrics_render_json.
cat >"$dir/good.json" <<'JSON'
{"version":"1.2.3","uptime_seconds":7260.5,"queue_size":12,"queue_capacity":10000,
"queue_bytes":24576,"queue_max_bytes":67108864,"workers":10,"workers_busy":1,"in_flight":3,
"waiting":0,"attempts_total":510,"delivered_total":500,"retried_total":8,"held_total":0,
"dead_total":0,"errors_total":10,"delivered_last_hour":400,"errors_last_hour":5,
"lag_seconds":0.120,"oldest_pending_seconds":0.110,"database_connections":1,"outbox_rows":14,
"dead_letters":0,"breakers_open":0,"latency_ms":{"p50":1.5,"p90":3.0,"p99":9.25},
"memory":{"rss_bytes":12582912,"heap_bytes":8388608,"heap_used_bytes":4194304,
"heap_free_bytes":4194304},
"budget":{"max_bytes":67108864,"used_bytes":4194304,"level":"normal",
"account_bytes":{"read":0,"queue":3145728,"log":1048576}},"log":{"lines_dropped_total":0,"file_bytes":2097152},
"sources":[{"name":"shop","state":"active","notify":true,"warning":"","last_error":""}],
"pipelines":[{"name":"orders","queue_size":12,"queue_capacity":10000,"in_flight":3,
"lag_seconds":0.120}],
"webhooks":[{"name":"crm","breaker":"closed","breaker_state_seconds":7260.000,
"delivered_total":500,"dead_total":0,"last_error":""}]}
JSON

# Serve $dir/page with the status of $dir/code, one connection after the other; port on stdout.
perl -MIO::Socket::INET -e '
	my $dir = shift;
	my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 0) or die;
	open(my $p, ">", "$dir/port.new") or die;
	print $p $s->sockport, "\n";
	close $p;
	rename "$dir/port.new", "$dir/port";
	while (my $c = $s->accept) {
		my $head = "";
		while (my $l = <$c>) { last if $l =~ /^\r?\n$/; $head .= $l }
		open(my $f, "<", "$dir/code"); my $code = <$f>; chomp $code; close $f;
		open($f, "<", "$dir/page"); local $/; my $page = <$f>; close $f;
		$code = 404 unless $head =~ m{^GET /metrics HTTP};
		print $c "HTTP/1.1 $code x\r\nConnection: close\r\nContent-Length: ",
			length $page, "\r\n\r\n", $page;
		close $c;
	}' "$dir" &
server=$!
for _ in $(seq 1000); do
	[ ! -e "$dir/port" ] || break
	read -rt 0.01 <> <(:) || :
done
url=http://127.0.0.1:$(cat "$dir/port")

# page [JQ]: the page to serve, the healthy one changed by JQ.
page() {
	jq -c "${1:-.}" "$dir/good.json" >"$dir/page"
	echo 200 >"$dir/code"
}

page
expect "healthy is OK" 0 "APP-DB-LISTENER OK - queue 0.1% full, lag 0.1 s" -- -u "$url"
expect "the table shows memory" 0 "  memory                 12 MB (heap in use 4 MB)" -- -u "$url"
expect "the table shows the budget" 0 "  memory budget          4 MB of 64 MB, normal: queue 3 MB, log 1 MB" -- -u "$url"
expect "the table shows the queue" 0 "12 of 10000 events, 24 KB of 64 MB" -- -u "$url/"
expect "the table shows the source" 0 "  source shop            active, notify" -- -u "$url/metrics"
expect "the table shows the last hour" 0 "  delivered, last hour   400" -- -u "$url"
expect "the first line has performance data" 0 "lag=0.12s;60;600;0" -- -q -u "$url"
[ "$(wc -l <"$dir/out")" = 1 ] || fail "quiet is one line"
expect "JSON has the values" 0 '"delivered_last_hour":400' -- --json -u "$url"
jq -e '.status == "OK" and .problems == [] and .values.memory == 12582912' "$dir/out" >/dev/null ||
	fail "JSON is one object with status, problems and values"

# name, change, exit status, text
while IFS='~' read -r name change want text; do
	page "$change"
	expect "$name" "$want" "$text" -- -u "$url"
done <<'CASES'
lag over a minute warns~.lag_seconds=61~1~WARNING - lag 61 s
lag over ten minutes is critical~.lag_seconds=600~2~CRITICAL - lag 10 min
a full queue warns~.queue_size=9500~1~queue 95% full
a queue full of bytes warns~.queue_bytes=67108864~1~queue 100% full
memory over 256 MB warns~.memory.rss_bytes=268435456~1~memory 256 MB
memory over 512 MB is critical~.memory.rss_bytes=536870912~2~memory 512 MB
errors warn~.errors_last_hour=100~1~100 errors in the last hour
many errors are critical~.errors_last_hour=1000~2~1000 errors in the last hour
a dead letter warns~.dead_letters=1~1~1 dead letters
a large log warns~.log.file_bytes=104857600~1~log file 100 MB
lost log lines warn~.log.lines_dropped_total=3~1~3 log lines lost
an open breaker warns~.webhooks[0].breaker="open" | .webhooks[0].last_error="HTTP 503"~1~webhook crm: breaker open for 2 h: HTTP 503
a disabled webhook is critical~.webhooks[0].breaker="disabled"~2~breaker disabled
a lost source is critical~.sources[0].state="connecting" | .sources[0].last_error="no route"~2~source shop is connecting: no route
the budget at alert warns~.budget.level="alert" | .budget.used_bytes=56371445~1~memory budget 84% used, level alert
a page without a budget is OK~del(.budget)~0~OK
a pipeline that waits for memory shows~.pipelines[0].memory_stopped=true~0~lag 0.1 s; waits for memory
an archive that cannot be written warns~.pipelines[0].archive_paused=true | .pipelines[0].archive_error="disk full"~1~WARNING - pipeline orders: archive cannot be written: disk full
a standby is OK~.sources[0].state="standby"~0~standby, notify
a standing alarm warns~.sources[0].warning="drift"~1~source shop: drift
unknown figures do not alarm~.dead_letters=null | .outbox_rows=null | .memory.rss_bytes=null~0~  dead letters           unknown
the worst comes first~.errors_last_hour=100 | .sources[0].state="connecting"~2~CRITICAL - source shop is connecting, 100 errors
a bar in a message does not end the text~.sources[0].warning="a|b"~1~source shop: a/b | memory
control characters do not reach the terminal~.webhooks[0].last_error="a\u001b[2Jb"~0~a [2Jb
CASES

page '.lag_seconds=20 | .memory.rss_bytes=2147483648'
expect "thresholds can be set" 2 "lag 20 s, memory 2 GB" -- -u "$url" -w memory=2G -c lag=15,memory=3G
expect "thresholds can be off" 0 "OK" -- -u "$url" -w memory=off -c memory=off
page
expect "a threshold on connections" 1 "1 database connections" -- -u "$url" -w connections=1
expect "an unknown threshold" 3 "no threshold 'speed=1'" -- -u "$url" -w speed=1
expect "a threshold that is no number" 3 "is no number" -- -u "$url" -w lag=soon
expect "an unknown option" 3 "unknown option" -- --colour
expect "an option without its value" 3 "wants a value" -- -u
expect "help" 0 "Exit status: 0 OK, 1 warning, 2 critical, 3 unknown." -- --help

echo '<html>hello</html>' >"$dir/page"
expect "another server is unknown" 3 "does not answer as app-db-listener does" -- -u "$url"
echo '{"queue_size":"many"}' >"$dir/page"
expect "another JSON is unknown" 3 "does not answer as app-db-listener does" -- -u "$url"
expect "unknown as JSON" 3 '"status":"UNKNOWN"' -- -u "$url" --json
page
echo 500 >"$dir/code"
expect "a server error is unknown" 3 "500" -- -u "$url"
expect "nobody there is critical" 2 "CRITICAL - daemon cannot be reached" -- -u http://127.0.0.1:1
expect "nobody there as JSON" 2 '"status":"CRITICAL"' -- --json -u http://127.0.0.1:1
jq -e . "$dir/out" >/dev/null || fail "an error as JSON is JSON"

# on a terminal: nothing that only machines read, and no line that is wider
page '.webhooks[0].breaker="open" | .webhooks[0].last_error="connection refused by the receiver, which is away for a while"'
shown=0
script -qec "stty cols 60; '$monitor' -u '$url'" /dev/null </dev/null >"$dir/raw" 2>&1 || shown=$?
tr -d '\r' <"$dir/raw" >"$dir/out"
[ "$shown" = 1 ] || fail "on a terminal the exit status is the same: $shown"
! grep -q 'lag=' "$dir/out" || fail "a terminal shows no performance data"
widest=$(sed 1d "$dir/out" | awk 'length > most { most = length } END { print most + 0 }')
((widest > 50 && widest <= 60)) || fail "a terminal of 60 columns gets lines of $widest"
[ "$(sed -n '/webhook crm  /,$p' "$dir/out" | sed 's/^ *\(webhook crm\)\? *//' | tr '\n' ' ')" = \
	"breaker open, delivered 500, dead 0; connection refused by the receiver, which is away for a while  <-- WARNING " ] ||
	{ fail "what is folded is whole" && cat "$dir/out"; }

# --watch shows it again until it is told to stop
page
"$monitor" --watch 0.1 -q -u "$url" >"$dir/watch" &
watching=$!
for _ in $(seq 3000); do
	[ "$(grep -c 'LISTENER OK' "$dir/watch" || :)" -lt 3 ] || break
	read -rt 0.02 <> <(:) || :
done
kill "$watching"
wait "$watching" || fail "watch ends cleanly"
[ "$(grep -c 'LISTENER OK' "$dir/watch" || :)" -ge 3 ] || fail "watch repeats"

# what the fake page has is what the daemon has
keys=$(jq -r '[paths(scalars) | map(select(type == "string")) | join(".")] | unique[]' "$dir/good.json")
[ "$(wc -l <<<"$keys")" -gt 40 ] || fail "the fake page has more than 40 values"
for key in $keys; do
	key=${key#sources.}
	key=${key#pipelines.}
	key=${key#webhooks.}
	case $key in *.account_bytes.*) key=${key%.*} ;; esac # one row of the table
	[ "$key" = name ] || grep -qF "\`$key\`" "$root/docs/metrics.md" ||
		fail "the fake page has $key, which docs/metrics.md does not know"
done

exit "$failed"
