#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The password, the URL's token, the headers' values, the signing secrets, the key of masks, bearer tokens (those fetched, too),
# passwords, the client's secret, the key's password and the admin token are nowhere but where they are used: in no log line,
# message, page, process title, status or command output, in good days and bad, and in no core. And from where they may be read.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

secrets=(Pw-4f1c9e Url-77aa3b Query-0d2e8f Header-b6c5d4 Admin-e9f8a7 Mask-1d2c3b Alert-3c7d1e Ingest-5a7c02 Proxy-8e4b6d)
ingest_token=${secrets[7]}-0123456789
mask_key=${secrets[5]}-0123456789abcdef01234567
# of these two a part is looked for: a mistaken one must not be repeated either
sign_hmac=whsec_U2lnbmluZ1NlY3JldE9uZUZvclRoZVRlc3Q=
sign_ed25519=whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=
secrets+=("${sign_hmac:6:20}" "${sign_ed25519:5:20}")
# what a webhook is authorized by; the receiver gives Fetched-...
bearer=Bearer-3d1f0a basic=Basic-90b2c7 client=Client-e41d58 key_password=Key-67f3a1
secrets+=("$bearer" "$basic" "$(printf 'shop:%s' "$basic" | base64)" "$client" "$key_password" Fetched-5b1e7c)
secrets+=("$(printf 'hook:%s' "${secrets[1]}" | base64)") # what curl makes of the URL's
export BEARER=$bearer                                     # a daemon's environment is that of its start
export PGPASSWORD=unused
receiver_start receiver --raw
shop_new
sql "CREATE ROLE listener LOGIN SUPERUSER PASSWORD '${secrets[0]}'"
printf 'host all listener 127.0.0.1/32 scram-sha-256\n' >"$test_dir/hba"
cat "$TEST_PG_DATA/pg_hba.conf" >>"$test_dir/hba"
cat "$test_dir/hba" >"$TEST_PG_DATA/pg_hba.conf"
pg_ctl reload
unset PGPASSWORD

all=$test_dir/everything
# keep COMMAND...: all that it says goes where the secrets are looked for at the end
keep() {
	local status=0
	echo "== $*" >>"$all"
	"$@" >>"$all" 2>&1 || status=$?
	return "$status"
}
run_all() {
	local c words
	for c in check 'check --settings' status 'check --json' 'status --json' 'dead-letters list' 'dead-letters list --json' test-webhook \
		'test-webhook --json' 'install --print' 'uninstall --print' version; do
		read -ra words <<<"$c"
		keep "$ADBL" "${words[@]}" -c "$shop_config"
	done
	keep curl -s -m 5 "http://127.0.0.1:$admin_port/metrics"
	keep curl -s -m 5 "http://127.0.0.1:$admin_port/metrics?format=prometheus"
	keep curl -s -m 5 "http://127.0.0.1:$admin_port/readyz"
	keep curl -s -m 5 "http://127.0.0.1:$admin_port/healthz"
	keep ps -o args= -p "${process[daemon]}"
}

# ---- from the environment, a file, a credential

mkdir "$test_dir/credentials"
echo "${secrets[0]}" >"$test_dir/password"
echo "${secrets[4]}" >"$test_dir/credentials/admin-token"
echo "$sign_ed25519" >"$test_dir/credentials/signing"
echo "$ingest_token" >"$test_dir/credentials/ingest"
export CREDENTIALS_DIRECTORY=$test_dir/credentials HEADER_SECRET=${secrets[3]} MASK_KEY=$mask_key SIGN_HMAC=$sign_hmac
export WEBHOOK_URL="http://hook:${secrets[1]}@127.0.0.1:${port[receiver]}/hook?token=${secrets[2]}"
sed -i '/^  password:/d; /^  token:/d' "$shop_config"
# shellcheck disable=SC2016 # the variables are the daemon's
config_set database.user listener database.password_file "$test_dir/password" admin.token_credential admin-token \
	webhook.url '"${WEBHOOK_URL}"' webhook.headers '{X-Secret: "${HEADER_SECRET}"}' \
	memory.alert_url "\"http://127.0.0.1:1/alerts?token=${secrets[6]}\"" \
	webhook.mask '{hash: name, key: "${MASK_KEY}"}' \
	webhook.signing_secrets '["${SIGN_HMAC}", {credential: signing}]' logging.level debug \
	ingest.listen 127.0.0.1:0 ingest.tokens "{shop: {credential: ingest}, crm: ${secrets[7]}-of-the-crm}" \
	logging.file "$test_dir/app.log" webhook.retry_count 1 webhook.retry_delay 20ms webhook.breaker_failures 3
exits "install with a password from a file" 0 keep "$ADBL" install -c "$shop_config"
shop_run
people 1 10
all_delivered "all of them work" 10
is "... the signing secrets too" "$(jq -r .head "$test_dir/receiver.ndjson" | grep -ciE '^webhook-signature: v1,[^ ]+ v1a,')" 10
is "the credential is the admin's token" "$(curl -s -o /dev/null -w '%{http_code}' -X POST --oauth2-bearer "${secrets[4]}" \
	"http://127.0.0.1:$admin_port/webhooks/default/enable")" 200
