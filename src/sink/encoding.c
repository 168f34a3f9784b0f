/* SPDX-License-Identifier: MIT */
/*
 * Both encodings want the size of an object or array in front of it, so the text is walked twice:
 * the first walk counts, the second writes. Neither recurses.
 */
#include "sink/encoding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "sink/big_number.h"

#define NUMBER_BYTES_MAX 400 /* a longer one is not held by any number */

static const struct encoding_writer *const writers[] = {
	[WEBHOOK_ENCODING_JSON] = NULL,
	[WEBHOOK_ENCODING_MSGPACK] = &encoding_msgpack,
	[WEBHOOK_ENCODING_CBOR] = &encoding_cbor,
};

const char *encoding_content_type(enum webhook_encoding encoding)
{
	return writers[encoding] ? writers[encoding]->content_type : NULL;
}

void encoding_array(enum webhook_encoding encoding, size_t elements, struct buf *out)
{
	writers[encoding]->array(out, elements);
}

struct level {
	bool is_object;
	size_t number; /* of the object or array, in the order in which they begin */
};

/* What comes next. */
enum place { PLACE_VALUE, PLACE_FIRST_VALUE, PLACE_NAME, PLACE_FIRST_NAME, PLACE_BEHIND };

struct walk {
	const char *at;
	const char *end;
	enum place place;
	struct level levels[ENCODING_DEPTH_MAX];
	size_t depth;
	size_t begun;                         /* objects and arrays so far */
	struct buf sizes;                     /* uint32_t of each of them */
	struct buf plain;                     /* of a string with escapes */
	const struct encoding_writer *writer; /* NULL: this walk counts */
	struct buf *out;
};

static uint32_t *size_of(struct walk *w, size_t number)
{
	return (uint32_t *)(void *)w->sizes.data + number;
}

static bool take(struct walk *w, char c)
{
	if (w->at == w->end || *w->at != c)
		return false;
	w->at++;
	return true;
}

static void skip_space(struct walk *w)
{
	while (w->at < w->end &&
	       (*w->at == ' ' || *w->at == '\n' || *w->at == '\t' || *w->at == '\r'))
		w->at++;
}

/* ---- values ---- */

static ATTR_MUST_CHECK enum err_code begin(struct walk *w, bool is_object)
{
	static const uint32_t none = 0;
	uint32_t size;

	if (w->depth == ENCODING_DEPTH_MAX)
		return ERR_DATA;
	if (w->writer) {
		size = *size_of(w, w->begun);
		(is_object ? w->writer->map : w->writer->array)(w->out, size);
	} else {
		buf_add(&w->sizes, &none, sizeof(none));
	}
	w->levels[w->depth++] = (struct level){is_object, w->begun++};
	w->place = is_object ? PLACE_FIRST_NAME : PLACE_FIRST_VALUE;
	return buf_error(&w->sizes);
}

/* One more in the innermost one. */
static void count(struct walk *w)
{
	if (w->depth && !w->writer)
		++*size_of(w, w->levels[w->depth - 1].number);
}

static ATTR_MUST_CHECK enum err_code string(struct walk *w)
{
	size_t left = (size_t)(w->end - w->at), len = left ? json_scan_string(w->at, left) : 0;
	struct text inside;

	if (!len)
		return ERR_DATA;
	inside = (struct text){w->at + 1, len - 2};
	w->at += len;
	if (!w->writer)
		return ERR_OK;
	if (memchr(inside.s, '\\', inside.len)) {
		buf_reset(&w->plain);
		json_scan_unescape(&w->plain, inside);
		if (buf_error(&w->plain) != ERR_OK)
			return buf_error(&w->plain);
		inside = buf_text(&w->plain);
	}
	w->writer->text(w->out, inside);
	return ERR_OK;
}

/* Whether t was written: it is a whole number of 64 bits. */
static bool write_whole(const struct walk *w, const char *t)
{
	unsigned long long large;
	long long v;

	if (strpbrk(t, ".eE") || strcmp(t, "-0") == 0)
		return false;
	errno = 0;
	v = strtoll(t, NULL, 10);
	if (!errno) {
		w->writer->whole(w->out, v);
		return true;
	}
	errno = 0;
	large = strtoull(t, NULL, 10);
	if (errno || *t == '-')
		return false;
	w->writer->large(w->out, large);
	return true;
}

