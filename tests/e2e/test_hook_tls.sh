#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A receiver with TLS: a certificate that nobody vouches for is an outage told clearly; with webhook.ca_file, taken up
# by SIGHUP, all is delivered, unless the certificate is another host's.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh
. tests/e2e/tls.sh

certificate good IP:127.0.0.1
certificate other IP:127.0.0.2
ok "a server with TLS" tls_start good
shop_open webhook.url "\"https://127.0.0.1:$tls_port/hook\"" webhook.timeout 5 webhook.retry_delay 20ms
people 1 3
ok "an unknown certificate is an outage" wait_until 30 breaker_is open
has "... told clearly in /metrics" "$(metrics '.webhooks[0].last_error')" certificate
ok "... and in the log" wait_until 20 grep -qi certificate "$test_dir/daemon.log"
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
