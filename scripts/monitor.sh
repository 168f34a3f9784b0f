#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How the daemon is, from its /metrics: a table for people, a status line and an exit code for
# monitoring systems. See --help.
set -euo pipefail

OK=0 CRITICAL=2 UNKNOWN=3

usage() {
	cat <<'HELP'
usage: monitor.sh [OPTION]...

Shows memory, database connections, queue, lag, log size, events and errors of the last hour and the
states of sources and webhooks of app-db-listener, and compares them with thresholds.

  -u, --url URL       of the admin endpoint, with or without /metrics
                      (default: $APP_DB_LISTENER_URL, else http://127.0.0.1:8080)
  -t, --timeout S     give up after S seconds (default 5)
      --watch S       show it again every S seconds until Ctrl-C
      --json          print the result as one JSON object
  -q, --quiet         print the status line only
  -w NAME=VALUE[,..]  warn when NAME is at least VALUE; may be repeated
  -c NAME=VALUE[,..]  critical when NAME is at least VALUE; may be repeated
  -h, --help          this text

Thresholds (warning, critical); "off" as VALUE removes one:
  memory        resident memory, as 200M or 1G              256M  512M
  queue         fill of the queue, per cent                 95    off
  lag           age of the oldest undelivered change, s     60    600
  pending       wait of the oldest event in the queue, s    off   off
  errors        errors in the last hour                     100   1000
  dead_letters  rows in the dead letters                    1     off
  outbox        rows in the outboxes                        off   off
  log_size      size of the log file, as 60M                100M  1G
  log_dropped   log lines lost since the start              1     off
  connections   open database connections                   off   off

Always: a source that is not connected is critical, a webhook whose breaker is open is a warning, a
webhook disabled by a 410 is critical, a standing alarm of a source is a warning, and so are an
archive that cannot be written and the memory budget at the levels alert and critical.

Exit status: 0 OK, 1 warning, 2 critical, 3 unknown. A daemon that cannot be reached is critical;
what does not answer as the daemon does, a wrong option or a missing tool is unknown.

Examples:
  monitor.sh
  monitor.sh --watch 2
  monitor.sh -u http://127.0.0.1:9000 -w lag=10,queue=80 -c lag=120,memory=300M
  monitor.sh --json | jq .problems
HELP
}

url=${APP_DB_LISTENER_URL:-http://127.0.0.1:8080}
timeout=5
watch=''
form=table
declare -A limits=([warn:memory]=256M [warn:queue]=95 [warn:lag]=60 [warn:errors]=100
	[warn:dead_letters]=1 [warn:log_size]=100M [warn:log_dropped]=1
	[crit:memory]=512M [crit:lag]=600 [crit:errors]=1000 [crit:log_size]=1G)
names=' memory queue lag pending errors dead_letters outbox log_size log_dropped connections '

# finish STATUS TEXT: end as a monitoring plugin does.
finish() {
	local words=(OK WARNING CRITICAL UNKNOWN)

	if [ "$form" = json ]; then
		printf '{"status":"%s","problems":[%s]}\n' "${words[$1]}" "$(quote "$2")"
	else
		printf 'APP-DB-LISTENER %s - %s\n' "${words[$1]}" "$2"
	fi
	return "$1"
}

# quote TEXT: as a JSON string; works without jq.
quote() {
	local s=${1//\\/\\\\}

	s=${s//\"/\\\"}
	printf '"%s"' "${s//[$'\001'-$'\037']/ }"
}

wrong() {
	printf 'monitor.sh: %s; see --help\n' "$1" >&2
	exit "$UNKNOWN"
}

# thresholds warn|crit NAME=VALUE,...
thresholds() {
	local pairs pair name value

	IFS=, read -ra pairs <<<"$2"
	for pair in "${pairs[@]}"; do
		name=${pair%%=*}
		value=${pair#*=}
		[[ $pair == *=* && $names == *" $name "* ]] || wrong "no threshold '$pair'"
		if [ "$value" = off ]; then
			unset "limits[$1:$name]"
		elif [[ $value =~ ^[0-9]+(\.[0-9]+)?[KMG]?B?$ ]]; then
			limits["$1:$name"]=$value
		else
			wrong "threshold $name: '$value' is no number"
		fi
	done
}

need_number() {
	[[ $2 =~ ^[0-9]+(\.[0-9]+)?$ && $2 =~ [1-9] ]] || wrong "$1 wants a number of seconds"
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help)
			usage
			exit "$OK"
			;;
		--json) form=json ;;
		-q | --quiet) form=line ;;
		-u | --url | -t | --timeout | --watch | -w | -c)
			[ $# -gt 1 ] || wrong "$1 wants a value"
			case $1 in
			-u | --url) url=$2 ;;
			-t | --timeout) need_number "$1" "$2" && timeout=$2 ;;
			--watch) need_number "$1" "$2" && watch=$2 ;;
			-w) thresholds warn "$2" ;;
			-c) thresholds crit "$2" ;;
			esac
			shift
			;;
		*) wrong "unknown option '$1'" ;;
		esac
		shift
	done
	url=${url%/}
	[[ $url == */metrics ]] || url=$url/metrics
}

