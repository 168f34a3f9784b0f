# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For with-postgres and with-mariadb: a private directory, an ordinary user, and a server that is stopped when the
# command ends, however it ends. The script sets server_stop, a command that stops its server.

# server_dir NAME USER: a new directory in $dir; $as runs a command as USER (else nobody) when root calls.
server_dir() {
	local user=nobody
	dir=$(mktemp -d "${TMPDIR:-/tmp}/adbl-$1.XXXXXX")
	chmod 755 "$dir"
	# shellcheck disable=SC2034 # used by the caller
	as=()
	if [ "$(id -u)" = 0 ]; then
		id "$2" >/dev/null 2>&1 && user=$2
		chown "$user" "$dir"
		# shellcheck disable=SC2034
		as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
	fi
	child=
	trap server_finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# shellcheck disable=SC2317,SC2154 # called by trap; server_stop is the caller's
server_finish() {
	trap '' EXIT INT TERM HUP
	if [ -n "$child" ]; then
		kill "$child" 2>/dev/null || :
		wait "$child" 2>/dev/null || :
	fi
	"${server_stop[@]}" >/dev/null 2>&1 || :
	while read -r port; do
		rm -f "${dir%/*}/adbl-port.$port"
	done 2>/dev/null <"$dir/ports" || :
	rm -rf "$dir"
}

# A port that may be free: somebody else can take it before the server does, so callers try a few. No other server of these scripts
# takes it, not while this one is down either: as port_free in lib.sh.
server_port() {
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		! ln -sT "$dir" "${dir%/*}/adbl-port.$port" 2>/dev/null || break
	done
	echo "$port" | tee -a "$dir/ports"
}

# server_run COMMAND [ARG...]: run it, exit with its status.
server_run() {
	local rc=0
	"$@" &
	child=$!
	wait "$child" || rc=$?
	child=
	exit "$rc"
}
