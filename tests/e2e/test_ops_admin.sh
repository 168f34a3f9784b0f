#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The admin endpoint tells the truth: figures, health in an outage of the database and of the receiver; and changes
# nothing without a token.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

page() { # PATH [CURL OPTION]...: status and type; the body is in $test_dir/page
	local path=$1
	shift
	curl -s -m 10 -o "$test_dir/page" -w '%{http_code} %{content_type}' "$@" "http://127.0.0.1:$admin_port$path"
}
status_is() { # PATH STATUS
	[ "$(page "$1" | cut -d ' ' -f 1)" = "$2" ]
}
page_is() { # FILTER, of the JSON of the last page
	[ "$(jq -r "$1" "$test_dir/page")" = true ]
}

shop_open webhook.retry_delay 20ms database.reconnect_max_delay 500ms worker.pool_size 3 queue.capacity 500 \
	webhook.breaker_failures 2
people 1 20
all_delivered "some events" 20

# ---- the figures

# the last one leaves its queue a moment after it left the outbox
ok "nothing is queued" wait_until 10 metrics_is .queue_size 0
has "/metrics is JSON" "$(page /metrics)" '200 application/json'
ok "... with the names that others rely on" page_is '[.queue_size, .queue_capacity, .workers] | all(type == "number")'
ok "... which are right" page_is '.queue_size == 0 and .queue_capacity == 500 and .workers == 3'
ok "... and what an operator decides by" page_is '[.in_flight, .delivered_total, .retried_total, .dead_total, .queue_bytes,
	.lag_seconds, .oldest_pending_seconds, .latency_ms.p50, .latency_ms.p99, .memory.rss_bytes, .uptime_seconds] | all(type == "number")'
ok "... per pipeline and webhook" page_is '.pipelines[0].name == "default" and .webhooks[0].breaker == "closed" and .delivered_total == 20'
for accept in 'text/plain' 'text/plain;version=0.0.4' 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'; do
	has "Accept: $accept" "$(page /metrics -H "Accept: $accept")" '200' text
	ok "... is Prometheus text" grep -qE '^[a-z_]+(\{[^}]*\})? [0-9.e+-]+$' "$test_dir/page"
	ok "... of nothing else" bash -c "! grep -vE '^#|^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEInfNa]+$' '$test_dir/page'"
done
ok "... with the same count" grep -qE 'delivered_total(\{[^}]*\})? 20$' "$test_dir/page"
ok "... by table" grep -qF 'table_events_total{table="public.users"} 20' "$test_dir/page"
has "?format=prometheus" "$(page '/metrics?format=prometheus')" '200 text/plain'
has "?format=json" "$(page '/metrics?format=json' -H 'Accept: text/plain')" '200 application/json'
has "a browser gets JSON" "$(page /metrics -H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8')" application/json
ok "HEAD" test "$(curl -s -m 5 -I -o /dev/null -w '%{http_code}' "http://127.0.0.1:$admin_port/metrics")" = 200

# ---- what it refuses

while read -r want path options; do
	read -ra options <<<"$options"
	is "${options[*]} $path" "$(page "$path" "${options[@]}" | cut -d ' ' -f 1)" "$want"
done <<'CASES'
404 /
404 /metricsx
404 /webhooks
404 /../etc/passwd --path-as-is
405 /metrics -X POST
405 /healthz -X DELETE
405 /webhooks/default/enable
401 /webhooks/default/enable -X POST
401 /webhooks/default/enable -X POST -u admin:let-me-in
404 /webhooks/nobody/enable -X POST --oauth2-bearer let-me-in
200 /webhooks/default/enable -X POST --oauth2-bearer let-me-in
CASES

# ---- health, in good days and bad

ok "/healthz" status_is /healthz 200
ok "... says ok" page_is '.status == "ok"'
ok "/readyz" status_is /readyz 200
ok "... says ok" page_is '.status == "ok" and .reason == null and .warning == null'
receiver_stop
people 21 30
ok "receiver down: the breaker opens" wait_until 20 breaker_is open
ok "... still ready" status_is /readyz 200
ok "... with a warning that names it" page_is '.status == "warning" and (.warning | contains("default"))'
ok "... and alive" status_is /healthz 200
ok "... the figures show what waits" wait_until 10 metrics_is '.queue_size == 10 and .breakers_open == 1' true
sleeping=$(metrics .oldest_pending_seconds)
grows() {
	[ "$(metrics ".oldest_pending_seconds > $sleeping")" = true ]
}
ok "... and for how long" wait_until 10 grows
monitor() {
	scripts/monitor.sh -u "http://127.0.0.1:$admin_port" >"$test_dir/monitor.out"
}
exits "... monitor.sh alarms" 1 monitor
receiver_start receiver
all_delivered "receiver back" 30
ok "... no warning" wait_until 10 metrics_is .breakers_open 0
pg_ctl stop -m fast
ok "database down: not ready" wait_until 20 status_is /readyz 503
ok "... says why" page_is '.status == "failed" and (.reason | length > 0)'
ok "... alive" status_is /healthz 200
ok "... figures go on" status_is /metrics 200
pg_ctl start
ok "database back: ready" wait_until 30 status_is /readyz 200
people 31 40
all_delivered "after it" 40

# ---- without a token every change is refused; a taken port ends it with a name; off is off

exits "it ends" 0 process_stop daemon
sed -i '/^  token:/d' "$shop_config"
shop_run
is "no token: enable is refused" "$(page /webhooks/default/enable -X POST | cut -d ' ' -f 1)" 403
is "... whatever is presented" "$(page /webhooks/default/enable -X POST --oauth2-bearer '' -H 'Authorization: Bearer ' | cut -d ' ' -f 1)" 403
exits "a second daemon at the same address" 69 adbl run
has "... says which" "$complained" "127.0.0.1:$admin_port"
exits "the first one is not disturbed" 0 process_stop daemon
config_set admin.listen off
daemon_start daemon "$shop_config"
people 41 50
ok "admin.listen: off: it delivers" wait_until 20 stats_is .distinct 50
ok "... and listens nowhere" bash -c "! curl -s -m 2 'http://127.0.0.1:$admin_port/metrics'"
exits "... and ends" 0 process_stop daemon
tests_end
