# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Ports of loopback, below the range of outgoing connections, for test scripts and their servers. A port that is free when it is
# looked for can be somebody else's a moment later, and so can one whose server is down: so they are claimed, with the lock of a
# file.

ports_dir=${TMPDIR:-/tmp}/adbl-ports.$(id -u)

# ports_claim FIRST COUNT SIZE: of the COUNT blocks of SIZE ports from FIRST on, one that no other script of this user has; its
# first port in $ports_first. It is kept until ports_release, or the end. An earlier one is given back.
ports_claim() {
	local try
	ports_release
	for ((try = 0; try < 1000; try++)); do
		ports_first=$(($1 + (RANDOM * 32768 + RANDOM) % $2 * $3))
		# the directory goes with the last one who leaves
		mkdir -p "$ports_dir" 2>/dev/null || continue
		{ exec {ports_fd}>"$ports_dir/$ports_first"; } 2>/dev/null || continue
		# a file that was removed before it was locked keeps nobody out
		if flock -n "$ports_fd" && [ "$ports_dir/$ports_first" -ef "/dev/fd/$ports_fd" ]; then
			return
		fi
		exec {ports_fd}>&-
		unset ports_fd
	done
	echo "no ports can be claimed in $ports_dir" >&2
	return 1
}

ports_release() {
	[ -n "${ports_fd:-}" ] || return 0
	rm -f "$ports_dir/$ports_first"
	exec {ports_fd}>&-
	unset ports_fd
	rmdir "$ports_dir" 2>/dev/null || :
}
