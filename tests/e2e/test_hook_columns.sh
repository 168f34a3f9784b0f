#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# databases: postgres mariadb sqlite
# Columns chosen and masked, and bodies kept small, per webhook: what rules keep back is in nothing that the receiver got, in no log line and on no
# page, whatever its escapes; a hash is what openssl makes of the value; another webhook gets the same rows whole.
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

mask_key=Mask-5b1e0c7d9f3a48622c07d1e5b94f8a30
receiver_start receiver --bodies
receiver_start whole --bodies
receiver_start small --bodies
db_new shop
sql 'CREATE TABLE users (email varchar(100) PRIMARY KEY, phone varchar(100), note text, card bigint, n int)'
config_write users | sed '/^webhook:/,/^admin:/{/^admin:/!d}' >"$shop_config"
echo "$mask_key" >"$test_dir/mask"
cat >>"$shop_config" <<CONFIG
  token: let-me-in
listener: {poll_interval: 500ms}
logging: {level: debug, file: "$test_dir/app.log"}
webhooks:
  - name: masked
    url: "http://127.0.0.1:${port[receiver]}/in/{table}/{id}"
    format: cloudevents-binary
    headers: {X-Table: "{schema}.{table}"}
    columns_exclude: [users.note]
    mask: {hash: [email, "*.p*ne"], redact: card, key_file: "$test_dir/mask"}
  - {name: whole, url: "http://127.0.0.1:${port[whole]}/in"}
  - {name: cut, url: "http://127.0.0.1:${port[small]}/in", max_body_bytes: 1kB, oversized: truncate, format: debezium,
     compression: gzip, compression_min_bytes: 0}
  - {name: keys, url: "http://127.0.0.1:${port[small]}/in", max_body_bytes: 1kB, batch_max_events: 10}
  - {name: none, url: "http://127.0.0.1:${port[small]}/in", max_body_bytes: 1kB, oversized: dead_letter}
pipelines:
  - {name: masked, webhook: masked}
  - {name: whole, webhook: whole}
  - {name: cut, webhook: cut}
  - {name: keys, webhook: keys}
  - {name: none, webhook: none}
CONFIG
exits "install" 0 adbl install
exits "check finds nothing to complain of" 0 adbl check
ok "... no column that is not there" test "$(grep -c 'is no column' <<<"$said")" = 0
shop_run

# a value with what JSON escapes, in the four ways that the databases have to spell it
quote=$'Zoe "\xc3\xa9" \xf0\x9f\x98\x80\ttab'
sql "INSERT INTO users VALUES ('plain-mail@example.org', '$quote', 'plain-note', 4711471147114711, 1)" \
	"UPDATE users SET email = 'other-mail@example.org', n = 2" "UPDATE users SET phone = NULL, card = NULL, note = NULL" \
	"DELETE FROM users"
ok "all changes arrive, masked" wait_until 20 stats_is .distinct 4
ok "... and whole" wait_until 20 stats_is .distinct 4 whole

hash() {
	printf '%s' "$1" | openssl dgst -sha256 -hmac "$mask_key" | sed 's/.*= *//'
}
# field RECEIVER EVENT FILTER: of the body of the nth event
field() {
	jq -s "sort_by(.id | split(\"-\")[-1] | tonumber)[$2] | .body | if type == \"string\" then fromjson else . end | $3" \
		"$test_dir/$1.ndjson" | jq -c .
}
is "a hash is what openssl makes of the value" "$(field receiver 0 .data.email)" "\"$(hash plain-mail@example.org)\""
is "... of what a string means" "$(field receiver 0 .data.phone)" "\"$(hash "$quote")\""
is "... in the key too" "$(field receiver 0 .key.email)" "\"$(hash plain-mail@example.org)\""
is "... the old key and the old row" "$(field receiver 1 '[.old_key.email, .old_data.email, .key.email] | @csv')" \
	"$(field receiver 1 '[.old_data.email, .old_key.email, .data.email] | @csv')"
is "... which are another's" "$(field receiver 1 '[.old_key.email, .key.email]')" \
	"[\"$(hash plain-mail@example.org)\",\"$(hash other-mail@example.org)\"]"
is "others are redacted" "$(field receiver 0 .data.card)" '"***"'
is "... nothing stays nothing" "$(field receiver 2 '[.data.phone, .data.card]')" '[null,null]'
is "... or are not there, which leaves the rest" "$(field receiver 0 '.data | keys')" '["card","email","n","phone"]'
is "... as it is" "$(field receiver 1 .data.n)" 2
is "another webhook gets all" "$(field whole 0 '.data | [.email, .note, .card, .n]')" \
	'["plain-mail@example.org","plain-note",4711471147114711,1]'
