#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check, install and uninstall against real servers: what is wrong is told, what is right changes nothing more than it must.
. "$(dirname "$0")/../support/lib.sh"
need_postgres
. tests/e2e/shop.sh

receiver_start receiver
shop_new
# what the database looks like, for comparing
schema_dump() {
	pg_dump -s -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -d "$test_db" >"$test_dir/dump.sql" ||
		give_up "pg_dump for $1"
	grep -vE '^(--|[\\])' "$test_dir/dump.sql" >"$test_dir/$1.sql"
}
same_schema() {
	diff -u "$test_dir/$1.sql" "$test_dir/$2.sql" >"$test_dir/diff" || { diag "$(head -40 "$test_dir/diff")"; return 1; }
}

not_repeated() { # NAME TEXT: a test: what the last command said has it not
	is "$1" "$(cat "$test_dir/stdout" "$test_dir/stderr" | grep -cF -- "$2")" 0
}

psql_takes() {
	psql_as "$TEST_PG_USER" printed -f "$1" >"$test_dir/psql.log" 2>&1
}

# ---- before and after install

schema_dump bare
ok "the table is in what is compared" grep -q 'CREATE TABLE public.users' "$test_dir/bare.sql"
exits "check before install" 1 adbl check
has "... says what to do" "$said" install
exits "check --json" 1 adbl check --json
ok "... is one JSON document with the same" said_is '.failures > 0 and (.findings | length > 0) and
	(.findings | all(.level and .subject and .message))'
exits "status before install" 0 adbl status
has "... says so" "$said" 'not installed'
schema_dump still_bare
ok "neither changed anything" same_schema bare still_bare
exits "install --print" 0 adbl install --print
has "... says for whom it is" "$said" '-- for' --user
cp "$test_dir/stdout" "$test_dir/print.sql"
schema_dump still_bare
ok "... changed nothing" same_schema bare still_bare
exits "uninstall when nothing is there" 0 adbl uninstall
exits "install" 0 adbl install
schema_dump installed
ok "... made the outbox" grep -q 'CREATE TABLE app_db_listener.outbox' "$test_dir/installed.sql"
exits "install again" 0 adbl install
schema_dump again
ok "... changed nothing" same_schema installed again
exits "check after install" 0 adbl check
is "... has no failure" "$(grep -c '^fail' <<<"$said")" 0
exits "check --json after install" 0 adbl check --json
ok "... agrees" said_is '.failures == 0'
for ordering in table pipeline; do
	config_set listener.ordering $ordering
	exits "check with ordering: $ordering" 0 adbl check
	has "... warns of what one event can hold up" "$(grep '^warning' <<<"$said")" default "ordering: $ordering" outage
done
for ordering in none key; do
	config_set listener.ordering $ordering
	exits "check with ordering: $ordering" 0 adbl check
	is "... warns of nothing" "$(grep '^warning' <<<"$said")" ""
done
exits "status" 0 adbl status
has "... knows the pipeline" "$said" default undelivered
exits "status --json" 0 adbl status --json
ok "... is JSON" said_is '.daemon == null and (.pipelines | length == 1) and .pipelines[0].installed and
	.pipelines[0].undelivered == 0 and (.pipelines[0].active | not)'

# ---- what --print shows gives the same

db_new printed
sql 'CREATE TABLE users (id bigint PRIMARY KEY, name text, n int)'
ok "psql takes what install --print shows" psql_takes "$test_dir/print.sql"
schema_dump printed
ok "... and the result is the same" same_schema installed printed
config_set database.database printed
exits "... install finds it done" 0 adbl install
schema_dump printed_again
ok "... and changes nothing" same_schema printed printed_again
exits "... check agrees" 0 adbl check
people 1 3
exits "... uninstall --keep-data refuses while events are undelivered" 75 adbl uninstall --keep-data
is "... and they are still there" "$(sql 'SELECT count(*) FROM app_db_listener.outbox')" 3
exits "uninstall --print" 0 adbl uninstall --print
cp "$test_dir/stdout" "$test_dir/unprint.sql"
schema_dump printed_again
ok "... changed nothing" same_schema printed printed_again
ok "psql takes what uninstall --print shows" psql_takes "$test_dir/unprint.sql"
schema_dump unprinted
ok "... and nothing is left" same_schema bare unprinted
test_db=shop
config_set database.database shop
people 1 2
exits "uninstall with undelivered events" 0 adbl uninstall
schema_dump gone
ok "... leaves nothing" same_schema bare gone
exits "uninstall again" 0 adbl uninstall
people 3 3
is "the application writes on" "$(sql 'SELECT count(*) FROM users')" 3

# ---- what is wrong with the tables