is "the key of masks is in use" "$(jq -r '.body_base64 | @base64d | fromjson.data.name' "$test_dir/receiver.ndjson" | grep -cE '^[0-9a-f]{64}$')" 10
run_all

# ---- bad days: refusals, outages, a wrong reload, a lost database

receiver_control 'status=400&count=2'
people 11 12
ok "two die" wait_until 20 dead_is 2
receiver_control "status=302&count=1&location=http://127.0.0.1/%3Ftoken"
people 13 13
ok "one more" wait_until 20 dead_is 3
receiver_stop
people 14 20
ok "the receiver is down" wait_until 20 breaker_is open
run_all
pg_ctl stop -m fast
not_ready() {
	! daemon_ready
}
ok "the database is down" wait_until 20 not_ready
run_all
pg_ctl start
receiver_start receiver --raw
ok "all is well again" wait_until 40 outbox_is 0

# ---- authorization, of each kind

cp "$shop_config" "$test_dir/good.yaml"
config_set webhook.url "\"http://127.0.0.1:${port[receiver]}/hook\""
cp "$shop_config" "$test_dir/plain.yaml"
echo "$basic" >"$test_dir/basic"
echo "$client" >"$test_dir/credentials/client"
next=100
# look: what tells most of a webhook; run_all takes a second
look() {
	keep "$ADBL" check --offline -c "$shop_config"
	keep "$ADBL" status -c "$shop_config"
	keep "$ADBL" test-webhook -c "$shop_config"
	keep "$ADBL" dead-letters list -c "$shop_config"
	keep curl -s -m 5 "http://127.0.0.1:$admin_port/metrics"
}
# In the middle of a reload the log is opened anew, and what is said then goes to standard error.
begins() {
	cat "$test_dir/app.log" "$test_dir/daemon.log" | grep -c 'reading the source'
}
begins_min() {
	[ "$(begins)" -ge "$1" ]
}
# taken_up: a daemon that was told of a configuration has it; events that come now go by it
taken_up() {
	local before
	before=$(begins)
	process_signal daemon HUP
	wait_until 20 begins_min $((before + 1))
}
# authorized_by NAME WORDS KEY VALUE...: with these keys, and a receiver that takes an event and refuses one; what is sent has
# WORDS
authorized_by() {
	local name=$1 sent=$2
	shift 2
	cp "$test_dir/plain.yaml" "$shop_config"
	config_set "$@"
	ok "$name is taken up" taken_up
	people $next $next
	ok "an event by $name arrives" wait_until 20 outbox_is 0
	stats . >"$test_dir/stats"
	has "... which is sent" "$(tail -n 1 "$test_dir/receiver.ndjson" | jq -r .head)" "Authorization: $sent"
	receiver_control 'status=403&count=1'
	people $((next + 1)) $((next + 1))
	ok "... the next is refused" wait_until 20 outbox_is 0
	receiver_control mode=ok
	next=$((next + 2))
	look
}
# shellcheck disable=SC2016 # the variable is the daemon's
authorized_by bearer_token "Bearer $bearer" webhook.bearer_token '"${BEARER}"'
authorized_by basic_password "Basic $(printf 'shop:%s' "$basic" | base64)" webhook.basic_user shop webhook.basic_password_file "$test_dir/basic"
receiver_control token_wanted=1
authorized_by oauth2 'Bearer Fetched-5b1e7c' webhook.oauth2_token_url "\"http://127.0.0.1:${port[receiver]}/_token\"" webhook.oauth2_client_id adbl \
	webhook.oauth2_client_secret_credential client webhook.oauth2_auth post
is "... with tokens" "$(stats '.tokens.given > 0')" true
receiver_control 'token_wanted=0&token_status=401'
ok "the token is forgotten" taken_up
people $next $next
ok "a client that is refused" wait_until 20 breaker_is open
look
receiver_control token_status=200
ok "... and taken again" wait_until 20 outbox_is 0
openssl req -x509 -newkey rsa:2048 -days 2 -subj /CN=client -passout "pass:$key_password" -keyout "$test_dir/client.key" \
	-out "$test_dir/client.pem" 2>"$test_dir/openssl.log"
config_set webhook.url '"https://127.0.0.1:1/"' webhook.tls_cert "$test_dir/client.pem" webhook.tls_key "$test_dir/client.key" \
	webhook.tls_key_password "$key_password"
ok "tls_key is taken up" taken_up
people $((next + 1)) $((next + 1))
ok "a key with a password" wait_until 20 breaker_is open
run_all
complaints() {
	[ "$(grep -c 'stays in force' "$test_dir/app.log")" -ge "$1" ]
}
count=$(grep -c 'stays in force' "$test_dir/app.log")
is "no configuration was refused so far" "$count" 0
while read -r key value; do
	cp "$test_dir/plain.yaml" "$shop_config"
	config_set "webhook.$key" "$value"
	process_signal daemon HUP
	ok "a mistake in $key" wait_until 20 complaints $((count += 1))
	keep "$ADBL" check --offline -c "$shop_config"
