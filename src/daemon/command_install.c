/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/version.h"
#include "config/secret.h"
#include "daemon/command.h"
#include "source/admin.h"

#define LOCK_TIMEOUT_US (500 * CLOCK_US_PER_MS)

struct installing {
	struct install_options options;
	bool remove;
};

static void print_finding(void *ctx, const struct finding *f)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok", [FINDING_WARN] = "warning", [FINDING_FAIL] = "FAIL"};
	const struct installing *in = ctx;
	/* with --print stdout is SQL and nothing else, and nothing was done that could be told */
	FILE *out = in->options.print_only ? stderr : stdout;

	if (in->options.print_only && f->level == FINDING_OK)
		return;
	(void)fprintf(out, "%-8s %s: %s\n", words[f->level], f->subject, f->message);
	if (f->hint)
		(void)fprintf(out, "         %s\n", f->hint);
	(void)fflush(out);
}

/* A piece of the script as it is: it brings its own line ends. */
static void print_sql(void *ctx, struct text sql)
{
	(void)ctx;
	(void)printf("%.*s", (int)sql.len, sql.s);
}

static ATTR_MUST_CHECK enum err_code install_source(const struct settings *s, size_t source,
						    void *ctx, struct err *e)
{
	const struct installing *in = ctx;
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);

	if (!ops)
		return err_set(e, ERR_CONFIG, "this build cannot install into its type");
	/* the script may be run by somebody else, who would then own what the daemon needs */
	if (in->options.print_only && !in->remove && !in->options.user &&
	    (s->sources[source].type == SOURCE_POSTGRES || s->sources[source].type == SOURCE_MYSQL))
		(void)puts("-- For the daemon's own user to run. For another one print it with "
			   "--user NAME, which adds the grants.");
	return (in->remove ? ops->uninstall : ops->install)(s, source, &in->options, e);
}

static int install_or_remove(const struct command_call *call, bool remove)
{
	const struct options *o = call->options;
	struct installing in = {.remove = remove,
				.options = {.user = o->user,
					    .print_only = o->print,
					    .lock_timeout_us = LOCK_TIMEOUT_US,
					    .give_up_us = o->give_up_us,
					    .keep_data = o->keep_data,
					    .on_finding = print_finding,
					    .on_sql = print_sql,
					    .ctx = &in}};
	struct settings s;
	struct buf password;
	int status = command_settings(o, &s);

	if (status != EX_OK)
		return status;
	status = command_password(o, &password);
	if (status == EX_OK) {
		if (o->password_file)
			in.options.password = buf_str(&password);
		status = command_each_source(&s, o, install_source, &in);
		if (status == EX_NOPERM && !o->user)
			(void)fprintf(stderr,
				      APP_NAME " %s --user NAME --password-file FILE does it as "
					       "another user.\n",
				      remove ? "uninstall" : "install");
		secret_buf_done(&password);
	}
	settings_done(&s);
	return status;
}

int command_install(const struct command_call *call)
{
	return install_or_remove(call, false);
}

int command_uninstall(const struct command_call *call)
{
	return install_or_remove(call, true);
}
