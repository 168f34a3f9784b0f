/* SPDX-License-Identifier: MIT */
#include "sink/archive_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define DIGITS_MIN 6
#define DIGITS_MAX 15

enum err_code archive_names_error(struct err *e, const char *what, const char *path)
{
	int sys = errno;

	if (sys == EACCES || sys == EPERM || sys == EROFS)
		return err_set_sys(e, ERR_DENIED, sys, "%s %s", what, path);
	if (sys == ENOENT || sys == ENOTDIR)
		return err_set_sys(e, ERR_NOT_FOUND, sys, "%s %s", what, path);
	return err_set_sys(e, ERR_IO, sys, "%s %s", what, path);
}

/* The directory of path, ending in a slash or "./"; path's own name in *ret_name. */
static void split(struct buf *dir, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	if (slash)
		buf_add(dir, path, (size_t)(slash + 1 - path));
	else
		buf_add_str(dir, "./");
}

/* Is name that of a rotated file of base? */
static bool parse(const char *base, const char *name, struct archive_rotated *ret)
{
	size_t len = strlen(base), digits;
	const char *suffix;

	if (strncmp(name, base, len) != 0 || name[len] != '.')
		return false;
	name += len + 1;
	digits = strspn(name, "0123456789");
	if (digits < DIGITS_MIN || digits > DIGITS_MAX)
		return false;
	suffix = name + digits;
	*ret = (struct archive_rotated){
		.number = strtoll(name, NULL, 10),
		.plain = !*suffix,
		.gz = strcmp(suffix, ".gz") == 0,
		.temp = strcmp(suffix, ".gz.tmp") == 0,
	};
	return ret->plain || ret->gz || ret->temp;
}

static int compare(const void *a, const void *b)
{
	const struct archive_rotated *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static ATTR_MUST_CHECK enum err_code add(struct archive_names *n, const struct archive_rotated *r)
{
	struct archive_rotated *more;

	if (!(n->count & (n->count - 1))) { /* as large as it can be: 0, 1, 2, 4, ... */
		more = mem_realloc(n->items, (n->count ? 2 * n->count : 1) * sizeof(*more));
		if (!more)
			return ERR_NOMEM;
		n->items = more;
	}
	n->items[n->count++] = *r;
	return ERR_OK;
}

/* Those of one number become one. */
static void sort(struct archive_names *n)
{
	size_t i, last = 0;

	if (!n->count)
		return;
	qsort(n->items, n->count, sizeof(*n->items), compare);
	for (i = 1; i < n->count; i++) {
		if (n->items[i].number != n->items[last].number) {
			n->items[++last] = n->items[i];
			continue;
		}
		n->items[last].plain |= n->items[i].plain;
		n->items[last].gz |= n->items[i].gz;
		n->items[last].temp |= n->items[i].temp;
	}
	n->count = last + 1;
}

static ATTR_MUST_CHECK enum err_code read_directory(DIR *d, const char *path, const char *base,
						    struct archive_names *n, struct err *e)
{
	struct archive_rotated r;
	const struct dirent *entry;

	for (errno = 0; (entry = readdir(d)); errno = 0)
		if (parse(base, entry->d_name, &r) && add(n, &r) != ERR_OK)
			return err_set(e, ERR_NOMEM, "no memory for the names of an archive");
	return errno ? archive_names_error(e, "cannot read the directory of", path) : ERR_OK;
}

enum err_code archive_names_list(const char *path, struct archive_names *ret, struct err *e)
{
	struct archive_names n = {.items = NULL};
	enum err_code code = ERR_OK;
	const char *base;
	struct buf dir;
	DIR *d = NULL;

	buf_init(&dir, PATH_MAX);
	split(&dir, path, &base);
	if (buf_error(&dir) == ERR_NOMEM)
		code = err_set(e, ERR_NOMEM, "no memory for the name of a directory");
	if (code == ERR_OK) {
		d = opendir(buf_str(&dir));
		if (!d)
			code = archive_names_error(e, "cannot open the directory", buf_str(&dir));
	}
	if (d) {
		code = read_directory(d, path, base, &n, e);
		(void)closedir(d);
	}
	buf_done(&dir);
	if (code != ERR_OK) {
		archive_names_done(&n);
		return code;
	}
	sort(&n);
	*ret = n;
	return ERR_OK;
}

void archive_names_done(struct archive_names *n)
{
	mem_free(n->items);
	*n = (struct archive_names){.items = NULL};
}

void archive_names_print(struct buf *out, const char *path, int64_t number, const char *suffix)
{
	buf_add_fmt(out, "%s.%06lld%s", path, (long long)number, suffix);
}

enum err_code archive_names_sync(const char *path, struct err *e)
{
	enum err_code code = ERR_OK;
	const char *base;
	struct buf dir;
	int fd = -1;

	buf_init(&dir, PATH_MAX);
	split(&dir, path, &base);
	if (buf_error(&dir) != ERR_OK)
		code = err_set(e, buf_error(&dir), "no room for the name of a directory");
	else
		fd = open(buf_str(&dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (code == ERR_OK && (fd < 0 || fsync(fd) != 0))
		code = archive_names_error(e, "cannot sync the directory", buf_str(&dir));
	fd_close(&fd);
	buf_done(&dir);
	return code;
}
