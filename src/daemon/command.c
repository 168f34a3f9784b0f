/* SPDX-License-Identifier: MIT */
#include "daemon/command.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <curl/curl.h>
#include <mysql.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/version.h"
#include "config/load.h"
#include "config/secret.h"
#include "control/process.h"

#define ARGS_MAX 4
#define PASSWORD_MAX_BYTES 4096

static int command_version(const struct command_call *call);

static const struct command {
	const char *name;
	command_fn fn;
	unsigned taken;
	int max_args;
	const char *args; /* for the usage line */
	const char *summary;
	const char *more; /* text and examples for --help */
} command_table[] = {
	{"quickstart", command_quickstart,
	 OPTION_CONFIG | OPTION_TABLES | OPTION_PASSWORD_FILE | OPTION_FORCE, 2,
	 "DATABASE_URL WEBHOOK_URL", "write a configuration from two URLs, and install",
	 "DATABASE_URL is one of\n"
	 "  sqlite:PATH\n"
	 "  postgres://[USER[:PASSWORD]@][HOST[:PORT]]/DATABASE\n"
	 "  mysql://...    mariadb://...\n"
	 "with ?sslmode=... behind it where TLS is wanted. What has a meaning in a URL is written "
	 "%40\n"
	 "for @, %3A for :, %2F for /. A password in it goes into a file of its own beside FILE; "
	 "both\n"
	 "are readable for you alone. As others can see a command line, --password-file is "
	 "better.\n"
	 "Nothing is written when an argument is wrong.\n"
	 "\nExamples:\n"
	 "  app-db-listener quickstart -c app.yaml sqlite:app.db http://localhost:9000/hook\n"
	 "  app-db-listener quickstart --table users --table orders "
	 "postgres://app@db/shop https://...\n"},
	{"run", command_run, OPTION_CONFIG, 0, "", "capture and deliver; stays in the foreground",
	 "Runs until SIGTERM or SIGINT, then finishes what is in flight. SIGHUP reloads the\n"
	 "configuration and reopens the log; SIGUSR1 only reopens the log. A configuration with\n"
	 "mistakes is refused: at start with status 78, on SIGHUP the old one stays in force.\n"
	 "\nExample:\n"
	 "  app-db-listener run -c /etc/app-db-listener/config.yaml\n"},
	{"check", command_check,
	 OPTION_CONFIG | OPTION_JSON | OPTION_OFFLINE | OPTION_SOURCE | OPTION_USER |
		 OPTION_PASSWORD_FILE | OPTION_LIST_TABLES,
	 0, "", "validate the configuration and tell what would fail",
	 "Reads the configuration, connects to each database and looks at privileges, tables, "
	 "keys,\n"
	 "triggers and settings. Changes nothing. Status 0: all well; 1: something will not work;\n"
	 "78: the configuration itself is wrong. --settings shows the configuration as it is "
	 "understood,\n"
	 "in its long form, with secrets as ***.\n"
	 "\nExamples:\n"
	 "  app-db-listener check\n"
	 "  app-db-listener check --settings | grep pool_size\n"
	 "  app-db-listener check --offline -c new.yaml && systemctl reload app-db-listener\n"},
	{"install", command_install,
	 OPTION_CONFIG | OPTION_PRINT | OPTION_USER | OPTION_PASSWORD_FILE | OPTION_SOURCE |
		 OPTION_GIVE_UP,
	 0, "", "create outbox and triggers, or bring them up to date",
	 "Safe to run again at any time, and while applications write: it waits for no lock "
	 "longer\n"
	 "than half a second at a time. Each table is done completely or not at all.\n"
	 "\nExamples:\n"
	 "  app-db-listener install\n"
	 "  app-db-listener install --user postgres --password-file FILE\n"
	 "  app-db-listener install --print | less\n"},
	{"uninstall", command_uninstall,
	 OPTION_CONFIG | OPTION_PRINT | OPTION_USER | OPTION_PASSWORD_FILE | OPTION_SOURCE |
		 OPTION_GIVE_UP | OPTION_KEEP_DATA,
	 0, "", "remove the triggers, then everything else",
	 "Undelivered events go with the outbox unless --keep-data is given. Refuses while a "
	 "daemon is\n"
	 "running on the database.\n"
	 "\nExamples:\n"
	 "  app-db-listener uninstall --print | less\n"
	 "  app-db-listener uninstall --keep-data\n"},
	{"status", command_status, OPTION_CONFIG | OPTION_JSON | OPTION_SOURCE, 0, "",
	 "show daemon, outbox and dead letters",
	 "\nExample:\n  app-db-listener status --json | jq .\n"},
	{"dead-letters", command_dead_letters,
	 OPTION_CONFIG | OPTION_JSON | OPTION_SOURCE | OPTION_PIPELINE | OPTION_TABLE | OPTION_ID |
		 OPTION_OLDER_THAN | OPTION_LIMIT | OPTION_ALL | OPTION_DRY_RUN | OPTION_KEYS |
		 OPTION_SINCE | OPTION_UNTIL | OPTION_STATUS | OPTION_ERROR | OPTION_FORMAT |
		 OPTION_OUTPUT | OPTION_IN_FRONT | OPTION_SKIP_SUPERSEDED | OPTION_OPERATION,
	 2, "list|show|export|replay|purge [ID]",
	 "look at, replay or purge what could not be delivered",
	 "replay puts events back into the outbox, oldest first, with the ids that receivers know\n"
	 "them by: behind newer changes of their rows, or with --in-front, while no daemon runs, "
	 "at\n"
	 "their old place. replay and purge need a filter or --all. Filters are joined by "
	 "\"and\".\n"
	 "\nExamples:\n"
	 "  app-db-listener dead-letters list --table users --limit 20\n"
	 "  app-db-listener dead-letters show 4711\n"
	 "  app-db-listener dead-letters replay 4711\n"
	 "  app-db-listener dead-letters replay --pipeline crm\n"
	 "  app-db-listener dead-letters replay --status 5xx --since 2h --skip-superseded\n"
	 "  app-db-listener dead-letters replay --table users --key id=42 --dry-run\n"
	 "  app-db-listener dead-letters export --format json -o letters.json\n"
	 "  app-db-listener dead-letters purge --older-than 30d\n"},
	{"replay", command_replay,
	 OPTION_CONFIG | OPTION_JSON | OPTION_SOURCE | OPTION_PIPELINE | OPTION_TABLE |
		 OPTION_LIMIT | OPTION_DRY_RUN | OPTION_KEYS | OPTION_SINCE | OPTION_UNTIL |
		 OPTION_OPERATION,
	 0, "--since TIME", "deliver again what was delivered, as far as retain keeps it",
	 "Puts copies of delivered events back into the outbox, behind everything that is in it, "
	 "oldest\n"
	 "first, with the ids that receivers know them by. They stay kept. Filters are joined by "
	 "\"and\".\n"
	 "\nExamples:\n"
	 "  app-db-listener replay --since 2h --dry-run\n"
	 "  app-db-listener replay --since 2026-03-01T12:00:00Z --until 2026-03-01T13:00:00Z\n"
	 "  app-db-listener replay --since 1d --table users --key id=42\n"},
	{"export", command_export,
	 OPTION_CONFIG | OPTION_SOURCE | OPTION_PIPELINE | OPTION_TABLE | OPTION_OPERATION |
		 OPTION_KEYS | OPTION_SINCE | OPTION_UNTIL | OPTION_LIMIT | OPTION_OLDER_THAN |
		 OPTION_ID | OPTION_STATUS | OPTION_ERROR | OPTION_FORMAT | OPTION_OUTPUT,
	 2, "outbox | archive [PATH] | dead-letters [ID]",
	 "write events as JSON, one after the other, in flat memory",
	 "In lines, or with --format json as one array. Filters are joined by \"and\".\n"
	 "outbox is what waits, oldest first, but for parked events; --since and --until are of "
	 "the "
	 "change.\nIt may run beside the daemon and its writers. What is delivered meanwhile may "
	 "be "
	 "missing.\n"
	 "archive reads PATH with its rotated and compressed files, or every archive of the\n"
	 "configuration; also while it is written. --since and --until are times of the change "
	 "there.\n"
	 "dead-letters takes the filters of dead-letters export, which it is.\n"
	 "\nExamples:\n"
	 "  app-db-listener export outbox --table users --operation delete -o waiting.ndjson\n"
	 "  app-db-listener export archive --table users --operation delete --since 2026-03-01\n"
	 "  app-db-listener export archive --format json -o all.json /var/lib/app/events.json\n"
	 "  app-db-listener export dead-letters --table users --since 2h\n"
	 "  app-db-listener export dead-letters --format json -o letters.json\n"},
	{"backfill", command_backfill,
	 OPTION_CONFIG | OPTION_JSON | OPTION_SOURCE | OPTION_PIPELINE | OPTION_TABLE |
		 OPTION_BACKFILL,
	 2, "TABLE|list|follow|pause|resume|cancel [ID]",
	 "deliver the rows that a table has already, as operation read",
	 "Makes a job that the running daemon does page by page beside the changes, which go "
	 "first.\n"
	 "A row is never older than a change of it that was delivered before. Shows how far it is\n"
	 "until it ends; the job goes on without this command, and after a restart of the daemon.\n"
	 "A table whose name is one of the words above is named with --table.\n"
	 "\nExamples:\n"
	 "  app-db-listener backfill users\n"
	 "  app-db-listener backfill orders --where \"state = 'open'\" --rate 500\n"
	 "  app-db-listener backfill sales.orders --pipeline crm --columns id,total --detach\n"
	 "  app-db-listener backfill list\n"
	 "  app-db-listener backfill cancel 3\n"},
	{"enable", command_enable, OPTION_CONFIG, 1, "WEBHOOK",
	 "send to a webhook again that was disabled",
	 "A webhook is disabled by an answer 410, by disable_header, by disable_after or by "
	 "disable.\n"
	 "Its events are kept, and go out in order once it is enabled. Written into the databases "
	 "of\n"
	 "its pipelines, so that it needs no daemon; one that runs is told, when admin.token is "
	 "set,\n"
	 "and finds it within a minute otherwise.\n"
	 "\nExample:\n  app-db-listener enable crm\n"},
	{"disable", command_disable, OPTION_CONFIG, 1, "WEBHOOK",
	 "send nothing to a webhook until it is enabled",
	 "Its events are kept in the outbox meanwhile. Holds over restarts and reloads.\n"
	 "\nExample:\n  app-db-listener disable crm\n"},
	{"test-webhook", command_test_webhook, OPTION_CONFIG | OPTION_JSON | OPTION_WEBHOOK, 0, "",
	 "send one test event to each webhook",
	 "The body is a normal one with table \"app_db_listener_test\". Status 0 when every "
	 "receiver\n"
	 "answered 2xx.\n"
	 "\nExample:\n  app-db-listener test-webhook --webhook crm\n"},
	{"version", command_version, OPTION_CONFIG, 0, "", "show the version",
	 "\nExample:\n  app-db-listener version\n"},
};

