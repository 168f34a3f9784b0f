/* SPDX-License-Identifier: MIT */
/* Behind pgbouncer in transaction mode: what must not be done there, and what works. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "pgtest.h"
#include "source/pg_conn.h"
#include "source/pg_dead_letter.h"
#include "source/pg_install.h"
#include "source/source.h"

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

static enum err_code open_conn(const struct pgtest *pg, struct pg_conn **ret_c, struct err *e)
{
	struct pg_conn_options o = {.settings = &pg->settings, .clock = clock_system()};

	return pg_conn_open(&o, ret_c, e);
}

static int setup(void **state)
{
	static struct pgtest pg;

	pgtest_open(&pg);
	*state = &pg;
	return 0;
}

static int teardown(void **state)
{
	pgtest_close(*state);
	return 0;
}

/* Behind a socket in its own directory, where nobody else can have taken the place. */
#define POOLER_PORT 6432

struct pooler {
	pid_t pid;
	char dir[64];
};

static void become_server_owner(void)
{
	struct stat st;

	if (getuid() != 0 || stat(getenv("TEST_PG_DATA"), &st) != 0)
		return;
	if (setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0)
		_exit(71);
}

static void pooler_start(struct pooler *p, const struct pgtest *pg)
{
	char ini[128], users[128];
	struct stat st;
	FILE *f;

	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/adbl-pooler.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(ini, sizeof(ini), "%s/ini", p->dir);
	(void)snprintf(users, sizeof(users), "%s/users", p->dir);
	f = fopen(users, "w");
	assert_non_null(f);
	(void)fprintf(f, "\"%s\" \"\"\n", pg->user);
	(void)fclose(f);
	f = fopen(ini, "w");
	assert_non_null(f);
	(void)fprintf(f,
		      "[databases]\n* = host=%s port=%lld\n[pgbouncer]\nlisten_addr =\n"
		      "listen_port = %d\nunix_socket_dir = %s\nauth_type = trust\nauth_file = %s\n"
		      "pool_mode = transaction\ndefault_pool_size = 2\nlogfile = %s/log\n",
		      pg->host, (long long)pg->settings.port, POOLER_PORT, p->dir, users, p->dir);
	(void)fclose(f);
	assert_int_equal(stat(getenv("TEST_PG_DATA"), &st), 0);
	if (getuid() == 0)
		assert_int_equal(chown(p->dir, st.st_uid, st.st_gid) | chmod(ini, 0644) |
					 chmod(users, 0644),
				 0);
	p->pid = fork();
	if (p->pid == 0) {
		become_server_owner();
		execl("/usr/sbin/pgbouncer", "pgbouncer", "-q", ini, (char *)NULL);
		_exit(69);
	}
	assert_true(p->pid > 0);
}

