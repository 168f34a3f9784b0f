/* SPDX-License-Identifier: MIT */
/*
 * `export` while each allocation and each call about a file fails in turn, the libraries' among
 * them; and on a file system without room. Under the output's name there is all of it or what was
 * there before, the exit status says which, and the message names the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "archive_case.h"
#include "base/log.h"
#include "daemon/command.h"
#include "source/inlet.h"
#include "torture.h"
#include "torture_calls.h"

#define RECORDS 40
#define OLD "what was there before\n"

struct lab {
	struct archive_case *files;
	enum torture_kind kind;
	command_fn fn;
	const char *args[2];
	int arg_count;
	struct options options;
	bool has_old; /* there is a file before */
	char out[192], messages[192], config[192], store[192];
	char *whole; /* what has to come */
	int status;
	char *message;
};

static int setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	void *files;

	assert_non_null(l);
	assert_int_equal(archive_case_setup(&files), 0);
	l->files = files;
	(void)snprintf(l->out, sizeof(l->out), "%s/out", l->files->dir);
	(void)snprintf(l->messages, sizeof(l->messages), "%s/messages", l->files->dir);
	(void)snprintf(l->config, sizeof(l->config), "%s/config.yaml", l->files->dir);
	(void)snprintf(l->store, sizeof(l->store), "%s/store.db", l->files->dir);
	l->options.output = l->out;
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lab *l = *state;
	void *files = l->files;

	free(l->whole);
	free(l);
	return archive_case_teardown(&files);
}

/* ---- one export ---- */

static int redirect(int fd, const char *path)
{
	int saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && to >= 0);
	assert_int_equal(dup2(to, fd), fd);
	(void)close(to);
	return saved;
}

static void redirect_end(int fd, int saved)
{
	assert_int_equal(dup2(saved, fd), fd);
	(void)close(saved);
}

/* l->status and l->message, which is the caller's to free. */
static void export_once(struct lab *l)
{
	const struct command_call call = {&l->options, l->args, l->arg_count};
	int saved;

	torture_suspend();
	(void)fflush(stderr);
	saved = redirect(STDERR_FILENO, l->messages);
	torture_resume();
	l->status = l->fn(&call);
	torture_suspend();
	(void)fflush(stderr);
	redirect_end(STDERR_FILENO, saved);
	l->message = archive_case_read(l->messages, NULL);
	(void)unlink(l->messages);
	torture_resume();
}

/* Files beside the output that an export made. */
static int leftovers(const struct lab *l, bool remove)
{
	DIR *dir = opendir(l->files->dir);
	const struct dirent *entry;
	char name[512];
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "out.", 4) != 0)
			continue;
		n++;
		(void)snprintf(name, sizeof(name), "%s/%s", l->files->dir, entry->d_name);
		if (remove)
			(void)unlink(name);
	}
	(void)closedir(dir);
	return n;
}

static void judge(const struct lab *l)
{
	char *got = archive_case_read(l->out, NULL);

	if (l->status != EX_OK && (l->status < EX__BASE || l->status > EX__MAX))
		fail_msg("exit status %d", l->status);
	if (l->status == EX_OK) {
		assert_non_null(got);
		assert_string_equal(got, l->whole);
		assert_string_equal(l->message, "");
	} else {
		if (got && (!l->has_old || strcmp(got, OLD) != 0))
			fail_msg("status %d, and in the file: %s", l->status, got);
		assert_true(got || !l->has_old);
		if (!strstr(l->message, l->files->dir) && l->status != EX_OSERR)
			fail_msg("no file is named: %s", l->message);
		assert_true(strlen(l->message) > 0);
	}
	/* what cannot be removed has a name of its own at least */
	assert_int_equal(leftovers(l, true) && !torture_fails_on(), 0);
	free(got);
}

static enum err_code export_life(void *ctx)
{
	struct lab *l = ctx;
	int descriptors = torture_descriptors(NULL);

	torture_suspend();
	(void)unlink(l->out);
	if (l->has_old)
		archive_case_write(l->out, OLD, sizeof(OLD) - 1);
	torture_resume();
	export_once(l);
	torture_end();
	assert_int_equal(torture_descriptors(NULL), descriptors);
	judge(l);
	if (!torture_fails() || l->kind >= TORTURE_SHORT)
		assert_int_equal(l->status, EX_OK);
	if (l->kind == TORTURE_MEMORY && l->status != EX_OK && l->status != EX_OSERR)
		fail_msg("status %d: %s", l->status, l->message);
	free(l->message);
	return ERR_OK;
}

/* ---- what is exported ---- */

static void take_whole(struct lab *l)
{
	(void)unlink(l->out);
	free(l->whole);
	export_once(l);
	if (l->status != EX_OK)
		fail_msg("%s", l->message);
	free(l->message);
	l->whole = archive_case_read(l->out, NULL);
	assert_non_null(l->whole);
}

