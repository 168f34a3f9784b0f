#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# An import of 350 requests with 100 events each, against a receiver that lets 100 requests a minute through and answers
# 429 beyond: none is refused, and what status says of the end is right. Its minute has QUOTA_SECONDS.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

seconds=${QUOTA_SECONDS:-5} requests=350

# eta: when status expects the end, in microseconds since 1970; "-": it does not know
eta_now() {
	adbl status --json && jq -r --argjson now "${EPOCHREALTIME/[.,]/}" \
		'.pipelines[0].eta_seconds | if . == null then "-" else $now + . * 1000000 | floor end' "$test_dir/stdout"
}

receiver_start receiver
receiver_control "limit=100&window_ms=$((seconds * 1000))"
shop_new || give_up 'the shop opens'
config_set webhook.rate_limit "100/${seconds}s" webhook.batch_max_events 100 webhook.max_in_flight 4
exits "install" 0 adbl install
people 1 $((requests * 100))
shop_run
begin=${EPOCHREALTIME/[.,]/}
while [ "$(stats .distinct)" -lt $((requests * 100)) ]; do
	echo "${EPOCHREALTIME/[.,]/} $(eta_now)"
	[ $((${EPOCHREALTIME/[.,]/} - begin)) -lt $((seconds * 20000000)) ] || give_up "the import ends"
	pause 0.3
done >"$test_dir/said"
end=${EPOCHREALTIME/[.,]/}

all_delivered "the import" $((requests * 100))
is "requests" "$(stats .requests)" "$requests"
is "none was refused" "$(stats '.by_status."429" // 0')" 0
ok "the limit was used" test $((end - begin)) -lt $((seconds * 12500 * requests))
# after the first three seconds, while a quarter is left
awk -v begin="$begin" -v end="$end" '
	$1 < begin + 3000000 || end - $1 < (end - begin) / 4 { next }
	{ judged++; wrong = $2 == "-" ? end : $2 - end; if (wrong < 0) wrong = -wrong
	  share = wrong / (end - $1); if (share > worst) worst = share }
	END { printf "%d %.3f\n", judged, worst }' "$test_dir/said" >"$test_dir/judged"
read -r judged worst <"$test_dir/judged"
diag "$judged times judged, at worst $worst of what was left"
ok "status was asked several times" test "$judged" -ge 5
ok "... and right within a tenth" awk -v worst="$worst" 'BEGIN { exit !(worst <= 0.1) }'
tests_end