static void pooler_stop(struct pooler *p)
{
	static const char *const files[] = {"ini", "users", "log", ".s.PGSQL.6432"};
	char path[128];
	size_t i;

	(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	for (i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", p->dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(p->dir);
}

static struct pg_conn *open_through(struct pgtest *through, struct pooler *p)
{
	int64_t deadline = now_us() + 60 * CLOCK_US_PER_S, now;
	struct pg_conn *c;
	struct err e;

	through->settings.host = p->dir;
	through->settings.port = POOLER_PORT;
	while (open_conn(through, &c, &e) != ERR_OK) {
		if ((now = now_us()) > deadline)
			fail_msg("%s", e.msg);
		(void)fd_wait(-1, -1, now, now + 20 * CLOCK_US_PER_MS);
	}
	return c;
}

static void a_pooler_is_found_out_and_its_sessions_stay_clean(void **state)
{
	struct pgtest *pg = *state, through = *pg;
	struct pooler p;
	struct pg_conn *c;
	PGresult *res;
	bool pooled = false;

	pooler_start(&p, pg);
	c = open_through(&through, &p);
	assert_int_equal(pg_conn_is_pooled(c, &pooled, NULL), ERR_OK);
	assert_true(pooled);
	assert_int_equal(pg_conn_query(c, "SELECT current_setting('search_path')", 0, NULL, false,
				       &res, NULL),
			 ERR_OK);
	assert_string_equal(PQgetvalue(res, 0, 0), "\"$user\", public");
	PQclear(res);
	pg_conn_close(c);
	pooler_stop(&p);
}

static void a_source_works_through_a_pooler(void **state)
{
	struct pgtest *pg = *state, through = *pg;
	struct pipeline_settings pipeline = {.name = (char[]){"default"}};
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = &through.settings,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source_limit limit = {.events = 4, .bytes = 1 << 20};
	struct source_status st;
	struct source *s;
	struct event *events[4];
	struct pooler p;
	struct ack acks[2] = {{.outcome = ACK_DELIVERED},
			      {.outcome = ACK_DEAD, .reason = (char[]){"why"}}};
	struct err e;
	size_t n, i;
	bool more;
	int woken;

	pooler_start(&p, pg);
	pg_conn_close(open_through(&through, &p));
	assert_int_equal(source_postgres.new(&env, &s, NULL), ERR_OK);
	if (source_postgres.open(s, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	acks[0].id = pgtest_put(pg->conn, "default", "1", 10);
	(void)pgtest_i64(pg->conn, "SELECT nextval('app_db_listener.outbox_id_seq')");
	acks[1].id = pgtest_put(pg->conn, "default", "2", 10);
	for (i = 0; i < 3; i++) {
		if (source_postgres.read(s, 0, limit, events + (i ? 2 : 0), &n, &more, &e) !=
		    ERR_OK)
			fail_msg("%s", e.msg);
		assert_int_equal(n, i ? 0 : 2);
		assert_int_equal(source_postgres.wait(s, true, -1, now_us() + 3000, &woken, &e),
				 ERR_OK);
	}
	event_free(events[0]);
	event_free(events[1]);
	if (source_postgres.acknowledge(s, acks, 2, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(pgtest_i64(pg->conn, "SELECT count(*) FROM app_db_listener.dead_letter"),
			 1);
	assert_int_equal(pgtest_i64(pg->conn, "SELECT count(*) FROM app_db_listener.outbox"), 0);
	assert_int_equal(source_postgres.inspect(s, &st, &e), ERR_OK);
	assert_true(st.pooled);
	assert_false(st.notify);
	assert_non_null(strstr(st.warning, "pooler"));
	assert_int_equal(pgtest_i64(pg->conn, "SELECT count(*) FROM pg_locks WHERE locktype = "
					      "'advisory'"),
			 0);
	source_postgres.free(s);
	pooler_stop(&p);
}

static void take_status(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	(void)pipeline;
	*(int64_t *)ctx = s->rows;
}

static enum err_code count_letter(void *ctx, const struct dead_letter *d, struct err *e)
{
	(void)d;
	(void)e;
	++*(int64_t *)ctx;
	return ERR_OK;
}

/* Whoever gets the connection next has the server's own plans. */
static void a_look_at_what_waits_leaves_nothing_set(void **state)
{
	struct pgtest *pg = *state, through = *pg;
	struct pipeline_settings pipeline = {.name = (char[]){"default"}};
	struct settings settings = {.sources = &through.settings,
				    .source_count = 1,
				    .pipelines = &pipeline,
				    .pipeline_count = 1};
	const struct dead_letter_filter waiting = {.waiting = true};
	int64_t rows = -1, letters = 0;
	struct pooler p;
	struct pg_conn *c;
	PGresult *res;
	struct err e;

	pooler_start(&p, pg);
	c = open_through(&through, &p);
	(void)pgtest_put(pg->conn, "default", "1", 10);
	if (pg_status(&settings, 0, take_status, &rows, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(rows, 1);
	if (pg_dead_letter_list(&settings, 0, &waiting, false, count_letter, &letters, &e) !=
	    ERR_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(letters, 1);
	assert_int_equal(pg_conn_query(c,
				       "SELECT concat_ws(' ', current_setting('enable_seqscan'), "
				       "current_setting('enable_bitmapscan'), "
				       "current_setting('enable_sort'), "
				       "current_setting('transaction_read_only'))",
				       0, NULL, false, &res, NULL),
			 ERR_OK);
	assert_string_equal(PQgetvalue(res, 0, 0), "on on on off");
	PQclear(res);
	pg_conn_close(c);
	pooler_stop(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pooler_is_found_out_and_its_sessions_stay_clean),
		TEST(a_source_works_through_a_pooler),
		TEST(a_look_at_what_waits_leaves_nothing_set),
	};

	return cmocka_run_group_tests_name("pooler", tests, NULL, NULL);
}
