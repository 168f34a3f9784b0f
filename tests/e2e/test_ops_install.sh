#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make install puts everything where a service finds it, readable for a service that is not root, whatever
# the umask; make uninstall leaves
# nothing of it.
. "$(dirname "$0")/../support/lib.sh"

root=$test_dir/root
# with the program as it is: it was built before the tests began
installer() (
	umask 077
	make -s -o all "$1" DESTDIR="$root" PREFIX=/usr BUILD="${TEST_BUILD:-build}" NO_DEPS=1 >"$test_dir/make.log" 2>&1
)
mode_of() {
	stat -c %a "$root$1"
}

ok "make install" installer install || diag_logs
while read -r mode file; do
	is "$file" "$(mode_of "$file")" "$mode"
done <<'FILES'
755 /usr/bin/app-db-listener
755 /usr/bin/app-db-listener-monitor
644 /usr/lib/systemd/system/app-db-listener.service
644 /usr/share/man/man8/app-db-listener.8
644 /usr/share/man/man5/app-db-listener.yaml.5
755 /etc/app-db-listener
644 /etc/app-db-listener/config.yaml.example
FILES
ok "the program runs" "$root/usr/bin/app-db-listener" version
ok "the unit starts the one that was installed" \
	grep -q '^ExecStart=/usr/bin/app-db-listener run ' "$root/usr/lib/systemd/system/app-db-listener.service"
export DB_USER=u DB_PASSWORD=p WEBHOOK_URL=https://example.com/hook
ok "the example is a configuration" \
	"$root/usr/bin/app-db-listener" check --offline -c "$root/etc/app-db-listener/config.yaml.example"
echo kept >"$root/etc/app-db-listener/config.yaml"
ok "make uninstall" installer uninstall || diag_logs
is "... leaves what the operator wrote" "$(find "$root" -type f)" "$root/etc/app-db-listener/config.yaml"
tests_end
