# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # db_kind, test_dir, outbox and the rest come from lib.sh; out from run
# What tests/bench/run measures: one function for each part, which emits its table.

backlog=${BENCH_BACKLOG:-200000}
seconds=${BENCH_SECONDS:-20}
rounds=${BENCH_ROUNDS:-3}
programs=${TEST_BUILD:-build}/tests/bench
pgbench=$(find /usr/lib/postgresql -name pgbench -path '*/bin/*' | sort -V | tail -n 1)
tick_hz=$(getconf CLK_TCK)
note='a note of ordinary length for the account of this owner'

emit() {
	printf '%s\n' "$@" | tee -a "$out"
}

# figures_put DOCUMENT NAME FILE: put FILE in place of what the document has under that name, or at its end.
figures_put() {
	grep -qxF "<!-- figures: $2 -->" "$1" ||
		printf '\n<!-- figures: %s -->\n<!-- end of figures -->\n' "$2" >>"$1"
	awk -v mark="<!-- figures: $2 -->" -v file="$3" '
		$0 == "<!-- end of figures -->" { skip = 0 }
		!skip { print }
		$0 == mark { while ((getline line < file) > 0) print line; skip = 1 }' "$1" >"$test_dir/document" &&
		cp "$test_dir/document" "$1"
}

# conditions: the line above each table.
conditions() {
	local server
	case $db_kind in
	postgres) server="PostgreSQL $(sql 'SHOW server_version' | cut -d' ' -f1)" ;;
	mariadb) server="MariaDB $(sql 'SELECT version()' | cut -d- -f1)" ;;
	sqlite) server="SQLite $(sql 'SELECT sqlite_version()'), WAL, synchronous NORMAL" ;;
	esac
	emit "$(date -u +%Y-%m-%d): $server, libcurl $(curl --version | awk 'NR == 1 { print $2 }'), $(nproc) cores of $(awk -F': ' \
		'/model name/ { print $2; exit }' /proc/cpuinfo), Linux $(uname -r | cut -d. -f1,2), load average before $(cut -d' ' -f1 \
			/proc/loadavg)." ''
}

# cpu_us NAME: processor time it used so far.
cpu_us() {
	awk -v hz="$tick_hz" '{ sub(/.*\) /, ""); split($0, f, " "); printf "%.0f", (f[12] + f[13]) * 1e6 / hz }' \
		"/proc/${process[$1]}/stat"
}

now_us() {
	echo "${EPOCHREALTIME/[.,]/}"
}

# median of the numbers on standard input
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# percentile P of sorted numbers on standard input
percentile() {
	awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p + 0.5); if (i < 1) i = 1; printf "%.2f", v[i] }'
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}
mb() {
	awk -v kb="$1" 'BEGIN { printf "%.1f", kb / 1024 }'
}
# column N FILE: its median
column() {
	cut -d' ' -f"$1" "$2" | median
}

# batch=N: so many events in a request
bench_config_write() { # POOL_SIZE MAX_IN_FLIGHT [WAKEUP]
	{
		config_write accounts
		printf 'worker:\n  pool_size: %s\n' "$1"
		[ -z "${3:-}" ] || printf 'listener:\n  wakeup: %s\n' "$3"
	} | sed "s/^webhook:/webhook:\n  max_in_flight: $2\n  batch_max_events: ${batch:-1}/; s/timeout: 5/timeout: 30/" \
		>"$test_dir/config.yaml"
}

accounts_new() {
	local id='bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY' now='timestamptz NOT NULL DEFAULT now()'
	[ "$db_kind" != mariadb ] || id='bigint AUTO_INCREMENT PRIMARY KEY' now='timestamp NOT NULL DEFAULT current_timestamp()'
	[ "$db_kind" != sqlite ] || id='INTEGER PRIMARY KEY' now='text NOT NULL DEFAULT current_timestamp'
	sql 'DROP TABLE IF EXISTS accounts' 2>/dev/null
	sql "CREATE TABLE accounts (id $id, owner varchar(200) NOT NULL, email varchar(200) NOT NULL,
		 balance numeric(12,2) NOT NULL DEFAULT 0, note text, active boolean NOT NULL DEFAULT true, seen $now, n int)"
}

