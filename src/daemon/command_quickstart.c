/* SPDX-License-Identifier: MIT */
/*
 * quickstart: two URLs become a configuration, and the database is made ready. Everything is
 * checked before the first file is written, by loading the configuration from memory.
 *
 * The password goes into a file of its own: then the configuration can be shown, compared and
 * kept under version control without it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/version.h"
#include "config/check.h"
#include "config/load.h"
#include "config/quote.h"
#include "config/secret.h"
#include "daemon/command.h"
#include "daemon/db_url.h"

#define QUICKSTART_BYTES_MAX (256 * 1024)
#define QUICKSTART_MODE 0600

struct quickstart {
	const struct options *options;
	const char *webhook;
	struct db_url db;
	struct buf file;     /* the configuration's path, absolute */
	struct buf password; /* that of the password's file, given or to be written; empty: none */
	struct buf yaml;
};

/* ---- paths ---- */

/* Append path with its directory resolved: what a daemon finds from any working directory. */
static ATTR_MUST_CHECK enum err_code path_absolute(const char *path, struct buf *out, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
	char real[PATH_MAX];
	enum err_code code = ERR_OK;

	if (!dir)
		return err_set(e, ERR_NOMEM, "no memory for a path");
	if (!realpath(dir, real))
		code = err_set_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, errno,
				   "no directory for %s", path);
	else
		buf_add_fmt(out, "%s/%s", strcmp(real, "/") ? real : "", slash ? slash + 1 : path);
	mem_free(dir);
	if (code == ERR_OK && buf_error(out) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a path");
	return code;
}

