/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/version.h"
#include "daemon/command.h"

#define WORDS_MAX 10
#define TEXT_BYTES 65536

/* ---- what a call prints ---- */

struct said {
	int status;
	char out[TEXT_BYTES];
	char err[TEXT_BYTES];
};

static struct said said;

/* A file in memory in the place of fd; *ret_old is what was there. */
static int divert(int fd, int *ret_old)
{
	int file = memfd_create("said", 0);

	assert_true(file >= 0);
	*ret_old = dup(fd);
	assert_true(*ret_old >= 0);
	assert_int_equal(dup2(file, fd), fd);
	return file;
}

static void restore(int fd, int old, int file, char text[static TEXT_BYTES])
{
	ssize_t n;

	assert_int_equal(dup2(old, fd), fd);
	n = pread(file, text, TEXT_BYTES - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(old);
	(void)close(file);
}

static void call_words(const char *const *words)
{
	char *argv[WORDS_MAX + 1] = {NULL};
	int argc = 0, old_out, old_err, out, err;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	(void)fflush(stdout);
	out = divert(STDOUT_FILENO, &old_out);
	err = divert(STDERR_FILENO, &old_err);
	said.status = command_main(argc, argv);
	(void)fflush(stdout);
	(void)fflush(stderr);
	restore(STDERR_FILENO, old_err, err, said.err);
	restore(STDOUT_FILENO, old_out, out, said.out);
}

#define CALL(...) call_words((const char *const[]){APP_NAME, ##__VA_ARGS__, NULL})

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

/* ---- help ---- */

static const char *const names[] = {"quickstart", "run",    "check",        "install",
				    "uninstall",  "status", "dead-letters", "test-webhook",
				    "version",    "export"};

static void help_names_every_command(void **state)
{
	static const char *const ways[] = {"--help", "-h", "help"};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ways); i++) {
		CALL(ways[i]);
		assert_int_equal(said.status, EX_OK);
		assert_string_equal(said.err, "");
		for (k = 0; k < ARRAY_LEN(names); k++)
			assert_has(said.out, names[k]);
	}
}

static void each_command_tells_its_usage_options_and_an_example(void **state)
{
	char usage[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(usage, sizeof(usage), "Usage: " APP_NAME " %s ", names[i]);
		CALL(names[i], "--help");
		assert_int_equal(said.status, EX_OK);
		assert_string_equal(said.err, "");
		assert_has(said.out, usage);
		assert_has(said.out, "-c, --config FILE");
		assert_has(said.out, "Example");
		CALL("help", names[i]);
		assert_has(said.out, usage);
	}
	CALL("install", "--help");
	assert_has(said.out, "--password-file");
	assert_null(strstr(said.out, "--older-than"));
}

static void help_on_what_is_no_command_is_the_whole_help(void **state)
{
	(void)state;
	CALL("help", "nothing");
	assert_int_equal(said.status, EX_OK);
	assert_has(said.out, "Commands:");
}

static void the_version_is_one_line_with_those_of_the_libraries(void **state)
{
	static const char *const ways[] = {"version", "--version", "-V"};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ways); i++) {
		CALL(ways[i]);
		assert_int_equal(said.status, EX_OK);
		assert_has(said.out, APP_NAME " " APP_VERSION " (libpq ");
		assert_has(said.out, "MySQL client ");
		assert_has(said.out, "SQLite 3.");
		assert_has(said.out, "libcurl/");
		assert_ptr_equal(strchr(said.out, '\n'), said.out + strlen(said.out) - 1);
	}
}

/* ---- usage ---- */

static void without_a_command_help_goes_to_standard_error(void **state)
{
	(void)state;
	CALL();
	assert_int_equal(said.status, EX_USAGE);
	assert_string_equal(said.out, "");
	assert_has(said.err, "Commands:");
}

