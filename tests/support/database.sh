# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2153,SC2154,SC2034 # TEST_PG_HOST and the like come from with-postgres; test_dir from lib.sh
# The databases of the tests behind one set of functions; lib.sh sources it. A scenario for more than one kind has a line
#
#   # databases: postgres mariadb sqlite
#
# in its head, by which tests/run runs it once for each with the kind as its argument, and begins with
#
#   need_database "${1:-}"      # the first kind of that line when there is no argument
#
# Then $db_kind tells the kind, and $outbox and $dead_letter are the names of its tables. With TEST_MYSQLD the server of
# the kind mariadb is a MySQL: is_mysql tells.

db_kind=postgres test_db=postgres
outbox=app_db_listener.outbox dead_letter=app_db_listener.dead_letter

# need_postgres, need_mariadb [-o OPTION]...: run the script again, under the server's with-script.
need_postgres() {
	[ -z "${TEST_PG_PORT:-}" ] || return 0
	script_under tests/support/with-postgres "$@" "$0" postgres
}

need_mariadb() {
	[ -n "${TEST_MY_PORT:-}" ] || script_under tests/support/with-mariadb "$@" "$0" mariadb
	db_kind=mariadb test_db=mysql
	outbox=app_db_listener_outbox dead_letter=app_db_listener_dead_letter
}

is_mysql() {
	[ "$db_kind" = mariadb ] && [ "$TEST_MY_SERVER" = mysql ]
}

need_sqlite() {
	db_kind=sqlite
	outbox=app_db_listener_outbox dead_letter=app_db_listener_dead_letter
}

# need_database KIND [OPTION...]: any of them; the options are the server's.
need_database() {
	local kind=${1:-$(sed -n 's/^# databases: *\([a-z]*\).*/\1/p' "$0")}
	shift
	case $kind in
	postgres | mariadb | sqlite) "need_$kind" "$@" ;;
	*)
		echo "no such database: $kind" >&2
		exit 64
		;;
	esac
}

script_under() {
	ports_drop
	rm -rf "$test_dir"
	trap - EXIT INT TERM HUP
	exec "$@"
}

# ---- statements

psql_as() { # USER DATABASE ARG...
	local user=$1 db=$2
	shift 2
	psql -X -q -At -v ON_ERROR_STOP=1 -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" -U "$user" -d "$db" "$@"
}

mariadb_as() { # USER DATABASE ARG...
	local user=$1 db=$2
	shift 2
	mariadb --no-defaults -N -B --default-character-set=utf8mb4 -h "$TEST_MY_HOST" -P "$TEST_MY_PORT" -u "$user" "$@" "$db"
}

sqlite_do() { # ARG...; waits for a lock as long as applications do
	sqlite3 -batch -bail -cmd '.timeout 60000' -cmd 'PRAGMA foreign_keys = on' "$test_db" "$@"
}

# db_new NAME: make a database, which sql and config_write then use. MariaDB's user for the daemon is listener, so that its
# connections are known. An SQLite file is in WAL mode, $db_journal otherwise.
db_new() {
	case $db_kind in
	postgres) psql_as "$TEST_PG_USER" postgres -c "CREATE DATABASE $1" && test_db=$1 ;;
	mariadb)
		mariadb_as "$TEST_MY_USER" mysql -e "CREATE DATABASE $1 CHARACTER SET utf8mb4;
			CREATE USER IF NOT EXISTS listener; GRANT ALL ON *.* TO listener" && test_db=$1
		;;
	sqlite)
		test_db=$test_dir/$1.db
		sqlite_do "PRAGMA journal_mode = ${db_journal:-wal}" >/dev/null
		;;
	esac
}

# sql SQL...: run statements, each its own transaction; rows as a|b (MariaDB: with tabs between).
sql() {
	local s args=()
	case $db_kind in
	postgres)
		for s in "$@"; do
			args+=(-c "$s")
		done
		psql_as "$TEST_PG_USER" "$test_db" "${args[@]}"
		;;
	mariadb)
		s=$(printf '%s;\n' "$@")
		mariadb_as "$TEST_MY_USER" "$test_db" -e "$s"
		;;
	sqlite)
		s=$(printf '%s;\n' "$@")
		sqlite_do "$s"
		;;
	esac
}

