#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How the daemon shows a receiver who it is. Tokens by OAuth 2.0: one fetch for all workers, replaced before they run
# out and after a 401; a token endpoint that is down is an outage in which nobody dies. Bearer, basic and headers from
# files. Client certificates that change while the daemon runs, one file after the other, without SIGHUP.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh
. tests/e2e/tls.sh

# The webhook's counters begin anew with each reload. There was an attempt before, or it would be over before it began.
reload() {
	wait_until 20 metrics_is '.webhooks[0].attempts_total > 0' true || return
	process_signal daemon HUP
	wait_until 20 metrics_is '.webhooks[0].attempts_total' 0
}
# In one step, so that the daemon never sees half a file.
replace() { # FILE BY
	cp "$test_dir/$2" "$test_dir/$1.new" && mv "$test_dir/$1.new" "$test_dir/$1"
}
token_is_old() {
	metrics_is '.webhooks[0].token_expires_seconds < 3598' true
}
last_header() {
	jq -r .head "$test_dir/receiver.ndjson" | tr -d '\r' | grep -i "^$1:" | tail -n 1
}

# ---- tokens

receiver_start receiver --bodies
shop_new
config_set webhook.retry_count 0 webhook.retry_delay 20ms webhook.breaker_failures 3 \
	webhook.oauth2_token_url "\"http://127.0.0.1:${port[receiver]}/_token\"" webhook.oauth2_client_id adbl \
	webhook.oauth2_client_secret '"a secret"'
receiver_control token_wanted=1
ok install adbl install
shop_run
people 1 200
all_delivered "with a token that is fetched" 200
is "... once, for all workers" "$(stats '"\(.tokens.asked) \(.tokens.refused)"')" "1 0"
is "... it is sent" "$(last_header authorization)" "Authorization: Bearer Fetched-5b1e7c-1"
ok "/metrics tells when it runs out" wait_until 10 token_is_old

receiver_control 'token_wanted=1&token_revoke=1'
people 201 250
all_delivered "a revoked one is replaced after a 401" 250
is "... by one more" "$(stats .tokens.given)" 2
ok "... the 401s are counted" metrics_is '.webhooks[0].tokens_refused_total >= 1' true
is "... but not as attempts of events" "$(metrics '.webhooks[0] | "\(.retried_total) \(.held_total) \(.dead_total)"')" "0 0 0"

receiver_control 'token_wanted=1&token_expires=1'
ok "SIGHUP, with tokens of a second" reload
people 251 251
ok "one in use is replaced before it runs out" wait_until 10 stats_min .tokens.given 4
receiver_control 'token_wanted=1&token_expires=3600&token_status=503'
ok "SIGHUP, with a token endpoint that is down" reload
people 252 300
ok "it is an outage" wait_until 20 breaker_is open
has "... told clearly in /metrics" "$(metrics '.webhooks[0].last_error')" 'token: HTTP 503: invalid_client'
ok "... and counted" wait_until 10 metrics_is '.webhooks[0] | .token_failures_total >= 1 and .failures.token >= 1' true
ok "... nobody died, retry_count 0 or not" dead_is 0
exits "... test-webhook fails" 1 adbl test-webhook
has "... and says why" "$said$complained" 'token: HTTP 503'
receiver_control 'token_wanted=1&token_status=200'
all_delivered "when it is back" 300
exits "test-webhook gets a token, too" 0 adbl test-webhook

# ---- others

receiver_control token_wanted=0
config_set webhook.bearer_token '"A-Bearer"'
exits "two kinds at once are refused" 78 adbl check --offline
has "... with the place" "$complained" 'config.yaml:' 'webhook.oauth2_token_url: not with bearer_token'
sed -i '/oauth2_/d' "$shop_config"
exits "one is fine" 0 adbl check --offline
ok "SIGHUP with a bearer token" reload
people 301 301
all_delivered "with it" 302 # and test-webhook's
is "... it is sent" "$(last_header authorization)" "Authorization: Bearer A-Bearer"
sed -i '/bearer_token/d' "$shop_config"
echo "a:b c" >"$test_dir/password"
echo "from a file" >"$test_dir/header"
config_set webhook.basic_user Aladdin webhook.basic_password_file "$test_dir/password" \
	webhook.headers "{X-Api-Key: {file: $test_dir/header}}"
ok "SIGHUP with a user" reload
people 302 302
all_delivered "with him" 303
is "... he and his password are sent" "$(last_header authorization)" "Authorization: Basic $(printf 'Aladdin:a:b c' | base64)"
is "... a header from a file, too" "$(last_header x-api-key)" "X-Api-Key: from a file"
config_set webhook.url '"http://receiver.example/"'
exits "without TLS" 0 adbl check --offline
has "... check warns" "$said" "warning  default: the URL is http: its authorization is sent without TLS"

# ---- certificates

certificate server IP:127.0.0.1
certificate one IP:127.0.0.2
certificate two IP:127.0.0.3
cp "$test_dir/one.pem" "$test_dir/client.pem"
cp "$test_dir/one.key" "$test_dir/client.key"
sed -i '/basic_/d' "$shop_config"
config_set webhook.url "\"https://127.0.0.1:$tls_port/hook\"" webhook.ca_file "$test_dir/server.pem" \
	webhook.tls_cert "$test_dir/client.pem" webhook.tls_key "$test_dir/two.key"
exits "a key of another certificate is refused" 78 adbl check --offline
has "... with the place" "$complained" 'webhook.tls_key: ' 'two.key: is not the key of the certificate'
config_set webhook.tls_key "$test_dir/client.key"
ok "a server that wants a certificate" tls_start server -Verify 1 -verify_return_error -CAfile "$test_dir/one.pem"
ok "SIGHUP" reload
people 400 402
ok "... it is shown" wait_until 30 outbox_is 0
ok "/metrics tells when it runs out" metrics_is '.webhooks[0].certificate_expires_seconds | . > 86400 and . <= 2 * 86400' true
process_stop tls
ok "the server wants another" tls_start server -Verify 1 -verify_return_error -CAfile "$test_dir/two.pem"
people 403 405
ok "... an outage" wait_until 30 breaker_is open
replace client.pem two.pem
ok "the new certificate without its key is not used" wait_until 20 metrics_is '.webhooks[0].tls_files_refused_total' 1
ok "... which the log tells" wait_until 20 grep -q 'those before stay in use.*client.key: is not the key of the certificate' "$test_dir/daemon.log"
replace client.key two.key
ok "with its key it is, without SIGHUP" wait_until 30 outbox_is 0
is "... it was taken up once" "$(metrics '.webhooks[0].tls_files_taken_total')" 1
ok "... six came" ids_are 6
ok "nobody died" dead_is 0
exits "it ends well" 0 process_stop daemon
tests_end
