#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A receiver with TLS: a certificate that nobody vouches for is an outage told clearly; with webhook.ca_file, taken up
# by SIGHUP, all is delivered, unless the certificate is another host's.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

tls_port=$(port_free)
# certificate NAME SUBJECT-ALT-NAME
certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=$2" \
		-keyout "$test_dir/$1.key" -out "$test_dir/$1.pem" 2>>"$test_dir/openssl.log"
}

# tls_start NAME: openssl's test server, whose input is the answers and whose output the requests.
mkfifo "$test_dir/answers" "$test_dir/requests"
exec {answers}<>"$test_dir/answers" {requests}<>"$test_dir/requests"
tls_start() {
	openssl s_server -quiet -accept "127.0.0.1:$tls_port" -key "$test_dir/$1.key" -cert "$test_dir/$1.pem" \
		<&"$answers" >&"$requests" 2>>"$test_dir/openssl.log" &
	process[tls]=$!
	wait_until 10 tls_listens
}
tls_listens() {
	(: <"/dev/tcp/127.0.0.1/$tls_port") 2>/dev/null
}
# One answer to each request, by its head, so that no body need be understood.
answer_all() {
	local line
	while IFS= read -r line; do
		line=${line%$'\r'}
		[[ ${line,,} == webhook-id:* ]] || continue
		echo "${line#*: }" >>"$test_dir/ids"
		printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' >&"$answers"
	done <&"$requests"
}
answer_all &
process[answerer]=$!
ids_are() {
	[ "$(sort -u "$test_dir/ids" | wc -l)" = "$1" ]
}

certificate good IP:127.0.0.1
certificate other IP:127.0.0.2
ok "a server with TLS" tls_start good
shop_open webhook.url "\"https://127.0.0.1:$tls_port/hook\"" webhook.timeout 5 webhook.retry_delay 20ms
people 1 3
ok "an unknown certificate is an outage" wait_until 30 breaker_is open
has "... told clearly in /metrics" "$(metrics '.webhooks[0].last_error')" certificate
ok "... and in the log" grep -qi certificate "$test_dir/daemon.log"
ok "... nothing was sent" test ! -e "$test_dir/ids"
ok "... nobody died" dead_is 0
ok "... all wait" outbox_is 3
exits "test-webhook fails" 1 adbl test-webhook
has "... and says why" "$said$complained" certificate

config_set webhook.ca_file "$test_dir/good.pem"
exits "test-webhook succeeds with webhook.ca_file" 0 adbl test-webhook
process_signal daemon HUP
ok "SIGHUP takes it up: all are delivered" wait_until 30 outbox_is 0
ok "... they came" ids_are 4
ok "... nobody died" dead_is 0

process_stop tls
config_set webhook.ca_file "$test_dir/other.pem"
tls_start other
process_signal daemon HUP
people 4 4
ok "another host's certificate is an outage" wait_until 30 breaker_is open
ok "... all wait" outbox_is 1
config_set webhook.tls_verify false
process_signal daemon HUP
ok "webhook.tls_verify: false takes it as it is" wait_until 30 outbox_is 0
ok "nobody died" dead_is 0
exits "it ends well" 0 process_stop daemon
tests_end
