/* SPDX-License-Identifier: MIT */
/* What goes wrong with opening connections to MariaDB, and what it is called. */
#include "my_conn_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "silent_port.h"

static void a_session_is_set_up(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"tx_isolation", "READ-COMMITTED"},
		{"autocommit", "1"},
		{"time_zone", "+00:00"},
		{"character_set_client", "utf8mb4"},
		{"character_set_results", "utf8mb4"},
		{"sql_mode", "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"},
		{"innodb_lock_wait_timeout", "2"},
		{"lock_wait_timeout", "2"},
		{"max_statement_time", "10.000000"},
		{"binlog_row_image", "MINIMAL"},
		{"local_infile", "1"}, /* the server's: the client's refusal is another test */
	};
	struct my_conn *c = must_open(*state);
	struct my_result *r;
	char sql[80];
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT @@%s", cases[i].name);
		assert_int_equal(my_conn_query(c, sql, &r, NULL), ERR_OK);
		assert_true(my_result_next(r));
		assert_string_equal(my_result_str(r, 0), cases[i].value);
		my_result_free(r);
	}
	assert_true(my_conn_is_mariadb(c));
	assert_int_equal(strncmp(my_conn_server(c), "MariaDB 1", 9), 0);
	assert_true(my_conn_is_minimal(c));
	assert_true(my_conn_fd(c) >= 0);
	my_conn_close(c);
	my_conn_close(NULL);
}

static void a_server_may_not_ask_for_our_files(void **state)
{
	struct my_conn *c = must_open(*state);

	assert_int_not_equal(
		my_conn_exec(c, "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE items", NULL),
		ERR_OK);
	my_conn_close(c);
}

static void a_user_without_rights_connects(void **state)
{
	struct mytest other = as_user(*state, (char[]){"secret"});
	struct my_conn *c = must_open(&other);

	assert_false(my_conn_is_minimal(c));
	assert_int_equal(my_conn_exec(c, "DROP TABLE items", NULL), ERR_DENIED);
	assert_int_equal(my_conn_exec(c, "SELECT * FROM information_schema.INNODB_TRX", NULL),
			 ERR_DENIED);
	my_conn_close(c);
}

static void wrong_credentials_are_denied(void **state)
{
	struct mytest other = as_user(*state, (char[]){"wrong"});

	expect_open(&other, ERR_DENIED, "Access denied");
	other.settings.password.value = NULL;
	expect_open(&other, ERR_DENIED, "Access denied");
}

static void a_missing_database_is_not_found(void **state)
{
	struct mytest other = *(struct mytest *)*state;

	other.settings.database = (char[]){"nosuch"};
	expect_open(&other, ERR_NOT_FOUND, "nosuch");
}

static void a_server_that_is_not_there_is_unavailable(void **state)
{
	struct mytest other = *(struct mytest *)*state;

	other.settings.port = 1;
	expect_open(&other, ERR_UNAVAILABLE, "127.0.0.1");
	other.settings.host = (char[]){"/nowhere"};
	expect_open(&other, ERR_UNAVAILABLE, "/nowhere");
	other.settings.host = (char[]){"no-such-host.invalid"};
	expect_open(&other, ERR_UNAVAILABLE, "no-such-host");
}

static void a_unix_socket_is_a_way_in(void **state)
{
	struct mytest other = *(struct mytest *)*state;

	other.settings.host = getenv("TEST_MY_SOCKET");
	my_conn_close(must_open(&other));
}

/* No socket where the client library looks: TCP is asked next. */
static void localhost_means_tcp_when_there_is_no_socket(void **state)
{
	struct mytest other = *(struct mytest *)*state;

	other.settings.host = (char[]){"localhost"};
	my_conn_close(must_open(&other));
	other.settings.port = 0; /* the default, where nobody listens */
	if (access("/run/mysqld/mysqld.sock", F_OK) != 0)
		expect_open(&other, ERR_UNAVAILABLE, "localhost");
}

static void a_wrong_option_is_a_configuration_error(void **state)
{
	struct mytest other = *(struct mytest *)*state;
	char path[300];

	other.settings.sslmode = (char[]){"perhaps"};
	expect_open(&other, ERR_CONFIG, "perhaps");
	other.settings.sslmode = (char[]){"verify-ca"};
	other.settings.sslrootcert = (char[]){"/no/such.pem"};
	expect_open(&other, ERR_CONFIG, "/no/such.pem");
	other = *(struct mytest *)*state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	other.settings.host = path;
	expect_open(&other, ERR_CONFIG, "socket");
}