done <<WRONG
bearer_token Bearer $bearer
bearer_token [$bearer]
basic_password $basic
oauth2_client_secret $client
oauth2_token_url "https://adbl:$client@127.0.0.1/token"
tls_key_password $key_password
WRONG
cp "$test_dir/good.yaml" "$shop_config"
process_signal daemon HUP
ok "as before" wait_until 20 outbox_is 0

cp "$shop_config" "$test_dir/good.yaml"
config_set webhook.url "\"htp://hook:${secrets[1]}@127.0.0.1/?token=${secrets[2]}\""
process_signal daemon HUP
ok "a URL that is none" wait_until 20 complaints $((count += 1))
cp "$test_dir/good.yaml" "$shop_config"
for wrong in "[${sign_hmac%?}]" "[${sign_hmac#whsec_}, ${sign_hmac#whsec_}]" "{file: x, ${sign_hmac}: ${sign_ed25519}}" \
	"[$sign_hmac, $sign_hmac]" "[[$sign_ed25519]]" "${sign_ed25519%???}" "[{$sign_ed25519: 1}]"; do
	config_set webhook.signing_secrets "$wrong"
	process_signal daemon HUP
	ok "signing secrets that are none" wait_until 20 complaints $((count += 1))
	run_all
done
cp "$test_dir/good.yaml" "$shop_config"
for wrong in "{hash: name, key: [$mask_key]}" "{hash: name, key: {a: $mask_key}}" "{hash: name, key: ${mask_key:0:20}}" \
	"{redact: name, key: $mask_key}"; do
	config_set webhook.mask "$wrong"
	process_signal daemon HUP
	ok "a key of masks that is none" wait_until 20 complaints $((count += 1))
	run_all
done
cp "$test_dir/good.yaml" "$shop_config"
for wrong in "[$ingest_token]" "{shop: [$ingest_token]}" "{shop: ${secrets[7]}}" "{shop: $ingest_token, crm: $ingest_token}" \
	"{Shop: $ingest_token}" "{shop: {file: x, $ingest_token: y}}"; do
	config_set ingest.tokens "$wrong"
	process_signal daemon HUP
	ok "tokens of ingest that are none" wait_until 20 complaints $((count += 1))
	keep "$ADBL" check --offline -c "$shop_config"
done
cp "$test_dir/good.yaml" "$shop_config"
config_set webhook.url "\"htp://hook:${secrets[1]}@127.0.0.1/?token=${secrets[2]}\"" \
	webhook.proxy "\"sock://proxy:${secrets[8]}@127.0.0.1\""
run_all
config_set database.password "[${secrets[0]}]" admin.token "{a: ${secrets[4]}}"
run_all
cp "$test_dir/good.yaml" "$shop_config"
config_set webhook.url "\"http://hook:${secrets[1]}@127.0.0.1:1/?token=${secrets[2]}\"" \
	webhook.proxy "\"http://proxy:${secrets[8]}@127.0.0.1:1\""
ok "the configuration is taken up" taken_up
people 31 40
ok "another URL, where nobody is" wait_until 20 breaker_is open
run_all
sql "ALTER ROLE listener PASSWORD 'changed'" "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'listener'" >"$test_dir/sql.out"
ok "the password is wrong now" wait_until 20 not_ready
run_all
exits "it ends well" 0 process_stop daemon

# ---- cores

# dies_with NAME WORDS: a test: the daemon, ended by SIGSEGV where cores may be any size, is said to have died with WORDS
# behind. What bash says of it tells what the kernel did, wherever cores go on this machine.
dies_with() {
	local name=$1 want=$2
	rm -f "$test_dir/fault.pid" "$test_dir/fault.log"
	# shellcheck disable=SC2016 # that shell's own variables
	process_start fault bash -c 'cd "$1"; ulimit -c unlimited; "$2" run -c "$3" & echo $! >"$1/fault.pid"; wait $!' \
		fault "$test_dir" "$ADBL" "$shop_config"
	wait_until 20 test -s "$test_dir/fault.pid"
	wait_until 20 grep -q "started.* pid=$(<"$test_dir/fault.pid")" "$test_dir/app.log"
	kill -SEGV "$(<"$test_dir/fault.pid")"
	process_wait fault
	is "$name" "$(grep -o "Segmentation fault.*(core dumped)\|Segmentation fault" "$test_dir/fault.log" | tr -s ' ')" "$want"
}
if [ "$(ulimit -H -c)" = unlimited ]; then
	dies_with "a crash leaves no core" "Segmentation fault"
	config_set daemon.core_dumps true
	dies_with "... unless daemon.core_dumps says so" "Segmentation fault (core dumped)"
else
	echo "ok $((tests_count += 1)) - a crash leaves no core # SKIP the limit of cores cannot be raised here"
fi

# ---- nowhere

cat "$test_dir/app.log" "$test_dir/daemon.log" >>"$all"
ok "enough was looked at" test "$(wc -l <"$all")" -gt 300
for s in "${secrets[@]}"; do
	is "${s%-*} is nowhere" "$(grep -cF -- "$s" "$all")" 0 || diag "$(grep -F -- "$s" "$all" | cut -c 1-300 | head -5)"
done
tests_end