static const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(command_table); i++)
		if (strcmp(command_table[i].name, name) == 0)
			return &command_table[i];
	return NULL;
}

static void help_all(FILE *out)
{
	size_t i;

	(void)fprintf(out, "Usage: " APP_NAME " COMMAND [OPTION...]\n\n"
			   "Delivers every committed row change of a database to a webhook.\n\n"
			   "Commands:\n");
	for (i = 0; i < ARRAY_LEN(command_table); i++)
		(void)fprintf(out, "  %-14s %s\n", command_table[i].name, command_table[i].summary);
	(void)fprintf(out, "\nEvery command takes -c FILE (default " OPTIONS_CONFIG_DEFAULT
			   ") and --help.\n\nFirst steps:\n"
			   "  " APP_NAME " quickstart DATABASE_URL WEBHOOK_URL\n"
			   "or with a configuration of your own:\n"
			   "  " APP_NAME " check -c config.yaml      is all as it should be?\n"
			   "  " APP_NAME " install -c config.yaml    outbox and triggers\n"
			   "  " APP_NAME " run -c config.yaml        deliver\n");
}

static int help_one(const struct command *c)
{
	(void)printf("Usage: " APP_NAME " %s %s%s[OPTION...]\n\n%s.\n", c->name, c->args,
		     *c->args ? " " : "", c->summary);
	if (*c->more)
		(void)printf("%s%s", c->more[0] == '\n' ? "" : "\n", c->more);
	(void)printf("\nOptions:\n");
	options_help(c->taken);
	return EX_OK;
}

