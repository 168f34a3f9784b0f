# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Writers for tests of database faults, and the comparison of what was committed with what was delivered. A test
# sources it in place of lib.sh:
#
#   . "$(dirname "$0")/../support/workload.sh"
#   need_postgres -o 'deadlock_timeout = 50ms'
#   workload_begin                        # database, receiver, tables, configuration, install
#   daemon_start
#   workload_start 16
#   ...
#   workload_stop
#   workload_verify                       # several tests
#   tests_end
#
# WORKLOAD_SCALE=N makes loads and times N times as large where a test says so: make soak.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scale=${WORKLOAD_SCALE:-1}
workload_tables=(items pairs)
writers=()

# workload_config: a configuration for workload_tables. Text on standard input is added.
workload_config() {
	local list
	list=$(printf '%s, ' "${workload_tables[@]}")
	config_write x | sed "s/^  table: .*/  tables: [${list%, }]/"
	[ -t 0 ] || cat
}

# app COMMAND [OPTION...]: app-db-listener, output to $test_dir/app.log.
app() {
	local command=$1
	shift
	"$ADBL" "$command" -c "$test_dir/config.yaml" "$@" >>"$test_dir/app.log" 2>&1 </dev/null
}

# workload_begin [SQL-FILE]: all that writers and daemon need.
workload_begin() {
	db_new shop && psql_as "$TEST_PG_USER" shop -1 -f tests/support/workload.sql ${1:+-f "$1"} &&
		receiver_start receiver --bodies && workload_config </dev/null >"$test_dir/config.yaml" &&
		app install && return
	diag_logs
	exit 1
}

# workload_writer KEYS PAUSE_MS: what a writer's process does; with $reconnect it outlives the server.
workload_writer() {
	until sql "CALL workload.write($1, $2)"; do
		[ -n "${reconnect:-}" ] || return 1
		pause 0.1
	done
}

# workload_start WRITERS [KEYS [PAUSE_MS]]: in the background; see writers_N.log.
workload_start() {
	local i
	for ((i = 0; i < $1; i++)); do
		writers+=("writer_${#writers[@]}")
		process_start "${writers[-1]}" workload_writer "${2:-300}" "${3:-15}"
	done
}

# workload_stop: end the writers; fails when one of them had failed.
workload_stop() {
	local w failed=0
	wait_until 60 sql 'INSERT INTO workload.stop DEFAULT VALUES'
	for w in "${writers[@]}"; do
		process_wait "$w" 60 || failed=1
	done
	writers=()
	wait_until 60 sql 'TRUNCATE workload.stop'
	return "$failed"
}

committed() {
	sql 'SELECT count(*) FROM workload.truth'
}

# committed_min N: at least so many changes.
committed_min() {
	[ "$(committed)" -ge "$1" ]
}

# more_delivered N: N more than there were; waits.
more_delivered() {
	local now
	now=$(stats .distinct) && wait_until 60 stats_min .distinct $((now + $1))
}

# journal_is_complete: the record has what the receiver counted.
journal_is_complete() {
	[ "$(wc -l <"$test_dir/receiver.ndjson")" -ge "$(stats .requests)" ]
}

# delivered: table, operation, key and v before, key and v after, of each event when it was first accepted.
delivered() {
	jq -r 'def key: if . == null then "" else "\(.k)/\(.part // "")" end;
		select(.verdict == "first" or .verdict == "disorder") | .body as $b |
		[.table, .operation, ($b.old_data | key), $b.old_data.v // "", ($b.data | key), $b.data.v // ""] | @tsv' \
		"$test_dir/receiver.ndjson"
}

# The links of the chains that do not fit: changes that were delivered before or after their place.
broken_links() {
	# shellcheck disable=SC2016 # the program is awk's
	awk -F '\t' '
		function key(k) { return $1 SUBSEP k }
		function take(k, v) { if (live[key(k)] != v) print; delete live[key(k)] }
		function put(k, v) { if (key(k) in live) print; live[key(k)] = v }
		# of a table, or of its partition T_N, which has the rows with part N
		$2 == "truncate" {
			n = split($1, part, "_")
			for (i in live)
				if (index(i, $1 SUBSEP) == 1 || n == 2 && index(i, part[1] SUBSEP) == 1 && i ~ "/" part[2] "$")
					delete live[i]
		}
		$2 == "update" || $2 == "delete" { take($3, $4) }
		$2 == "insert" || $2 == "update" { put($5, $6) }' "$test_dir/delivered"
}

# Events whose key is not that of their row.
wrong_keys() {
	jq -c 'select(.operation != "truncate") | .body | (.data // .old_data) as $r |
		select(.key != null and any(.key | to_entries[]; .value != $r[.key])) | .id' "$test_dir/receiver.ndjson"
}

workload_arrived() {
	sql_is "SELECT count(*) FROM app_db_listener.outbox" 0 && stats_min .distinct "$(committed)"
}

# workload_verify [WHAT]: what was committed is what was delivered, exactly, each key in order. With order_by_id=no the ids
# themselves need not rise.
workload_verify() {
	local what=${1:+$1: }
	ok "${what}the outbox empties" wait_until $((120 * scale)) workload_arrived || {
		diag "outbox $(sql 'SELECT count(*) FROM app_db_listener.outbox'), committed $(committed), $(stats . | jq -c .)"
		diag "$(metrics . | jq -c .)"
	}
	wait_until 10 journal_is_complete
	delivered >"$test_dir/delivered"
	sql "COPY workload.truth TO STDOUT (NULL '')" | sort >"$test_dir/want"
	sort "$test_dir/delivered" >"$test_dir/got"
	comm -23 "$test_dir/want" "$test_dir/got" >"$test_dir/lost"
	comm -13 "$test_dir/want" "$test_dir/got" >"$test_dir/unknown"
	broken_links >"$test_dir/broken"
	is "${what}lost" "$(head -n 3 "$test_dir/lost")" ""
	is "${what}delivered though not committed" "$(head -n 3 "$test_dir/unknown")" ""
	is "${what}delivered out of order" "$(head -n 3 "$test_dir/broken")" ""
	[ "${order_by_id:-yes}" = no ] || is "${what}the receiver says out of order" "$(stats .out_of_order)" 0
	is "${what}delivered with another row's key" "$(wrong_keys | head -n 3)" ""
	is "${what}dead letters" "$(sql 'SELECT count(*) FROM app_db_listener.dead_letter')" 0
	workload_report
}

# workload_report: figures, as a remark.
workload_report() {
	diag "committed $(wc -l <"$test_dir/want"), delivered $(wc -l <"$test_dir/got"), lost $(wc -l <"$test_dir/lost")," \
		"out of order $(wc -l <"$test_dir/broken"), duplicates $(stats .duplicates)," \
		"requests $(stats .requests)${process[daemon]:+, RSS at most $(rss_max_kb daemon) kB}"
}

# source_is FIELD WANT: of the first source in /metrics.
source_is() {
	metrics_is ".sources[0].$1" "$2"
}

# warning_has TEXT: the source's standing alarm.
warning_has() {
	[[ $(metrics '.sources[0].warning') == *$1* ]]
}
