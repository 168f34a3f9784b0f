# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # used by and from tests/demo/run
# The demo on a private MariaDB: what tests/demo/run asks of a database.

db_title=MariaDB
db_server=tests/support/with-mariadb # what runs the demo inside a server of its own
db_begin='BEGIN;'
db_example='mysql://USER@HOST/DATABASE'

# db_sql: statements from standard input, going on after one that fails; rows on standard output
db_sql() {
	mariadb --no-defaults --force -N -B -h "$TEST_MY_HOST" -P "$TEST_MY_PORT" -u "$TEST_MY_USER" --unbuffered "$@" demo
}
db_query() {
	db_sql -e "$1"
}
# db_create: the database with the table users, and with a count of what was committed, to compare with what arrives
db_create() {
	mariadb --no-defaults -h "$TEST_MY_HOST" -P "$TEST_MY_PORT" -u "$TEST_MY_USER" -e 'CREATE DATABASE demo' &&
		db_sql --skip-force <<-'SQL'
			CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, visits int NOT NULL);
			CREATE TABLE committed (n bigint AUTO_INCREMENT PRIMARY KEY, op text);
			CREATE TRIGGER count_insert AFTER INSERT ON users FOR EACH ROW INSERT INTO committed (op) VALUES ('insert');
			CREATE TRIGGER count_update AFTER UPDATE ON users FOR EACH ROW INSERT INTO committed (op) VALUES ('update');
			CREATE TRIGGER count_delete AFTER DELETE ON users FOR EACH ROW INSERT INTO committed (op) VALUES ('delete');
		SQL
}
db_place() {
	echo "a private MariaDB runs on port $TEST_MY_PORT"
}
# db_url: for quickstart
db_url() {
	echo "mariadb://$TEST_MY_USER@$TEST_MY_HOST:$TEST_MY_PORT/demo"
}
