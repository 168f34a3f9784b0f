#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A webhook that is disabled, by a 410, by disable_after or by an operator, stays so over kill -9, restart and reload until
# it is enabled; then everything arrives, in order.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

# shellcheck disable=SC2154 # db_kind is of database.sh
case $db_kind in
postgres) webhook_table=app_db_listener.webhook ;;
*) webhook_table=app_db_listener_webhook ;;
esac
kept_is() { # WANT: the number of pipelines whose webhook is kept as disabled
	sql_is "SELECT count(*) FROM $webhook_table WHERE disabled" "$1"
}
sent_nothing() { # NAME [SECONDS]
	ok "$1: the webhook is disabled" wait_until 20 breaker_is disabled
	ok "... its events are read again" wait_until 20 metrics_is ".pipelines[0].queue_size > 0" true
	[ -z "${2:-}" ] || ok "... and not sent" for_a_while "$2" stats_is .requests "$requests"
	is "... no request was made" "$(stats .requests)" "$requests"
}

shop_open webhook.timeout 60

# ---- 410, kill -9, restart

receiver_control status=410
people 1 20
ok "410 disables the webhook" wait_until 20 breaker_is disabled
ok "... which the database knows" wait_until 20 kept_is 1
ok "... what was in flight ends" wait_until 20 metrics_is .in_flight 0
process_kill daemon
receiver_control mode=ok
requests=$(stats .requests)
exits "status without a daemon" 0 adbl status
has "... says so" "$said" disabled "HTTP 410"
sql 'UPDATE users SET n = 1'
shop_run
sent_nothing "after kill -9" 1
is "... the daemon is ready" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$admin_port/readyz")" 200
has "... with a warning" "$(curl -s "http://127.0.0.1:$admin_port/readyz")" disabled "HTTP 410"
exits "status with a daemon" 0 adbl status
has "... says so, and what to do" "$said" "breaker disabled" "HTTP 410" "app-db-listener enable default"
config_set worker.pool_size 3
process_signal daemon HUP
ok "a reload" wait_until 20 metrics_is .workers 3
sent_nothing "... enables nothing"
exits "enabling another one" 64 adbl enable nobody
exits "enable" 0 adbl enable default
has "... tells the daemon" "$said" "the daemon knows" "1 of 1"
all_delivered "enabled" 40
ok "... the database knows" wait_until 20 kept_is 0

# ---- an operator, without a daemon

process_stop daemon
exits "disable without a daemon" 0 adbl disable default
requests=$(stats .requests)
people 21 30
shop_run
sent_nothing "disabled by an operator"
process_stop daemon
exits "enable without a daemon" 0 adbl enable default
shop_run
all_delivered "enabled" 50

# ---- disable_after

process_stop daemon
config_set webhook.disable_after 1s
receiver_control status=503
people 31 40
shop_run
ok "a receiver that is down for disable_after" wait_until 20 breaker_is disabled
ok "... which the database knows" wait_until 20 kept_is 1
ok "... the log says why" wait_until 10 grep -q disable_after "$test_dir/daemon.log"
process_stop daemon
receiver_control mode=ok
requests=$(stats .requests)
shop_run
sent_nothing "after a restart"
exits "enable" 0 adbl enable default
all_delivered "enabled" 60

# ---- an operator to whom the daemon does not listen

config_set admin.token '"another"'
exits "disable past the daemon" 0 adbl disable default
has "... which it was not told" "$said" admin.token
exits "status" 0 adbl status
has "... says at once what the database has" "$said" disabled "by an operator"
tests_end