# limits_json warn|crit: the thresholds as an object of plain numbers.
limits_json() {
	local name

	for name in "${!limits[@]}"; do
		[[ $name != "$1":* ]] || printf '%s=%s\n' "${name#*:}" "${limits[$name]}"
	done | jq -Rn '[inputs | capture("^(?<key>[^=]+)=(?<n>[0-9.]+)(?<unit>[KMG]?)")
		| {key, value: ((.n | tonumber) * {"": 1, K: 1024, M: 1048576, G: 1073741824}[.unit])}]
		| from_entries'
}

# One program judges and prepares every form of output. Unknown values are null and never alarm.
# shellcheck disable=SC2016 # $ is jq's
judge='
def num: if type == "number" then . else null end;
def worst: if length == 0 then 0 else max end;
def word: ["OK", "WARNING", "CRITICAL", "UNKNOWN"][.];
def round1: if . == null then null else . * 10 | round / 10 end;
def bytes: if . == null then "unknown" elif . >= 1073741824 then "\(. / 1073741824 | round1) GB"
	elif . >= 1048576 then "\(. / 1048576 | round1) MB" else "\(. / 1024 | round1) KB" end;
def count: if . == null then "unknown" else tostring end;
def span: if . == null then "unknown" elif . < 120 then "\(round1) s"
	elif . < 7200 then "\(. / 60 | round1) min" elif . < 172800 then "\(. / 3600 | round1) h"
	else "\(. / 86400 | round1) days" end;