static void make_archive(struct lab *l)
{
	char text[RECORDS * 64];
	size_t len = 0;
	int i;

	for (i = 1; i <= RECORDS; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len,
			"{\"id\":\"%d\",\"operation\":\"insert\",\"key\":{\"id\":%d}}"
			"\n",
			i, i);
	archive_case_write(l->files->path, text, len);
	l->fn = command_export;
	l->args[0] = "archive";
	l->args[1] = l->files->path;
	l->arg_count = 2;
}

static void make_store(struct lab *l)
{
	static char name[] = "default";
	struct source_settings source = {.name = name,
					 .type = SOURCE_HTTP,
					 .path = l->store,
					 .connect_timeout_us = CLOCK_US_PER_S,
					 .statement_timeout_us = CLOCK_US_PER_S};
	struct pipeline_settings pipeline = {.name = name, .pushed = true};
	struct inlet_settings inlet = {.name = name, .is_own = true};
	const struct settings s = {.sources = &source,
				   .source_count = 1,
				   .inlets = &inlet,
				   .inlet_count = 1,
				   .pipelines = &pipeline,
				   .pipeline_count = 1};
	char config[512];
	struct err e;
	sqlite3 *db;
	int len;

	len = snprintf(
		config, sizeof(config),
		"sources: [{name: default, type: http, path: %s}]\nwebhook: {url: 'http://h'}\n"
		"ingest: {listen: '127.0.0.1:0', tokens: {shop: "
		"0123456789abcdef0123456789abcdef}}\n",
		l->store);
	archive_case_write(l->config, config, (size_t)len);
	if (inlet_make_store(&s, 0, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(sqlite3_open(l->store, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
			     "WHERE i < 40) INSERT INTO app_db_listener_outbox (operation, "
			     "table_name, row_key, data) SELECT 'insert', 't', '{\"id\":' || i || "
			     "'}', '{\"a\":\"x\"}' FROM n",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	l->options.config = l->config;
	l->fn = command_export;
	l->args[0] = "outbox";
	l->arg_count = 1;
}

/* ---- tests ---- */

/* zlib does not go on after EINTR, which files do not give either: read(2), signal(7). */
static void export_torture(struct lab *l, long samples, enum torture_kind last)
{
	for (l->has_old = false;; l->has_old = true) {
		take_whole(l);
		l->kind = TORTURE_MEMORY;
		assert_true(torture_sample(l->kind, samples, export_life, l) >= 10);
		for (l->kind = TORTURE_ERROR; l->kind <= last; l->kind++)
			assert_true(torture_sample(l->kind, samples, export_life, l) > 0);
		if (l->has_old)
			break;
	}
}

static void an_archive_is_exported_whole_or_not(void **state)
{
	struct lab *l = *state;

	make_archive(l);
	export_torture(l, 200, TORTURE_SHORT);
	l->options.format = "json";
	export_torture(l, 200, TORTURE_SHORT);
}

static void an_outbox_is_exported_whole_or_not(void **state)
{
	struct lab *l = *state;

	make_store(l);
	l->options.format = "json";
	export_torture(l, 30, TORTURE_EINTR);
}

static void a_disk_may_be_full_at_any_block(void **state)
{
	struct lab *l = *state;
	const struct command_call call = {&l->options, l->args, 2};
	struct rlimit before, small;
	size_t room, len;
	int saved;

	make_archive(l);
	l->options.format = "json";
	take_whole(l);
	len = strlen(l->whole);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (room = 0; room <= len; room += room + 200 < len ? 97 : 1) {
		(void)unlink(l->out);
		small = (struct rlimit){.rlim_cur = room, .rlim_max = before.rlim_max};
		saved = redirect(STDERR_FILENO, "/dev/null"); /* messages would need room too */
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		l->status = l->fn(&call);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		redirect_end(STDERR_FILENO, saved);
		assert_int_equal(l->status, room < len ? EX_IOERR : EX_OK);
		assert_int_equal(access(l->out, F_OK) == 0, room == len);
		assert_int_equal(leftovers(l, false), 0);
	}
}

static void standard_output_without_room_is_said(void **state)
{
	struct lab *l = *state;
	int saved;

	make_archive(l);
	l->options.output = NULL;
	(void)fflush(stdout);
	saved = redirect(STDOUT_FILENO, "/dev/full");
	export_once(l);
	__fpurge(stdout);
	clearerr(stdout);
	redirect_end(STDOUT_FILENO, saved);
	assert_int_equal(l->status, EX_IOERR);
	assert_non_null(strstr(l->message, "standard output"));
	free(l->message);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_archive_is_exported_whole_or_not),
		CASE(an_outbox_is_exported_whole_or_not),
		CASE(a_disk_may_be_full_at_any_block),
		CASE(standard_output_without_room_is_said),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("torture/export", tests, NULL, NULL);
}
