# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # test_dir and process come from lib.sh
# A receiver with TLS for the end-to-end scripts: openssl's test server, whose output is the requests and whose input
# the answers. It answers each request by its head, so that no body need be understood; ids are in $test_dir/ids.

tls_port=$(port_free)
mkfifo "$test_dir/answers" "$test_dir/requests"
exec {answers}<>"$test_dir/answers" {requests}<>"$test_dir/requests"

# certificate NAME SUBJECT-ALT-NAME: NAME.pem, signed by itself, and NAME.key, in $test_dir.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=$2" -keyout "$test_dir/$1.key" -out "$test_dir/$1.pem" 2>>"$test_dir/openssl.log"
}

# tls_start NAME [OPTION...]: serve with that certificate.
tls_start() {
	local name=$1
	shift
	openssl s_server -quiet -accept "127.0.0.1:$tls_port" -key "$test_dir/$name.key" -cert "$test_dir/$name.pem" "$@" \
		<&"$answers" >&"$requests" 2>>"$test_dir/openssl.log" &
	process[tls]=$!
	wait_until 10 tls_listens
}
tls_listens() {
	(: <"/dev/tcp/127.0.0.1/$tls_port") 2>/dev/null
}
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
# ids_are COUNT: so many different ones came.
ids_are() {
	[ "$(sort -u "$test_dir/ids" | wc -l)" = "$1" ]
}
