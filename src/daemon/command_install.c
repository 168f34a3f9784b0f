/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/command.h"
#include "source/admin.h"

#define LOCK_TIMEOUT_US (500 * CLOCK_US_PER_MS)
#define PASSWORD_MAX_BYTES 4096

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
	return (in->remove ? ops->uninstall : ops->install)(s, source, &in->options, e);
}

/* The first line of the file. */
static ATTR_MUST_CHECK enum err_code password_read(const char *path, struct buf *out, struct err *e)
{
	enum err_code code = fd_read_file(path, out, e);
	const char *end;

	if (code != ERR_OK)
		return err_prefix(e, "--password-file");
	end = memchr(buf_str(out), '\n', out->len);
	if (end)
		buf_truncate(out, (size_t)(end - out->data));
	return ERR_OK;
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
	struct err e;
	int status = command_settings(o, &s);

	if (status != EX_OK)
		return status;
	buf_init(&password, PASSWORD_MAX_BYTES);
	if (o->password_file) {
		if (password_read(o->password_file, &password, &e) != ERR_OK) {
			status = command_fail(&e);
			goto out_done;
		}
		in.options.password = buf_str(&password);
	}
	status = command_each_source(&s, o, install_source, &in);
out_done:
	mem_wipe(password.data, password.cap);
	buf_done(&password);
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
