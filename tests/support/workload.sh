# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # test_dir, db_kind and the rest come from lib.sh
# Writers for tests of database faults, and the comparison of what was committed with what was delivered. A test
# sources it in place of lib.sh:
#
#   # databases: postgres mariadb sqlite
#   . "$(dirname "$0")/../support/workload.sh"
#   workload_need "${1:-}"
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
truth=workload.truth
workload_installer=() # options of install

# workload_need KIND [OPTION...]: the database to write in.
workload_need() {
	local kind=${1:-}
	shift
	case $kind in
	sqlite) : ;;
	# a writer that waits for another one's row for 50 s is none of the daemon's business where nothing moves for minutes
	mariadb) set -- -o 'innodb_lock_wait_timeout = 600' "$@" ;;
	*) set -- -o 'deadlock_timeout = 50ms' "$@" ;;
	esac
	need_database "$kind" "$@"
	[ "$db_kind" != sqlite ] || truth=workload_truth
	# triggers run with the rights of who made them, and the daemon's may be taken away
	[ "$db_kind" != mariadb ] || workload_installer=(--user "$TEST_MY_USER")
}

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

# check_says PATTERN: check does, now.
check_says() {
	: >"$test_dir/app.log"
	app check
	grep -qE "$1" "$test_dir/app.log"
}

# workload_watch TABLE KEY-COLUMN...: the SQL by which a table is stamped and noted; it has a column v.
workload_watch() {
	local t=$1 old new begin='' end=''
	shift
	old="concat(OLD.$1, '/', ${2:+OLD.}${2:-''})" new="concat(NEW.$1, '/', ${2:+NEW.}${2:-''})"
	case $db_kind in
	postgres) echo "CALL workload.watch('$t');" ;;
	mariadb)
		cat <<-SQL
			CREATE TRIGGER ${t}_stamp_insert BEFORE INSERT ON $t FOR EACH ROW SET NEW.v = NEXTVAL(workload.version);
			CREATE TRIGGER ${t}_stamp_update BEFORE UPDATE ON $t FOR EACH ROW SET NEW.v = NEXTVAL(workload.version);
		SQL
		;;
	sqlite)
		begin=BEGIN end='END;'
		old="OLD.$1 || '/' || ${2:+OLD.}${2:-''}" new="NEW.$1 || '/' || ${2:+NEW.}${2:-''}"
		;;
	esac
	[ "$db_kind" = postgres ] || cat <<-SQL
		CREATE TRIGGER ${t}_note_insert AFTER INSERT ON $t FOR EACH ROW $begin
			INSERT INTO $truth (tab, op, new_key, new_v) VALUES ('$t', 'insert', $new, NEW.v); $end
		CREATE TRIGGER ${t}_note_update AFTER UPDATE ON $t FOR EACH ROW $begin
			INSERT INTO $truth (tab, op, old_key, old_v, new_key, new_v)
				VALUES ('$t', 'update', $old, OLD.v, $new, NEW.v); $end
		CREATE TRIGGER ${t}_note_delete AFTER DELETE ON $t FOR EACH ROW $begin
			INSERT INTO $truth (tab, op, old_key, old_v) VALUES ('$t', 'delete', $old, OLD.v); $end
	SQL
}

# workload_begin [SQL-FILE]: all that writers and daemon need.
workload_begin() {
	{
		cat "tests/support/workload.$db_kind.sql"
		workload_watch items k
		workload_watch pairs k part
		cat ${1:+"$1"} </dev/null
	} >"$test_dir/workload.sql"
	db_new shop && sql_file "$test_dir/workload.sql" &&
		receiver_start receiver --bodies && workload_config </dev/null >"$test_dir/config.yaml" &&
		app install "${workload_installer[@]}" && return
	diag_logs
	exit 1
}

# workload_writer KEYS PAUSE_MS: what a writer's process does; with $reconnect it outlives the server. A deadlock found in a
# trigger ends a procedure of MariaDB's in spite of its handler.
workload_writer() {
	local call said
	# shellcheck disable=SC2034 # pause reads from it; process_start closes the one there was
	exec {pause_fd}<> <(:)
	case $db_kind in
	postgres) call="CALL workload.write($1, $2)" ;;
	mariadb) call="CALL workload_write($1, $2)" ;;
	sqlite)
		# who finds the lock free is chance, and many want it
		exec sqlite3 -batch -bail -cmd '.timeout 120000' "$test_db" \
			< <(exec tests/support/workload.sqlite.sh "$1" "$2" "$test_dir/stop")
		;;
	esac
	until said=$(sql "$call" 2>&1); do
		[[ $said == *'ERROR 1213'* ]] && continue
		echo "$said"
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

