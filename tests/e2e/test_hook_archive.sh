#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A file as destination, beside a webhook and in place of one: what is in it, what becomes of it while its disk is full,
# its directory gone or it is moved away, and what may not be.
# shellcheck disable=SC2154 # outbox and process come from lib.sh
if [ -z "${ARCHIVE_OWN_MOUNTS:-}" ] && unshare -Urm true 2>/dev/null; then
	ARCHIVE_OWN_MOUNTS=1 exec unshare -Urm "$0" "$@"
fi
. "$(dirname "$0")/../support/lib.sh"
need_database sqlite
. tests/e2e/shop.sh
. tests/e2e/archives.sh
mkdir "$archive_dir"
path=$archive_dir/default.ndjson

# ---- beside

shop_open webhook.archive_path "$path" webhook.retry_count 0 webhook.breaker_failures 1000 webhook.columns_exclude name
people 1 5
ok "what the receiver took is in the file" wait_until 20 archive_has "$path" 5
ok "... and leaves the outbox" wait_until 20 outbox_is 0
is "... as it was sent, without the columns that are not" "$(jq -rs 'map(.data | keys | join(" ")) | unique | first' "$path")" "id n"
receiver_control 'status=422&match=refused'
receiver_control 'status=422&match="id":7'
people 6 8
ok "what it refused is dead" wait_until 20 dead_is 1
ok "... and not in the file, which has the others" wait_until 20 archive_has "$path" 7
ok "... as the metrics say" wait_until 20 metrics_is '.pipelines[0] | "\(.archive_events_total) \(.archive_paused) \(.archive_error)"' "7 false "
receiver_control mode=ok
adbl dead-letters replay --all
ok "replayed, it is delivered and in the file" wait_until 20 archive_has "$path" 8
exits "the daemon ends well" 0 process_stop daemon

# ---- alone

path=$archive_dir/default.json
config_set webhook.archive_path '""'
sed -i '/archive_path/d' "$shop_config"
config_set webhook.url "file://$path"
exits "a file is a destination" 0 adbl check --offline
exits "... to which nothing is sent" 0 adbl test-webhook --json
ok "... and test-webhook says so" said_is '.ok and .file'
shop_run
sql 'UPDATE users SET n = 1' 'UPDATE users SET n = 2' 'DELETE FROM users WHERE id = 8'
ok "all is in the file" wait_until 20 archive_has "$path" 17
ok "... which is one array" archive_parses "$path"
is "... in order" "$(jq -r 'map(select(.key.id == 8) | .operation + (.data.n | tostring)) | join(" ")' "$path")" "update1 update2 deletenull"
ok "... and counts as delivered" wait_until 20 metrics_is .delivered_total 17
second() { # without an endpoint, whose port is taken
	sed "s/listen: .*/listen: 'off'/" "$shop_config" >"$test_dir/second.yaml"
	timeout 60 "$ADBL" run -c "$test_dir/second.yaml" >"$test_dir/second" 2>&1
}
exits "a second daemon with the same file does not start" 75 second
has "... and says why" "$(<"$test_dir/second")" 'is being written by another daemon'
process_signal daemon HUP
people 9 9
ok "a reload goes on with it" wait_until 20 archive_has "$path" 18

# ---- what others do to the file

mv "$path" "$path.1"
people 10 10
ok "a file that was moved is begun anew" wait_until 20 archive_has "$path" 1
ok "... and the moved one is whole" archive_parses "$path.1"
mv "$archive_dir" "$archive_dir.gone"
exits "without its directory: check" 0 adbl check
has "... warns" "$said" archive_path "$archive_dir is not there"
people 11 12
ok "without its directory delivery pauses" wait_until 20 metrics_is '.pipelines[0].archive_paused' true
has "... the metrics say why" "$(metrics '.pipelines[0].archive_error')" 'no such file'
ok "... it is ready, with a warning" daemon_ready
has "... that names it" "$(curl -s "http://127.0.0.1:$admin_port/readyz")" 'archive cannot be written' 'no such file'
exits "... and so does status" 0 adbl status
has "... with its path" "$said" 'cannot be written' default.json
mv "$archive_dir.gone" "$archive_dir"
ok "... and goes on by itself" wait_until 40 archive_has "$path" 3
ok "... all of it" wait_until 20 outbox_is 0
is "... nothing is dead" "$(sql "SELECT count(*) FROM $dead_letter")" 0
is "... and it was said once" "$(grep -c 'delivery pauses' "$test_dir/daemon.log")" 1
exits "the daemon ends well" 0 process_stop daemon