static int command_version(const struct command_call *call)
{
	int pq = PQlibVersion();

	(void)call;
	(void)printf(APP_NAME " " APP_VERSION " (libpq %d.%d, MySQL client %s, SQLite %s, %s)\n",
		     pq / 10000, pq % 10000, mysql_get_client_info(), sqlite3_libversion(),
		     curl_version());
	return EX_OK;
}

int command_fail(const struct err *e)
{
	(void)fprintf(stderr, APP_NAME ": %s\n", e->msg);
	return err_exit_status(e->code);
}

int command_settings(const struct options *o, struct settings *ret)
{
	struct buf mistakes;
	struct err e;
	enum err_code code;
	int status = EX_OK;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_load(o->config, config_env_system(), ret, &mistakes, &e);
	if (code != ERR_OK) {
		/* of a file that cannot be read the only mistake is the error itself */
		if (strncmp(buf_str(&mistakes), e.msg, strlen(e.msg)) != 0)
			(void)fputs(buf_str(&mistakes), stderr);
		status = command_fail(&e);
	}
	buf_done(&mistakes);
	return status;
}

int command_password(const struct options *o, struct buf *ret)
{
	struct err e;
	const char *end;

	buf_init(ret, PASSWORD_MAX_BYTES);
	if (!o->password_file)
		return EX_OK;
	if (fd_read_file(o->password_file, ret, &e) != ERR_OK) {
		secret_buf_done(ret);
		(void)err_prefix(&e, "--password-file");
		return command_fail(&e);
	}
	end = memchr(buf_str(ret), '\n', ret->len);
	if (end)
		buf_truncate(ret, (size_t)(end - ret->data));
	return EX_OK;
}

