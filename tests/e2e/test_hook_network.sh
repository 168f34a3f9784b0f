#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# network_deny and network_allow: a denied receiver is an outage told clearly and counted, whatever the URL looks like;
# nothing is sent, nobody dies; SIGHUP allows it. By default what is on this host or inside a network is reached.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

# The webhook's counters begin anew with each reload.
reloaded() {
	metrics_is '.webhooks[0].attempts_total' 0
}
denied() {
	[ "$(metrics '.webhooks[0].failures.denied')" -ge 1 ]
}
last_error_has() { # WORDS...: each of them
	local said word
	said=$(metrics '.webhooks[0].last_error')
	for word in "$@"; do
		[[ $said == *"$word"* ]] || return 1
	done
}

shop_open webhook.retry_count 0 webhook.retry_delay 20ms webhook.breaker_failures 3
people 1 5
all_delivered "by default loopback is reached" 5
is "nothing was denied" "$(metrics '.webhooks[0].failures.denied')" 0

# ---- denied, however it is spelled

next=100 allowed=0
while read -r host words; do
	config_set webhook.url "\"http://$host:${port[receiver]}/hook\"" webhook.network_deny '[loopback]' \
		webhook.network_allow none
	process_signal daemon HUP
	ok "SIGHUP with $host denied" wait_until 20 reloaded
	people $next $((next + 3))
	next=$((next + 10))
	ok "... it is counted" wait_until 20 denied
	ok "... an outage" wait_until 20 breaker_is open
	ok "... told clearly in /metrics" wait_until 10 last_error_has "denied: $words" 'network_deny: loopback' ||
		diag "$(metrics '.webhooks[0].last_error')"
	exits "... test-webhook fails" 1 adbl test-webhook
	has "... and says why" "$said$complained" "denied: $words" network_deny
	is "... nothing was sent" "$(stats .requests)" $((5 + allowed))
	ok "... nobody died, retry_count 0 or not" dead_is 0
	config_set webhook.network_allow literal
	process_signal daemon HUP
	ok "SIGHUP with literal: all arrive" wait_until 30 outbox_is 0
	allowed=$(($(stats .requests) - 5))
done <<'CASES'
127.0.0.1 127.0.0.1
2130706433 127.0.0.1
0x7f.0.0.1 127.0.0.1
localhost 
CASES

# ---- an address of its own, and the metadata of clouds

config_set webhook.url "\"http://127.0.0.1:${port[receiver]}/hook\"" webhook.network_deny '["127.0.0.0/8", "::/0"]' \
	webhook.network_allow '["127.0.0.2/31"]'
process_signal daemon HUP
ok "SIGHUP with a block" wait_until 20 reloaded
people 200 203
ok "127.0.0.1 is not in 127.0.0.2/31" wait_until 20 denied
ok "... which block denies it is told" wait_until 10 last_error_has 'network_deny: 127.0.0.0/8'
config_set webhook.network_allow '["127.0.0.0/31"]'
process_signal daemon HUP
ok "... but in 127.0.0.0/31" wait_until 30 outbox_is 0
has "/metrics counts by reason" "$(curl -s -m 5 "http://127.0.0.1:$admin_port/metrics?format=prometheus")" \
	'app_db_listener_webhook_failures_total{webhook="default",phase="denied"}'

cp "$shop_config" "$test_dir/good.yaml"
config_set webhook.network_deny '[privat, 10.0.0.1/8]' webhook.network_allow metadata
exits "wrong rules are refused" 78 adbl check
has "... with their places" "$complained" 'webhook.network_deny[0]: is neither' 'network_deny[1]: has bits' \
	'network_allow: a class'
cp "$test_dir/good.yaml" "$shop_config"
ok "nobody died" dead_is 0
exits "it ends well" 0 process_stop daemon
tests_end