# writers_told [END]: that they shall end, or no longer.
writers_told() {
	case $db_kind$1 in
	postgresstop) sql 'INSERT INTO workload.stop DEFAULT VALUES' ;;
	mariadbstop) sql 'INSERT INTO workload.stop VALUES (1)' ;;
	sqlitestop) : >"$test_dir/stop" ;;
	sqlitego) rm "$test_dir/stop" ;;
	*go) sql 'TRUNCATE workload.stop' ;;
	esac
}

# workload_stop: end the writers; fails when one of them had failed.
workload_stop() {
	local w failed=0
	wait_until 60 writers_told stop
	for w in "${writers[@]}"; do
		process_wait "$w" 60 || failed=1
	done
	writers=()
	wait_until 60 writers_told go
	return "$failed"
}

committed() {
	sql "SELECT count(*) FROM $truth"
}

# truth_rows: what was committed, as delivered() writes it.
truth_rows() {
	case $db_kind in
	postgres) sql "COPY workload.truth TO STDOUT (NULL '')" ;;
	mariadb) sql "SELECT tab, op, old_key, ifnull(old_v, ''), new_key, ifnull(new_v, '') FROM $truth" ;;
	sqlite)
		sql "SELECT tab || char(9) || op || char(9) || replace(replace(old_key, '\\', '\\\\'), char(9), '\\t') || char(9) ||
			ifnull(old_v, '') || char(9) || replace(replace(new_key, '\\', '\\\\'), char(9), '\\t') || char(9) || ifnull(new_v, '')
			FROM $truth"
		;;
	esac
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
	[ "$(wc -l <"$test_dir/receiver.ndjson")" -ge "$(stats .events)" ]
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
		function put(k, v) { if (key(k) in live) print; live[key(k)] = v; known[key(k)] = 1 }
		# of a backfill: what the change before it left, and never a row that is gone; the first word of rows of before
		function look(k, v) {
			if (key(k) in known ? live[key(k)] != v : key(k) in live) print
			live[key(k)] = v; known[key(k)] = 1
		}
		# of a table, or of its partition T_N, which has the rows with part N
		$2 == "truncate" {
			n = split($1, part, "_")
			for (i in live)
				if (index(i, $1 SUBSEP) == 1 || n == 2 && index(i, part[1] SUBSEP) == 1 && i ~ "/" part[2] "$")
					delete live[i]
		}
		$2 == "update" || $2 == "delete" { take($3, $4) }
		$2 == "insert" || $2 == "update" { put($5, $6) }
		$2 == "read" { look($5, $6) }' "$test_dir/delivered"
}

# Events whose key is not that of their row, or that have neither.
wrong_keys() {
	jq -c 'select(.operation != "truncate") | .body | (.data // .old_data) as $r |
		select($r == null or .key != null and any(.key | to_entries[]; .value != $r[.key])) | .id' "$test_dir/receiver.ndjson" ||
		echo 'the record cannot be read'
}

workload_arrived() {
	sql_is "SELECT count(*) FROM $outbox" 0 && stats_min .distinct "$(committed)"
}

# workload_verify [WHAT]: what was committed is what was delivered, exactly, each key in order, and what a backfill read
# beside it is what the change before it left. With order_by_id=no the ids
# themselves need not rise.
workload_verify() {
	local what=${1:+$1: }
	ok "${what}the outbox empties" wait_until $((120 * scale)) workload_arrived || {
		diag "outbox $(sql "SELECT count(*) FROM $outbox"), committed $(committed), $(stats . | jq -c .)"
		diag "$(metrics . | jq -c .)"
	}
	wait_until 10 journal_is_complete
	delivered >"$test_dir/delivered"
	truth_rows | sort >"$test_dir/want"
	awk -F '\t' '$2 != "read"' "$test_dir/delivered" | sort >"$test_dir/got"
	comm -23 "$test_dir/want" "$test_dir/got" >"$test_dir/lost"
	comm -13 "$test_dir/want" "$test_dir/got" >"$test_dir/unknown"
	broken_links >"$test_dir/broken"
	ok "${what}something was committed" test -s "$test_dir/want"
	is "${what}lost" "$(head -n 3 "$test_dir/lost")" ""
	is "${what}delivered though not committed" "$(head -n 3 "$test_dir/unknown")" ""
	is "${what}delivered out of order" "$(head -n 3 "$test_dir/broken")" ""
	[ "${order_by_id:-yes}" = no ] || is "${what}the receiver says out of order" "$(stats .out_of_order)" 0
	is "${what}delivered with another row's key" "$(wrong_keys | head -n 3)" ""
	is "${what}dead letters" "$(sql "SELECT count(*) FROM $dead_letter")" 0
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
