#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# databases: postgres mariadb sqlite
# shellcheck disable=SC2154 # db_kind comes from need_database
# quickstart: from two URLs to a delivered change, and nothing half done when something is wrong.
. "$(dirname "$0")/../support/lib.sh"
need_database "${1:-}"
. tests/e2e/shop.sh

config=$test_dir/quick.yaml
# quickstart ARGUMENT...: with $config; its words as adbl has them.
quickstart() {
	local status=0
	"$ADBL" quickstart -c "$config" "$@" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
	said=$(<"$test_dir/stdout") complained=$(<"$test_dir/stderr")
	return "$status"
}
silent() {
	"$@" >"$test_dir/stdout" 2>"$test_dir/stderr"
}
mode_of() {
	stat -c %a "$1"
}
nothing_written() {
	[ -z "$(compgen -G "$config*")" ]
}
hook() {
	echo "http://127.0.0.1:${port[receiver]}/hook"
}

# delivers NAME COMMAND...: tests: the daemon runs with $config, and what COMMAND changes arrives.
delivers() {
	local name=$1 before
	shift
	printf 'admin: {listen: "127.0.0.1:%s"}\n' "$admin_port" >>"$config"
	before=$(stats .distinct)
	process_start daemon "$ADBL" run -c "$config"
	ok "$name: the daemon becomes ready" wait_until 30 daemon_ready || diag_logs
	ok "... a change is made" "$@"
	ok "... and arrives" wait_until 30 stats_is .distinct $((before + 1)) || diag_logs
	ok "... the daemon stops" process_stop daemon
}

receiver_start receiver

# ---- bad arguments: status 64, and nothing written

while IFS='~' read -r url webhook words; do
	exits "'$url' '$webhook' is refused" 64 quickstart "$url" "$webhook"
	has "... says why" "$complained" "$words" 'nothing was changed'
	is "... on standard error alone" "$said" ''
	ok "... writes nothing" nothing_written
	ok "... and does not repeat the password" bash -c "! grep -q hidden '$test_dir/stderr'"
done <<CASES
postgres://u:hidden@127.0.0.1~$(hook)~DATABASE_URL: names no database
postgres://u:hidden@x@127.0.0.1/d~$(hook)~%40
postgres://u:hidden@127.0.0.1:0/d~$(hook)~database.port
postgres://u:hidden@127.0.0.1/d?sslmode=maybe~$(hook)~sslmode
oracle://u:hidden@127.0.0.1/d~$(hook)~DATABASE_URL: must begin with
127.0.0.1/d~$(hook)~DATABASE_URL: must begin with
mysql://u:hidden@127.0.0.1/d~ftp://h~WEBHOOK_URL: must begin with
mysql://u:hidden@127.0.0.1/d?sslmode=allow~$(hook)~sslmode
CASES
exits "a single argument is refused" 64 quickstart postgres://127.0.0.1/d
exits "a table that is none is refused" 64 quickstart --table a.b.c postgres://127.0.0.1/d "$(hook)"
has "... says why" "$complained" SCHEMA.TABLE
exits "an SQLite file that is not there" 66 quickstart "sqlite:$test_dir/none.db" "$(hook)"
ok "... is not made" test ! -e "$test_dir/none.db"
ok "... and nothing is written" nothing_written

# ---- each database: a user app with a password that needs encoding, and two tables

password='hidden p@ss:w/rd%?#"$'
encoded='hidden%20p%40ss%3Aw%2Frd%25%3F%23%22%24'
case $db_kind in
postgres)
	psql_as "$TEST_PG_USER" postgres -c 'CREATE DATABASE shop'
	psql_as "$TEST_PG_USER" shop -c "CREATE ROLE app LOGIN PASSWORD '$password'" -c 'GRANT ALL ON DATABASE shop TO app' \
		-c 'GRANT ALL ON SCHEMA public TO app'
	printf 'host all app 127.0.0.1/32 scram-sha-256\n' >"$test_dir/hba"
	cat "$TEST_PG_DATA/pg_hba.conf" >>"$test_dir/hba"
	cat "$test_dir/hba" >"$TEST_PG_DATA/pg_hba.conf"
	"$TEST_PG_CTL" reload >"$test_dir/pg_ctl.log" 2>&1
	asks_password() {
		! PGPASSWORD=wrong psql_as app shop -c 'SELECT 1'
	}
	ok "the server asks for the password" wait_until 20 asks_password
	where=$TEST_PG_HOST:$TEST_PG_PORT/shop scheme=postgres schema=public
	app() {
		PGPASSWORD=$password psql_as app shop -c "$1"
	}
	;;
