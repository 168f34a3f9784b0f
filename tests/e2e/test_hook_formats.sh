#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One table, one pipeline for each webhook.format: what arrives is what docs/formats.md says, for names that nobody
# thought of too, and what is put into URLs and headers cannot leave its place.
# shellcheck disable=SC2016 # jq's variables
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

formats=(native cloudevents cloudevents-binary standard debezium)
receiver_start receiver --bodies
record=$test_dir/receiver.ndjson
db_new shop
# a schema and a table whose names have quotes, a line end, a slash, dots, braces and more than ASCII
schema=$'sch"ema' table=$'../o\r\nX-Evil: {1} é'
quoted_schema='"sch""ema"' quoted_table="\"$table\""
sql "CREATE SCHEMA $quoted_schema" \
	"CREATE TABLE $quoted_schema.$quoted_table (id bigint PRIMARY KEY, name text, n numeric)"
json_name=$(jq -n --arg s "$schema" --arg t "$table" '"\($s | gsub("\""; "\"\"") | "\"\(.)\"").\"\($t)\""')

{
	echo "sources:"
	echo "  - {name: shop, host: \"$TEST_PG_HOST\", port: $TEST_PG_PORT, user: \"$TEST_PG_USER\", database: shop,"
	echo "     sslmode: disable, poll_interval: 500ms, max_event_bytes: 1kB}"
	echo "webhooks:"
	for f in "${formats[@]}"; do
		echo "  - name: ${f//-/_}"
		echo "    url: \"http://127.0.0.1:${port[receiver]}/in/{pipeline}/{table}?op={operation}&id={id}\""
		echo "    format: $f"
		[ "$f" != debezium ] || echo "    big_numbers: string"
		echo "    headers: {X-Op: \"<{schema} {operation}>\", X-Plain: \"{{}}\"}"
	done
	echo "pipelines:"
	for f in "${formats[@]}"; do
		echo "  - {name: ${f//-/_}, source: shop, webhook: ${f//-/_}, tables: [$json_name]}"
	done
	echo "admin: {listen: \"127.0.0.1:$admin_port\"}"
} >"$shop_config"
exits "install" 0 adbl install
shop_run

t=$quoted_schema.$quoted_table
sql "INSERT INTO $t VALUES (1, 'a', 12345678901234567890.5)" "UPDATE $t SET name = 'b'" "UPDATE $t SET id = 2" \
	"UPDATE $t SET name = repeat('x', 2000)" "DELETE FROM $t" "TRUNCATE $t"
ok "all six changes arrive in all five formats" wait_until 30 stats_is .distinct 30
ok "the outbox is empty" wait_until 20 outbox_is 0

# events FORMAT FILTER: a jq filter over the six records of a format, in the order of their ids, each with .headers
# (names in lower case) and .content (the body parsed).
events() {
	jq -s --arg f "$1" --arg schema "$schema" --arg table "$table" '
		map(.headers = (.head | split("\r\n")[1:] | map(select(contains(": ")) | {key: (split(": ")[0] | ascii_downcase),
			value: (split(": ")[1:] | join(": "))}) | from_entries)
			| select((.head | split(" ")[1] | split("/")[2]) == ($f | gsub("-"; "_")))
			| .content = (if .body | type == "string" then .body | fromjson else .body end))
		| sort_by(.id | split("-")[-1] | tonumber) | '"$2" "$record"
}
# each NAME FORMAT FILTER WANT
each() {
	is "$1" "$(events "$2" "$3" | jq -c .)" "$4"
}

operations='["insert","update","update","update","delete","truncate"]'
for f in "${formats[@]}"; do
	each "$f: its name and version" "$f" 'map(.headers["app-db-listener-format"]) | unique' "[\"$f/1\"]"
	each "... every operation in the URL" "$f" 'map(.head | split(" ")[1] | capture("op=(?<op>[a-z]+)&").op)' "$operations"
	each "... with the id of the event" "$f" 'map((.head | split(" ")[1] | split("id=")[1]) == .headers["webhook-id"]) | all' true
	each "... and the table as one segment" "$f" 'map(.head | split(" ")[1] | split("?")[0] | split("/")[3]) | unique' \
		'["%2E%2E%2Fo%0D%0AX-Evil%3A%20%7B1%7D%20%C3%A9"]'
	each "... in a header on one line" "$f" '[.[0].headers["x-op"], .[0].headers["x-plain"], .[0].headers["x-evil"]]' \
		'["<sch%22ema insert>","{}",null]'
done
each "the content type is JSON" native 'map(.headers["content-type"]) | unique' '["application/json"]'
each "... or CloudEvents in JSON" cloudevents 'map(.headers["content-type"]) | unique' \
	'["application/cloudevents+json; charset=UTF-8"]'

each "native: operations" native 'map(.content.operation)' "$operations"
each "... the names as they are" native 'map([.content.schema, .content.table] == [$schema, $table]) | all' true
each "... keys" native 'map([.content.key.id, .content.old_key.id])' '[[1,null],[1,null],[2,1],[2,null],[2,null],[null,null]]'
each "... the large row is its key" native 'map([.content.truncated, (.content.data | length)])[3]' '[true,1]'
ok "... numbers have all their digits" grep -q '"n":12345678901234567890.5' "$record"

