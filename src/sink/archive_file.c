/* SPDX-License-Identifier: MIT */
#include "sink/archive_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "sink/archive_names.h"

#define FILE_MODE 0640
/* How often another file may stand under the name before it is locked. */
#define OPEN_TRIES 5

enum err_code archive_file_init(struct archive_file *f, const struct archive_file_options *o,
				struct err *e)
{
	*f = (struct archive_file){.o = *o, .fd = -1};
	if (!f->o.io)
		f->o.io = &archive_io_system;
	f->path = mem_strdup(o->path);
	f->o.path = f->path;
	return f->path ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for an archive");
}

void archive_file_done(struct archive_file *f)
{
	archive_file_close(f);
	mem_free(f->path);
	f->path = NULL;
}

void archive_file_close(struct archive_file *f)
{
	fd_close(&f->fd);
	f->stats.bytes = 0;
}

/* ---- opening ---- */

/* Does the path still name the open file? */
static bool is_in_place(const struct archive_file *f)
{
	struct stat here, there;

	return fstat(f->fd, &here) == 0 && lstat(f->path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* O_NONBLOCK: a FIFO without a reader is an error, and nothing that waits for ever. */
static ATTR_MUST_CHECK enum err_code open_and_lock(struct archive_file *f, struct err *e)
{
	struct stat st;

	f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		     FILE_MODE);
	if (f->fd < 0 && errno == ELOOP)
		return err_set(e, ERR_CONFIG, "cannot open %s: it is a symbolic link", f->path);
	if (f->fd < 0 && (errno == EISDIR || errno == ENXIO))
		return err_set(e, ERR_CONFIG, "cannot open %s: it is no regular file", f->path);
	if (f->fd < 0)
		return archive_names_error(e, "cannot open", f->path);
	if (fstat(f->fd, &st) != 0)
		return archive_names_error(e, "cannot look at", f->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "cannot use %s: it is no regular file", f->path);
	if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	if (errno == EWOULDBLOCK)
		return err_set(e, ERR_BUSY, "%s is being written by another daemon or pipeline",
			       f->path);
	return archive_names_error(e, "cannot lock", f->path);
}

static ATTR_MUST_CHECK enum err_code repair(struct archive_file *f, struct err *e)
{
	enum err_code code = archive_repair(f->fd, f->o.json, f->o.io, &f->end, e);

	if (code != ERR_OK) {
		(void)err_prefix(e, "%s", f->path);
		return code;
	}
	f->dirty = false;
	f->stats.bytes = f->end.size;
	f->stats.repaired += f->end.cut > 0;
	f->stats.cut += f->end.cut;
	return ERR_OK;
}

enum err_code archive_file_open(struct archive_file *f, struct err *e)
{
	enum err_code code = ERR_OK;
	int i;

	if (f->fd >= 0 && is_in_place(f))
		return ERR_OK;
	for (i = 0; i < OPEN_TRIES; i++) {
		archive_file_close(f);
		code = open_and_lock(f, e);
		if (code != ERR_OK || is_in_place(f))
			break;
	}
	if (code == ERR_OK)
		code = repair(f, e);
	if (code == ERR_OK && f->o.fsync)
		code = archive_names_sync(f->path, e);
	if (code != ERR_OK)
		archive_file_close(f);
	return code;
}

/* ---- rotating ---- */

static ATTR_MUST_CHECK enum err_code remove_oldest(const struct archive_file *f,
						   const struct archive_names *n, struct err *e)
{
	static const char *const suffixes[] = {"", ".gz", ".gz.tmp"};
	size_t keep = (size_t)f->o.keep, i, k;
	enum err_code code = ERR_OK;
	struct buf name;

	buf_init(&name, PATH_MAX);
	for (i = 0; keep && i + keep < n->count && code == ERR_OK; i++) {
		for (k = 0; k < ARRAY_LEN(suffixes); k++) {
			buf_reset(&name);
			archive_names_print(&name, f->path, n->items[i].number, suffixes[k]);
			if (buf_error(&name) == ERR_OK && unlink(buf_str(&name)) != 0 &&
			    errno != ENOENT)
				code = archive_names_error(e, "cannot remove", buf_str(&name));
		}
	}
	buf_done(&name);
	return code;
}

static ATTR_MUST_CHECK enum err_code give_number(const struct archive_file *f, int64_t number,
						 struct err *e)
{
	enum err_code code = ERR_OK;
	struct buf name;

	buf_init(&name, PATH_MAX);
	archive_names_print(&name, f->path, number, "");
	if (buf_error(&name) != ERR_OK)
		code = err_set(e, buf_error(&name), "no room for the name of a rotated archive");
	else if (rename(f->path, buf_str(&name)) != 0)
		code = archive_names_error(e, "cannot rotate", f->path);
	buf_done(&name);
	return code;
}

/* What is removed when the new one is counted too was there before: first the rename. */
static ATTR_MUST_CHECK enum err_code rotate(struct archive_file *f, struct err *e)
{
	struct archive_names n = {.items = NULL};
	enum err_code code = archive_names_list(f->path, &n, e);

	if (code == ERR_OK)
		code = give_number(f, n.count ? n.items[n.count - 1].number + 1 : 1, e);
	archive_names_done(&n);
	if (code != ERR_OK)
		return code;
	f->stats.rotated++;
	archive_file_close(f);
	code = archive_file_open(f, e);
	if (code == ERR_OK)
		code = archive_names_list(f->path, &n, e);
	if (code == ERR_OK)
		code = remove_oldest(f, &n, e);
	archive_names_done(&n);
	return code;
}

/* ---- writing ---- */

void archive_file_add(const struct archive_file *f, struct buf *text, struct text record)
{
	if (f->o.json)
		buf_add_str(text, ",\n");
	buf_add_text(text, record);
	if (!f->o.json)
		buf_add_char(text, '\n');
}

/* Let the file end as before. */
static ATTR_MUST_CHECK enum err_code undo(struct archive_file *f, struct err *e)
{
	enum err_code code = ERR_OK;

	if (f->o.json)
		code = archive_io_write(f->o.io, f->fd, ARCHIVE_TAIL, ARCHIVE_TAIL_LEN, f->end.at,
					e);
	if (code == ERR_OK)
		code = archive_io_truncate(f->o.io, f->fd, f->end.size, e);
	f->dirty = code != ERR_OK;
	return code;
}

/* Open, in place, as large as it was left, and with room before it is rotated. */
static ATTR_MUST_CHECK enum err_code make_ready(struct archive_file *f, size_t len, struct err *e)
{
	enum err_code code = archive_file_open(f, e);
	struct stat st;

	if (code != ERR_OK)
		return code;
	if (fstat(f->fd, &st) != 0)
		return archive_names_error(e, "cannot look at", f->path);
	if (f->dirty && st.st_size >= f->end.at)
		code = undo(f, e);
	else if (st.st_size != f->end.size)
		code = repair(f, e);
	if (code == ERR_OK && f->o.rotate_bytes && !f->end.empty &&
	    f->end.size + (int64_t)len > f->o.rotate_bytes)
		code = rotate(f, e);
	return code;
}

/* What could not be synced may be gone although the next sync says that all is well: it is written
 * again, for it is not counted until then. */
static ATTR_MUST_CHECK enum err_code put(struct archive_file *f, const char *bytes, size_t len,
					 struct err *e)
{
	enum err_code code = archive_io_write(f->o.io, f->fd, bytes, len, f->end.at, e);

	if (code == ERR_OK && f->o.fsync) {
		code = archive_io_sync(f->o.io, f->fd, e);
		f->stats.synced += code == ERR_OK;
	}
	if (code == ERR_OK)
		return ERR_OK;
	(void)err_prefix(e, "%s", f->path);
	if (undo(f, NULL) != ERR_OK)
		f->dirty = true; /* before the next write */
	return code;
}

enum err_code archive_file_write(struct archive_file *f, struct buf *text, struct err *e)
{
	enum err_code code = make_ready(f, text->len, e);
	const size_t len = text->len;
	size_t skip;

	assert(len > 0);
	if (code != ERR_OK)
		return code;
	if (f->o.json)
		buf_add_str(text, ARCHIVE_TAIL);
	if (buf_error(text) != ERR_OK) {
		text->error = ERR_OK;
		return err_set(e, ERR_NOMEM, "no memory to write an archive");
	}
	skip = f->o.json && f->end.empty; /* nothing for the comma to stand behind */
	code = put(f, buf_str(text) + skip, text->len - skip, e);
	if (code == ERR_OK) {
		f->end.at += (int64_t)(len - skip);
		f->end.size = f->end.at + (f->o.json ? ARCHIVE_TAIL_LEN : 0);
		f->end.empty = false;
		f->stats.bytes = f->end.size;
	}
	buf_truncate(text, len);
	return code;
}