is "... with all that is odd in it" "$(field whole 0 .data.phone)" "$(jq -cn --arg q "$quote" '$q')"
ok "... so that what is looked for below can be found" grep -qF plain-mail "$test_dir/whole.ndjson"
is "nothing was out of order" "$(stats '"\(.out_of_order) \(.duplicates)"')" "0 0"

# ---- a refused row is whole in the database, and nowhere else

receiver_control 'status=400&count=1'
sql "INSERT INTO users VALUES ('dead-mail@example.org', 'plain-phone', 'plain-note', 4711471147114711, 3)"
ok "a row dies" wait_until 20 sql_is "SELECT count(*) FROM $dead_letter" 1
is "... whole" "$(adbl dead-letters list && sql "SELECT data FROM $dead_letter" | grep -c plain-note)" 1
ok "... also from the other pipeline" wait_until 20 stats_is .distinct 5 whole

# ---- a row too large for three of them, each in its way

is "small rows are not touched" "$(metrics '[.webhooks[] | .truncated_events_total + .key_only_events_total + .oversized_total] | add')" 0
sql "INSERT INTO users VALUES ('large', 'p', replace('$(printf '%01000d' 0)', '0', '\"é'), 1, 4)"
ok "one is cut, one is its key" wait_until 20 stats_is .distinct 17 small
ok "... one is not sent" wait_until 20 sql_is "SELECT count(*) FROM $dead_letter WHERE pipeline = 'none'" 1
is "... and says why" "$(sql "SELECT last_error FROM $dead_letter WHERE pipeline = 'none'" | grep -c 'bytes, max_body_bytes is 1024')" 1
is "... without an attempt" "$(sql "SELECT attempts FROM $dead_letter WHERE pipeline = 'none'")" 0
counted='[.webhooks[] | .truncated_events_total + 10 * .key_only_events_total + 100 * .oversized_total] | add'
ok "each is counted" wait_until 10 metrics_is "$counted" 111 || diag "$(metrics "$counted")"
bodies() { # PIPELINE FILTER: of the large row's body
	jq -c --arg p "$1" 'select(.body | tostring | contains("large")) | .body | if type == "string" then fromjson else . end
		| if type == "array" then .[] else . end | select([.. | strings] | index($p)) | '"$2" "$test_dir/small.ndjson"
}
is "the text is cut" "$(bodies cut '[.source.truncated_columns, (.after.note | test("^(\"é)+\"?$")), (tojson | utf8bytelength | . > 1000 and . <= 1024)]')" \
	'[["note"],true,true]'
is "the key stands for the row" "$(bodies keys '[.truncated, .data]')" '[true,{"email":"large"}]'
metrics >"$test_dir/metrics"
curl -s -m 5 "http://127.0.0.1:$admin_port/metrics?format=prometheus" >>"$test_dir/metrics"
adbl status
is "the metrics say how many rules there are" \
	"$(metrics '.webhooks[] | select(.name == "masked" or .webhook == "masked") | .column_rules')" 4
exits "it ends well" 0 process_stop daemon
ok "there are records to look at" test "$(wc -l <"$test_dir/receiver.ndjson")" -ge 5
for file in app.log metrics stdout; do
	ok "... and what the daemon says: $file" test -s "$test_dir/$file"
done
for plain in plain-mail other-mail dead-mail plain-note plain-phone Zoe 4711471147114711 "$mask_key"; do
	is "$plain is nowhere" "$(cat "$test_dir/receiver.ndjson" "$test_dir/app.log" "$test_dir/daemon.log" "$test_dir/metrics" \
		"$test_dir/stdout" "$test_dir/stderr" | grep -cF -- "$plain")" 0
done

# ---- mistakes, and what check sees of them

sed -i 's/redact: card/redact: crad/' "$shop_config"
exits "a column that is not there is no failure" 0 adbl check
has "... but told" "$said" "warning  masked: mask_redact: crad is no column"
sed -i 's/columns_exclude: .*/columns_exclude: [users.email]/' "$shop_config"
adbl check
has "... as is a key that is not sent" "$said" "column email of its key is not sent to webhook masked"
sed -i 's/, key_file: [^}]*//' "$shop_config"
exits "a hash without a key is refused" 78 adbl check
has "... with its place" "$complained" ":$(grep -n 'mask:' "$shop_config" | cut -d: -f1):12: webhooks[0].mask_hash: needs mask_key"
tests_end
