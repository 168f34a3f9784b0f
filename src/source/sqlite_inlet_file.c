/* SPDX-License-Identifier: MIT */
/*
 * Made once with mode 0600 and a WAL, and then installed like any other. It has no tables but ours,
 * so that it can be removed with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/report.h"
#include "source/sqlite_dead_letter.h"
#include "source/sqlite_inlet.h"
#include "source/sqlite_install.h"
#include "source/sqlite_webhook.h"

#define MODE 0600
#define BUSY_US (50 * CLOCK_US_PER_MS)
#define GIVE_UP_US (5 * CLOCK_US_PER_S)
#define PATH_BYTES 4096

static const char foreign_sql[] =
	"SELECT count(*) FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE "
	"'sqlite\\_%' "
	"ESCAPE '\\' AND name NOT LIKE 'app\\_db\\_listener\\_%' ESCAPE '\\'";

/* ---- making ---- */

/* The new name is on the disk before anything in the file is. */
static ATTR_MUST_CHECK enum err_code sync_directory(const char *path, struct err *e)
{
	char directory[PATH_BYTES];
	char *slash;
	int fd, failed;

	(void)snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = '\0';
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
	fd_close(&fd);
	if (failed)
		return err_set_sys(e, ERR_UNAVAILABLE, failed, "cannot make %s last", path);
	return ERR_OK;
}

/* An existing file is never opened here: see source/sqlite_file.h. */
static ATTR_MUST_CHECK enum err_code create_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);

	if (fd < 0 && errno == EEXIST)
		return ERR_OK;
	if (fd < 0)
		return err_set_sys(e,
				   errno == EACCES || errno == EROFS ? ERR_DENIED : ERR_UNAVAILABLE,
				   errno, "cannot make the database file %s", path);
	fd_close(&fd);
	return sync_directory(path, e);
}

static ATTR_MUST_CHECK enum err_code refuse_foreign(struct sqlite_admin *a, struct err *e)
{
	int64_t foreign = 0;
	enum err_code code = sqlite_admin_number(a, foreign_sql, 0, NULL, 0, &foreign, e);

	if (code == ERR_OK && foreign)
		return err_set(
			e, ERR_CONFIG,
			"%s is a database of something else: a source of type http keeps its "
			"events in a file of its own; to keep them in this one, make it a "
			"source and name it as the store",
			a->source->path);
	return code;
}

/* Stays in the file. */
static ATTR_MUST_CHECK enum err_code set_wal(struct sqlite_admin *a, struct err *e)
{
	enum err_code code;

	if (sqlite_conn_is_wal(a->conn))
		return ERR_OK;
	code = sqlite_conn_exec(a->conn, "PRAGMA main.journal_mode = WAL", e);
	if (code == ERR_OK)
		code = sqlite_conn_look_at_mode(a->conn, e);
	if (code == ERR_OK && !sqlite_conn_is_wal(a->conn))
		return err_set(e, ERR_UNAVAILABLE, "%s cannot be switched to a WAL",
			       a->source->path);
	return code;
}

static ATTR_MUST_CHECK enum err_code prepare_file(const struct settings *s, size_t source,
						  struct err *e)
{
	struct sqlite_admin a;
	enum err_code code = create_file(s->sources[source].path, e);

	if (code == ERR_OK)
		code = sqlite_admin_open(&a, s, source, NULL, false, e);
	if (code != ERR_OK)
		return code;
	code = refuse_foreign(&a, e);
	if (code == ERR_OK)
		code = set_wal(&a, e);
	sqlite_admin_close(&a);
	return code;
}

/* Another daemon with the same configuration may be at it. */
static ATTR_MUST_CHECK enum err_code install_file(const struct settings *s, size_t source,
						  const struct install_options *o, struct err *e)
{
	const struct clock *clock = clock_system();
	int64_t now = clock_now_us(clock), until = now + GIVE_UP_US;
	enum err_code code = prepare_file(s, source, e);

	if (code != ERR_OK)
		return code;
	for (;;) {
		code = sqlite_install(s, source, o, e);
		now = clock_now_us(clock);
		if (code != ERR_BUSY || now >= until)
			return code;
		(void)fd_wait(-1, -1, now, now + BUSY_US);
	}
}

enum err_code sqlite_inlet_make(const struct settings *s, size_t source, struct err *e)
{
	static const struct install_options quiet = {.give_up_us = GIVE_UP_US};

	return install_file(s, source, &quiet, e);
}

/* ---- commands ---- */

static bool is_there(const struct settings *s, size_t source)
{
	return access(s->sources[source].path, F_OK) == 0;
}

static void find(const struct install_options *o, enum finding_level level, const char *subject,
		 const char *message, const char *hint)
{
	struct finding f = {.level = level, .subject = subject, .message = message, .hint = hint};

	if (o->on_finding)
		o->on_finding(o->ctx, &f);
}

static ATTR_MUST_CHECK enum err_code http_install(const struct settings *s, size_t source,
						  const struct install_options *o, struct err *e)
{
	enum err_code code;

	if (o->print_only) {
		find(o, FINDING_WARN, s->sources[source].path,
		     "there is nothing to print: the daemon makes this file when it starts", NULL);
		return ERR_OK;
	}
	code = install_file(s, source, o, e);
	if (code == ERR_OK)
		find(o, FINDING_OK, s->sources[source].path, "ready for events", NULL);
	return code;
}

static ATTR_MUST_CHECK enum err_code http_check(const struct settings *s, size_t source,
						const struct install_options *o, struct err *e)
{
	if (is_there(s, source))
		return sqlite_check(s, source, o, e);
	find(o, FINDING_OK, s->sources[source].path,
	     "is not there yet: the daemon makes it when it "
	     "starts",
	     NULL);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code http_status(const struct settings *s, size_t source,
						 outbox_status_fn fn, void *ctx, struct err *e)
{
	struct outbox_status none = {.rows = -1, .parked = -1};
	size_t i;

	if (is_there(s, source))
		return sqlite_status(s, source, fn, ctx, e);
	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].source == source)
			fn(ctx, s->pipelines[i].name, &none);
	return ERR_OK;
}

/* Nothing is in it any more, and nobody else knows the path. */
static void remove_file(const char *path)
{
	static const char *const suffixes[] = {"-wal", "-shm", ""};
	char name[PATH_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}

static ATTR_MUST_CHECK enum err_code http_uninstall(const struct settings *s, size_t source,
						    const struct install_options *o, struct err *e)
{
	const char *path = s->sources[source].path;
	int64_t foreign = 1;
	struct sqlite_admin a;
	enum err_code code;

	if (!is_there(s, source)) {
		if (!o->print_only)
			find(o, FINDING_OK, path, "nothing is installed", NULL);
		return ERR_OK;
	}
	code = sqlite_uninstall(s, source, o, e);
	if (code != ERR_OK || o->print_only)
		return code;
	code = sqlite_admin_open(&a, s, source, o, true, e);
	if (code != ERR_OK)
		return code;
	code = sqlite_admin_number(&a, foreign_sql, 0, NULL, 1, &foreign, e);
	sqlite_admin_close(&a);
	if (code == ERR_OK && !foreign)
		remove_file(path);
	return code;
}

const struct source_admin_ops source_admin_http = {
	.type = "http",
	.install = http_install,
	.uninstall = http_uninstall,
	.check = http_check,
	.status = http_status,
	.standing_decide = sqlite_standing_decide,
	.dead_letter_list = sqlite_dead_letter_list,
	.dead_letter_replay = sqlite_dead_letter_replay,
	.dead_letter_purge = sqlite_dead_letter_purge,
};
