/* SPDX-License-Identifier: MIT */
#include "daemon/reload.h"

#include <string.h>

#include "base/log.h"
#include "config/load.h"

#define DIFF_MAX_BYTES (64UL * 1024)

enum err_code reload_read(const char *file, struct settings *ret, struct err *e)
{
	struct buf mistakes;
	char *line, *rest;
	enum err_code code;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_load(file, config_env_system(), ret, &mistakes, e);
	if (code != ERR_OK && mistakes.len) {
		rest = mistakes.data;
		while ((line = strsep(&rest, "\n")) != NULL)
			if (*line)
				log_error("configuration mistake", LOG_S("mistake", line));
	}
	buf_done(&mistakes);
	return code;
}

void reload_tell(const struct settings *before, const struct settings *after)
{
	struct buf diff;

	buf_init(&diff, DIFF_MAX_BYTES);
	(void)config_diff(before, after, &diff);
	log_info("configuration read", LOG_S("changes", diff.len ? buf_str(&diff) : "none"));
	buf_done(&diff);
}