accounts_fill() { # ROWS
	local text="'owner ' || i, 'owner' || i || '@example.org'"
	[ "$db_kind" != mariadb ] || text="concat('owner ', i), concat('owner', i, '@example.org')"
	sql "INSERT INTO accounts (owner, email, balance, note, n) $(sql_series 1 "$1" "SELECT $text, i / 7.0, '$note', i")"
	case $db_kind in
	postgres) sql "VACUUM ANALYZE $outbox" CHECKPOINT ;;
	sqlite) sql 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null ;;
	esac
}

outbox_clear() {
	sql "DELETE FROM $outbox"
	[ "$db_kind" != postgres ] || sql "VACUUM $outbox"
}
outbox_empty() {
	sql_is "SELECT count(*) FROM (SELECT 1 FROM $outbox LIMIT 1) AS o" 0
}
delivered_all() {
	stats_min .distinct "$1"
}

daemon_up() {
	daemon_start daemon "$test_dir/config.yaml"
	wait_until 20 daemon_ready
}

receiver_fresh() {
	rm -f "$test_dir/receiver.ndjson"
	process_start receiver "$RECEIVER_BIN" --port "${port[receiver]:-0}" --port-file "$test_dir/receiver.port" "$@"
	wait_until 10 test -s "$test_dir/receiver.port"
	port[receiver]=$(<"$test_dir/receiver.port")
}

# where the programs of tests/bench find the database
where() {
	case $db_kind in
	postgres) echo "host=$TEST_PG_HOST port=$TEST_PG_PORT user=$TEST_PG_USER dbname=$test_db" ;;
	mariadb) echo "$TEST_MY_HOST:$TEST_MY_PORT:$TEST_MY_USER:$test_db" ;;
	sqlite) echo "$test_db" ;;
	esac
}

# ---- drain

# drain_bare, drain_daemon: "events_per_s cpu_us_per_event rss_kb" of one backlog
drain_bare() {
	receiver_fresh
	accounts_fill "$backlog"
	"$programs/bare_$db_kind" "$(where)" "http://127.0.0.1:${port[receiver]}/" |
		jq -r '"\(.events_per_s) \(.cpu_us_per_event) \(.rss_kb)"'
	receiver_stop >/dev/null
	outbox_clear
}
drain_daemon() { # POOL_SIZE MAX_IN_FLIGHT EVENTS
	local start cpu
	receiver_fresh
	accounts_fill "$3"
	bench_config_write "$1" "$2"
	start=$(now_us)
	daemon_start daemon "$test_dir/config.yaml"
	wait_until 600 delivered_all "$3" || diag "not everything arrived" >&2
	start=$(($(now_us) - start))
	cpu=$(cpu_us daemon)
	echo "$(($3 * 1000000 / start)) $(awk -v c="$cpu" -v n="$3" 'BEGIN { printf "%.1f", c / n }') $(rss_max_kb daemon)"
	wait_until 60 outbox_empty || diag "the outbox is not empty" >&2
	process_stop daemon >/dev/null
	receiver_stop >/dev/null
	outbox_clear
}

bench_drain() {
	local i size base rate sizes='1 2 4 10'
	emit "$backlog inserted rows of about 250 bytes of JSON, one event a request, 64 in flight, keep-alive receiver on loopback; medians of $rounds." ''
	emit '| who | events/s | ratio to bare | CPU us/event | RSS max, MB |' '| --- | --- | --- | --- | --- |'
	for ((i = 0; i < rounds; i++)); do # in turn, so that a slow moment of the machine hits all
		drain_bare >>"$test_dir/bare"
		for size in $sizes; do
			drain_daemon "$size" 64 "$backlog" >>"$test_dir/pool-$size"
		done
	done
	base=$(column 1 "$test_dir/bare")
	emit "| bare loop, one thread of client library and libcurl, no order, no retry | ${base%.*} | 1.00 | $(column 2 "$test_dir/bare") | $(mb "$(column 3 "$test_dir/bare")") |"
	for size in $sizes; do
		rate=$(column 1 "$test_dir/pool-$size")
		emit "| daemon, pool_size $size | $rate | $(ratio "$rate" "$base") | $(column 2 "$test_dir/pool-$size") | $(mb "$(column 3 "$test_dir/pool-$size")") |"
	done
}

