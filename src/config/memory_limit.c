/* SPDX-License-Identifier: MIT */
#include "config/memory_limit.h"

#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define FILE_BYTES_MAX (64UL * 1024)
#define PATH_BYTES_MAX 4096
/* version 1 says "none" with a number near 2^63 */
#define NO_LIMIT (INT64_C(1) << 60)
#define PERCENT_MAX 90

/* false also where there are no files: in an environment that was made up. */
static bool file_read(const struct config_env *env, const char *path, struct buf *out)
{
	buf_init(out, FILE_BYTES_MAX);
	return env->read_file && env->read_file(env->ctx, path, out, NULL) == ERR_OK;
}

/* The number in the file of one group; 0: none. */
static int64_t limit_in(const struct config_env *env, const char *path)
{
	struct buf b;
	int64_t limit = 0;

	/* "max" is no number: 0 */
	if (file_read(env, path, &b))
		limit = strtoll(buf_str(&b), NULL, 10);
	buf_done(&b);
	return limit > 0 && limit < NO_LIMIT ? limit : 0;
}

static int64_t less(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* Of group, as "/a/b", and all above it. A container may see the path of the host there, and its
 * own group at the top. */
static int64_t limit_above(const struct config_env *env, const char *mount, const char *file,
			   struct text group)
{
	struct buf path;
	int64_t limit = 0;

	for (;;) {
		while (group.len && group.s[group.len - 1] == '/')
			group.len--;
		buf_init(&path, PATH_BYTES_MAX);
		buf_add_str(&path, mount);
		buf_add_text(&path, group);
		buf_add_char(&path, '/');
		buf_add_str(&path, file);
		if (buf_error(&path) == ERR_OK)
			limit = less(limit, limit_in(env, buf_str(&path)));
		buf_done(&path);
		if (!group.len)
			return limit;
		while (group.len && group.s[group.len - 1] != '/')
			group.len--;
	}
}

/* One line of /proc/self/cgroup: "0::/path", or "4:memory:/path" among others: cgroups(7). */
static int64_t limit_of_line(const struct config_env *env, const char *line)
{
	const char *names = strchr(line, ':');
	const char *path = names ? strchr(names + 1, ':') : NULL;

	if (!path)
		return 0;
	if (path == names + 1)
		return limit_above(env, "/sys/fs/cgroup", "memory.max", text_of(path + 1));
	if (strncmp(names, ":memory:", 8) == 0)
		return limit_above(env, "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
				   text_of(path + 1));
	return 0;
}

int64_t memory_limit_of_group(const struct config_env *env)
{
	struct buf b;
	char *line, *rest;
	int64_t limit = 0;

	if (file_read(env, "/proc/self/cgroup", &b) && b.len) {
		rest = b.data;
		while ((line = strsep(&rest, "\n")))
			limit = less(limit, limit_of_line(env, line));
	}
	buf_done(&b);
	return limit;
}

int64_t memory_limit_of_machine(const struct config_env *env)
{
	static const char name[] = "MemTotal:";
	const char *at;
	struct buf b;
	int64_t kb = 0;

	if (file_read(env, "/proc/meminfo", &b)) {
		at = strstr(buf_str(&b), name);
		if (at)
			kb = strtoll(at + sizeof(name) - 1, NULL, 10);
	}
	buf_done(&b);
	return kb > 0 && kb < NO_LIMIT / 1024 ? kb * 1024 : 0;
}

enum err_code memory_limit_read(struct text t, int64_t *ret_bytes, int64_t *ret_percent,
				struct err *e)
{
	struct text v = value_trim(t);
	char quoted[VALUE_QUOTE_BYTES];
	int64_t percent = 0;

	if (!v.len || v.s[v.len - 1] != '%') {
		*ret_percent = 0;
		return value_size_bytes(v, ret_bytes, e);
	}
	v.len--;
	if (value_int(v, &percent, NULL) != ERR_OK || percent < 1 || percent > PERCENT_MAX)
		return err_set(e, ERR_DATA, "%s is not a share of 1%% to %d%%, in whole per cent",
			       value_quote(t, quoted), PERCENT_MAX);
	*ret_bytes = 0;
	*ret_percent = percent;
	return ERR_OK;
}