# ---- a full disk

if [ -n "${ARCHIVE_OWN_MOUNTS:-}" ] && mount -t tmpfs -o size=128k none "$archive_dir"; then
	shop_run
	people 100 1400
	ok "on a full disk delivery pauses" wait_until 20 metrics_is '.pipelines[0].archive_paused' true
	has "... and says so" "$(metrics '.pipelines[0].archive_error')" 'no space left'
	ok "... the file is whole" wait_until 20 archive_parses "$path" # but for the moment of another try
	ok "... and nothing is lost: the rest waits" sql_min "SELECT count(*) FROM $outbox" 100
	mount -o remount,size=16m "$archive_dir"
	ok "with room it goes on by itself" wait_until 40 archive_has "$path" 1301
	ok "... all of it" wait_until 20 outbox_is 0
	is "... each once" "$(jq length "$path")" 1301
	is "... and no attempt was counted" "$(metrics '"\(.dead_total) \(.retried_total)"')" "0 0"
	process_signal daemon STOP # the mount is busy until it ends
	process_kill daemon
	umount "$archive_dir"
else
	diag "no file system can be mounted here: full disks are left to tests/unit/sink/test_archive_file.c"
fi

# ---- export

printf '[\n{"id":"u-1","pipeline":"default","operation":"insert","schema":null,"table":"users","key":{"id":1},"changed_at":"2026-03-01T12:00:00Z"},\n' >"$path"
for i in 2 3; do
	jq -nc --argjson i "$i" '{id: "u-\($i)", pipeline: "default", operation: "delete", schema: "s", table: "orders",
		key: {id: $i}, changed_at: "2026-03-0\($i)T12:00:00Z"}'
done | gzip >"$path.000007.gz"
printf '{"id":"u-4","torn' >>"$path"
exits "export archive" 0 adbl export archive
is "... begins with the rotated files" "$(jq -rs 'map(.id) | join(" ")' <<<"$said")" "u-2 u-3 u-1"
has "... and tells of a torn end" "$complained" "$path: line 3" 'torn'
exits "... of a path, as an array" 0 adbl export archive --format json "$path"
ok "... has the same" said_is 'map(.id) == ["u-2", "u-3", "u-1"]'
while read -r filter want; do
	read -ra options <<<"${filter//,/ }"
	exits "export archive ${options[*]}" 0 adbl export archive "${options[@]}"
	is "... finds ${want:-none}" "$(jq -rs 'map(.id) | join(" ")' <<<"$said")" "${want//,/ }"
done <<CASES
--table,users u-1
--table,s.orders u-2,u-3
--table,x.orders
--operation,insert u-1
--key,id=3 u-3
--since,2026-03-02 u-2,u-3
--since,2026-03-01,--until,2026-03-02 u-1
--limit,2 u-2,u-3
--id,3 u-3
--pipeline,default,--operation,delete,--limit,1 u-2
CASES
exits "export of a pipeline without one" 64 adbl export archive --pipeline nobody
exits "export of a file that is not there" 66 adbl export archive "$archive_dir/none"
rm -f "$path".*

# ---- what may not be

cp /etc/hostname "$path"
exits "a file that is no archive is refused" 78 second
has "... and says so" "$(<"$test_dir/second")" 'something else'
is "... and is not touched" "$(<"$path")" "$(</etc/hostname)"
tests_end
