/* SPDX-License-Identifier: MIT */
/*
 * The outside world as the configuration sees it: environment variables and small files. Injected,
 * so that a test needs neither setenv nor a temporary file.
 */
#ifndef CONFIG_ENV_H
#define CONFIG_ENV_H

#include "base/buf.h"
#include "base/err.h"

struct config_env {
	/* The variable called name, a loan until the next call; NULL when it is not set. */
	const char *(*get)(void *ctx, const char *name);
	/* Append the whole file to out; errors as fd_read_file. */
	enum err_code (*read_file)(void *ctx, const char *path, struct buf *out, struct err *e);
	void *ctx;
};

/* The process's environment and files. Never NULL. */
const struct config_env *config_env_system(void);

#endif
