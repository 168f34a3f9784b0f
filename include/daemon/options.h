/* SPDX-License-Identifier: MIT */
/*
 * The command line: `app-db-listener COMMAND [ACTION] [OPTION...] [ARGUMENT...]`, by table. Every
 * option of every command is one row of options.c's table; a command names the ones it takes.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define OPTIONS_TABLES_MAX 64
#define OPTIONS_CONFIG_DEFAULT "/etc/app-db-listener/config.yaml"

/* What may be given; each command takes a set of these. */
enum option {
	OPTION_CONFIG = 1 << 0,
	OPTION_JSON = 1 << 1,
	OPTION_PRINT = 1 << 2,
	OPTION_USER = 1 << 3,
	OPTION_PASSWORD_FILE = 1 << 4,
	OPTION_SOURCE = 1 << 5,
	OPTION_GIVE_UP = 1 << 6,
	OPTION_KEEP_DATA = 1 << 7,
	OPTION_PIPELINE = 1 << 8,
	OPTION_TABLE = 1 << 9,
	OPTION_ID = 1 << 10,
	OPTION_OLDER_THAN = 1 << 11,
	OPTION_LIMIT = 1 << 12,
	OPTION_WEBHOOK = 1 << 13,
	OPTION_ALL = 1 << 14,
	OPTION_DRY_RUN = 1 << 15,
	/* and --settings */
	OPTION_OFFLINE = 1 << 16,
	OPTION_TABLES = 1 << 17, /* --table too, but any number of them */
	OPTION_FORCE = 1 << 18,
	OPTION_LIST_TABLES = 1 << 19,
	OPTION_KEYS = 1 << 20,
	OPTION_SINCE = 1 << 21,
	OPTION_UNTIL = 1 << 22,
	OPTION_STATUS = 1 << 23,
	OPTION_ERROR = 1 << 24,
	OPTION_FORMAT = 1 << 25,
	OPTION_OUTPUT = 1 << 26,
	OPTION_IN_FRONT = 1 << 27,
	OPTION_SKIP_SUPERSEDED = 1 << 28,
	OPTION_OPERATION = 1 << 29,
	OPTION_BACKFILL = 1 << 30, /* what a backfill job is to be like: several rows */
};

/* What an option that may be repeated was given. */
struct option_words {
	const char *items[OPTIONS_TABLES_MAX];
	size_t count;
};

/* What was given; strings are loans from argv. */
struct options {
	const char *config;
	bool json;
	bool print;
	bool keep_data;
	const char *user;
	const char *password_file;
	const char *source;
	int64_t give_up_us;
	const char *pipeline;
	const char *table;
	int64_t id;
	int64_t older_than_us;
	int64_t limit;
	const char *webhook;
	bool all;
	bool dry_run;
	bool offline;
	bool settings;
	unsigned given; /* set of enum option: those that were there */
	struct option_words tables;
	bool force;
	bool list_tables;
	struct option_words keys;
	struct option_words operations;
	const char *since;
	const char *until;
	const char *status;
	const char *error;
	const char *format;
	const char *output;
	bool in_front;
	bool skip_superseded;
	bool detach;
	bool help;
	const char *where;
	const char *columns;
	int64_t rate;
	int64_t flush_every;
	int64_t max_concurrent_pages;
};

/* Read argv[0..argc), of which nothing is an option's value yet, into *ret; taken is the set of
 * enum option that the command takes (-h, --help always). Words that are no options are arguments:
 * at most max_args of them, into args, and their number into *ret_args. Errors: ERR_USAGE: unknown
 * option, missing or bad value, too many arguments or repetitions. */
enum err_code options_parse(int argc, char *const *argv, unsigned taken, struct options *ret,
			    const char **args, int max_args, int *ret_args,
			    struct err *e) ATTR_MUST_CHECK;

/* Refuse what was given and is not of the set: "--in-front does not belong to WHAT". Errors:
 * ERR_USAGE. */
enum err_code options_only(const struct options *o, unsigned taken, const char *what,
			   struct err *e) ATTR_MUST_CHECK;

/* Print one help line for each option of the set, to stdout. */
void options_help(unsigned taken);

#endif