mariadb)
	as_root() {
		mariadb --no-defaults -h "$TEST_MY_HOST" -P "$TEST_MY_PORT" -u "$TEST_MY_USER" "$@"
	}
	as_root -e "CREATE DATABASE shop; CREATE USER app IDENTIFIED BY '$password'; GRANT ALL ON *.* TO app"
	where=$TEST_MY_HOST:$TEST_MY_PORT/shop scheme=mariadb schema=shop
	app() {
		MYSQL_PWD=$password mariadb --no-defaults -h "$TEST_MY_HOST" -P "$TEST_MY_PORT" -u app shop -e "$1"
	}
	;;
sqlite)
	where=$test_dir/shop\ 1%.db schema=main
	app() {
		sqlite3 -bail "$where" '.timeout 60000' "$1"
	}
	;;
esac
app 'CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20))'
app 'CREATE TABLE orders (id bigint PRIMARY KEY)'
if [ "$db_kind" = sqlite ]; then
	url="sqlite://$test_dir/shop%201%25.db"
else
	url=$scheme://app:$encoded@$where
fi

export DB_USER=wrong HOME=$test_dir
exits "quickstart" 0 quickstart "$url" "$(hook)"
has "... says what it wrote" "$said" "$config"
has "... that it installed" "$said" users orders
has "... and what comes next" "$said" "test-webhook -c $config" "run -c $config"
is "... the configuration is for its owner alone" "$(mode_of "$config")" 600
ok "... no password is in it, or was shown" bash -c "! grep -F hidden '$config' '$test_dir/stdout' '$test_dir/stderr'"
exits "... the configuration checks" 0 silent "$ADBL" check -c "$config"
delivers "every table is captured" app "INSERT INTO orders VALUES (1)"
cp "$config" "$test_dir/before"
exits "a second one refuses to overwrite" 73 quickstart --table users "$url" "$(hook)"
has "... says how" "$complained" exists -c --force
ok "... and has not" cmp -s "$config" "$test_dir/before"
exits "with --force it does" 0 quickstart --force --table users --table "$schema.orders" "$url" "$(hook)"
has "... the tables are there" "$(<"$config")" "tables: [\"users\", \"$schema.orders\"]"
delivers "... which works" app "INSERT INTO users VALUES (1, 'x')"
rm -f "$config" "$config.password"
exits "a table that does not exist" 66 quickstart --table usres "$url" "$(hook)"
has "... did you mean" "$complained$said" usres users
ok "... the configuration stays" test -s "$config"
has "... to go on with" "$complained" "install -c $config"
rm -f "$config" "$config.password"
(cd "$test_dir" && mkdir sub && "$ADBL" quickstart -c sub/rel.yaml "$url" "$(hook)" >/dev/null)
if [ "$db_kind" = sqlite ]; then
	(cd "$test_dir" && "$ADBL" quickstart -c sub/file.yaml "sqlite:shop%201%25.db" "$(hook)" >/dev/null)
	ok "a relative database is found from anywhere" grep -qF "path: \"$where\"" "$test_dir/sub/file.yaml"
	tests_end
fi
ok "a relative file is found from anywhere" grep -qF "password_file: \"$test_dir/sub/rel.yaml.password\"" "$test_dir/sub/rel.yaml"

# ---- servers: passwords, and what is wrong with them

exits "quickstart with sslmode" 0 quickstart "$url?sslmode=prefer" "$(hook)"
has "... names the password's file" "$said" "$config.password"
has "... sslmode is there" "$(<"$config")" 'sslmode: "prefer"'
is "... the password is for its owner alone" "$(mode_of "$config.password")" 600
is "... and right" "$(<"$config.password")" "$password"
rm -f "$config" "$config.password"
exits "a wrong password" 77 quickstart "$scheme://app:hidden@$where" "$(hook)"
has "... says how to go on" "$complained" "$config" "install -c $config" password
ok "... the configuration stays" test -s "$config"
ok "... the password is not shown" bash -c "! grep -F hidden '$test_dir/stdout' '$test_dir/stderr'"
printf '%s' "$password" >"$config.password"
exits "... and that is how it goes on" 0 silent "$ADBL" install -c "$config"
rm -f "$config" "$config.password"
printf '%s\n' "$password" >"$test_dir/pw"
exits "a password file" 0 quickstart --password-file "$test_dir/pw" "$scheme://app@$where" "$(hook)"
ok "... is the one that is used" grep -qF "password_file: \"$test_dir/pw\"" "$config"
ok "... no other is written" test ! -e "$config.password"
rm -f "$config"
exits "... that is not there" 64 quickstart --password-file "$test_dir/none" "$scheme://app@$where" "$(hook)"
has "... is named" "$complained" "$test_dir/none"
exits "... beside one in the URL" 64 quickstart --password-file "$test_dir/pw" "$url" "$(hook)"
ok "... and nothing is written" nothing_written
exits "a server that is down" 69 quickstart "$scheme://app@127.0.0.1:$(port_free)/shop" "$(hook)"
ok "... needs no password file" test ! -e "$config.password"
tests_end
