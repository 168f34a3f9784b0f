#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# webhook.compression: large bodies arrive in gzip, small ones plain, both whole, after a retry too; the metrics count.
# shellcheck disable=SC2016 # jq's variables
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

receiver_start receiver --bodies --raw
record=$test_dir/receiver.ndjson
shop_new || give_up 'the shop opens'
# nothing is sent again for its time: the attempts are counted
config_set webhook.timeout 60 webhook.compression gzip webhook.compression_min_bytes 4kB webhook.retry_delay 20ms webhook.breaker_failures 1000 \
	listener.max_event_bytes 16MB memory.max 130MB webhook.signing_secrets "[whsec_$(printf '%032d' 7 | base64 -w 0)]"
exits "install" 0 adbl install
shop_run

text='(SELECT string_agg(md5((i * 7919 + g)::text), chr(32)) FROM generate_series(1, %s) g)'
# shellcheck disable=SC2059 # a statement with one number
big() { # FROM TO PARTS: rows of about 33 bytes a part
	sql "INSERT INTO users SELECT i, $(printf "$text" "$3"), 0 FROM generate_series($1, $2) i"
}
receiver_control 'fail_first=1'
people 1 5 # small
big 11 15 10
big 21 25 1000
big 31 32 60000 # 2 MB
big 41 41 200000 # 6.6 MB: too much for one turn of a worker
ok "all rows arrive" wait_until 60 stats_is .distinct 18
ok "... at their second attempt" stats_min .retries 18
ok "the outbox is empty" wait_until 20 outbox_is 0
is "nothing is dead" "$(metrics .dead_total)" 0

# of the accepted: row -> [encoding, whether it came smaller than it is]
jq -s 'map(select(.verdict == "first") | {key: (.key.id | tostring), value: [
	(.head | test("\r\nContent-Encoding: gzip\r\n")),
	((.head | capture("\r\nContent-Length: (?<n>[0-9]+)\r\n").n | tonumber) <= .bytes * 0.9),
	.body.data.name]}) | from_entries' "$record" >"$test_dir/rows.json"
encodings() { # ROW...
	jq -c '[$ARGS.positional[] as $i | .[$i][0:2]] | unique' "$test_dir/rows.json" --args "$@"
}
is "small bodies come plain" "$(encodings 1 2 3 4 5 11 15)" '[[false,false]]'
is "large ones in gzip" "$(encodings 21 22 23 24 25 31 32)" '[[true,true]]'
is "very large ones plain" "$(encodings 41)" '[[false,false]]'
sql 'SELECT id, name FROM users ORDER BY id' | md5sum >"$test_dir/want"
jq -r 'to_entries | sort_by(.key | tonumber)[] | "\(.key)|\(.value[2])"' "$test_dir/rows.json" | md5sum >"$test_dir/got"
ok "every row is whole" cmp "$test_dir/want" "$test_dir/got"


# signed are the bytes sent, which gzip takes
jq -rs 'map(select(.key.id == 21 and .verdict == "first"))[0] | .head, .body_base64' "$record" >"$test_dir/request"
sent_header() { # NAME
	tr -d '\r' <"$test_dir/request" | awk -F ': ' -v name="$1" 'tolower($1) == name { print $2 }'
}
tail -n 1 "$test_dir/request" | base64 -d >"$test_dir/body.gz"
{
	printf '%s.%s.' "$(sent_header webhook-id)" "$(sent_header webhook-timestamp)"
	cat "$test_dir/body.gz"
} >"$test_dir/message"
is "the signature is of the bytes sent" "$(sent_header webhook-signature)" \
	"v1,$(openssl dgst -sha256 -hmac "$(printf '%032d' 7)" -binary "$test_dir/message" | base64 -w 0)"
is "... which gzip takes" "$(gzip -dc "$test_dir/body.gz" | jq .key.id)" 21

is "the metrics count what was sent, failed attempts too" \
	"$(metrics '.webhooks[0] | "\(.compressed_total) \(.sent_bytes_total) \(.plain_bytes_total)"')" \
	"$(jq -rs '"14 \(map(.head | capture("\r\nContent-Length: (?<n>[0-9]+)\r\n").n | tonumber) | add) \(map(.bytes) | add)"' "$record")"
receiver_control 'mode=ok'

config_set webhook.compression_min_bytes 0
last_is_gzip() {
	[ "$(tail -n 1 "$record" | jq '.table == "app_db_listener_test" and (.head | test("Content-Encoding: gzip"))')" = true ]
}
exits "test-webhook" 0 adbl test-webhook
ok "... compresses likewise" wait_until 5 last_is_gzip
exits "it ends well" 0 process_stop daemon
tests_end
