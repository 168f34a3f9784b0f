#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Start and stop as a service: in the foreground, as an ordinary user, systemd's notifications, an orderly end that
# leaves nothing twice, and an end within the deadline when the receiver hangs.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

# As root the daemon runs as nobody, with a program that nobody can read.
as=()
if [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --no-new-privs)
	cp "$ADBL" "$test_dir/app-db-listener" && chmod 755 "$test_dir/app-db-listener" && ADBL=$test_dir/app-db-listener
fi
mkdir -m 777 "$test_dir/run"

# listen_notify: a socket as systemd's, whose messages go to $test_dir/notify.log, fields joined by spaces
listen_notify() {
	# shellcheck disable=SC2016 # perl's variables
	process_start notify perl -MIO::Socket::UNIX -MSocket -e '
		$| = 1;
		umask 0;
		my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "socket: $!";
		while (defined $s->recv(my $m, 65536)) { $m =~ s/\n/ /g; print "$m\n" }' "$test_dir/run/notify"
	wait_until 10 test -S "$test_dir/run/notify"
}
notified() { # FIELD [TIMES]
	[ "$(grep -cE -- "(^| )$1" "$test_dir/notify.log")" -ge "${2:-1}" ]
}
start() {
	# systemd takes SIGHUP and TERM itself, and so does everybody who kills: no wrapper may stand between
	process_start daemon "${as[@]}" env "$@" "$ADBL" run -c "$shop_config"
	wait_until 30 daemon_ready || give_up 'the daemon becomes ready'
}
# notify_read: all that was sent until now is in $test_dir/notify.log: what is sent behind it is.
notify_read() {
	mark=$((${mark:-0} + 1))
	perl -MIO::Socket::UNIX -MSocket -e '
		IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ARGV[0])->send("MARK=$ARGV[1]")' "$test_dir/run/notify" "$mark"
	wait_until 10 grep -qx "MARK=$mark" "$test_dir/notify.log"
}

# ---- the foreground, an ordinary user, systemd

listen_notify
receiver_start receiver
shop_new
config_set webhook.max_in_flight 16 webhook.timeout 60 daemon.shutdown_timeout 20
chmod 644 "$shop_config"
install_as_nobody() {
	"${as[@]}" "$ADBL" install -c "$shop_config" >"$test_dir/install.log"
}
exits "install as an ordinary user" 0 install_as_nobody
start NOTIFY_SOCKET="$test_dir/run/notify" WATCHDOG_USEC=600000
ok "run stays in the foreground" test "$(ps -o ppid= -p "${process[daemon]}" | tr -d ' ')" = $$
[ "$(id -u)" != 0 ] || is "... as nobody" "$(ps -o user= -p "${process[daemon]}")" nobody
ok "... and tells systemd READY" wait_until 10 notified READY=1
ok "... and feeds the watchdog" wait_until 20 notified WATCHDOG=1 3
ok "... and has a status" wait_until 10 notified STATUS=.*ready
people 1 20
all_delivered "an ordinary user's daemon" 20
process_signal daemon HUP
ok "SIGHUP is told as RELOADING" wait_until 20 notified RELOADING=1
ok "... and READY again" wait_until 20 notified READY=1 2
process_signal daemon STOP
stopped() {
	[ "$(process_state daemon)" = T ]
}
ok "it is stopped with SIGSTOP" wait_until 10 stopped
ok "... what it said before is read" notify_read
fed=$(grep -c WATCHDOG=1 "$test_dir/notify.log")
ok "... it feeds no watchdog" for_a_while 1 bash -c "[ \$(grep -c WATCHDOG=1 '$test_dir/notify.log') = $fed ]"
process_signal daemon CONT
ok "... and does again after SIGCONT" wait_until 20 notified WATCHDOG=1 $((fed + 1))

# ---- an orderly end under load

receiver_control delay_ms=200
people 1001 2000
sql 'UPDATE users SET n = 1 WHERE id > 1000'
ok "requests are in flight" wait_until 20 stats_min .in_flight 8
exits "SIGTERM in the middle: exit 0" 0 process_stop daemon
ok "... systemd was told STOPPING" wait_until 10 notified STOPPING=1
distinct=$(stats .distinct)
ok "... not all were sent" test "$distinct" -lt 2020
is "... all that was sent was answered" "$(stats '"\(.in_flight) \(.unanswered)"')" "0 0"
is "... and acknowledged" "$(sql 'SELECT count(*) FROM app_db_listener.outbox')" $((2020 - distinct))
receiver_control mode=ok
start
all_delivered "started again" 2020
is "... nothing came twice" "$(stats .duplicates)" 0
for i in 1 2 3; do
	receiver_control delay_ms=300
	people $((i * 10000)) $((i * 10000 + 200))
	ok "under way again, $i" wait_until 20 stats_min .in_flight 1
	process_signal daemon "$([ $i = 2 ] && echo INT || echo TERM)"
	exits "... exit 0" 0 process_wait daemon
	receiver_control mode=ok
	start
done
all_delivered "after all of them" 2623
is "... nothing came twice" "$(stats .duplicates)" 0

# ---- a receiver that hangs does not keep it from ending

exits "stop" 0 process_stop daemon
config_set daemon.shutdown_timeout 500ms
start
receiver_control mode=hang
people 50001 50050
ok "requests hang" wait_until 20 stats_min .in_flight 16
exits "SIGTERM: exit 0 although they do" 0 process_stop daemon 20
ok "... nobody died" dead_is 0
ok "... all wait" outbox_is 50
receiver_stop
receiver_start receiver
config_set daemon.shutdown_timeout 20
start
all_delivered "the next one delivers them" 2673

# ---- idle, twice, without a database

exits "SIGTERM when idle" 0 process_stop daemon
start
process_signal daemon TERM
process_signal daemon TERM
exits "SIGTERM twice" 0 process_wait daemon 20
pg_ctl stop -m immediate
daemon_start daemon "$shop_config"
ok "without a database it starts and is alive" wait_until 20 metrics_is .workers 10
exits "... and ends when told" 0 process_stop daemon 20
is "nothing is left running" "$(pgrep -f "run -c $shop_config" | wc -l)" 0
tests_end
