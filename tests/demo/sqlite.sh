# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # used by and from tests/demo/run
# The demo on an SQLite file: what tests/demo/run asks of a database.

db_title=SQLite
db_server= # none: a file
db_begin='BEGIN IMMEDIATE;'
db_example='sqlite:/PATH/TO/app.db'

# db_sql: statements from standard input, going on after one that fails; rows on standard output
db_sql() {
	sqlite3 -batch -cmd '.timeout 10000' "$@" "$dir/app.db"
}
db_query() {
	sqlite3 -batch -cmd '.timeout 10000' "$dir/app.db" "$1"
}
# db_create: the database with the table users, and with a count of what was committed, to compare with what arrives
db_create() {
	db_sql -bail <<-'SQL' >/dev/null
		PRAGMA journal_mode = WAL;
		CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, visits INTEGER NOT NULL);
		CREATE TABLE committed (n INTEGER PRIMARY KEY, op TEXT);
		CREATE TRIGGER count_insert AFTER INSERT ON users BEGIN INSERT INTO committed (op) VALUES ('insert'); END;
		CREATE TRIGGER count_update AFTER UPDATE ON users BEGIN INSERT INTO committed (op) VALUES ('update'); END;
		CREATE TRIGGER count_delete AFTER DELETE ON users BEGIN INSERT INTO committed (op) VALUES ('delete'); END;
	SQL
}
db_place() {
	echo "$dir/app.db is an SQLite database"
}
# db_url: for quickstart
db_url() {
	echo "sqlite:$dir/app.db"
}
