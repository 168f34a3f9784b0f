#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# status tells what waits: exactly while it is little, about when it is much, and what that costs does not grow with
# it. STATUS_ROWS=1000000 for the figures of docs/BENCHMARKS.md.
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind comes from need_database
. "$(dirname "$0")/../support/lib.sh"
options=()
[ "${1:-}" != mariadb ] || options=(-o 'innodb_log_file_size = 512M')
need_database "${1:-}" "${options[@]}"
. tests/e2e/shop.sh

rows=${STATUS_ROWS:-30000}

pipeline_is() { # NAME FILTER: a test, of the pipeline in status --json
	adbl status --json && jq -e ".pipelines[0] | $2" "$test_dir/stdout" >/dev/null
	ok "$1" test $? = 0 || diag "$(cat "$test_dir/stdout") $complained"
}
within_tenth() { # WANT
	echo ".undelivered_about and .undelivered > $1 * 0.9 and .undelivered < $1 * 1.1"
}
millis() { # of 21 calls: median, most
	local i begin
	for ((i = 0; i < 21; i++)); do
		begin=${EPOCHREALTIME/./}
		adbl status --json || return 1
		echo $((${EPOCHREALTIME/./} - begin))
	done | sort -n | sed -n '11s/...$//p;21s/...$//p' | paste -s -d ' '
}

shop_new || give_up 'the shop opens'
exits "install" 0 adbl install
pipeline_is "nothing waits" '.undelivered == 0 and (.undelivered_about | not) and .dead_letters == 0 and .eta_seconds == null'
people 1 9000
pipeline_is "little is counted" '.undelivered == 9000 and (.undelivered_about | not) and .oldest != null'
people 9001 "$rows"
pipeline_is "much is told about" "$(within_tenth "$rows")"
exits "... in words" 0 adbl status
has "... that say so" "$said" 'undelivered about' 'dead letters 0'
diag "$db_kind, $rows rows: status takes $(millis) ms (median, most)"

# few are left in front, many behind
sql "DELETE FROM $outbox WHERE id > 100 AND id <= $((rows / 2))" || ok "rows go" false
pipeline_is "a hole is noticed" "$(within_tenth $((rows / 2 + 100)))"
diag "$db_kind, with a hole: status takes $(millis) ms (median, most)"
tests_end
