#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The receiver on a socket: each way it misbehaves is what a client sees, and what it counts is right.
. "$(dirname "$0")/../support/lib.sh"

event() { # N KEY [MORE]
	printf '{"id":"abc-%s","pipeline":"default","operation":"insert","schema":"public","table":"t","key":{"id":%s}%s}' \
		"$1" "$2" "${3:-}"
}

# post BODY [CURL OPTION...]: "STATUS CURL-EXIT"
post() {
	local body=$1 rc=0 status
	shift
	status=$(curl -s -m "${patience:-20}" -o "$test_dir/answer" -w '%{http_code}' -H 'Content-Type: application/json' \
		--data-binary "$body" "$@" "http://127.0.0.1:${port[receiver]}/hook") || rc=$?
	echo "$status $rc"
}

# misbehaves MODE WANT N: one request under the mode, and all is well after it. Only what never ends is not waited for.
misbehaves() {
	local patience=20
	[[ $2 != *28 ]] || patience=2
	receiver_control "mode=$1&count=1"
	is "mode $1" "$(post "$(event "$3" 100)")" "$2"
	patience=20
	is "... once" "$(post "$(event "$3" 100)")" "200 0"
}

answers() {
	[ "$(post "$(event 43 9)")" = "$1" ]
}

receiver_start
is "an event is taken" "$(post "$(event 1 7)")" "200 0"
is "the same again" "$(post "$(event 1 7)")" "200 0"
is "a later one of the key" "$(post "$(event 3 7)")" "200 0"
is "an earlier one of the key" "$(post "$(event 2 7)" -H 'Transfer-Encoding: chunked')" "200 0"
is "the id in a header counts" "$(post "$(event 1 7)" -H 'webhook-id: abc-4')" "200 0"
is "what it counted" "$(stats '"\(.requests) \(.distinct) \(.duplicates) \(.out_of_order)"')" "5 4 1 1"

head -c 5000000 /dev/zero | tr '\0' x >"$test_dir/big"
event 5 8 ',"data":"' >"$test_dir/body"
sed -i '$ s/}$//' "$test_dir/body"
cat "$test_dir/big" >>"$test_dir/body"
printf '"}' >>"$test_dir/body"
is "5 MB" "$(post "@$test_dir/body" -H 'Expect:')" "200 0"
is "5 MB in chunks, after 100 Continue" \
	"$(post "@$test_dir/body" -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue')" "200 0"

misbehaves hang "000 28" 20
misbehaves trickle "000 28" 21
misbehaves reset "000 56" 22
misbehaves close "000 52" 23
misbehaves cut "200 18" 24
misbehaves early "200 0" 25
misbehaves endless "200 28" 26
misbehaves flood "100 56" 27

receiver_control 'status=429&retry_after=7&location=http://x/'
is "a status of its own" "$(post "$(event 40 9)")" "429 0"
answer=$(curl -si -d "$(event 40 9)" "http://127.0.0.1:${port[receiver]}/hook" | tr -d '\r')
ok "... with Retry-After" grep -qx 'Retry-After: 7' <<<"$answer"
ok "... and Location" grep -qx 'Location: http://x/' <<<"$answer"

options() { # its answer's status and WebHook lines, to one question of example.com for 60 a minute
	curl -si -m 20 -X OPTIONS -H 'WebHook-Request-Origin: example.com' -H 'WebHook-Request-Rate: 60' \
		"http://127.0.0.1:${port[receiver]}/hook" | tr -d '\r' | sed -n 's/^HTTP.1.1 \([0-9]*\).*/\1/p; /^WebHook/p' | paste -sd' '
}
requests=$(stats .requests)
is "OPTIONS is refused" "$(options)" 405
receiver_control 'status=500&allow_origin=example.com'
is "... or allowed, whatever the mode" "$(options)" "200 WebHook-Allowed-Origin: example.com"
receiver_control 'allow_origin=*&allow_rate=120'
is "... with a rate" "$(options)" "200 WebHook-Allowed-Origin: * WebHook-Allowed-Rate: 120"
is "... is counted" "$(stats '.options | "\(.asked) \(.refused) \(.origin) \(.rate)"')" "3 1 example.com 60"
is "... and is no event" "$(stats .requests)" "$requests"

receiver_control 'poison=evil&fail_first=1'
is "the first attempt fails" "$(post "$(event 41 9)")" "503 0"
is "the second succeeds" "$(post "$(event 41 9)")" "200 0"
is "poison fails always" "$(post "$(event 41 9 ',"data":"evil"')")" "500 0"
receiver_control 'delay_ms=300'
ms=$(elapsed_ms post "$(event 42 9)")
ok "a delay of 300 ms took $ms" test "$ms" -ge 300

receiver_control 'down_ms=3000'
ok "it goes down" wait_until 5 answers "000 7"
ok "it comes up again" wait_until 5 answers "200 0"

before=$(stats '"\(.distinct) \(.out_of_order)"') events=$(stats .events)
receiver_stop
receiver_start receiver
is "a new one knows what the old one was given" "$(stats '"\(.distinct) \(.out_of_order)"')" "$before"
is "... and calls a redelivery a duplicate" "$(post "$(event 1 7)"; stats .distinct)" "$(printf '200 0\n%s' "${before% *}")"
is "the record has a line for each event" "$((events + $(stats .events)))" "$(jq -s length "$test_dir/receiver.ndjson")"

# stopped while it answers: what a client was told is in the record. The client cannot get to its end before: what it says
# is more than a pipe takes, and is read as far as the stop.
receiver_control 'delay_ms=5'
for n in $(seq 1001 5000); do
	printf '%s\n' next "url = \"http://127.0.0.1:${port[receiver]}/hook?$n\"" "header = \"webhook-id: abc-$n\"" \
		'data = "x"' 'output = "/dev/null"' 'write-out = "%{http_code} %{url}\n"'
done >"$test_dir/many"
curl -s --no-progress-meter -Z --parallel-max 20 -K "$test_dir/many" | {
	for ((n = 0; n < 300; n++)); do
		IFS= read -r line && printf '%s\n' "$line"
	done
	process_signal receiver TERM
	cat
} >"$test_dir/told"
process_wait receiver
sed -n 's/^200 .*hook?/abc-/p' "$test_dir/told" | sort >"$test_dir/told.ids"
jq -r 'select(.status == 200) | .id' "$test_dir/receiver.ndjson" | sort -u >"$test_dir/recorded.ids"
told=$(wc -l <"$test_dir/told.ids")
ok "it ends in the middle: $told of 4000 answered" test "$told" -gt 0 -a "$told" -lt 4000
is "... all in the record" "$(comm -23 "$test_dir/told.ids" "$test_dir/recorded.ids")" ""
receiver_start
is "not HTTP" "$(printf 'hello\r\n\r\n' | timeout 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/${port[receiver]}; cat >&3; cat <&3")" ""
ok "... is counted" wait_until 10 stats_is .bad 1
tests_end
