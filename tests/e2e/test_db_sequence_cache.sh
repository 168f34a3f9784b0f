#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The outbox's sequence is altered to CACHE 50 under load, so that ids no longer come in the order of
# the changes: the daemon says so, loses nothing, keeps the order; install repairs it.
. "$(dirname "$0")/../support/workload.sh"
need_postgres -o 'deadlock_timeout = 50ms'

warned() {
	warning_has outbox_id_seq && warning_has CACHE
}

workload_begin
daemon_start
workload_start 16
ok "it delivers" more_delivered 300
sql 'ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50'
ok "it says so in /metrics" wait_until 60 warned
ok "... and in the log" wait_until 10 grep -q 'CACHE 50' "$test_dir/daemon.log"
ok "check says so" check_says CACHE
ok "it delivers still" more_delivered 2000
ok "install repairs it under load" app install
is "... back to CACHE 1" "$(sql "SELECT seqcache FROM pg_sequence
	WHERE seqrelid = 'app_db_listener.outbox_id_seq'::regclass")" 1
ok "it delivers still" more_delivered 500
ok "no statement of the application failed" workload_stop
order_by_id=no workload_verify "altered and repaired"
# an inspection that took a second on a busy machine is made again after a hundred
ok "the alarm ends" wait_until 180 source_is warning ''

process_stop daemon
sql 'ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50'
workload_start 16
ok "a backlog" wait_until 60 sql_is 'SELECT count(*) > 5000 FROM app_db_listener.outbox' t
ok "no statement of the application failed" workload_stop
daemon_start
order_by_id=no workload_verify "a backlog with CACHE 50"

process_stop daemon
# an installation of before has no place for what install is to note
sql 'ALTER TABLE app_db_listener.install DROP COLUMN cached_upto'
workload_start 16
ok "a backlog" wait_until 60 sql_is 'SELECT count(*) > 2000 FROM app_db_listener.outbox' t
ok "install repairs it while no daemon runs" app install
ok "more of it" wait_until 60 sql_is 'SELECT count(*) > 5000 FROM app_db_listener.outbox' t
ok "no statement of the application failed" workload_stop
daemon_start
order_by_id=no workload_verify "a backlog repaired before it is read"
process_stop daemon
ok "install once more" app install
workload_start 4
daemon_start
ok "it delivers still" more_delivered 500
ok "no statement of the application failed" workload_stop
order_by_id=no workload_verify "by id again"
tests_end
