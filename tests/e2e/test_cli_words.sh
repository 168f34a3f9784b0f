#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The command line without a database: help, version, wrong words, and every mistake of a configuration with its place.
. "$(dirname "$0")/../support/lib.sh"
. tests/e2e/shop.sh

# call ARGUMENT...: as given, without -c.
call() {
	local status=0
	"$ADBL" "$@" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
	said=$(<"$test_dir/stdout") complained=$(<"$test_dir/stderr")
	return "$status"
}

# ---- help and version

commands=(quickstart run check install uninstall status dead-letters test-webhook version)
exits "--help" 0 call --help
has "... names every command" "$said" "${commands[@]}"
is "... and complains of nothing" "$complained" ''
for c in "${commands[@]}"; do
	exits "$c --help" 0 call "$c" --help
	has "... has usage, options and an example" "$said" "usage: app-db-listener $c" --config '-c' Example "  app-db-listener $c"
	exits "help $c" 0 call help "$c"
done
exits "version" 0 call version
ok "... is one line with a number" grep -qxE 'app-db-listener [0-9]+\.[0-9]+.*' <<<"$said"
exits "version -c of a file that is not there" 0 call version -c "$test_dir/none"

# ---- wrong words: status 64, on stderr, with a way to help

while IFS='~' read -r words word; do
	read -ra words <<<"$words"
	exits "'${words[*]}' is refused" 64 call "${words[@]}"
	has "... says what is wrong" "$complained" "$word"
	is "... and nothing on standard output" "$said" ''
done <<'CASES'
~usage
frobnicate~frobnicate
run --colour~--colour
run -x~-x
check -c~--config
check extra~extra
check --json=yes~--json
install --give-up soon~soon
install --dry-run~--dry-run
run --print~--print
CASES

# ---- a configuration that cannot be read

while read -r name path word; do
	for c in run check install uninstall status test-webhook; do
		exits "$c with $name" 78 call "$c" -c "$test_dir/$path"
	done
	has "... says which" "$complained" "$test_dir/$path" "$word"
	is "... once" "$(grep -c "$path" <<<"$complained")" 1
done <<'CASES'
no-file none.yaml no
a-directory . directory
CASES

# ---- the file that operators have today, unchanged

cat >"$shop_config" <<'CONFIG'
database:
  type: "postgres"
  host: "localhost"
  port: 5432
  user: "${DB_USER}"
  password: "${DB_PASSWORD}"
  database: "prod_db"
  table: "users"
  sslmode: "require"
listener:
  modes: "insert,update,delete"
  poll_interval: 2
webhook:
  url: "${WEBHOOK_URL}"
  timeout: 30
  retry_count: 3
  retry_delay: 5
logging:
  file: "/var/log/app-db-listener/app.log"
  level: "info"
worker:
  pool_size: 10
CONFIG
export DB_USER=app DB_PASSWORD=s3cr3t-pw WEBHOOK_URL=https://user:s3cr3t-url@receiver.example/hook
exits "today's file loads unchanged" 0 adbl check --offline
is "... without a word of complaint" "$complained" ''
exits "... as JSON too" 0 adbl check --offline --json
ok "... which is JSON" said_is '.findings == []'
exits "its settings" 0 adbl check --settings
ok "... are those of the file" grep -q '^  pool_size: 10$' "$test_dir/stdout"
ok "... and the defaults" grep -q '^    retry_max_delay: 5m$' "$test_dir/stdout"
is "... without secrets" "$(grep -c 's3cr3t' "$test_dir/stdout")" 0
exits "... as JSON they are not to be had" 64 adbl check --settings --json
has "... which it says" "$complained" --json 'check --settings'
cp "$shop_config" "$test_dir/short.yaml"
adbl check --settings && printf '%s\n' "$said" >"$shop_config"
exits "they are a configuration" 0 adbl check --settings
is "... that means the same" "$said" "$(cat "$shop_config")"
cp "$test_dir/short.yaml" "$shop_config"
unset DB_USER WEBHOOK_URL
exits "without its variables" 78 adbl check --offline
has "... each is named with its place" "$complained" "$shop_config:5:9: database.user:" DB_USER "$shop_config:14:8: webhook.url:" WEBHOOK_URL
is "... and no other" "$(grep -c 'config.yaml:[0-9]' <<<"$complained")" 2
export DB_USER=app WEBHOOK_URL=ftp://receiver.example/
exits "a variable's value is checked as if it were in the file" 78 adbl check --offline
has "... with its place" "$complained" "config.yaml:14:8: webhook.url:"
export WEBHOOK_URL=http://receiver.example/
sed -i 's/{DB_USER}/{DB_USER_2:-app}/; s/{DB_PASSWORD}/{DB_PASSWORD_2:-}/' "$shop_config"
exits "a default does without" 0 adbl check --offline

# ---- every mistake at once, each with file:line:column

cat >"$shop_config" <<'CONFIG'
database:
  type: "postgrse"
  hots: "localhost"
  port: 70000
  user: "${NO_SUCH_USER}"
  database: "prod_db"
  table: "users"
  sslmode: "maybe"
listener:
  modes: "insert,upsert"
  poll_interval: 2 parsecs
webhook:
  timeout: 30
  retry_count: many
  retry_count: 3
worker:
  pool_size: 0
logging:
  level: loud
  rotate_size: 12 floppies
queue:
  capacity: -1
admin:
  listen: "nowhere"
wroker:
  a: 1
CONFIG
for c in check run; do
	exits "$c with many mistakes" 78 adbl "$c"
	while IFS='~' read -r place words; do
		IFS='~' read -ra words <<<"$words"
		line=$(grep -F "$shop_config:$place:" <<<"$complained")
		has "$c: the mistake at $place" "$line" "${words[@]}"
	done <<-'CASES'
		2:9~database.type~postgrse~did you mean
		3:3~database.hots~did you mean host
		4:9~database.port~70000~65535
		5:9~database.user~NO_SUCH_USER
		8:12~database.sslmode~maybe
		10:10~listener.modes~upsert
		11:18~listener.poll_interval~parsecs
		13:3~webhook.url~required
		14:16~webhook.retry_count~many
		15:3~webhook.retry_count~twice
		17:14~worker.pool_size~0~1
		19:10~logging.level~loud
		20:16~logging.rotate_size~floppies
		22:13~queue.capacity~-1
		24:11~admin.listen~address:port
		25:1~wroker~did you mean worker
	CASES
done

while IFS='~' read -r name text place; do
	printf '%b' "$text" >"$shop_config"
	exits "a file that is $name" 78 adbl check --offline
	has "... is refused with its place" "$complained" "config.yaml:$place"
done <<'CASES'
empty~~1:1
no YAML~a: [1\nb: }~2:
a list~- a\n- b\n~1:1
cut off~database:\n  host: "x~
full of tabs~database:\n\thost: x\n~2:
a bomb of aliases~a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n~
binary~\\x00\\x01\\xff\\xfe~
CASES
tests_end
