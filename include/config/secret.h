/* SPDX-License-Identifier: MIT */
/*
 * Where secrets come from besides the configuration itself: a file of their own, or a systemd
 * credential (systemd.exec(5), LoadCredential=).
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "base/buf.h"
#include "base/err.h"
#include "config/env.h"

#define SECRET_BYTES_MAX 65536

/* Append the content of the file at path to out, without one newline at its end.
 * Errors: ERR_DATA (missing, unreadable, empty, too large, a NUL in it: the message says so),
 * ERR_NOMEM. */
enum err_code secret_read_file(const struct config_env *env, const char *path, struct buf *out,
			       struct err *e) ATTR_MUST_CHECK;

/* The same from the file called name in $CREDENTIALS_DIRECTORY. */
enum err_code secret_read_credential(const struct config_env *env, const char *name,
				     struct buf *out, struct err *e) ATTR_MUST_CHECK;

/* Wipe what b holds, then free it. */
void secret_buf_done(struct buf *b);

#endif
