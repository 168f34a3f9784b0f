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
	ports_release
	rm -rf "$dir"
}

# shellcheck source=SCRIPTDIR/ports.sh
. "$(dirname "${BASH_SOURCE[0]}")/ports.sh"

# A port for the server in $ports_first, its own as long as this runs, also while the server is down. Programs that know nothing of
# that may have it, so callers try a few.
server_port() {
	ports_claim 20000 12000 1
}

# server_run COMMAND [ARG...]: run it, exit with its status.
server_run() {
	local rc=0
	"$@" {ports_fd}>&- &
	child=$!
	wait "$child" || rc=$?
	child=
	exit "$rc"
}