/* An SQLite database is there already: a path with a mistake must not become an empty one. */
static ATTR_MUST_CHECK enum err_code resolve_database(struct quickstart *q, struct err *e)
{
	char **path = &q->db.part[DB_URL_PATH];
	char real[PATH_MAX], *copy;

	if (!*path)
		return ERR_OK;
	if (!realpath(*path, real))
		return err_set_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, errno,
				   "DATABASE_URL: no database file %s", *path);
	copy = mem_strdup(real);
	if (!copy)
		return err_set(e, ERR_NOMEM, "no memory for a path");
	mem_free(*path);
	*path = copy;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code resolve_files(struct quickstart *q, struct err *e)
{
	const char *file = q->options->config;
	const char *given = q->options->password_file;
	enum err_code code = path_absolute(file, &q->file, e);

	if (code != ERR_OK)
		return code;
	if (given && (q->db.part[DB_URL_PASSWORD] || q->db.type == SOURCE_SQLITE))
		return err_set(e, ERR_USAGE, "--password-file: %s",
			       q->db.part[DB_URL_PASSWORD] ? "the URL has a password already"
							   : "a file has no password");
	if (given)
		return path_absolute(given, &q->password, e);
	if (q->db.part[DB_URL_PASSWORD])
		buf_add_fmt(&q->password, "%s.password", buf_str(&q->file));
	if (buf_error(&q->password) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a path");
	return ERR_OK;
}

/* ---- the configuration ---- */

static void write_value(struct buf *y, const char *key, const char *value)
{
	buf_add_fmt(y, "  %s: ", key);
	if (value[strspn(value, "0123456789")] == '\0')
		buf_add_str(y, value);
	else
		quote_text(text_of(value), y);
	buf_add_char(y, '\n');
}

static void write_tables(struct quickstart *q)
{
	const struct options *o = q->options;
	struct buf *y = &q->yaml;
	size_t i;

	if (!o->tables.count) {
		buf_add_str(y, "  tables: [\"*\"] # all of them; or by name: [users, orders]\n");
		return;
	}
	buf_add_str(y, "  tables: [");
	for (i = 0; i < o->tables.count; i++) {
		buf_add_str(y, i ? ", " : "");
		quote_text(text_of(o->tables.items[i]), y);
	}
	buf_add_str(y, "]\n");
}

static void write_database(struct quickstart *q)
{
	struct buf *y = &q->yaml;
	enum db_url_part part;

	buf_add_fmt(y, "database:\n  type: %s\n", source_type_name(q->db.type));
	for (part = 0; part < DB_URL_PART_COUNT; part++) {
		if (part == DB_URL_PASSWORD && q->password.len)
			write_value(y, "password_file", buf_str(&q->password));
		else if (q->db.part[part])
			write_value(y, db_url_key(part), q->db.part[part]);
	}
	if (q->db.type != SOURCE_SQLITE && !q->db.part[DB_URL_SSLMODE])
		buf_add_str(y, "  # sslmode: verify-full # over a network that is not yours alone; "
			       "or require\n");
	write_tables(q);
}

static ATTR_MUST_CHECK enum err_code compose(struct quickstart *q, struct err *e)
{
	struct buf *y = &q->yaml;

	buf_add_fmt(y,
		    "# Written by " APP_NAME " quickstart. Every key, with its default: "
		    "docs/configuration.md, config.yaml.example.\n"
		    "# After a change: " APP_NAME " check; when it concerns tables or modes also "
		    "install.\n"
		    "\n");
	write_database(q);
	buf_add_str(y, "# listener:\n"
		       "#   modes: insert,update,delete # the operations to capture\n"
		       "\n"
		       "webhook:\n");
	write_value(y, "url", q->webhook);
	buf_add_str(y, "  timeout: 30s # for a whole answer\n"
		       "  retry_count: 3 # then an event that is refused is a dead letter; an "
		       "outage uses up none\n"
		       "  # headers: {Authorization: \"Bearer ${WEBHOOK_TOKEN}\"}\n"
		       "\n"
		       "# logging:\n"
		       "#   file: /var/log/" APP_NAME "/app.log # stderr when not given\n"
		       "\n"
		       "# admin:\n"
		       "#   listen: 127.0.0.1:8080 # GET /metrics, /healthz, /readyz\n");
	if (buf_error(y) == ERR_NOMEM)
		return err_set(e, ERR_NOMEM, "no memory for a configuration");
	if (buf_error(y) != ERR_OK)
		return err_set(e, ERR_USAGE, "this is too much for one configuration");
	return ERR_OK;
}

/* A file that is given, or the password before its file is there. */
static ATTR_MUST_CHECK enum err_code read_password(void *ctx, const char *path, struct buf *out,
						   struct err *e)
{
	const struct quickstart *q = ctx;

	/* what else is read is of this machine */
	if (strcmp(path, buf_str(&q->password)) != 0 || q->options->password_file)
		return config_env_system()->read_file(NULL, path, out, e);
	buf_add_str(out, q->db.part[DB_URL_PASSWORD]);
	return buf_error(out) == ERR_OK ? ERR_OK : err_set(e, buf_error(out), "no room");
}

/* The first mistake without its place, which is in no file. */
static ATTR_MUST_CHECK enum err_code first_mistake(const char *mistakes, struct err *e)
{
	const char *text = strstr(mistakes, ": ");

	text = text ? text + 2 : mistakes;
	return err_set(e, ERR_USAGE, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Load what would be written. */
static ATTR_MUST_CHECK enum err_code try_out(struct quickstart *q, struct err *e)
{
	struct config_env env = *config_env_system();
	struct settings s;
	struct buf mistakes;
	enum err_code code;

	env.read_file = read_password;
	env.ctx = q;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_parse("new", buf_text(&q->yaml), &env, &s, &mistakes, e);
	if (code == ERR_OK)
		settings_done(&s);
	else if (code == ERR_CONFIG)
		code = first_mistake(buf_str(&mistakes), e);
	buf_done(&mistakes);
	return code;
}

/* Everything that can be wrong with the arguments. */
static ATTR_MUST_CHECK enum err_code prepare(struct quickstart *q, const char *database,
					     struct err *e)
{
	const char *complaint = check_url(q->webhook);
	enum err_code code = db_url_parse(database, &q->db, e);

	if (code != ERR_OK)
		return err_prefix(e, "DATABASE_URL");
	if (complaint)
		return err_set(e, ERR_USAGE, "WEBHOOK_URL: %s", complaint);
	code = resolve_database(q, e);
	if (code == ERR_OK)
		code = resolve_files(q, e);
	if (code == ERR_OK)
		code = compose(q, e);
	if (code == ERR_OK)
		code = try_out(q, e);
	return code;
}

/* ---- what it does ---- */

static ATTR_MUST_CHECK enum err_code write_files(const struct quickstart *q, struct err *e)
{
	const char *password = q->db.part[DB_URL_PASSWORD];
	bool force = q->options->force;
	enum err_code code = ERR_OK;

	if (!force && access(buf_str(&q->file), F_OK) == 0)
		return err_set_sys(e, ERR_IO, EEXIST, "%s", buf_str(&q->file));
	if (password)
		code = fd_write_file(buf_str(&q->password), text_of(password), QUICKSTART_MODE,
				     force, e);
	if (code != ERR_OK)
		return code;
	code = fd_write_file(buf_str(&q->file), buf_text(&q->yaml), QUICKSTART_MODE, force, e);
	if (code != ERR_OK && password && !force)
		(void)unlink(buf_str(&q->password));
	return code;
}

static void print_written(const struct quickstart *q)
{
	(void)printf("written  %s\n", buf_str(&q->file));
	if (q->db.part[DB_URL_PASSWORD])
		(void)printf("written  %s: the password, apart from the rest, so that the "
			     "configuration can be shown\n",
			     buf_str(&q->password));
	(void)printf("         for you alone to read (mode 0600)\n");
	(void)fflush(stdout);
}

static int install(const struct quickstart *q)
{
	struct options o = {.config = buf_str(&q->file), .give_up_us = 60 * CLOCK_US_PER_S};
	const struct command_call call = {.options = &o};
	int status = command_install(&call);

	if (status != EX_OK) {
		(void)fprintf(stderr,
			      APP_NAME ": the configuration is written, the database is not ready. "
				       "When what is said above is put right:\n  " APP_NAME
				       " install -c %s\n",
			      o.config);
		return status;
	}
	(void)printf("\nNext, one test event to the receiver, and then deliver:\n"
		     "  " APP_NAME " test-webhook -c %s\n"
		     "  " APP_NAME " run -c %s\n"
		     "For a service that starts with the machine: docs/operations.md\n",
		     o.config, o.config);
	return EX_OK;
}

static int fail(const struct err *e)
{
	int status = command_fail(e);

	if (e->sys == EEXIST) {
		(void)fprintf(stderr, "Nothing was changed. Give another file with -c FILE, or "
				      "--force to replace it.\n");
		return EX_CANTCREAT;
	}
	(void)fprintf(stderr, "Nothing was changed. Try: " APP_NAME " quickstart --help\n");
	return status;
}

int command_quickstart(const struct command_call *call)
{
	struct quickstart q = {.options = call->options};
	struct err e;
	int status;

	if (call->arg_count != 2) {
		(void)err_set(&e, ERR_USAGE, "quickstart wants DATABASE_URL and WEBHOOK_URL");
		return fail(&e);
	}
	q.webhook = call->args[1];
	buf_init(&q.file, PATH_MAX);
	buf_init(&q.password, PATH_MAX);
	buf_init(&q.yaml, QUICKSTART_BYTES_MAX);
	if (prepare(&q, call->args[0], &e) != ERR_OK || write_files(&q, &e) != ERR_OK) {
		status = fail(&e);
	} else {
		print_written(&q);
		status = install(&q);
	}
	db_url_done(&q.db);
	buf_done(&q.file);
	buf_done(&q.password);
	secret_buf_done(&q.yaml);
	return status;
}
