/* SPDX-License-Identifier: MIT */
/*
 * The commands of the command line, by table. Each is a function from what was given to an exit
 * status (sysexits.h); it prints its result on stdout and what went wrong, once, on stderr.
 */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "daemon/options.h"

/* What a command was called with. */
struct command_call {
	const struct options *options;
	const char *const *args;
	int arg_count;
};

typedef int (*command_fn)(const struct command_call *call);

/* Run argv[1] with the rest; returns the exit status. */
int command_main(int argc, char *const *argv);

/* Load the configuration that --config names; on failure print every mistake and return the exit
 * status (78), else EX_OK. The settings are the caller's: settings_done. */
int command_settings(const struct options *o, struct settings *ret);

/* Print "app-db-listener: message" on stderr; returns e's exit status. */
int command_fail(const struct err *e);

/* Read the first line of what --password-file names into ret, which stays empty without that
 * option; returns EX_OK, and ret is the caller's: secret_buf_done. On failure it is printed, and
 * ret is nobody's. */
int command_password(const struct options *o, struct buf *ret);

/* For each source of s (or the one that --source names): run fn; the first failure is printed and
 * ends it. Returns the exit status. */
typedef enum err_code (*command_source_fn)(const struct settings *s, size_t source, void *ctx,
					   struct err *e);
int command_each_source(const struct settings *s, const struct options *o, command_source_fn fn,
			void *ctx);

int command_run(const struct command_call *call);           /* run.c */
int command_check(const struct command_call *call);         /* command_check.c */
int command_install(const struct command_call *call);       /* command_install.c */
int command_quickstart(const struct command_call *call);    /* command_quickstart.c */
int command_uninstall(const struct command_call *call);     /* command_install.c */
int command_status(const struct command_call *call);        /* command_status.c */
int command_dead_letters(const struct command_call *call);  /* command_dead_letters.c */
int command_replay(const struct command_call *call);        /* command_dead_letters.c */
int command_export_outbox(const struct command_call *call); /* command_dead_letters.c */
int command_export(const struct command_call *call);        /* command_export.c */
int command_enable(const struct command_call *call);        /* command_webhook.c */
int command_disable(const struct command_call *call);       /* command_webhook.c */
int command_test_webhook(const struct command_call *call);  /* command_test_webhook.c */
int command_backfill(const struct command_call *call);      /* command_backfill.c */

#endif