static void tls_that_the_server_lacks_is_refused(void **state)
{
	static const char *const modes[] = {"require", "verify-ca", "verify-full"};
	struct mytest other = *(struct mytest *)*state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		other.settings.sslmode = (char *)(uintptr_t)modes[i];
		expect_open(&other, ERR_UNAVAILABLE, "cannot connect");
	}
	other.settings.sslmode = (char[]){"prefer"};
	my_conn_close(must_open(&other));
}

static void make_certificate(const char *dir)
{
	char command[1024];

	(void)snprintf(command, sizeof(command),
		       "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
		       "-subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null && "
		       "chmod 644 key.pem",
		       dir);
	assert_int_equal(system(command), 0);
}

static void tls_checks_what_it_is_told_to(void **state)
{
	static const struct {
		const char *mode, *host;
		bool ca, ok, tls;
	} cases[] = {
		{"disable", "127.0.0.1", false, true, false},
		{"prefer", "127.0.0.1", false, true, true},
		{"require", "127.0.0.1", false, true, true},
		{"require", "127.0.0.1", true, true, true},
		{"verify-ca", "127.0.0.1", true, true, true},
		{"verify-ca", "127.0.0.1", false, false, false},
		{"verify-full", "127.0.0.1", false, false, false},
		{"verify-full", "127.0.0.1", true, false, false}, /* the name is localhost */
		{"verify-full", "localhost", true, true, true},
	};
	struct mytest *my = *state, other = *my;
	const char *dir = getenv("TEST_MY_DIR");
	char words[1024], ca[512];
	struct my_conn *c;
	struct err e;
	size_t i;

	make_certificate(dir);
	(void)snprintf(words, sizeof(words), "restart --ssl-cert=%s/cert.pem --ssl-key=%s/key.pem",
		       dir, dir);
	mytest_ctl(words);
	(void)snprintf(ca, sizeof(ca), "%s/cert.pem", dir);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		other.settings.sslmode = (char *)(uintptr_t)cases[i].mode;
		other.settings.host = (char *)(uintptr_t)cases[i].host;
		other.settings.sslrootcert = cases[i].ca ? ca : NULL;
		if ((open_conn(&other, &c, &e) == ERR_OK) != cases[i].ok)
			fail_msg("%s %s: %s", cases[i].mode, cases[i].host, e.msg);
		if (!cases[i].ok)
			continue;
		assert_int_equal(my_conn_is_tls(c), cases[i].tls);
		assert_int_equal(my_conn_exec(c, "DO 1", NULL), ERR_OK);
		my_conn_close(c);
	}
	mytest_ctl("restart");
	mysql_close(my->conn);
	my->conn = mytest_connect(my);
}

static void connecting_gives_up_at_its_timeout(void **state)
{
	struct mytest other = *(struct mytest *)*state;
	int fd = silent_port_open(&other.settings.port);
	int64_t start = now_us();

	other.settings.connect_timeout_us = 200 * CLOCK_US_PER_MS;
	expect_open(&other, ERR_TIMEOUT, "no answer");
	assert_true(now_us() - start >= 200 * CLOCK_US_PER_MS);
	(void)close(fd);
}

static void connecting_can_be_interrupted(void **state)
{
	struct mytest other = *(struct mytest *)*state;
	struct waker w = {.act = wake_fd};
	struct my_conn_options o = {
		.settings = &other.settings, .clock = clock_system(), .interrupt_fd = &w.fd};
	int fd = silent_port_open(&other.settings.port);
	struct my_conn *c;
	struct err e;

	other.settings.connect_timeout_us = 600 * CLOCK_US_PER_S;
	assert_int_equal(fd_wake_open(&w.fd, NULL), ERR_OK);
	waker_start(&w);
	assert_int_equal(my_conn_open(&o, &c, &e), ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "interrupted"));
	thread_join(&w.thread);
	fd_close(&w.fd);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_set_up),
		TEST(a_server_may_not_ask_for_our_files),
		TEST(a_user_without_rights_connects),
		TEST(wrong_credentials_are_denied),
		TEST(a_missing_database_is_not_found),
		TEST(a_server_that_is_not_there_is_unavailable),
		TEST(a_unix_socket_is_a_way_in),
		TEST(localhost_means_tcp_when_there_is_no_socket),
		TEST(a_wrong_option_is_a_configuration_error),
		TEST(tls_that_the_server_lacks_is_refused),
		TEST(tls_checks_what_it_is_told_to),
		TEST(connecting_gives_up_at_its_timeout),
		TEST(connecting_can_be_interrupted),
	};

	return cmocka_run_group_tests_name("mysql connections", tests, NULL, NULL);
}
