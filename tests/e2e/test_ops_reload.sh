#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGHUP: a broken file changes nothing and is told; a good one takes effect, under load, and nothing is lost.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

logged() { # TEXT
	grep -qF -- "$1" "$test_dir/daemon.log"
}

receiver_start second
shop_open worker.pool_size 2 webhook.retry_delay 20ms webhook.timeout 60
people 1 10
all_delivered "before" 10
cp "$shop_config" "$test_dir/good.yaml"

# ---- broken files

pid=${process[daemon]}
while IFS='~' read -r name key value place; do
	cp "$test_dir/good.yaml" "$shop_config"
	config_set "$key" "$value"
	[ -z "$place" ] || place=$(grep -n "^  ${key#*.}: " "$shop_config" | cut -d : -f 1):$place
	process_signal daemon HUP
	ok "SIGHUP with $name: the mistake is logged with its place" wait_until 20 logged "config.yaml:$place"
	ok "... and that the old one stays" wait_until 10 logged 'the old one stays in force'
	: >"$test_dir/daemon.log"
done <<'CASES'
a pool of 0~worker.pool_size~0~14
an unknown key~webhook.colour~green~3
a missing variable~webhook.url~"${NO_SUCH_VARIABLE}"~8
no YAML~database.host~[~
CASES
rm "$shop_config"
process_signal daemon HUP
ok "SIGHUP without a file is told" wait_until 20 logged 'config.yaml'
is "... after all that it is the same process" "$(kill -0 "$pid" && echo there)" there
is "... with the same workers" "$(metrics .workers)" 2
ok "... ready" daemon_ready
people 11 20
all_delivered "the old configuration works on" 20

# ---- a good one, under load

receiver_control delay_ms=5
# shellcheck disable=SC2016 # expanded by the inner shell
process_start writer bash -c 'for i in {1..60}; do
	echo "INSERT INTO users SELECT $i * 1000 + j FROM generate_series(1, 10) j;"
	echo "UPDATE users SET n = $i WHERE id > $i * 1000;"
done | psql -X -q -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -d shop'
for workers in 3 5 1 4; do
	cp "$test_dir/good.yaml" "$shop_config"
	config_set worker.pool_size $workers webhook.max_in_flight $((workers * 4)) listener.batch_size $((workers * 10))
	process_signal daemon HUP
	ok "SIGHUP under load: worker.pool_size $workers" wait_until 20 metrics_is .workers $workers
done
exits "the writer is not disturbed" 0 process_wait writer 60
all_delivered "nothing is lost" 1220
is "... nothing came twice" "$(stats .duplicates)" 0

# ---- another receiver

receiver_control delay_ms=500
people 90001 90400
ok "requests are in flight" wait_until 20 stats_min .in_flight 1
config_set webhook.url "\"http://127.0.0.1:${port[second]}/hook\""
process_signal daemon HUP
ok "SIGHUP with another webhook.url: it gets the rest" wait_until 30 stats_min .distinct 1 second
ok "... the outbox is empty" wait_until 30 outbox_is 0
is "... each event went to one of them" "$(($(stats .distinct) + $(stats .distinct second)))" 1620
is "... and to one only" "$(($(stats .duplicates) + $(stats .duplicates second)))" 0
ok "... nobody died" dead_is 0
people 91001 91010
before=$(stats .distinct)
ok "... what comes now goes to the new one" wait_until 20 outbox_is 0
is "... not to the old one" "$(stats .distinct)" "$before"

# ---- the log level, the token

ok "no debug lines yet" bash -c "! grep -qE ' debug ' '$test_dir/daemon.log'"
config_set logging.level debug admin.token '"new-token"'
process_signal daemon HUP
enable() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' -m 30 -X POST --oauth2-bearer "$1" "http://127.0.0.1:$admin_port/webhooks/default/enable")" = "$2" ]
}
ok "admin.token: the new one" wait_until 20 enable new-token 200
ok "... not the old one" enable let-me-in 401
# the log is begun anew before the endpoint
receiver_control status=503 second # an event's first failed attempt is a debug line
people 92001 92010
debugs() {
	grep -qE ' debug ' "$test_dir/daemon.log"
}
ok "logging.level: debug" wait_until 20 debugs
receiver_control mode=ok second
new_port=$(port_free)
config_set logging.level error admin.listen "127.0.0.1:$new_port"
process_signal daemon HUP
admin_port=$new_port
ok "admin.listen: the new one" wait_until 20 daemon_ready
: >"$test_dir/daemon.log"
people 93001 93010
ok "logging.level: error: it delivers" wait_until 20 outbox_is 0
is "... and is silent" "$(grep -cE ' (info|debug|warn) ' "$test_dir/daemon.log")" 0

# ---- many at once

for _ in {1..20}; do
	process_signal daemon HUP
done
people 94001 94010
ok "twenty SIGHUPs: it delivers" wait_until 30 outbox_is 0
ok "... and is ready" wait_until 20 daemon_ready
is "... in the same process" "$(kill -0 "$pid" && echo there)" there
is "all came in order" "$(stats .out_of_order) $(stats .out_of_order second)" "0 0"
exits "it ends well" 0 process_stop daemon
tests_end