static void what_is_no_command_is_refused(void **state)
{
	(void)state;
	CALL("frobnicate", "-c", "x");
	assert_int_equal(said.status, EX_USAGE);
	assert_string_equal(said.out, "");
	assert_string_equal(said.err,
			    APP_NAME ": no command 'frobnicate'\nTry: " APP_NAME " --help\n");
}

static void a_wrong_option_names_itself_and_the_way_to_help(void **state)
{
	static const struct {
		const char *words[4];
		const char *complaint;
	} cases[] = {
		{{"run", "--print"}, "unknown option --print"},
		{{"check", "--colour"}, "unknown option --colour"},
		{{"status", "-c"}, "--config needs a value: FILE"},
		{{"install", "--print=yes"}, "--print takes no value"},
		{{"check", "more"}, "unexpected argument 'more'"},
		{{"dead-letters", "list", "1", "2"}, "unexpected argument '2'"},
	};
	char help[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const *w = cases[i].words;

		CALL(w[0], w[1], w[2], w[3]);
		assert_int_equal(said.status, EX_USAGE);
		assert_string_equal(said.out, "");
		assert_has(said.err, cases[i].complaint);
		(void)snprintf(help, sizeof(help), "Try: " APP_NAME " %s --help\n", w[0]);
		assert_has(said.err, help);
	}
}