int command_each_source(const struct settings *s, const struct options *o, command_source_fn fn,
			void *ctx)
{
	struct err e;
	bool any = false;
	size_t i;

	for (i = 0; i < s->source_count; i++) {
		if (o->source && strcmp(o->source, s->sources[i].name) != 0)
			continue;
		any = true;
		if (fn(s, i, ctx, &e) != ERR_OK) {
			(void)err_prefix(&e, "source %s", s->sources[i].name);
			return command_fail(&e);
		}
	}
	if (any)
		return EX_OK;
	(void)err_set(&e, ERR_USAGE, "no source is called %s", o->source);
	return command_fail(&e);
}

static int command_call_fn(const struct command *c, int argc, char *const *argv)
{
	const char *args[ARGS_MAX];
	struct options o;
	struct command_call call = {.options = &o, .args = args};
	struct err e;

	if (options_parse(argc, argv, c->taken, &o, args, c->max_args, &call.arg_count, &e) !=
	    ERR_OK) {
		(void)fprintf(stderr, APP_NAME " %s: %s\nTry: " APP_NAME " %s --help\n", c->name,
			      e.msg, c->name);
		return EX_USAGE;
	}
	return o.help ? help_one(c) : c->fn(&call);
}

int command_main(int argc, char *const *argv)
{
	const struct command *c;

	/* before anything secret is read */
	process_set_dumpable(false);
	if (argc < 2) {
		help_all(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		c = argc > 2 ? command_find(argv[2]) : NULL;
		if (c)
			return help_one(c);
		help_all(stdout);
		return EX_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return command_version(NULL);
	c = command_find(argv[1]);
	if (c)
		return command_call_fn(c, argc - 2, argv + 2);
	(void)fprintf(stderr, APP_NAME ": no command '%s'\nTry: " APP_NAME " --help\n", argv[1]);
	return EX_USAGE;
}
