#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# validate: nothing is sent to a receiver before it agrees by OPTIONS, and then no faster than it says.
. "$(dirname "$0")/../support/lib.sh"
need_sqlite
. tests/e2e/shop.sh

webhook_is() { # FILTER WANT
	metrics_is ".webhooks[0] | $1" "$2"
}
validation_is() {
	webhook_is .validation "$1"
}
asked_more() { # the receiver was asked since asked was set
	stats_min .options.asked $((asked + 1))
}
nothing_sent() { # NAME: nothing was, and all waits
	is "$1: no request was made" "$(stats '"\(.requests) \(.seen)"')" "0 0"
	ok "... all events wait" outbox_is 60
	ok "... none is dead" dead_is 0
}

shop_open webhook.validate true webhook.validation_origin events.example.com webhook.validation_rate 120 webhook.retry_count 1

# ---- a receiver that does not know OPTIONS

people 1 20
sql 'UPDATE users SET n = 1' 'UPDATE users SET n = 2'
ok "a receiver that answers 405 has not agreed" wait_until 20 validation_is refused
ok "... is asked again" wait_until 20 stats_min .options.asked 2
is "... with origin and rate" "$(stats '.options | "\(.origin) \(.rate)"')" "events.example.com 120"
nothing_sent "it refuses"
ok "... the metrics say why" wait_until 10 webhook_is '.reason | startswith("HTTP 405 to OPTIONS without WebHook-Allowed-Origin")' true
ok "... and that it refuses" wait_until 10 webhook_is '"\(.validation_refused) \(.validations_total >= 2)"' "true true"
exits "status" 0 adbl status
has "... says so" "$said" "HTTP 405 to OPTIONS"
ok "... the log says it" wait_until 10 grep -q 'does not agree to deliveries' "$test_dir/daemon.log"
is "... once" "$(grep -c 'does not agree to deliveries' "$test_dir/daemon.log")" 1

# ---- one that allows somebody else

asked=$(stats .options.asked)
receiver_control allow_origin=other.example.com
ok "it allows another origin" wait_until 20 asked_more
ok "... which is no consent" wait_until 10 webhook_is .reason "HTTP 200 to OPTIONS with WebHook-Allowed-Origin: other.example.com"
nothing_sent "still"

# ---- one that allows

receiver_control allow_origin=events.example.com
all_delivered "it agrees" 60
ok "... as the metrics say" validation_is allowed
is "... without a rate" "$(metrics '.webhooks[0] | "\(.allowed_rate_per_minute) \(.validation_refused)"')" "0 false"
is "... none was sent twice" "$(stats '"\(.requests) \(.duplicates)"')" "60 0"
ok "... the log says so" wait_until 10 grep -q 'the receiver agrees to deliveries' "$test_dir/daemon.log"

# ---- ... and later with a rate

asked=$(stats .options.asked) waits=$(metrics '.webhooks[0].rate_limited_total')
receiver_control 'allow_origin=*&allow_rate=1200'
exits "enable" 0 adbl enable default
people 101 115
all_delivered "asked again" 75
ok "... it was asked" asked_more
is "... the metrics have its rate" "$(metrics '.webhooks[0] | "\(.validation) \(.allowed_rate_per_minute)"')" "allowed 1200"
ok "... which events had to wait for" webhook_is ".rate_limited_total > $waits" true
exits "it ends well" 0 process_stop daemon

tests_end