# the three others that carry the native body carry the same
native=$(events native 'map(.content | del(.id, .pipeline, .changed_at))')
same() { # NAME FORMAT FILTER
	is "$1" "$(events "$2" "map($3 | del(.id, .pipeline, .changed_at))")" "$native"
}
same "cloudevents: data is the native body" cloudevents .content.data
same "cloudevents-binary: the body is" cloudevents-binary .content
same "standard: data is" standard .content.data

attributes='["id","partitionkey","sequence","source","specversion","subject","time","type"]'
each "cloudevents: its attributes" cloudevents 'map(.content | del(.data, .datacontenttype) | keys) | unique[]' "$attributes"
each "... an id that is webhook-id" cloudevents 'map(.content.id == .headers["webhook-id"]) | all' true
each "... sequence rises as text" cloudevents 'map(.content.sequence) | . == (sort | unique) and (map(length) | unique) == [20]' true
each "... partitionkey tells rows apart" cloudevents 'map(.content.partitionkey) | [.[0] == .[1], .[2] == .[3], .[1] == .[2], .[5] == .[4]]' \
	'[true,true,false,false]'
each "... no control characters" cloudevents '[.[].content | .subject, .type, .partitionkey | test("[\u0000-\u001f]")] | any' false
each "cloudevents-binary: the same as headers" cloudevents-binary \
	'map(.headers | keys | map(select(startswith("ce-"))[3:])) | unique[]' "$attributes"
# percent-decoding as a receiver does it
decode='def hex: ascii_downcase | explode | map(if . > 96 then . - 87 else . - 48 end) | .[0] * 16 + .[1];
	def decode: split("%") | .[0] as $h | .[1:] | ([$h | explode[]] + ([.[] | ([.[0:2] | hex] + [.[2:] | explode[]])] | add // [])) | implode;'
each "... the time is the change's" cloudevents-binary 'map(.headers["ce-time"] == .content.changed_at) | all' true
is "... specversion and sequence" "$(events cloudevents-binary 'map(.headers | [.["ce-specversion"], .["ce-sequence"]])')" \
	"$(events cloudevents 'map(.content | [.specversion, .sequence])')"
is "... a subject that decodes" \
	"$(events cloudevents-binary '.[0].headers["ce-subject"] | gsub("%EF%BF%BD"; "?") | gsub("%C3%A9"; "e")' | jq "$decode decode")" \
	"\"sch\\\"ema.../o??X-Evil: {1} e\""

each "standard: type and timestamp" standard 'map((.content | keys) == ["data","timestamp","type"] and .content.timestamp == .content.data.changed_at) | all' true
each "... by default {table}.{operation}" standard '.[0].content.type == "\($table).insert"' true

each "debezium: op" debezium 'map(.content.op)' '["c","u","u","u","d","t"]'
each "... before and after" debezium 'map([.content.before.name, .content.after.name])' \
	'[[null,"a"],["a","b"],["b","b"],[null,null],[null,null],[null,null]]'
each "... a big number as a string, when told" debezium '.[0].content.after | [.id, .n]' '[1,"12345678901234567890.5"]'
each "... source" debezium '.[0].content.source | [.connector, .name, .db, .schema == $schema, .table == $table]' \
	'["postgresql","debezium","shop",true,true]'
each "... keys" debezium 'map(.content.source | [.key.id, .old_key.id])' '[[1,null],[1,null],[2,1],[2,null],[2,null],[null,null]]'
each "... times are milliseconds" debezium 'map(.content | .ts_ms == .source.ts_ms and .ts_ms > 1700000000000 and .ts_ms < 100000000000000) | all' true

is "nothing came twice or out of order" "$(stats '"\(.out_of_order) \(.duplicates)"')" "0 0"

# ---- test-webhook sends the format; a webhook.type of one's own; mistakes

last_is() { # FILTER WANT: of the record, which is written a bit later
	[ "$(tail -n 1 "$record" | jq -r "$1")" = "$2" ]
}
exits "test-webhook" 0 adbl test-webhook --webhook cloudevents
ok "... in its format" wait_until 5 last_is '.body.type' app-db-listener.app_db_listener_test.insert
sed -i 's/format: standard/format: standard\n    type: "com.example.{operation}.{{}}"/' "$shop_config"
exits "webhook.type is a template" 0 adbl test-webhook --webhook standard
ok "... of its own" wait_until 5 last_is '.body.type' 'com.example.insert.{}'
sed -i 's/{operation}\.{{}}/{tablet}/' "$shop_config"
exits "an unknown placeholder is a mistake" 78 adbl check
has "... with its place" "$complained" "type: has an unknown placeholder" ":$(grep -n tablet "$shop_config" | cut -d: -f1):"
exits "it ends well" 0 process_stop daemon
tests_end
