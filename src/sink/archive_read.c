/* SPDX-License-Identifier: MIT */
#include "sink/archive_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json_check.h"
#include "base/mem.h"
#include "sink/archive_names.h"
#include "sink/archive_repair.h"

#define BLOCK_BYTES 65536
/* A longer line is no record that anybody wrote. */
#define LINE_MAX_BYTES ((size_t)1 << 30)
/* Room for longer lines is given back when one ends. */
#define LINE_KEEP_BYTES ((size_t)1 << 20)

struct archive_read {
	const char *path;
	archive_read_warn_fn warn;
	void *ctx;
	int64_t last; /* number of the last rotated file that was opened */
	bool is_last; /* the open file is path itself: none follows */
	struct buf name;
	gzFile file;  /* plain ones too: gzread(3) hands them through; NULL: none open */
	int fd;       /* file's own */
	int64_t size; /* when it was opened; -1: it is compressed */
	int64_t left; /* to be read */
	bool warned;  /* of this file */
	int64_t line_number;
	struct buf line;
	char block[BLOCK_BYTES];
	size_t at, len; /* of block */
};

/* ---- files ---- */

static void close_file(struct archive_read *r)
{
	if (r->file)
		(void)gzclose_r(r->file);
	r->file = NULL;
}

/* May these bytes, the last ones, be the tail of an array, or in part what a writer puts over it?
 */
static bool may_be_tail(const char *b, int64_t size)
{
	if (size == ARCHIVE_TAIL_LEN + 1 && b[0] == '\n') /* of an empty array */
		return true;
	return (b[0] == '\n' || b[0] == ',') && (b[1] == ']' || b[1] == '\n') &&
	       (b[2] == '\n' || b[2] == '{');
}

/* What is behind a plain file's end is not seen, nor the tail before it: they change under a
 * writer, and what is before the tail does not. */
static ATTR_MUST_CHECK enum err_code set_bounds(struct archive_read *r, struct err *e)
{
	char tail[ARCHIVE_TAIL_LEN];
	bool has_tail;
	struct stat st;

	r->size = -1;
	r->left = INT64_MAX;
	if (fstat(r->fd, &st) != 0)
		return archive_names_error(e, "cannot look at", buf_str(&r->name));
	has_tail = st.st_size > ARCHIVE_TAIL_LEN &&
		   pread(r->fd, tail, sizeof(tail), st.st_size - ARCHIVE_TAIL_LEN) ==
			   ARCHIVE_TAIL_LEN &&
		   may_be_tail(tail, st.st_size);
	/* gzdirect reads: what it has seen of the file must not be older than the size */
	if (S_ISREG(st.st_mode) && gzdirect(r->file)) {
		r->size = st.st_size;
		r->left = st.st_size - (has_tail ? ARCHIVE_TAIL_LEN : 0);
	}
	return ERR_OK;
}

