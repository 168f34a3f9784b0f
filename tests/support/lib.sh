# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For test scripts, which source it:
#
#   #!/usr/bin/env bash
#   # SPDX-License-Identifier: MIT
#   . "$(dirname "$0")/../support/lib.sh"
#   need_postgres [-o 'server option']...
#   db_new shop
#   receiver_start
#   config_write users >"$test_dir/config.yaml"
#   daemon_start daemon "$test_dir/config.yaml"
#   sql 'INSERT INTO users ...'
#   ok 'the row arrives' wait_until 10 stats_is .distinct 1
#   tests_end
#
# Whatever was started is stopped, and $test_dir removed, when the script ends: also by Ctrl-C or a timeout.
# TEST_KEEP=1 keeps $test_dir, which has the logs. Programs: $ADBL and $RECEIVER_BIN, set by make.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 69
ADBL=${ADBL:-$PWD/build/app-db-listener}
RECEIVER_BIN=${RECEIVER_BIN:-$PWD/build/tests/support/receiver}

test_dir=$(mktemp -d "${TMPDIR:-/tmp}/adbl-test.XXXXXX") || exit 69
chmod 755 "$test_dir"
declare -A process=() # name -> pid of what runs
declare -A port=()    # name of a receiver -> its port
tests_count=0 tests_failed=0
exec {pause_fd}<> <(:) # never readable: reading from it is waiting

