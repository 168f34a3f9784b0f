# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # test_dir, port, outbox and the rest come from lib.sh
# For the end-to-end scripts about receivers and operators, on top of tests/support/lib.sh: a small shop with one
# captured table, users(id, name, n), and a configuration whose keys are set one by one.

shop_config=$test_dir/config.yaml

# config_set SECTION.KEY VALUE...: in $shop_config, which has the short form.
config_set() {
	local section key
	while [ $# -gt 1 ]; do
		section=${1%%.*} key=${1#*.}
		CONFIG_VALUE=$2 awk -v section="$section" -v key="$key" '
			function put() { print "  " key ": " ENVIRON["CONFIG_VALUE"]; done = 1 }
			$0 == section ":" { print; put(); inside = 1; next }
			/^[^ ]/ { inside = 0 }
			inside && $1 == key ":" { next }
			{ print }
			END { if (!done) { print section ":"; put() } }' "$shop_config" >"$shop_config.new"
		mv "$shop_config.new" "$shop_config"
		shift 2
	done
}

# adbl COMMAND [ARGUMENT...]: with the shop's configuration. Its status; its words are in $said and $complained.
adbl() {
	local status=0 command=$1
	shift
	"$ADBL" "$command" -c "$shop_config" "$@" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
	said=$(<"$test_dir/stdout") complained=$(<"$test_dir/stderr")
	return "$status"
}

# said_is FILTER: what was said is JSON of which the filter is true.
said_is() {
	[ "$(jq -r "$1" "$test_dir/stdout")" = true ]
}

# exits NAME STATUS COMMAND...: a test: COMMAND ends with STATUS.
exits() {
	local name=$1 want=$2 status=0
	shift 2
	"$@" || status=$?
	is "$name" "$status" "$want" || diag "$* said: ${said:-} ${complained:-}"
}

# has NAME TEXT WORDS...: a test: each of WORDS is in TEXT, whatever the case. There is one at least, and none is empty.
has() {
	local name=$1 text=${2,,} word
	shift 2
	for word in "${@:-}"; do
		if [ -z "$word" ] || [[ $text != *"${word,,}"* ]]; then
			ok "$name" false || diag "no '$word' in: $text"
			return 1
		fi
	done
	ok "$name" true
}

# shop_new: database, table and configuration, with retries that do not take long.
shop_new() {
	db_new "${1:-shop}" &&
		sql 'CREATE TABLE users (id bigint PRIMARY KEY, name text, n int)' &&
		config_write users >"$shop_config" &&
		config_set webhook.retry_max_delay 500ms webhook.breaker_max_delay 500ms admin.token '"let-me-in"' \
			listener.poll_interval 500ms
}

# give_up NAME: a test that failed, after which the others make no sense.
give_up() {
	ok "$1" false
	diag "${complained:-}"
	tests_end
}

# shop_run [OPTION...]: start the daemon and wait until it is ready.
shop_run() {
	daemon_start daemon "$shop_config" "$@"
	wait_until 30 daemon_ready || give_up 'the daemon becomes ready'
}

# shop_open [SECTION.KEY VALUE]...: everything, from the receiver to a ready daemon.
shop_open() {
	{ receiver_start receiver && shop_new; } || give_up 'the shop opens'
	config_set "$@"
	adbl install || give_up 'install succeeds'
	shop_run
}

# people FROM TO [NAME]: insert them in one transaction.
people() {
	sql "INSERT INTO users $(sql_series "$1" "$2" "SELECT i, '${3:-person}', 0")"
}

outbox_is() {
	sql_is "SELECT count(*) FROM $outbox" "$1"
}
dead_is() {
	sql_is "SELECT count(*) FROM $dead_letter" "$1"
}
breaker_is() {
	metrics_is ".webhooks[${2:-0}].breaker" "$1"
}

# all_delivered NAME WANT [RECEIVER]: tests: WANT different events came in order, none is dead or left behind.
all_delivered() {
	local receiver=${3:-receiver}
	ok "$1: all $2 events arrive" wait_until 60 stats_min .distinct "$2" "$receiver" || {
		diag "$(stats '"distinct \(.distinct) of requests \(.requests)"' "$receiver")"
		diag "$(metrics '{in_flight, waiting, queue_size, outbox_rows, webhooks}')"
		diag "outbox $(sql 'SELECT count(*) FROM app_db_listener.outbox'), dead letters:" \
			"$(sql 'SELECT id, attempts, last_error FROM app_db_listener.dead_letter')"
		tests_end
	}
	ok "... and leave the outbox" wait_until 30 outbox_is 0
	is "... each row's in order, none unasked for" \
		"$(stats '"\(.distinct) \(.out_of_order) \(.overlaps)"' "$receiver")" "$2 0 0"
	ok "... none is dead" dead_is 0
}
