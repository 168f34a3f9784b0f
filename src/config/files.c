/* SPDX-License-Identifier: MIT */
/*
 * The files that the daemon writes: two that rotate one path would rotate each other's lines away.
 */
#include "config/loading.h"

#include <string.h>

/* Is the path of the log PATH or PATH.N? */
static bool is_same_or_numbered(const char *log, const char *path)
{
	size_t len = strlen(path);

	if (strncmp(log, path, len) != 0)
		return false;
	return !log[len] || (log[len] == '.' && log[len + 1] &&
			     strspn(log + len + 1, "0123456789") == strlen(log + len + 1));
}

void files_check(struct loading *l)
{
	struct node section = node_find(l->root, "metrics_history");
	const char *history = l->settings.metrics_history.file, *log = l->settings.logging.file;
	struct path path = path_of("metrics_history.file");

	if (history && log &&
	    (is_same_or_numbered(log, history) || is_same_or_numbered(history, log)))
		loading_mistake(l, node_find(section, "file"), &path,
				"\"%s\" would rotate the lines of logging.file \"%s\" away",
				history, log);
}