# shellcheck disable=SC2317 # called by trap
cleanup() {
	local status=$? name
	trap '' INT TERM HUP
	trap - EXIT
	for name in "${!process[@]}"; do
		process_signal "$name" TERM 2>/dev/null
		# no needless SIGCONT: it takes the leak check at the end of a sanitized program by surprise
		[ "$(process_state "$name")" != T ] || process_signal "$name" CONT 2>/dev/null
	done
	for name in "${!process[@]}"; do
		wait_until 5 process_gone "$name" || process_signal "$name" KILL 2>/dev/null
		wait "${process[$name]}" 2>/dev/null
	done
	ports_drop
	if [ -n "${TEST_KEEP:-}" ]; then
		echo "# kept: $test_dir"
	else
		rm -rf "$test_dir"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- TAP

# ok NAME COMMAND...: a test, which passes when COMMAND does. "late" is said of one whose wait_until came to its end:
# tests/run --again gives such a script a second try.
ok() {
	local name=$1 status=0 waited_in_vain=''
	shift
	"$@" || status=$?
	tests_count=$((tests_count + 1))
	if [ "$status" = 0 ]; then
		echo "ok $tests_count - $name"
		return
	fi
	tests_failed=$((tests_failed + 1))
	echo "not ok $tests_count - $name"
	diag "exit status $status: $*"
	[ -z "$waited_in_vain" ] || diag "late: a deadline passed"
	return "$status"
}

# is NAME GOT WANT: a test, which passes when they are equal.
is() {
	tests_count=$((tests_count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $tests_count - $1"
		return
	fi
	tests_failed=$((tests_failed + 1))
	echo "not ok $tests_count - $1"
	diag "got:  $2"
	diag "want: $3"
	return 1
}

# diag TEXT: a remark.
diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# diag_logs: what the processes wrote lately; for after a failure.
diag_logs() {
	local log
	for log in "$test_dir"/*.log; do
		[ -s "$log" ] && diag "$log:" && tail -n "${1:-20}" "$log" | sed 's/^/#   /'
	done
}

# tests_end: the plan, and the end of the script.
tests_end() {
	echo "1..$tests_count"
	[ "$tests_failed" = 0 ] || diag_logs
	exit $((tests_failed > 0))
}

# ---- waiting

# pause SECONDS: the only place where time passes without a reason; wait_until is what to use.
pause() {
	read -r -t "$1" -u "$pause_fd"
	return 0
}

# wait_until SECONDS COMMAND...: run COMMAND until it succeeds; fails when the time is over before. The seconds are those
# of a machine with nothing else to do: TEST_PATIENCE times as many (3) are waited. COMMAND is run anew each time, its
# arguments are what they were at the beginning: "$(...)" among them is looked at once.
wait_until() {
	local deadline_us=$((${EPOCHREALTIME/[.,]/} + $1 * ${TEST_PATIENCE:-3} * 1000000))
	shift
	until "$@" 2>/dev/null; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$deadline_us" ] || { waited_in_vain=yes && return 1; }
		pause 0.05
	done
}

# for_a_while SECONDS COMMAND...: COMMAND holds all the time; fails as soon as it does not.
for_a_while() {
	local deadline_us=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	shift
	while [ "${EPOCHREALTIME/[.,]/}" -lt "$deadline_us" ]; do
		"$@" || return 1
		pause 0.05
	done
}

# elapsed_ms COMMAND...: how long it took, on standard output; its own output goes nowhere.
elapsed_ms() {
	local start_us=${EPOCHREALTIME/[.,]/}
	"$@" >/dev/null 2>&1 || :
	echo $(((${EPOCHREALTIME/[.,]/} - start_us) / 1000))
}

# ---- processes

# process_start NAME COMMAND...: in the background, output to $test_dir/NAME.log (appended).
process_start() {
	local name=$1
	shift
	"$@" >>"$test_dir/$name.log" 2>&1 </dev/null {pause_fd}<&- &
	process[$name]=$!
}

process_gone() {
	local state
	state=$(process_state "$1")
	[ -z "$state" ] || [ "$state" = Z ]
}

# process_state NAME: R, S, T, Z as in ps; nothing when it is gone. Numbers come again within minutes while tests run, so what
# is no child of ours is somebody else's.
process_state() {
	local stat state parent
	{ read -r stat <"/proc/${process[$1]}/stat"; } 2>/dev/null || return 0
	read -r state parent _ <<<"${stat##*) }"
	[ "$parent" != $$ ] || echo "$state"
}

process_signal() { # NAME SIGNAL; fails when it is gone
	! process_gone "$1" && kill "-$2" "${process[$1]}"
}

# process_wait NAME [SECONDS]: wait for its end (30 s, then KILL); its exit status.
process_wait() {
	local status=0
	wait_until "${2:-30}" process_gone "$1" || process_signal "$1" KILL
	wait "${process[$1]}" 2>/dev/null || status=$?
	unset "process[$1]"
	return "$status"
}

# process_stop NAME [SECONDS]: TERM, wait; its exit status.
process_stop() {
	process_signal "$1" TERM
	process_wait "$@"
}

# process_kill NAME: KILL, wait.
process_kill() {
	process_signal "$1" KILL
	process_wait "$1" || :
}

# rss_kb NAME: resident memory now.
rss_kb() {
	awk '/^VmRSS/ { print $2 }' "/proc/${process[$1]}/status"
}

# rss_max_kb NAME: the most it ever was.
rss_max_kb() {
	awk '/^VmHWM/ { print $2 }' "/proc/${process[$1]}/status"
}

# frugal COMMAND...: run it; its memory is what it has use for: a sanitizer keeps nothing that was freed.
frugal() {
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1:thread_local_quarantine_size_kb=16 exec "$@"
}

# port_free: a TCP port of loopback nobody listens on, below the range of outgoing connections. It is this script's until
# it ends, though nobody may listen there for a while: a link beside $test_dir says so to scripts that run at the same time.
port_free() {
	local p
	while :; do
		p=$((10000 + (RANDOM * 32768 + RANDOM) % 10000))
		(: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null && continue
		ln -sT "$test_dir" "${test_dir%/*}/adbl-port.$p" 2>/dev/null && break
	done
	echo "$p" | tee -a "$test_dir/ports"
}

# ports_drop: the ports are anybody's again.
ports_drop() {
	local p
	while read -r p; do
		rm -f "${test_dir%/*}/adbl-port.$p"
	done 2>/dev/null <"$test_dir/ports"
}

# shellcheck source=SCRIPTDIR/database.sh
. tests/support/database.sh

# ---- the receiver

# receiver_start [NAME [OPTION...]]: start one; its port in ${port[NAME]}. Started again, it has the port it had and
# knows what it was given before, from its record $test_dir/NAME.ndjson.
receiver_start() {
	local name=${1:-receiver}
	shift
	rm -f "$test_dir/$name.port"
	process_start "$name" "$RECEIVER_BIN" --port "${port[$name]:-$(port_free)}" --port-file "$test_dir/$name.port" \
		--record "$test_dir/$name.ndjson" --resume "$@"
	wait_until 10 test -s "$test_dir/$name.port" || {
		diag_logs
		return 1
	}
	port[$name]=$(<"$test_dir/$name.port")
}

receiver_stop() {
	process_stop "${1:-receiver}"
}

# receiver_control QUERY [NAME]: change its behaviour: tests/support/behaviour.h.
receiver_control() {
	curl -sS -g --fail-with-body -m 30 "http://127.0.0.1:${port[${2:-receiver}]}/_control?$1" >"$test_dir/control.out" ||
		{ diag "receiver_control $1: $(<"$test_dir/control.out")"; return 1; }
}

# stats [FILTER [NAME]]: its statistics, through a jq filter.
stats() {
	curl -sS -m 30 "http://127.0.0.1:${port[${2:-receiver}]}/_stats" | jq -r "${1:-.}"
}

# stats_is FILTER WANT [NAME], stats_min FILTER LEAST [NAME]: conditions for wait_until.
stats_is() {
	[ "$(stats "$1" "${3:-receiver}")" = "$2" ]
}
stats_min() {
	[ "$(stats "$1" "${3:-receiver}")" -ge "$2" ]
}

# ---- the daemon

# config_write TABLE: a configuration in the short form, for the database and the receiver above. What a test adds
# is appended; $admin_port is where /metrics is.
admin_port=$(port_free)
config_write() {
	echo 'database:'
	config_database
	cat <<-CONFIG
		  table: "$1"
		webhook:
		  url: "http://127.0.0.1:${port[receiver]:-1}/hook"
		  timeout: 5
		  retry_count: 3
		  retry_delay: 100ms
		admin:
		  listen: "127.0.0.1:$admin_port"
	CONFIG
}

# daemon_start [NAME [CONFIG [OPTION...]]]: start it; ready when it says so on /readyz, or as a standby is alive.
daemon_start() {
	local name=${1:-daemon} config=${2:-$test_dir/config.yaml}
	shift $(($# > 2 ? 2 : $#))
	process_start "$name" "$ADBL" run -c "$config" "$@"
}

daemon_ready() {
	[ "$(curl -s -o /dev/null -m 30 -w '%{http_code}' "http://127.0.0.1:${1:-$admin_port}/readyz")" = 200 ]
}

# metrics [FILTER]: of /metrics, through a jq filter.
metrics() {
	curl -sS -m 30 "http://127.0.0.1:$admin_port/metrics" | jq -r "${1:-.}"
}
metrics_is() {
	[ "$(metrics "$1")" = "$2" ]
}