sql 'CREATE TABLE notes (t text)' 'CREATE VIEW seen AS SELECT * FROM users'
config_set database.table usres
exits "a table that does not exist" 1 adbl check
has "... did you mean" "$said" usres 'did you mean' users
exits "... install refuses" 66 adbl install
has "... and says the same" "$complained$said" usres users
sql 'DROP TABLE notes' 'DROP VIEW seen'
schema_dump gone
ok "... and leaves nothing behind" same_schema bare gone
sql 'CREATE TABLE notes (t text)' 'CREATE VIEW seen AS SELECT * FROM users'
config_set database.table notes
exits "a table without a primary key installs" 0 adbl install
exits "... and works" 0 adbl check
has "... with a warning" "$said" warning 'primary key'
config_set database.table seen
exits "a view" 1 adbl check
has "... is refused with the reason" "$said" seen view
config_set database.table users
exits "back to the table" 0 adbl install
exits "... which is well" 0 adbl check
is "... and the other has no trigger any more" \
	"$(sql "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'notes'::regclass AND NOT tgisinternal")" 0
sql 'DROP TRIGGER '"$(sql "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 'users'::regclass AND NOT tgisinternal LIMIT 1")"' ON users'
exits "a lost trigger" 1 adbl check
has "... is missed" "$said" users install
exits "... install puts it right" 0 adbl install
exits "... check agrees" 0 adbl check
sql 'ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50'
exits "a sequence altered to CACHE 50" 1 adbl check
has "... is told" "$said" cache
exits "... install puts it right" 0 adbl install
exits "... check agrees" 0 adbl check

# ---- a daemon with few rights, and other credentials to install with

sql "CREATE ROLE listener LOGIN PASSWORD 'pw-of-listener'" "ALTER ROLE postgres PASSWORD 'pw-of-postgres'"
printf 'host all listener,postgres 127.0.0.1/32 scram-sha-256\n' >"$test_dir/hba"
cat "$TEST_PG_DATA/pg_hba.conf" >>"$test_dir/hba"
cat "$test_dir/hba" >"$TEST_PG_DATA/pg_hba.conf"
pg_ctl reload
export PGPASSWORD=pw-of-postgres
exits "the database still lets the test in" 0 sql 'SELECT'
config_set database.user listener database.password '"wrong-pw"'
exits "a wrong password: check" 1 adbl check
has "... says so" "$said" password listener
not_repeated "... and not the password" wrong-pw
for c in install status 'dead-letters list'; do
	read -ra words <<<"$c"
	exits "... $c" 77 adbl "${words[@]}"
	not_repeated "... does not show the password" wrong-pw
done
config_set database.password '"pw-of-listener"'
printf 'pw-of-postgres\n' >"$test_dir/pw"
exits "uninstall with other credentials" 0 adbl uninstall --user postgres --password-file "$test_dir/pw"
exits "install without the right to" 77 adbl install
has "... says what is missing, and how else" "$complained" 'permission denied' --user --password-file
exits "install with other credentials" 0 adbl install --user postgres --password-file "$test_dir/pw"
exits "... check as the daemon" 0 adbl check
exits "... check with other credentials" 0 adbl check --user postgres --password-file "$test_dir/pw"
exits "... which are read" 1 adbl check --user postgres --password-file <(echo pw-of-nobody)
for c in check install; do
	exits "... $c with a password file that is not there" 66 adbl $c --user postgres --password-file "$test_dir/none"
	has "... says which" "$complained" --password-file "$test_dir/none"
done
shop_run
people 11 20
all_delivered "run as the daemon" 10
exits "... uninstall refuses while it runs" 75 adbl uninstall --user postgres --password-file "$test_dir/pw"
has "... and says so" "$complained" daemon
exits "... status knows it" 0 adbl status --json
ok "... as active" said_is '.pipelines[0].active and .daemon.workers > 0'
process_stop daemon

# ---- connections that cannot work

config_set database.database nowhere
exits "a database that does not exist: check" 1 adbl check
has "... says which" "$said" nowhere
for c in install status; do
	exits "... $c" 66 adbl $c
done
config_set database.database shop database.port "$(port_free)"
exits "a server that is down: check" 1 adbl check
is "... tells it once" "$(grep -c '^fail' <<<"$said")" 1
for c in install uninstall status; do
	exits "... $c" 69 adbl $c
	has "... says where" "$complained" "$TEST_PG_HOST"
done
config_set database.host '"no-such-host.invalid"' database.connect_timeout 3
exits "a host that does not exist" 69 adbl install

# ---- a pooler in transaction mode

pool_port=$(port_free)
cat >"$test_dir/pool.ini" <<INI
[databases]
shop = host=$TEST_PG_HOST port=$TEST_PG_PORT dbname=shop user=postgres password=pw-of-postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pool_port
auth_type = any
pool_mode = transaction
unix_socket_dir =
ignore_startup_parameters = extra_float_digits,options
INI
chmod 644 "$test_dir/pool.ini"
as=()
[ "$(id -u)" != 0 ] || as=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups)
process_start pooler "${as[@]}" "$(command -v pgbouncer || echo /usr/sbin/pgbouncer)" "$test_dir/pool.ini"
config_set database.host "$TEST_PG_HOST" database.port "$pool_port" database.user postgres database.password '"pw-of-postgres"'
pooled() {
	adbl check || [ $? = 1 ]
	[[ ${said,,} == *pooler* ]]
}
ok "a pooler is noticed" wait_until 20 pooled || diag "$said"
has "... and told" "$said" pooler
tests_end
