#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Signed requests: what the receiver really got, byte by byte, is signed with every secret, as openssl sees it; retries
# are signed anew; SIGHUP rotates; test-webhook signs too; a wrong secret is refused with its place.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

record=$test_dir/receiver.ndjson
work=$test_dir/work
mkdir "$work"

# As the manual tells operators to make them.
declare -A secret=()
secret[old]=whsec_$(openssl rand -base64 24)
secret[new]=whsec_$(openssl rand -base64 64 | tr -d '\n')
for name in short long; do
	openssl genpkey -algorithm ed25519 -out "$work/$name.pem" 2>/dev/null
	openssl pkey -in "$work/$name.pem" -pubout -out "$work/$name.pub"
	openssl pkey -in "$work/$name.pem" -outform DER | tail -c 32 >"$work/$name.raw"
done
openssl pkey -in "$work/long.pem" -pubout -outform DER | tail -c 32 >>"$work/long.raw"
secret[short]=whsk_$(base64 -w 0 "$work/short.raw")
secret[long]=whsk_$(base64 -w 0 "$work/long.raw")
is "a key with its public half has 64 bytes" "$(wc -c <"$work/long.raw")" 64

header() { # NAME: of $work/head
	tr -d '\r' <"$work/head" | awk -v name="$1" 'BEGIN { FS = ": " } tolower($1) == name { print $2 }'
}

# signature_fits NAME SIGNATURE: SIGNATURE is that of $work/message with the secret called NAME.
signature_fits() {
	local hex
	case ${secret[$1]} in
	whsec_*)
		hex=$(base64 -d <<<"${secret[$1]#whsec_}" | od -An -v -tx1 | tr -d ' \n')
		[ "$2" = "v1,$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$hex" -binary "$work/message" | base64 -w 0)" ]
		;;
	*)
		[ "${2%%,*}" = v1a ] && base64 -d <<<"${2#v1a,}" >"$work/signature" &&
			openssl pkeyutl -verify -pubin -inkey "$work/$1.pub" -rawin -in "$work/message" \
				-sigfile "$work/signature" >/dev/null
		;;
	esac
}

# line_fits LINE NAME...: that request of the record carries exactly the signatures of these secrets, in this order.
line_fits() {
	local line=$1 name signatures
	shift
	jq -r .head <<<"$line" >"$work/head"
	read -ra signatures <<<"$(header webhook-signature)"
	[ "${#signatures[@]}" = $# ] || return 1
	printf '%s.%s.' "$(header webhook-id)" "$(header webhook-timestamp)" >"$work/message"
	jq -r .body_base64 <<<"$line" | base64 -d >>"$work/message"
	for name in "$@"; do
		signature_fits "$name" "${signatures[0]}" || return 1
		signatures=("${signatures[@]:1}")
	done
}

# requests_fit FROM NAME...: how many requests of the record, from line FROM on, do, and how many do not.
requests_fit() {
	local from=$1 line good=0 bad=0
	shift
	while IFS= read -r line; do
		if line_fits "$line" "$@"; then
			good=$((good + 1))
		else
			bad=$((bad + 1))
			diag "not signed by $*: ${line:0:600}"
		fi
	done < <(tail -n "+$from" "$record")
	echo "$good $bad"
}
recorded() {
	[ "$(wc -l <"$record")" -ge "$1" ]
}
# signs_with WHAT NAME...: SIGHUP with these, then an event, which must be signed so.
signs_with() {
	local what=$1 from name list=
	shift
	for name in "$@"; do
		list="$list, \"${secret[$name]}\""
	done
	config_set webhook.signing_secrets "[${list#, }]"
	process_signal daemon HUP
	ok "$what: SIGHUP takes it up" wait_until 20 metrics_is '.webhooks[0].signing_secrets' $#
	from=$(($(wc -l <"$record") + 1))
	person=$((person + 1))
	people $person $person
	ok "... an event comes" wait_until 20 recorded "$from"
	is "... signed by: $*" "$(requests_fit "$from" "$@")" "1 0"
}

# ---- several secrets, from wherever secrets come; retries

receiver_start receiver --raw
mkdir "$test_dir/credentials"
echo "${secret[short]}" >"$test_dir/credentials/signing"
printf '%s\n%s\n' "${secret[new]}" "${secret[long]}" >"$test_dir/signing"
export CREDENTIALS_DIRECTORY=$test_dir/credentials SIGNING=${secret[old]}
shop_new
config_set webhook.signing_secrets "[\"\${SIGNING}\", {credential: signing}, {file: $test_dir/signing}]" \
	webhook.retry_max_delay 3s webhook.breaker_failures 1000 webhook.timeout 60
exits "install" 0 adbl install
shop_run
is "/metrics tells how many secrets sign" "$(metrics '.webhooks[0].signing_secrets')" 4
receiver_control 'fail_first=1&fail_status=500&retry_after=2'
people 1 8
sql "INSERT INTO users VALUES (9, E'a \"quote\", back\\\\slash, new\\nline, \\u00e9 \\u20ac \\U0001f600, </script>', 0)" \
	"INSERT INTO users SELECT 10, string_agg(md5(i::text), ''), 0 FROM generate_series(1, 10000) i" \
	"INSERT INTO users VALUES (11, NULL, NULL)"
all_delivered "each fails once" 11
ok "... all 22 attempts are recorded" wait_until 10 recorded 22
is "every attempt is signed by every secret" "$(requests_fit 1 old short new long)" "22 0"
jq -r '[.id, (.head | capture("webhook-id: (?<v>[^\r]*)"; "i").v), (.head | capture("webhook-timestamp: (?<v>[0-9]+)"; "i").v),
	(.head | capture("webhook-signature: (?<v>[^\r]*)"; "i").v)] | join("|")' "$record" | sort >"$work/attempts"