static ATTR_MUST_CHECK enum err_code number(struct walk *w)
{
	char t[NUMBER_BYTES_MAX];
	struct text all = {w->at, 0};
	char *end;
	double v;

	while (w->at < w->end && *w->at && strchr("+-.0123456789eE", *w->at))
		w->at++;
	all.len = (size_t)(w->at - all.s);
	if (!all.len)
		return ERR_DATA;
	if (!w->writer)
		return ERR_OK;
	if (all.len >= sizeof(t)) {
		w->writer->text(w->out, all);
		return ERR_OK;
	}
	memcpy(t, all.s, all.len);
	t[all.len] = '\0';
	v = strtod(t, &end);
	if (*end)
		return ERR_DATA;
	if (write_whole(w, t))
		return ERR_OK;
	if (big_number_is(all))
		w->writer->text(w->out, all);
	else
		w->writer->real(w->out, v);
	return ERR_OK;
}

static bool word(struct walk *w, const char *s)
{
	size_t len = strlen(s);

	if ((size_t)(w->end - w->at) < len || memcmp(w->at, s, len) != 0)
		return false;
	w->at += len;
	return true;
}

static ATTR_MUST_CHECK enum err_code scalar(struct walk *w)
{
	bool is_true;

	w->place = PLACE_BEHIND;
	if (w->at == w->end)
		return ERR_DATA;
	if (*w->at == '"')
		return string(w);
	if (word(w, "null")) {
		if (w->writer)
			w->writer->null(w->out);
		return ERR_OK;
	}
	is_true = word(w, "true");
	if (!is_true && !word(w, "false"))
		return number(w);
	if (w->writer)
		w->writer->boolean(w->out, is_true);
	return ERR_OK;
}

/* ---- the walk ---- */

static ATTR_MUST_CHECK enum err_code value(struct walk *w)
{
	if (w->place == PLACE_FIRST_VALUE && take(w, ']')) {
		w->depth--;
		w->place = PLACE_BEHIND;
		return ERR_OK;
	}
	count(w);
	if (take(w, '{'))
		return begin(w, true);
	return take(w, '[') ? begin(w, false) : scalar(w);
}

static ATTR_MUST_CHECK enum err_code name(struct walk *w)
{
	enum err_code code;

	if (w->place == PLACE_FIRST_NAME && take(w, '}')) {
		w->depth--;
		w->place = PLACE_BEHIND;
		return ERR_OK;
	}
	code = string(w);
	if (code != ERR_OK)
		return code;
	skip_space(w);
	w->place = PLACE_VALUE;
	return take(w, ':') ? ERR_OK : ERR_DATA;
}

static ATTR_MUST_CHECK enum err_code behind(struct walk *w)
{
	bool is_object = w->levels[w->depth - 1].is_object;

	if (take(w, ',')) {
		w->place = is_object ? PLACE_NAME : PLACE_VALUE;
		return ERR_OK;
	}
	w->depth--;
	return take(w, is_object ? '}' : ']') ? ERR_OK : ERR_DATA;
}

static ATTR_MUST_CHECK enum err_code walk(struct walk *w, struct text json)
{
	enum err_code code = ERR_OK;

	w->at = json.s;
	w->end = json.s + json.len;
	w->place = PLACE_VALUE;
	w->depth = w->begun = 0;
	do {
		skip_space(w);
		if (w->place == PLACE_BEHIND)
			code = behind(w);
		else if (w->place == PLACE_NAME || w->place == PLACE_FIRST_NAME)
			code = name(w);
		else
			code = value(w);
	} while (code == ERR_OK && (w->depth || w->place != PLACE_BEHIND));
	skip_space(w);
	if (code == ERR_OK && w->at != w->end)
		code = ERR_DATA;
	return code;
}

enum err_code encoding_write(enum webhook_encoding encoding, struct text json, struct buf *out)
{
	struct walk *w = mem_alloc(sizeof(*w)); /* its levels are set as they begin */
	enum err_code code;

	if (!w)
		return ERR_NOMEM;
	buf_init(&w->sizes, SIZE_MAX / 2);
	buf_init(&w->plain, SIZE_MAX / 2);
	w->writer = NULL;
	w->out = out;
	code = json.s ? walk(w, json) : ERR_DATA;
	w->writer = writers[encoding];
	if (code == ERR_OK)
		code = walk(w, json);
	buf_done(&w->sizes);
	buf_done(&w->plain);
	mem_free(w);
	return code == ERR_OK ? buf_error(out) : code;
}
