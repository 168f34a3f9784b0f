/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
	const char *name;
	int exit_status;
} err_table[ERR_CODE_COUNT] = {
	[ERR_OK] = {"ok", EX_OK},
	[ERR_USAGE] = {"usage", EX_USAGE},
	[ERR_CONFIG] = {"config", EX_CONFIG},
	[ERR_NOMEM] = {"no_memory", EX_OSERR},
	[ERR_IO] = {"io", EX_IOERR},
	[ERR_UNAVAILABLE] = {"unavailable", EX_UNAVAILABLE},
	[ERR_DENIED] = {"denied", EX_NOPERM},
	[ERR_DB] = {"database", EX_SOFTWARE},
	[ERR_DATA] = {"data", EX_DATAERR},
	[ERR_NOT_FOUND] = {"not_found", EX_NOINPUT},
	[ERR_FULL] = {"full", EX_TEMPFAIL},
	[ERR_TIMEOUT] = {"timeout", EX_TEMPFAIL},
	[ERR_BUSY] = {"busy", EX_TEMPFAIL},
	[ERR_INTERNAL] = {"internal", EX_SOFTWARE},
};

static void err_format(struct err *e, enum err_code code, int sys, const char *fmt, va_list ap)
{
	int n;

	e->code = code;
	e->sys = sys;
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	if (n < 0)
		e->msg[0] = '\0';
}

enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	err_format(e, code, 0, fmt, ap);
	va_end(ap);
	return code;
}

enum err_code err_set_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
	va_list ap;
	size_t used;
	char reason[128];

	if (!e)
		return code;
	va_start(ap, fmt);
	err_format(e, code, sys, fmt, ap);
	va_end(ap);
	used = strlen(e->msg);
	/* the GNU variant returns the text to use, which need not be the buffer */
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s",
		       strerror_r(sys, reason, sizeof(reason)));
	return code;
}

enum err_code err_prefix(struct err *e, const char *fmt, ...)
{
	char rest[ERR_MSG_BYTES];
	va_list ap;
	size_t used;

	if (!e)
		return ERR_INTERNAL;
	memcpy(rest, e->msg, sizeof(rest));
	va_start(ap, fmt);
	err_format(e, e->code, e->sys, fmt, ap);
	va_end(ap);
	used = strlen(e->msg);
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", rest);
	return e->code;
}

const char *err_name(enum err_code code)
{
	assert(code < ERR_CODE_COUNT);
	return err_table[code].name;
}

int err_exit_status(enum err_code code)
{
	assert(code < ERR_CODE_COUNT);
	return err_table[code].exit_status;
}