# ---- batch

# sink_only EVENTS: "events_per_s cpu_us_per_event", without a database
sink_only() {
	receiver_fresh
	"$programs/bench_sink" "http://127.0.0.1:${port[receiver]}/" "$batch" "$1"
	receiver_stop >/dev/null
}

bench_batch() {
	local i batch base rate alone sizes='1 10 100 1000'
	emit "$backlog inserted rows of about 250 bytes of JSON, several events a request, pool_size 2, 64 in flight, keep-alive receiver on loopback; medians of $rounds." \
		'"Without a database": the same from a ring that a thread fills (bench_sink).' ''
	emit '| events a request, at most | events/s | ratio to 1 | CPU us/event | RSS max, MB | without a database: events/s | CPU us/event |' \
		'| --- | --- | --- | --- | --- | --- | --- |'
	for ((i = 0; i < rounds; i++)); do
		for batch in $sizes; do
			drain_daemon 2 64 "$backlog" >>"$test_dir/batch-$batch"
			sink_only "$backlog" >>"$test_dir/sink-$batch"
		done
	done
	base=$(column 1 "$test_dir/batch-1")
	for batch in $sizes; do
		rate=$(column 1 "$test_dir/batch-$batch") alone=$test_dir/sink-$batch
		emit "| $batch | $rate | $(ratio "$rate" "$base") | $(column 2 "$test_dir/batch-$batch") | $(mb "$(column 3 "$test_dir/batch-$batch")") | $(column 1 "$alone") | $(column 2 "$alone") |"
	done
}

# ---- backlog

bench_backlog() {
	local events=${BENCH_LONG:-1000000} rate cpu rss
	drain_daemon 4 64 "$events" >"$test_dir/long"
	read -r rate cpu rss <"$test_dir/long"
	emit "$events rows wait in the outbox when the daemon starts, pool_size 4: **RSS at most $(mb "$rss") MB**, $rate events/s, $cpu us of CPU an event."
}

# ---- slow

bench_slow() {
	local start n rate
	receiver_fresh --control 'delay_ms=100'
	accounts_fill "$backlog"
	bench_config_write 10 1000
	daemon_start daemon "$test_dir/config.yaml"
	wait_until 30 stats_min .requests 5000
	n=$(stats .requests) start=$(now_us)
	pause 8
	n=$(($(stats .requests) - n)) start=$(($(now_us) - start))
	rate=$((n * 1000000 / start))
	emit "Every answer takes 100 ms, max_in_flight 1000, pool_size 10 (at most 10,000 events/s are possible): **$rate events/s**, $(stats .max_in_flight) requests in flight at the most, RSS max $(mb "$(rss_max_kb daemon)") MB."
	process_kill daemon
	receiver_stop >/dev/null
	outbox_clear
}

# ---- fair: a pipeline beside a dead and a slow one

# fair_open NAME CONCURRENCY PIPELINE...: a database, tables and a daemon of its own
fair_open() {
	local daemon=$1 concurrency=$2 name
	shift 2
	db_new "bench_$daemon" || return 1
	for name in "$@"; do
		sql "CREATE TABLE ${name}_accounts (id bigint PRIMARY KEY, owner varchar(200), note text)"
	done
	cat >"$test_dir/$daemon.yaml" <<CONFIG
sources:
  - name: bench
$(config_database | sed 's/^/  /')
webhooks:
$(for name in "$@"; do echo "  - {name: $name, url: \"http://127.0.0.1:${port[$name]}/hook\", timeout: 600, concurrency: $concurrency}"; done)
pipelines:
$(for name in "$@"; do echo "  - {name: $name, source: bench, webhook: $name, table: ${name}_accounts}"; done)
worker: {pool_size: 4}
admin: {listen: "127.0.0.1:$admin_port"}
daemon: {shutdown_timeout: 0}
CONFIG
	"$ADBL" install -c "$test_dir/$daemon.yaml" >/dev/null || return 1
	daemon_start "$daemon" "$test_dir/$daemon.yaml"
	wait_until 30 daemon_ready
}