/* Errors: ERR_NOT_FOUND, ERR_DENIED, ERR_IO, ERR_NOMEM. */
static ATTR_MUST_CHECK enum err_code open_name(struct archive_read *r, struct err *e)
{
	enum err_code code;

	if (buf_error(&r->name) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for the name of an archive");
	r->fd = open(buf_str(&r->name), O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		return archive_names_error(e, "cannot open", buf_str(&r->name));
	r->file = gzdopen(r->fd, "r");
	if (!r->file) {
		fd_close(&r->fd);
		return err_set(e, ERR_NOMEM, "no memory to read %s", buf_str(&r->name));
	}
	(void)gzbuffer(r->file, BLOCK_BYTES);
	r->warned = false;
	r->line_number = 0;
	r->at = r->len = 0;
	code = set_bounds(r, e);
	if (code != ERR_OK)
		close_file(r);
	return code;
}

/* The first number above r->last; 0: there is none. */
static ATTR_MUST_CHECK enum err_code find_number(const struct archive_read *r, int64_t *ret_number,
						 struct err *e)
{
	struct archive_names n = {.items = NULL};
	enum err_code code = archive_names_list(r->path, &n, e);
	size_t i;

	*ret_number = 0;
	for (i = 0; i < n.count && !*ret_number; i++)
		if (n.items[i].number > r->last && (n.items[i].plain || n.items[i].gz))
			*ret_number = n.items[i].number;
	archive_names_done(&n);
	return code;
}

/* It may be compressed, and so have another name, at any moment; or be removed for its age. */
static ATTR_MUST_CHECK enum err_code open_number(struct archive_read *r, int64_t number,
						 struct err *e)
{
	static const char *const suffixes[] = {".gz", "", ".gz"};
	enum err_code code = ERR_NOT_FOUND;
	size_t i;

	r->last = number;
	for (i = 0; i < ARRAY_LEN(suffixes) && code == ERR_NOT_FOUND; i++) {
		buf_reset(&r->name);
		archive_names_print(&r->name, r->path, number, suffixes[i]);
		code = open_name(r, e);
	}
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* Path itself; unless it has got a number meanwhile, and another file stands there. Errors: also
 * ERR_NOT_FOUND: then nothing is open. */
static ATTR_MUST_CHECK enum err_code open_last(struct archive_read *r, struct err *e)
{
	enum err_code code;
	int64_t number = 0;

	buf_reset(&r->name);
	buf_add_str(&r->name, r->path);
	code = open_name(r, e);
	if (code != ERR_OK)
		return code;
	code = find_number(r, &number, e);
	if (code == ERR_OK && !number)
		r->is_last = true;
	else
		close_file(r);
	return code;
}

/* Open the next file; none is open at the end. */
static ATTR_MUST_CHECK enum err_code next_file(struct archive_read *r, struct err *e)
{
	bool was_last = r->is_last;
	enum err_code code = ERR_OK;
	int64_t number;

	close_file(r);
	while (!was_last && !r->file && code == ERR_OK) {
		code = find_number(r, &number, e);
		if (code == ERR_OK && number)
			code = open_number(r, number, e);
		else if (code == ERR_OK)
			code = open_last(r, e);
	}
	/* only rotated ones are left of it */
	if (code == ERR_NOT_FOUND && r->last) {
		r->is_last = true;
		code = ERR_OK;
	}
	return code;
}

enum err_code archive_read_open(const char *path, archive_read_warn_fn warn, void *ctx,
				struct archive_read **ret_r, struct err *e)
{
	struct archive_read *r = mem_calloc(1, sizeof(*r));
	enum err_code code;

	if (!r)
		return err_set(e, ERR_NOMEM, "no memory to read an archive");
	r->path = path;
	r->warn = warn;
	r->ctx = ctx;
	buf_init(&r->name, PATH_MAX);
	buf_init(&r->line, LINE_MAX_BYTES);
	code = next_file(r, e);
	if (code != ERR_OK) {
		archive_read_close(r);
		return code;
	}
	*ret_r = r;
	return ERR_OK;
}

void archive_read_close(struct archive_read *r)
{
	if (!r)
		return;
	close_file(r);
	buf_done(&r->name);
	buf_done(&r->line);
	mem_free(r);
}

/* ---- lines ---- */

static ATTR_MUST_CHECK enum err_code fill_block(struct archive_read *r, struct err *e)
{
	unsigned most = r->left < BLOCK_BYTES ? (unsigned)r->left : BLOCK_BYTES;
	int n = gzread(r->file, r->block, most), why = Z_OK;
	const char *text = "";

	r->at = 0;
	r->len = n > 0 ? (size_t)n : 0;
	if (r->size >= 0)
		r->left -= (int64_t)r->len;
	/* where a compressed one ends early, gzread says 0 */
	if (n <= 0)
		text = gzerror(r->file, &why);
	if (n >= 0 && why == Z_OK)
		return ERR_OK;
	if (why == Z_ERRNO)
		return archive_names_error(e, "cannot read", buf_str(&r->name));
	return err_set(e, why == Z_MEM_ERROR ? ERR_NOMEM : ERR_DATA, "%s: %s", buf_str(&r->name),
		       text);
}

/* The next line of the open file, without its LF; *ret_lf: it had one. Neither line nor LF: the
 * file's end. */
static ATTR_MUST_CHECK enum err_code read_line(struct archive_read *r, bool *ret_lf, struct err *e)
{
	enum err_code code;
	const char *lf;
	size_t n;

	if (r->line.cap > LINE_KEEP_BYTES)
		buf_done(&r->line);
	buf_reset(&r->line);
	r->line_number++;
	for (*ret_lf = false; !*ret_lf; r->at += n + *ret_lf) {
		if (r->at == r->len) {
			code = fill_block(r, e);
			if (code != ERR_OK || !r->len)
				return code;
		}
		lf = memchr(r->block + r->at, '\n', r->len - r->at);
		*ret_lf = lf != NULL;
		n = lf ? (size_t)(lf - (r->block + r->at)) : r->len - r->at;
		buf_add(&r->line, r->block + r->at, n);
		if (buf_error(&r->line) == ERR_NOMEM)
			return err_set(e, ERR_NOMEM, "no memory for a record of %s",
				       buf_str(&r->name));
	}
	return ERR_OK;
}

/* What the line is in an array, without what belongs to the array. */
static struct text strip(const struct archive_read *r)
{
	struct text t = buf_text(&r->line);

	if (t.len && t.s[t.len - 1] == ',')
		t.len--;
	if (t.len == 1 && (*t.s == '[' || *t.s == ']'))
		t.len = 0;
	return t;
}

/* Where somebody has written behind the end that is known here, that may be in the midst of a line.
 */
static bool is_written(const struct archive_read *r)
{
	struct stat st;

	return r->size >= 0 && fstat(r->fd, &st) == 0 && st.st_size != r->size;
}

static void warn_of(struct archive_read *r, bool at_end)
{
	if (at_end && is_written(r))
		return;
	if (!r->warned && r->warn)
		r->warn(r->ctx, buf_str(&r->name), r->line_number, at_end);
	r->warned = true;
}

enum err_code archive_read_next(struct archive_read *r, struct text *ret_record, struct err *e)
{
	enum err_code code = ERR_OK;
	struct text t;
	bool lf;

	*ret_record = TEXT_NONE;
	while (r->file) {
		code = read_line(r, &lf, e);
		if (code == ERR_OK && !lf && !r->line.len)
			code = next_file(r, e);
		if (code != ERR_OK)
			return code;
		if (!r->line.len)
			continue;
		t = strip(r);
		if (buf_error(&r->line) == ERR_OK && t.len && json_check_is_object(t)) {
			*ret_record = t;
			return ERR_OK;
		}
		if (t.len || buf_error(&r->line) != ERR_OK)
			warn_of(r, !lf);
	}
	return ERR_OK;
}
