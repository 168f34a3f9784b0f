/* SPDX-License-Identifier: MIT */
#include "config/env.h"

#include <stdlib.h>

#include "base/fd.h"

static const char *system_get(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static ATTR_MUST_CHECK enum err_code system_read_file(void *ctx, const char *path, struct buf *out,
						      struct err *e)
{
	(void)ctx;
	return fd_read_file(path, out, e);
}

const struct config_env *config_env_system(void)
{
	static const struct config_env env = {.get = system_get, .read_file = system_read_file};

	return &env;
}
