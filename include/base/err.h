/* SPDX-License-Identifier: MIT */
/*
 * Errors: a code that callers branch on, and a message for people, filled where it happened,
 * prefixed on the way up, and logged or counted once, by the layer that decides what to do.
 *
 * A function that can fail returns enum err_code and takes `struct err *e` last. e may be NULL
 * when the caller only wants the code.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err_code {
	ERR_OK = 0,
	ERR_USAGE,  /* the command line is wrong */
	ERR_CONFIG, /* the configuration is wrong */
	ERR_NOMEM,  /* an allocation failed, or a container reached the maximum it was made with */
	ERR_IO,     /* a file or a system call failed; sys holds errno */
	ERR_UNAVAILABLE, /* a server cannot be reached or went away: worth another try later */
	ERR_DENIED,      /* a server or the system refused: credentials, privileges */
	ERR_DB,          /* the database refused a statement for another reason */
	ERR_DATA,        /* input that is not what its format promises */
	ERR_NOT_FOUND,   /* a named thing does not exist */
	ERR_FULL,        /* a bounded container has no room now: back-pressure, not a failure */
	ERR_TIMEOUT,     /* a deadline passed; the message names the phase */
	ERR_BUSY,        /* another holder has it: leadership, a lock */
	ERR_INTERNAL,    /* cannot happen */
	ERR_CODE_COUNT
};

#define ERR_MSG_BYTES 1024

struct err {
	enum err_code code;
	int sys; /* errno of the failing call, or 0 */
	char msg[ERR_MSG_BYTES];
};

/* Fill e (may be NULL) and return code. The message is cut at ERR_MSG_BYTES - 1. */
enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* As err_set, with `: strerror(sys)` behind the message. */
enum err_code err_set_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
	ATTR_PRINTF(4, 5);

/* Put "text: " in front of the message already in e; the code stays. Returns e's code. */
enum err_code err_prefix(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Stable lower-case name, used as a metric label: "unavailable". Never NULL. */
const char *err_name(enum err_code code);

/* The sysexits(3) status of a process that ends because of code: 0, 64, 69, 77, 78, ... */
int err_exit_status(enum err_code code);

#endif