/* Before the configuration is read. */
static void dead_letters_refuse_what_they_would_not_heed(void **state)
{
	static const struct {
		const char *words[4];
		const char *complaint;
	} cases[] = {
		{{NULL}, "needs one of: list, show, export, replay, purge"},
		{{"eat"}, "needs one of: "},
		{{"show"}, "show needs an id or a filter"},
		{{"replay"}, "replay needs an id, a filter or --all"},
		{{"purge", "--skip-superseded", "--all"}, "--skip-superseded belongs to replay"},
		{{"purge", "--in-front", "--all"}, "--in-front belongs to replay"},
		{{"list", "--dry-run"}, "--dry-run belongs to replay and purge"},
		{{"list", "--format=json"}, "--format belongs to export"},
		{{"show", "1", "-oletters"}, "--output belongs to export"},
		{{"export", "--json"}, "--json belongs to the others"},
		{{"export", "--format", "xml"}, "--format: 'xml' is neither json nor ndjson"},
		{{"list", "--key", "{\"id\":}"}, "--key: '{\"id\":}'"},
		{{"list", "--status", "teapot"}, "--status: 'teapot'"},
		{{"list", "--since", "12:00"}, "--since: '12:00'"},
		{{"purge", "--until", "tomorrow"}, "--until: 'tomorrow'"},
		{{"list", "--older-than", "a while"}, "--older-than: 'a while'"},
		{{"list", "--limit", "0"}, "--limit: '0'"},
		{{"replay", "x-y"}, "'x-y' is no dead letter's id"},
		{{"list", "--operation", "insert,upsert"}, "--operation: 'upsert'"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const *w = cases[i].words;

		CALL("dead-letters", w[0], w[1], w[2], w[3]);
		assert_int_equal(said.status, EX_USAGE);
		assert_string_equal(said.out, "");
		assert_has(said.err, cases[i].complaint);
	}
}

static void export_refuses_what_it_would_not_heed(void **state)
{
	static const struct {
		const char *words[4];
		const char *complaint;
	} cases[] = {
		{{NULL}, "export needs one of: "},
		{{"everything"}, "export needs one of: "},
		{{"dead-letters", "--format", "xml"}, "--format: 'xml' is neither json nor ndjson"},
		{{"dead-letters", "--operation="}, "--operation: '' is no operation"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const *w = cases[i].words;

		CALL("export", w[0], w[1], w[2], w[3]);
		assert_int_equal(said.status, EX_USAGE);
		assert_string_equal(said.out, "");
		assert_has(said.err, cases[i].complaint);
	}
}

/* ---- the configuration ---- */

/* A file with this text, for as long as the test runs. */
static const char *config_write(const char *text)
{
	static char path[64];
	static int fd = -1;
	size_t len = strlen(text);

	fd_close(&fd);
	fd = memfd_create("config", 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static const char good[] = "database: {database: shop, table: users}\n"
			   "webhook: {url: http://127.0.0.1:1/}\n";

static void every_mistake_of_the_configuration_is_told_with_its_place(void **state)
{
	const char *path = config_write("database: {database: shop, table: users, port: 0}\n"
					"webhook: {url: ftp://h}\n");
	char place[80];

	(void)state;
	CALL("run", "-c", path);
	assert_int_equal(said.status, EX_CONFIG);
	assert_string_equal(said.out, "");
	(void)snprintf(place, sizeof(place), "%s:1:48: database.port: ", path);
	assert_has(said.err, place);
	(void)snprintf(place, sizeof(place), "%s:2:16: webhook.url: ", path);
	assert_has(said.err, place);
}

static void a_file_that_cannot_be_read_is_told_once(void **state)
{
	const char *at;

	(void)state;
	CALL("check", "-c", "/nowhere/config.yaml");
	assert_int_equal(said.status, EX_CONFIG);
	at = strstr(said.err, "/nowhere/config.yaml");
	assert_non_null(at);
	assert_null(strstr(at + 1, "/nowhere/config.yaml"));
}

static void a_check_without_a_connection_looks_at_the_file_only(void **state)
{
	const char *path = config_write(good);
	char want[128];

	(void)state;
	CALL("check", "--offline", "-c", path);
	assert_int_equal(said.status, EX_OK);
	(void)snprintf(want, sizeof(want), "%s: no mistakes, 0 warnings; no database was asked\n",
		       path);
	assert_string_equal(said.out, want);
	CALL("check", "--offline", "--json", "-c", path);
	(void)snprintf(want, sizeof(want),
		       "{\"file\":\"%s\",\"findings\":[],\"warnings\":0,\"failures\":0}\n", path);
	assert_string_equal(said.out, want);
}

/* ---- quickstart: what is wrong is told before anything is written ---- */

#define NEW_FILE "/tmp/test_command.none.yaml"

static void quickstart_refuses_what_it_cannot_write_down(void **state)
{
	static const struct {
		const char *words[5];
		int status;
		const char *complaint;
	} cases[] = {
		{{NULL}, EX_USAGE, "wants DATABASE_URL and WEBHOOK_URL"},
		{{"sqlite:/dev/null"}, EX_USAGE, "wants DATABASE_URL and WEBHOOK_URL"},
		{{"sqlite", "http://h"}, EX_USAGE, "DATABASE_URL: must begin with"},
		{{"mysql://u:hidden@h", "http://h"}, EX_USAGE, "DATABASE_URL: names no database"},
		{{"mysql://u:hidden@h/d", "h"}, EX_USAGE, "WEBHOOK_URL: must begin with"},
		{{"mysql://u:hidden@h:0/d", "http://h"}, EX_USAGE, "database.port: 0 is below"},
		{{"mysql://u:hidden@h/d", "http://h", "--table", "a.b.c"},
		 EX_USAGE,
		 "database.tables[0]: a table is"},
		{{"sqlite:/dev/null", "http://h", "--table", "a.b"},
		 EX_USAGE,
		 "database.tables[0]: sqlite has no schema"},
		{{"sqlite:/nowhere/x.db", "http://h"}, EX_NOINPUT, "no database file /nowhere/x"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const *w = cases[i].words;

		CALL("quickstart", "-c", NEW_FILE, w[0], w[1], w[2], w[3]);
		assert_int_equal(said.status, cases[i].status);
		assert_string_equal(said.out, "");
		assert_has(said.err, cases[i].complaint);
		assert_has(said.err, "Nothing was changed.");
		assert_null(strstr(said.err, "hidden"));
		assert_int_equal(access(NEW_FILE, F_OK), -1);
		assert_int_equal(access(NEW_FILE ".password", F_OK), -1);
	}
	CALL("quickstart", "-c", "/nowhere/x.yaml", "mysql://u:hidden@h/d", "http://h");
	assert_int_equal(said.status, EX_NOINPUT);
	assert_has(said.err, "no directory for /nowhere/x.yaml");
}

static void quickstart_replaces_no_file_unasked(void **state)
{
	const char *path = config_write(good);

	(void)state;
	CALL("quickstart", "-c", path, "mysql://u:hidden@h/d", "http://h");
	assert_int_equal(said.status, EX_CANTCREAT);
	assert_has(said.err, "File exists");
	assert_has(said.err, "--force");
	assert_string_equal(said.out, "");
	CALL("check", "--offline", "-c", path);
	assert_int_equal(said.status, EX_OK);
}

/* ---- each source ---- */

static enum err_code count_source(const struct settings *s, size_t source, void *ctx, struct err *e)
{
	char *seen = ctx;

	(void)snprintf(seen + strlen(seen), 16, "%s ", s->sources[source].name);
	if (strcmp(s->sources[source].name, "bad") == 0)
		return err_set(e, ERR_DENIED, "not allowed");
	return ERR_OK;
}

static char name_a[] = "a", name_bad[] = "bad", name_c[] = "c";

/* Runs count_source on the sources a, bad and c. */
static void each_source(const char *only, char *seen)
{
	struct source_settings sources[] = {{.name = name_a}, {.name = name_bad}, {.name = name_c}};
	struct settings s = {.sources = sources, .source_count = ARRAY_LEN(sources)};
	struct options o = {.source = only};
	int old, file = divert(STDERR_FILENO, &old);

	seen[0] = '\0';
	said.status = command_each_source(&s, &o, count_source, seen);
	(void)fflush(stderr);
	restore(STDERR_FILENO, old, file, said.err);
}

static void sources_are_taken_in_turn_until_one_fails(void **state)
{
	char seen[64];

	(void)state;
	each_source(NULL, seen);
	assert_string_equal(seen, "a bad ");
	assert_int_equal(said.status, err_exit_status(ERR_DENIED));
	assert_string_equal(said.err, APP_NAME ": source bad: not allowed\n");
}

static void one_source_can_be_chosen(void **state)
{
	char seen[64];

	(void)state;
	each_source("c", seen);
	assert_string_equal(seen, "c ");
	assert_int_equal(said.status, EX_OK);
	assert_string_equal(said.err, "");
}

static void a_source_that_is_not_there_is_a_usage_error(void **state)
{
	char seen[64];

	(void)state;
	each_source("none", seen);
	assert_string_equal(seen, "");
	assert_int_equal(said.status, EX_USAGE);
	assert_string_equal(said.err, APP_NAME ": no source is called none\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_names_every_command),
		cmocka_unit_test(each_command_tells_its_usage_options_and_an_example),
		cmocka_unit_test(help_on_what_is_no_command_is_the_whole_help),
		cmocka_unit_test(the_version_is_one_line_with_those_of_the_libraries),
		cmocka_unit_test(without_a_command_help_goes_to_standard_error),
		cmocka_unit_test(what_is_no_command_is_refused),
		cmocka_unit_test(a_wrong_option_names_itself_and_the_way_to_help),
		cmocka_unit_test(dead_letters_refuse_what_they_would_not_heed),
		cmocka_unit_test(export_refuses_what_it_would_not_heed),
		cmocka_unit_test(every_mistake_of_the_configuration_is_told_with_its_place),
		cmocka_unit_test(a_file_that_cannot_be_read_is_told_once),
		cmocka_unit_test(a_check_without_a_connection_looks_at_the_file_only),
		cmocka_unit_test(quickstart_refuses_what_it_cannot_write_down),
		cmocka_unit_test(quickstart_replaces_no_file_unasked),
		cmocka_unit_test(sources_are_taken_in_turn_until_one_fails),
		cmocka_unit_test(one_source_can_be_chosen),
		cmocka_unit_test(a_source_that_is_not_there_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