def per_cent(part; all): if (all // 0) > 0 and part != null then 100 * part / all else 0 end;

def values: {
	memory: (.memory.rss_bytes | num),
	connections: (.database_connections | num),
	queue: ([per_cent(.queue_size; .queue_capacity), per_cent(.queue_bytes; .queue_max_bytes)]
		| max | round1),
	lag: (.lag_seconds | num),
	pending: (.oldest_pending_seconds | num),
	delivered_last_hour: (.delivered_last_hour | num),
	errors: (.errors_last_hour | num),
	dead_letters: (.dead_letters | num),
	outbox: (.outbox_rows | num),
	log_size: (.log.file_bytes | num),
	log_dropped: (.log.lines_dropped_total | num)};

def level($name; $v): if $v == null then 0
	elif $crit[$name] != null and $v >= $crit[$name] then 2
	elif $warn[$name] != null and $v >= $warn[$name] then 1 else 0 end;

def shown($v): {
	memory: "memory \($v | bytes)", queue: "queue \($v)% full", lag: "lag \($v | span)",
	pending: "oldest event waits \($v | span)", errors: "\($v) errors in the last hour",
	dead_letters: "\($v) dead letters", outbox: "\($v) rows in the outbox",
	log_size: "log file \($v | bytes)", log_dropped: "\($v) log lines lost",
	connections: "\($v) database connections"};

def source_state: if .state == "active" or .state == "standby" then
		(if (.warning // "") != "" then {level: 1, text: "source \(.name): \(.warning)"}
		else {level: 0} end)
	else {level: 2, text: ("source \(.name) is \(.state)"
		+ (if (.last_error // "") != "" then ": \(.last_error)" else "" end))} end;

def budget: .budget // {max_bytes: 0};
def budget_state: if .level == "critical" or .level == "alert" then
		{level: 1, text: "memory budget \(per_cent(.used_bytes; .max_bytes) | round1)% used, level \(.level)"}
	else {level: 0} end;
def budget_row: "\(.used_bytes | num | bytes) of \(.max_bytes | num | bytes), \(.level // "unknown")"
	+ ([(.account_bytes // {}) | to_entries[] | select(.value > 0)] | sort_by(-.value)
		| if . == [] then "" else ": " + (map("\(.key) \(.value | bytes)") | join(", ")) end);

def archive_state: if .archive_paused then {level: 1, text: ("pipeline \(.name): archive cannot be written"
		+ (if (.archive_error // "") != "" then ": \(.archive_error)" else "" end))} else {level: 0} end;

def webhook_state: if .breaker == "closed" then {level: 0}
	else {level: (if .breaker == "disabled" then 2 else 1 end),
		text: ("webhook \(.name): breaker \(.breaker) for \(.breaker_state_seconds | span)"
		+ ([.reason, .last_error] | map(select((. // "") != "")) | if . == [] then "" else ": \(.[0])" end))} end;

. as $m | values as $v
| ([$v | to_entries[] | .key as $k | .value as $x
	| {key: $k, level: level($k; $x), text: shown($x)[$k]}]) as $marks
| ([$marks[] | select(.level > 0)]
	+ [(.sources // [])[] | source_state | select(.level > 0)]
	+ [(.pipelines // [])[] | archive_state | select(.level > 0)]
	+ [(.webhooks // [])[] | webhook_state | select(.level > 0)]
	+ [budget | budget_state | select(.level > 0)]
	| sort_by(-.level)) as $problems
| ([$problems[].level] | worst) as $status
| ($marks | map({key, value: .level}) | from_entries) as $mark
| def perf($name; $unit): if $v[$name] == null then empty
	else "\($name)=\($v[$name])\($unit);\($warn[$name] // "");\($crit[$name] // "");0" end;
  def row($title; $text; $level): [$title, $text, (if $level > 0 then $level | word else "" end)];
{
	status: ($status | word), code: $status, problems: [$problems[].text],
	values: $v, version: $m.version, uptime_seconds: $m.uptime_seconds,
	line: ((if $status > 0 then [$problems[].text] | join(", ") | gsub("\\|"; "/")
		else "queue \($v.queue)% full, lag \($v.lag | span), "
			+ "\($v.delivered_last_hour | count) delivered in the last hour" end)
		+ " | " + ([perf("memory"; "B"), perf("queue"; "%"), perf("lag"; "s"),
			perf("pending"; "s"), perf("errors"; ""), perf("dead_letters"; ""),
			perf("log_size"; "B"), perf("connections"; ""),
			perf("delivered_last_hour"; "")] | join(" "))),
	rows: ([
		row("version"; "\($m.version // "unknown"), up \($m.uptime_seconds | num | span)"; 0),
		row("memory"; "\($v.memory | bytes) (heap in use \($m.memory.heap_used_bytes
			| num | bytes))"; $mark.memory),
		row("memory budget"; $m | budget | budget_row; $m | budget | budget_state.level),
		row("database connections"; $v.connections | count; $mark.connections),
		row("queue"; "\($m.queue_size) of \($m.queue_capacity) events, \($m.queue_bytes
			| num | bytes) of \($m.queue_max_bytes | num | bytes)"; $mark.queue),
		row("in flight"; "\($m.in_flight | num | count), workers \($m.workers | count), "
			+ "waiting for a retry \($m.waiting | num | count)"; 0),
		row("lag"; $v.lag | span; $mark.lag),
		row("oldest pending"; $v.pending | span; $mark.pending),
		row("latency"; (($m.latency_ms // {}) | "p50 \(.p50 | num | count) ms, "
			+ "p90 \(.p90 | num | count) ms, p99 \(.p99 | num | count) ms"); 0),
		row("delivered, last hour"; $v.delivered_last_hour | count; 0),
		row("errors, last hour"; $v.errors | count; $mark.errors),
		row("delivered, total"; $m.delivered_total | num | count; 0),
		row("dead letters"; $v.dead_letters | count; $mark.dead_letters),
		row("parked"; $m.parked | num | count; 0),
		row("outbox rows"; $v.outbox | count; $mark.outbox),
		row("log file"; $v.log_size | bytes; $mark.log_size),
		row("log lines lost"; $v.log_dropped | count; $mark.log_dropped)]
	+ [($m.sources // [])[] | row("source \(.name)"; "\(.state), "
		+ (if .notify then "notify" else "poll" end)
		+ (if (.warning // "") != "" then "; \(.warning)" else "" end)
		+ (if (.last_error // "") != "" then "; \(.last_error)" else "" end);
		source_state.level)]
	+ [($m.pipelines // [])[] | row("pipeline \(.name)"; "\(.queue_size) of \(.queue_capacity)"
		+ " events, in flight \(.in_flight), lag \(.lag_seconds | num | span)"
		+ (if .memory_stopped then "; waits for memory" else "" end)
		+ (if .archive_paused then "; waits for its archive" else "" end); archive_state.level)]
	+ [($m.webhooks // [])[] | row("webhook \(.name)"; "breaker \(.breaker), "
		+ "delivered \(.delivered_total), dead \(.dead_total)"
		+ (if (.last_error // "") != "" then "; \(.last_error)" else "" end);
		webhook_state.level)])
}'

# line LABEL TEXT: a row; on a terminal that is too narrow for TEXT it goes on below itself.
line() {
	local label=$1 rest=$2 piece room=$((columns - 26))

	while [ "$room" -ge 20 ] && [ "${#rest}" -gt "$room" ]; do
		piece=${rest:0:room+1}
		[[ $piece == *' '* ]] && piece=${piece% *} || piece=${rest:0:room}
		printf '  %-22s %s\n' "$label" "$piece"
		label='' rest=${rest:${#piece}}
		rest=${rest# }
	done
	printf '  %-22s %s\n' "$label" "$rest"
}

# table RESULT: the rows, aligned. Control characters in them are spaces already.
table() {
	local label text mark columns=0

	if [ -t 1 ]; then
		read -r _ columns < <(stty size </dev/tty 2>/dev/null) || columns=0
	fi
	# a unit separator: unlike a tab, read keeps empty fields apart by it
	jq -r '.rows[] | map(gsub("[[:cntrl:]]"; " ")) | join("\u001f")' <<<"$1" |
		while IFS=$'\037' read -r label text mark; do
			line "$label" "$text${mark:+  <-- $mark}"
		done
}

show() {
	local page result problem cut

	if ! page=$(curl -sS --fail --noproxy '*' --max-time "$timeout" --max-filesize 8000000 \
		-H 'Accept: application/json' -- "$url" 2>&1); then
		case $page in
		*'returned error'*) finish "$UNKNOWN" "$url: ${page##*curl: }" ;;
		*) finish "$CRITICAL" "daemon cannot be reached: ${page##*curl: }" ;;
		esac
		return
	fi
	if ! jq -e 'type == "object" and (.queue_size | type) == "number"
		and (.queue_capacity | type) == "number" and (.workers | type) == "number"' \
		<<<"$page" >/dev/null 2>&1; then
		finish "$UNKNOWN" "$url does not answer as app-db-listener does"
		return
	fi
	if ! result=$(jq -c --argjson warn "$warn_json" --argjson crit "$crit_json" "$judge" \
		<<<"$page" 2>&1); then
		problem=${result%%$'\n'*}
		finish "$UNKNOWN" "cannot judge the answer of $url: $problem"
		return
	fi
	case $form in
	json) jq -c 'del(.rows, .line, .code)' <<<"$result" ;;
	*)
		# the performance data is for monitoring systems
		[ "$form" = table ] && [ -t 1 ] && cut=' \| [^|]*$' || cut='^$'
		jq -r --arg cut "$cut" '"APP-DB-LISTENER \(.status) - \(.line | gsub("[[:cntrl:]]"; " ") | sub($cut; ""))"' \
			<<<"$result"
		;;
	esac
	[ "$form" != table ] || table "$result"
	return "$(jq .code <<<"$result")"
}

parse "$@"
for tool in curl jq; do
	command -v "$tool" >/dev/null || {
		status=0
		finish "$UNKNOWN" "$tool is not installed" || status=$?
		exit "$status"
	}
done
warn_json=$(limits_json warn)
crit_json=$(limits_json crit)

if [ -z "$watch" ]; then
	status=0
	show || status=$?
	exit "$status"
fi

trap 'exit 0' INT TERM
while :; do
	[ "$form" = json ] || { [ -t 1 ] && printf '\033[H\033[2J\033[3J'; } || :
	[ "$form" = json ] || date '+%F %T'
	show || :
	# a wait that Ctrl-C ends at once
	read -rt "$watch" <> <(:) || :
done