is "... two attempts have one id, a new time and new signatures" \
	"$(awk -F '|' '$1 != $2 { bad++ } $1 == id { pairs++; if ($3 > time && $4 != signature) good++ }
		{ id = $1; time = $3; signature = $4 } END { print pairs + 0, good + 0, bad + 0 }' "$work/attempts")" "11 11 0"
is "... the large one is large" "$(jq -s 'map(.bytes) | max > 300000' "$record")" true
receiver_control mode=ok

# ---- rotation

person=100
signs_with "the old secret alone" old
signs_with "the new one before the old one" new old
signs_with "the new one alone" new
for format in cloudevents-binary cloudevents standard debezium; do
	config_set webhook.format $format
	signs_with "webhook.format $format" old new
	signs_with "... and again" old
done
sed -i '/^  format:/d' "$shop_config"
signs_with "both kinds" new long short
cp "$shop_config" "$test_dir/good.yaml"
config_set webhook.signing_secrets '[whsec_c2VjcmV0, "whsk_c2hvcnQ="]'
place=$(grep -n signing_secrets "$shop_config" | cut -d : -f 1)
process_signal daemon HUP
refused() {
	grep -qF "config.yaml:$place:21: webhook.signing_secrets[0]: whsec_ and base64 of 6 bytes" "$test_dir/daemon.log" &&
		grep -qF "whsk_ and base64 of 5 bytes" "$test_dir/daemon.log"
}
ok "wrong secrets are refused with their place" wait_until 20 refused
ok "... and not repeated" bash -c "! grep -qE 'c2VjcmV0|c2hvcnQ' '$test_dir/daemon.log'"
exits "... check says so too" 78 adbl check
is "... the old ones stay" "$(metrics '.webhooks[0].signing_secrets')" 3
cp "$test_dir/good.yaml" "$shop_config"

# ---- by hand

from=$(($(wc -l <"$record") + 1))
exits "test-webhook succeeds" 0 adbl test-webhook
ok "... its request comes" wait_until 10 recorded "$from"
is "... signed too" "$(requests_fit "$from" new long short)" "1 0"

sed -i '/^  signing_secrets:/d' "$shop_config"
process_signal daemon HUP
ok "without secrets" wait_until 20 metrics_is '.webhooks[0].signing_secrets' 0
from=$(($(wc -l <"$record") + 1))
people 200 200
ok "... an event comes" wait_until 20 recorded "$from"
is "... without a signature" "$(tail -n 1 "$record" | jq -r .head | grep -ci '^webhook-signature')" 0
exits "it ends well" 0 process_stop daemon
tests_end
