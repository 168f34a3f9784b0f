#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kill -9 of the daemon at random points while it archives: after each restart the file parses, and in the end every
# change that was committed is in it, each row's in order. ARCHIVE_KILLS=200 is make archive-kills.
# shellcheck disable=SC2154 # outbox comes from lib.sh
. "$(dirname "$0")/../support/lib.sh"
need_database sqlite
. tests/e2e/shop.sh
. tests/e2e/archives.sh
kills=${ARCHIVE_KILLS:-5}

mkdir "$archive_dir"
shop_new || give_up 'the shop opens'
path=$archive_dir/default.json
config_set webhook.url "file://$archive_dir/{pipeline}.json" webhook.archive_rotate_size 300kB \
	webhook.archive_compress true webhook.archive_fsync "${ARCHIVE_FSYNC:-false}" webhook.archive_flush_every 50
adbl install || give_up 'install succeeds'

# Forty rows; each round touches ten of them a few times, and one of them is long, so that a write may be torn inside it.
writer() {
	local round=0 i batch
	while [ ! -e "$test_dir/enough" ]; do
		batch='BEGIN;'
		for ((i = 0; i < 30; i++)); do
			batch+="INSERT INTO users VALUES ($(((round * 7 + i) % 40)), '', 1)
				ON CONFLICT (id) DO UPDATE SET n = n + 1,
				name = substr(hex(zeroblob($((i % 10 == 0 ? 10000 : 40)))), 1, $((i % 10 == 0 ? 20000 : 80)));"
		done
		sql "$batch COMMIT;" || return 1
		round=$((round + 1))
	done
}
process_start writer writer

broken=0 torn=0
for ((k = 0; k < kills; k++)); do
	daemon_start
	# while it writes, a reader may see half a write: it parses at one moment or another
	wait_until 20 archive_parses "$path" || broken=$((broken + 1))
	[ $((RANDOM % 4)) -eq 0 ] || pause "0.$((RANDOM % 3))$((RANDOM % 90 + 10))"
	process_kill daemon
	archive_parses "$path" || torn=$((torn + 1))
done
is "it was killed so often" "$k" "$kills"
is "after each restart the file parsed" "$broken" 0
diag "torn by a kill: $torn of $k"
# a machine that is quick with the kills: what was written is more than one file in any case
wait_until 60 sql_min "SELECT seq FROM sqlite_sequence WHERE name = '$outbox'" 600
touch "$test_dir/enough"
ok "no statement of the application failed" process_wait writer
daemon_start
ok "the outbox runs empty" wait_until 60 outbox_is 0
# by a thread of its own, which takes its time; a compression that was cut off is begun again by the next daemon
ok "it was rotated and compressed" wait_until 60 test -e "$path.000001.gz"
ok "the daemon ends well" process_stop daemon
collect() {
	archive_cat "$path" >"$test_dir/all"
}
ok "every file parses" collect
total=$(sql "SELECT seq FROM sqlite_sequence WHERE name = '$outbox'")
is "every change is in it" "$(jq -r '.id | split("-") | last' "$test_dir/all" | sort -un | wc -l)" "$total"
# the first time that each is there, by row: n rises
is "... each row's in order" "$(jq -nr '
	reduce inputs as $e ({seen: {}, last: {}, bad: 0};
		if .seen[$e.id] then . else
			(.last[$e.data.id | tostring] // 0) as $n
			| .seen[$e.id] = true
			| .bad += (if $e.data.n == $n + 1 then 0 else 1 end)
			| .last[$e.data.id | tostring] = $e.data.n
		end) | .bad' "$test_dir/all")" 0
is "... and ends as the table is" "$(jq -nr 'reduce inputs as $e ({}; .[$e.data.id | tostring] = $e.data.n)
	| to_entries | map(.value) | add' "$test_dir/all")" "$(sql 'SELECT sum(n) FROM users')"
is "nothing is half done" "$(find "$archive_dir" -name '*.tmp' | wc -l)" 0
diag "$total changes, $(wc -l <"$test_dir/all") records, $(find "$archive_dir" -type f | wc -l) files"
tests_end