# sql_file FILE...: run scripts in the database; PostgreSQL in one transaction.
sql_file() {
	local f args=()
	for f in "$@"; do
		args+=(-f "$f")
	done
	case $db_kind in
	postgres) psql_as "$TEST_PG_USER" "$test_db" -1 "${args[@]}" ;;
	mariadb) cat "$@" | mariadb_as "$TEST_MY_USER" "$test_db" ;;
	sqlite) cat "$@" | sqlite_do ;;
	esac
}

# sql_is SQL WANT: true when the query's only value is WANT. sql_min SQL LEAST: ... is at least that.
sql_is() {
	[ "$(sql "$1")" = "$2" ]
}
sql_min() {
	[ "$(sql "$1")" -ge "$2" ]
}

# sql_series FROM TO SELECT: the SELECT's text, with i as the numbers from FROM to TO.
sql_series() {
	case $db_kind in
	postgres) echo "$3 FROM generate_series($1, $2) AS i" ;;
	*) echo "$3 FROM (WITH RECURSIVE s(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM s WHERE i < $2) SELECT i FROM s) AS s" ;;
	esac
}

# sql_text N: an expression, a text of 32 * N characters for the number i.
sql_text() {
	case $db_kind in
	postgres) echo "repeat(md5(i::text), $1)" ;;
	mariadb) echo "repeat(left(sha2(i, 256), 32), $1)" ;;
	sqlite) echo "replace(hex(zeroblob($1)), '00', printf('%032x', i * 2654435761))" ;;
	esac
}

# ---- the server: db_stop in good order, db_crash without, db_start

pg_ctl() {
	"$TEST_PG_CTL" "$@" >>"$test_dir/pg_ctl.log" 2>&1
}

my_ctl() {
	"$TEST_MY_CTL" "$@" >>"$test_dir/my_ctl.log" 2>&1
}

db_stop() {
	case $db_kind in
	postgres) pg_ctl stop -m fast ;;
	mariadb) my_ctl stop ;;
	esac
}

db_crash() {
	case $db_kind in
	postgres) pg_ctl stop -m immediate ;;
	mariadb) my_ctl kill ;;
	esac
}

db_start() {
	case $db_kind in
	postgres) pg_ctl start ;;
	mariadb) my_ctl start ;;
	esac
}

# db_terminate [query]: end the daemon's connections, or what they are doing.
db_terminate() {
	case $db_kind in
	postgres)
		sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = '$test_db' AND query NOT LIKE '%workload.write%' AND pid <> pg_backend_pid()" >/dev/null
		;;
	mariadb)
		sql "SELECT concat('KILL ${1:-}', ' ', id, ';') FROM information_schema.processlist WHERE user = 'listener'" |
			mariadb_as "$TEST_MY_USER" mysql -f 2>/dev/null
		;;
	esac
	return 0
}

# ---- the daemon's configuration of it

# config_database: the keys of one database, each line two blanks in.
config_database() {
	case $db_kind in
	postgres)
		cat <<-CONFIG
			  type: "postgres"
			  host: "$TEST_PG_HOST"
			  port: $TEST_PG_PORT
			  user: "$TEST_PG_USER"
			  password: "unused"
			  database: "$test_db"
			  sslmode: "disable"
		CONFIG
		;;
	mariadb)
		cat <<-CONFIG
			  type: "$TEST_MY_SERVER"
			  host: "$TEST_MY_HOST"
			  port: $TEST_MY_PORT
			  user: "listener"
			  database: "$test_db"
			  sslmode: "disable"
		CONFIG
		;;
	sqlite)
		cat <<-CONFIG
			  type: "sqlite"
			  path: "$test_db"
		CONFIG
		;;
	esac
}
