/* SPDX-License-Identifier: MIT */
#include "sink/archive_repair.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_check.h"

#define BLOCK_BYTES 16384
#define HEADER "[\n"
#define HEADER_LEN 2

/* One look at a file. */
struct look {
	int fd;
	bool json;
	int64_t size;
	int64_t base; /* where the first record's line begins */
};

static ATTR_MUST_CHECK enum err_code read_at(int fd, char *out, size_t len, int64_t at,
					     size_t *ret_n, struct err *e)
{
	size_t got = 0;
	ssize_t n;

	*ret_n = 0;
	while (got < len) {
		n = pread(fd, out + got, len - got, at + (int64_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(e, ERR_IO, errno, "cannot read");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_n = got;
	return ERR_OK;
}

/* A line's begin at or before `at`, or the base. */
static ATTR_MUST_CHECK enum err_code find_line(const struct look *l, int64_t at, int64_t *ret,
					       struct err *e)
{
	char block[BLOCK_BYTES];
	const char *end;
	enum err_code code;
	int64_t from;
	size_t n;

	while (at > l->base) {
		from = at - BLOCK_BYTES > l->base ? at - BLOCK_BYTES : l->base;
		code = read_at(l->fd, block, (size_t)(at - from), from, &n, e);
		if (code != ERR_OK)
			return code;
		end = memrchr(block, '\n', n);
		if (end) {
			*ret = from + (end - block) + 1;
			return ERR_OK;
		}
		at = from;
	}
	*ret = l->base;
	return ERR_OK;
}

/* ---- forwards, line by line ---- */

struct scan {
	const struct look *l;
	struct json_check check;
	int64_t line;  /* where it begins */
	bool done;     /* the line has its object */
	bool comma;    /* ... and a comma behind it */
	bool found;    /* a whole record, of which the last */
	int64_t end;   /* ends here */
	bool followed; /* ... and has a comma behind it: others may follow */
};

static void begin_line(struct scan *s, int64_t at)
{
	json_check_init_lenient(&s->check);
	s->line = at;
	s->done = s->comma = false;
}

/* A byte of a line's object. False: the whole records end before it. */
static bool take_object(struct scan *s, unsigned char b, int64_t at)
{
	enum json_check_step step;

	if (at == s->line && (b != '{' || (s->found && !s->followed)))
		return false;
	step = json_check_byte(&s->check, b);
	if (step == JSON_CHECK_DONE) {
		s->done = s->found = true;
		s->end = at + 1;
		s->followed = !s->l->json;
	}
	return step != JSON_CHECK_BAD;
}

/* False: the whole records end with the last one found. */
static bool take_byte(struct scan *s, unsigned char b, int64_t at)
{
	if (b == '\n') {
		if (!s->done)
			return false;
		begin_line(s, at + 1);
		return true;
	}
	if (!s->done)
		return take_object(s, b, at);
	if (b != ',' || !s->l->json || s->comma)
		return false;
	s->comma = s->followed = true;
	return true;
}

static ATTR_MUST_CHECK enum err_code scan_from(struct scan *s, int64_t at, struct err *e)
{
	char block[BLOCK_BYTES];
	enum err_code code;
	size_t n, i;

	s->found = false;
	begin_line(s, at);
	for (;; at += (int64_t)n) {
		code = read_at(s->l->fd, block, sizeof(block), at, &n, e);
		if (code != ERR_OK)
			return code;
		for (i = 0; i < n; i++)
			if (!take_byte(s, (unsigned char)block[i], at + (int64_t)i))
				return ERR_OK;
		if (n < sizeof(block))
			return ERR_OK;
	}
}

/* ---- backwards, until a whole record is found ---- */

static ATTR_MUST_CHECK enum err_code find_end(const struct look *l, struct archive_end *ret,
					      struct err *e)
{
	struct scan s = {.l = l};
	int64_t step = ARCHIVE_TAIL_BYTES, from = l->size, line;
	enum err_code code;

	do {
		from = from - step > l->base ? from - step : l->base;
		step *= 2;
		code = find_line(l, from, &line, e);
		if (code == ERR_OK)
			code = scan_from(&s, line, e);
		if (code != ERR_OK)
			return code;
		from = line;
	} while (!s.found && line > l->base);
	ret->empty = !s.found;
	ret->at = s.found ? s.end : l->json ? HEADER_LEN - 1 : 0;
	return ERR_OK;
}

/* ---- what is there ---- */

/* NUL: where a machine died, a file may have grown before its bytes were written. */
static bool may_follow(unsigned char b, const char *these)
{
	return !b || strchr(these, b);
}

static ATTR_MUST_CHECK enum err_code check_header(const struct look *l, struct err *e)
{
	unsigned char b[HEADER_LEN + 1] = {0};
	enum err_code code;
	size_t n = 0;
	bool good;

	code = read_at(l->fd, (char *)b, sizeof(b), 0, &n, e);
	if (code != ERR_OK)
		return code;
	if (l->json)
		good = may_follow(b[0], "[") && may_follow(b[1], "\n") && may_follow(b[2], "{]");
	else
		good = may_follow(b[0], "{");
	if (!good)
		return err_set(e, ERR_CONFIG,
			       l->json ? "it holds something else than such an array of JSON"
				       : "it holds something else than lines of JSON");
	return ERR_OK;
}

/* ---- a file without a whole record ---- */

/* Is it what our first write left when it was torn: one line that begins an object, or nothing; and
 * NUL where no byte arrived? */
struct torn {
	const struct look *l;
	struct json_check check;
	bool hole;  /* nothing but NUL follows */
	bool array; /* an empty one was written over it, or in part: the line has lost its begin */
	bool ours;  /* whatever follows: no reader takes what stands behind an empty array */
};

static bool may_be_torn(struct torn *t, unsigned char b, int64_t at)
{
	const int64_t in_line = at - t->l->base;

	t->hole |= !b;
	if (t->hole)
		return !b;
	if (in_line < 0)
		return b == (unsigned char)HEADER[at];
	t->array |= in_line == 0 && b == ']';
	t->ours = t->array && in_line == 1 && b == '\n';
	if (t->ours)
		return true;
	/* the end of the empty array that was there before */
	if (b == '\n')
		return t->l->json && in_line == 1 && at + 1 == t->l->size;
	return t->array || json_check_byte(&t->check, b) == JSON_CHECK_MORE;
}

static ATTR_MUST_CHECK enum err_code check_torn(const struct look *l, struct err *e)
{
	struct torn t = {.l = l};
	char block[BLOCK_BYTES];
	enum err_code code;
	int64_t at = 0;
	size_t n, i;

	json_check_init_lenient(&t.check);
	do {
		code = read_at(l->fd, block, sizeof(block), at, &n, e);
		if (code != ERR_OK)
			return code;
		for (i = 0; i < n && !t.ours; i++)
			if (!may_be_torn(&t, (unsigned char)block[i], at + (int64_t)i))
				return err_set(e, ERR_CONFIG,
					       "it holds something else than an archive: no whole "
					       "record, and more than a torn one");
		at += (int64_t)n;
	} while (n == sizeof(block) && !t.ours);
	return ERR_OK;
}

/* ---- the end ---- */

/* Whether the file has these bytes there. */
static ATTR_MUST_CHECK enum err_code has_at(const struct look *l, const char *want, size_t len,
					    int64_t at, bool *ret, struct err *e)
{
	char there[ARCHIVE_TAIL_LEN];
	enum err_code code;
	size_t n = 0;

	code = read_at(l->fd, there, len, at, &n, e);
	*ret = code == ERR_OK && n == len && !memcmp(there, want, len);
	return code;
}

/* The tail first and then the cut: in between the array is whole, with something behind it, and not
 * without its end. On a full disk there may be room only after the cut. */
static ATTR_MUST_CHECK enum err_code close_array(const struct look *l, const struct archive_io *io,
						 const struct archive_end *end, struct err *e)
{
	enum err_code code =
		archive_io_write(io, l->fd, ARCHIVE_TAIL, ARCHIVE_TAIL_LEN, end->at, e);

	if (code == ERR_OK)
		return archive_io_truncate(io, l->fd, end->size, e);
	if (l->size <= end->size)
		return code;
	code = archive_io_truncate(io, l->fd, end->at, e);
	if (code == ERR_OK)
		code = archive_io_write(io, l->fd, ARCHIVE_TAIL, ARCHIVE_TAIL_LEN, end->at, e);
	return code;
}

static ATTR_MUST_CHECK enum err_code end_json(const struct look *l, const struct archive_io *io,
					      struct archive_end *end, struct err *e)
{
	enum err_code code;
	bool has_header = false, has_tail = false;

	end->size = end->at + ARCHIVE_TAIL_LEN;
	end->cut = l->size > end->size ? l->size - end->size : 0;
	code = has_at(l, HEADER, HEADER_LEN, 0, &has_header, e);
	if (code == ERR_OK)
		code = has_at(l, ARCHIVE_TAIL, ARCHIVE_TAIL_LEN, end->at, &has_tail, e);
	if (code == ERR_OK && !has_header)
		code = end->empty ? archive_io_write(io, l->fd, "[" ARCHIVE_TAIL,
						     1 + ARCHIVE_TAIL_LEN, 0, e)
				  : archive_io_write(io, l->fd, HEADER, HEADER_LEN, 0, e);
	if (code != ERR_OK || (has_tail && !end->cut))
		return code;
	return close_array(l, io, end, e);
}

/* Without its LF a record is whole, but the next one would stand on its line. */
static ATTR_MUST_CHECK enum err_code end_lines(const struct look *l, const struct archive_io *io,
					       struct archive_end *end, struct err *e)
{
	enum err_code code = ERR_OK;
	bool has_lf = true;

	if (!end->empty)
		code = has_at(l, "\n", 1, end->at, &has_lf, e);
	if (code == ERR_OK && !has_lf)
		code = archive_io_write(io, l->fd, "\n", 1, end->at, e);
	if (code != ERR_OK)
		return code;
	end->at += !end->empty;
	end->size = end->at;
	end->cut = l->size > end->size ? l->size - end->size : 0;
	return end->cut ? archive_io_truncate(io, l->fd, end->size, e) : ERR_OK;
}

enum err_code archive_repair(int fd, bool json, const struct archive_io *io,
			     struct archive_end *ret_end, struct err *e)
{
	struct look l = {.fd = fd, .json = json, .base = json ? HEADER_LEN : 0};
	struct archive_end end = {.at = 0};
	struct stat st;
	enum err_code code;

	if (fstat(fd, &st) != 0)
		return err_set_sys(e, ERR_IO, errno, "cannot look at it");
	l.size = st.st_size;
	code = check_header(&l, e);
	if (code == ERR_OK)
		code = find_end(&l, &end, e);
	if (code == ERR_OK && end.empty)
		code = check_torn(&l, e);
	if (code == ERR_OK)
		code = json ? end_json(&l, io, &end, e) : end_lines(&l, io, &end, e);
	if (code == ERR_OK)
		*ret_end = end;
	return code;
}
