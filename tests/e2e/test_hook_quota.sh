#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# An import of 350 requests with 100 events each, against a receiver that lets 100 requests a minute through and answers
# 429 beyond: none is refused, and what status says of the end is right. Its minute has QUOTA_SECONDS.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

seconds=${QUOTA_SECONDS:-5} requests=350

# eta: in how many microseconds status expects the end; "-": it does not know
eta() {
	adbl status --json && jq -r '.pipelines[0].eta_seconds | if . == null then "-" else . * 1000000 | floor end' "$test_dir/stdout"
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
	echo "${EPOCHREALTIME/[.,]/} $(eta) ${EPOCHREALTIME/[.,]/}"
	[ $((${EPOCHREALTIME/[.,]/} - begin)) -lt $((seconds * 60000000)) ] || give_up "the import ends"
	pause 0.3
done >"$test_dir/said"

all_delivered "the import" $((requests * 100))
# a worker that is up before the reader has put a hundred events there takes what there is
ok "requests, all but a few full" test "$(stats .requests)" -le $((requests + 5)) || diag "$(stats .requests)"
is "none was refused" "$(stats '.by_status."429" // 0')" 0
end=$(tail -n 1 "$test_dir/receiver.ndjson" | jq .t_us)
diag "the import took $(((end - begin) / 1000)) ms, $((seconds * 10000 * requests / 1000)) ms by the receiver's limit"
ok "the limit was what it waited for" metrics_is ".webhooks[0].rate_limited_seconds_total >= $seconds" true
# After the first three seconds, while a quarter is left. It was seen at some moment between the question and the answer. Half a
# second is what a machine may stand still, which no estimate knows.
awk -v begin="$begin" -v end="$end" '
	$1 < begin + 3000000 || end - $3 < (end - begin) / 4 { next }
	{ judged++; wrong = $2 == "-" ? end : $1 + $2 > end ? $1 + $2 - end : $3 + $2 < end ? end - $3 - $2 : 0
	  wrong = wrong > 500000 ? wrong - 500000 : 0
	  share = wrong / (end - $3); if (share > worst) worst = share }
	END { printf "%d %.3f\n", judged, worst }' "$test_dir/said" >"$test_dir/judged"
read -r judged worst <"$test_dir/judged"
diag "$judged times judged, at worst $worst of what was left"
ok "status was asked several times" test "$judged" -ge 3
ok "... and right within a tenth" awk -v worst="$worst" 'BEGIN { exit !(worst <= 0.1) }'
tests_end
