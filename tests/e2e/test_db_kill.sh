#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kill -9 of the daemon at random points, twenty times under load.
# databases: postgres mariadb sqlite
. "$(dirname "$0")/../support/workload.sh"
workload_need "${1:-}"

workload_begin
# in SQLite one writes at a time, and the others find the lock free by chance
if [ "$db_kind" = sqlite ]; then workload_start 3 300 30; else workload_start 8 300 20; fi
for ((i = 0; i < 20 * scale; i++)); do
	daemon_start
	# a kill in the start, between the first deliveries, or when it has found its pace
	case $((RANDOM % 5)) in
	0) : ;;
	1) more_delivered 1 || break ;;
	*) more_delivered $((RANDOM % 600)) || break ;;
	esac
	pause "0.0$((RANDOM % 90 + 10))"
	process_kill daemon
done
is "it was killed" "$i" $((20 * scale))
ok "no statement of the application failed" workload_stop
daemon_start
workload_verify
tests_end