fair_fill() { # NAME FROM TO
	sql "INSERT INTO ${1}_accounts (id, owner, note) $(sql_series "$2" "$3" "SELECT i, 'owner', '$note'")"
}

# fair_burst DAEMON FROM TO: "seconds cpu_us" from its first request to its last
fair_burst() {
	local cpu
	receiver_control 'mode=ok&forget=1' well
	test_db=bench_$1
	cpu=$(cpu_us "$1")
	fair_fill well "$2" "$3"
	wait_until 120 stats_min .distinct $(($3 - $2 + 1)) well || diag "not everything arrived" >&2
	echo "$(stats .seconds well) $(($(cpu_us "$1") - cpu))" >>"$test_dir/$1.bursts"
}

# rate_of FILE EVENTS: "events_per_s cpu_us_per_event" of all its bursts
rate_of() {
	awk -v n="$2" '{ s += $1; c += $2 } END { printf "%.0f %.1f", NR * n / s, c / (NR * n) }' "$1"
}

bench_fair() {
	local i n=$((backlog / 20)) bursts=$((rounds * 10)) name alone beside adaptive admin=$admin_port
	process_start well "$RECEIVER_BIN" --port 0 --port-file "$test_dir/well.port"
	wait_until 10 test -s "$test_dir/well.port"
	port[well]=$(<"$test_dir/well.port")
	receiver_start dead --control mode=hang
	receiver_start slow --control delay_ms=5000
	fair_open beside fixed well dead slow && fair_fill dead 1 20000 && fair_fill slow 1 20000
	wait_until 60 metrics_is '[.pipelines[1:][] | .queue_size == .queue_capacity and .in_flight == 64] | all' true ||
		diag "the others are not full" >&2
	admin_port=$(port_free)
	fair_open alone fixed well
	admin_port=$(port_free)
	fair_open adaptive adaptive well
	for ((i = 0; i < bursts; i++)); do # in turn, so that a slow moment of the machine hits all
		for name in alone beside adaptive; do
			fair_burst $name $((i * n + 1)) $(((i + 1) * n))
		done
	done
	adaptive=$(rate_of "$test_dir/adaptive.bursts" "$n")
	alone=$(rate_of "$test_dir/alone.bursts" "$n") beside=$(rate_of "$test_dir/beside.bursts" "$n")
	emit "Three daemons, pool_size 4, max_in_flight 64, each with a database of its own: two have a single pipeline; the third has two more, of which one's receiver never answers and one's takes 5 s, with full queues and 64 requests in flight each. $bursts bursts of $n rows to the pipeline that is well, in turn; from the first request to the last." ''
	emit '| the pipeline | events/s | ratio | CPU us/event |' '| --- | --- | --- | --- |'
	emit "| alone | ${alone% *} | 1.00 | ${alone#* } |" \
		"| beside a dead and a slow one | ${beside% *} | $(ratio "${beside% *}" "${alone% *}") | ${beside#* } |" \
		"| alone, concurrency: adaptive | ${adaptive% *} | $(ratio "${adaptive% *}" "${alone% *}") | ${adaptive#* } |"
	for i in alone beside adaptive; do process_kill $i; done
	for i in well dead slow; do receiver_stop $i >/dev/null; done
	admin_port=$admin test_db=bench
}

# ---- latency

# load_run CLIENTS SECONDS SQL [PER_SECOND]: transactions of one statement each; prints how many a second.
load_run() {
	if [ "$db_kind" != postgres ]; then
		"$programs/writers" "$db_kind" "$(where)" "$@"
		return
	fi
	printf '%s;\n' "$3" >"$test_dir/one.sql"
	"$pgbench" -n -M prepared -c "$1" -j 2 -T "$2" ${4:+-R "$4"} -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" \
		-U "$TEST_PG_USER" -f "$test_dir/one.sql" "$test_db" 2>/dev/null | awk '/^tps/ { printf "%.0f", $3 }'
}

