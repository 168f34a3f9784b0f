# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # used by and from tests/demo/run
# The demo on a private PostgreSQL: what tests/demo/run asks of a database.

db_title=PostgreSQL
db_server=tests/support/with-postgres # what runs the demo inside a server of its own
db_begin='BEGIN;'
db_example='postgres://USER@HOST/DATABASE'

# db_sql: statements from standard input, going on after one that fails; rows on standard output
db_sql() {
	psql -X -q -At -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -d demo "$@"
}
db_query() {
	db_sql -c "$1"
}
# db_create: the database with the table users, and with a count of what was committed, to compare with what arrives
db_create() {
	psql -X -q -h "$TEST_PG_HOST" -p "$TEST_PG_PORT" -U "$TEST_PG_USER" -d postgres -c 'CREATE DATABASE demo' &&
		db_sql -v ON_ERROR_STOP=1 <<-'SQL'
			CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, visits int NOT NULL);
			CREATE TABLE committed (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, op text);
			CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS
				'BEGIN INSERT INTO committed (op) VALUES (lower(TG_OP)); RETURN NULL; END';
			CREATE TRIGGER count_it AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION count_it();
		SQL
}
db_place() {
	echo "a private PostgreSQL runs on port $TEST_PG_PORT"
}
# db_url: for quickstart
db_url() {
	echo "postgres://$TEST_PG_USER@$TEST_PG_HOST:$TEST_PG_PORT/demo"
}