# commits of one session at a pace, then the time from the trigger to the whole request
latency_of() { # WAKEUP PER_SECOND
	local before n
	receiver_start
	bench_config_write 10 64 "$1"
	daemon_up
	wait_until 10 metrics_is '.sources[0].state' active
	before=$(sql 'SELECT count(*) FROM accounts')
	load_run 1 "$seconds" "INSERT INTO accounts (owner, email, n) VALUES ('a', 'b', 1)" "$2" >/dev/null
	n=$(($(sql 'SELECT count(*) FROM accounts') - before))
	wait_until 20 stats_min .distinct "$n"
	process_stop daemon >/dev/null
	receiver_stop >/dev/null
	jq -r '(.t_us / 1000) - ((.changed_at | capture("^(?<s>[^.]*)\\.(?<f>[0-9]*)")) |
		(.s + "Z" | sub("ZZ$"; "Z") | fromdate) * 1000 + ("0." + .f | tonumber) * 1000)' \
		"$test_dir/receiver.ndjson" 2>/dev/null | sort -n >"$test_dir/latency"
	rm -f "$test_dir/receiver.ndjson"
	emit "| $1, $2 commits/s | $(percentile 0.5 <"$test_dir/latency") | $(percentile 0.99 <"$test_dir/latency") | $(percentile 0.999 <"$test_dir/latency") | $(wc -l <"$test_dir/latency") |"
}

bench_latency() {
	emit "Milliseconds from the trigger (so the commit is included) until the receiver has the whole request; one session, $seconds s." ''
	emit '| wake-up, pace | p50 | p99 | p99.9 | events |' '| --- | --- | --- | --- | --- |'
	if [ "$db_kind" = postgres ]; then
		latency_of notify 20
		latency_of notify 500
	else
		latency_of poll 20
	fi
	latency_of poll 500
}

# ---- writers

bench_writers() {
	local c i insert clients='1 16'
	[ "$db_kind" != postgres ] || clients='1 16 64'
	insert="INSERT INTO accounts (owner, email, balance, note, n) VALUES ('owner 1', 'owner1@example.org', 1.5, '$note', 1)"
	emit "Single-row INSERT transactions, prepared, $seconds s each; transactions/s, medians of $rounds." ''
	emit '| clients | no trigger | with triggers, no daemon | ratio | with triggers, daemon delivering | ratio |' '| --- | --- | --- | --- | --- | --- |'
	bench_config_write 4 64
	for c in $clients; do
		rm -f "$test_dir"/{none,idle,live}.tps
		for ((i = 0; i < rounds; i++)); do
			"$ADBL" uninstall -c "$test_dir/config.yaml" >/dev/null
			accounts_new
			load_run "$c" "$seconds" "$insert" | xargs >>"$test_dir/none.tps"
			accounts_new
			"$ADBL" install -c "$test_dir/config.yaml" >/dev/null
			load_run "$c" "$seconds" "$insert" | xargs >>"$test_dir/idle.tps"
			outbox_clear
			receiver_fresh
			bench_config_write 4 64
			daemon_up
			load_run "$c" "$seconds" "$insert" | xargs >>"$test_dir/live.tps"
			process_kill daemon
			receiver_stop >/dev/null
			outbox_clear
		done
		set -- "$(median <"$test_dir/none.tps")" "$(median <"$test_dir/idle.tps")" "$(median <"$test_dir/live.tps")"
		emit "| $c | $1 | $2 | $(ratio "$2" "$1") | $3 | $(ratio "$3" "$1") |"
	done
	emit '' 'In the last two columns the daemon, the receiver and the deliveries use the same cores as the writers.'
}

# ---- idle

bench_idle() {
	local before
	receiver_fresh
	bench_config_write 10 64
	daemon_up
	pause 2
	before=$(cpu_us daemon)
	pause 10
	emit "RSS $(mb "$(rss_kb daemon)") MB, $(awk -v c=$(($(cpu_us daemon) - before)) 'BEGIN { printf "%.2f", c / 1e5 }') % of one core over 10 s, pool_size 10."
	process_stop daemon >/dev/null
	receiver_stop >/dev/null
}

bench_formats() {
	emit 'CPU time of one thread to make an event a request (bench_format). Columns as applications have them, and words made of random letters,' \
		'which compress worse than language does.' ''
	"${TEST_BUILD:-build}/tests/bench/bench_format" | tee -a "$out"
}
