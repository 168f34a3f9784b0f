/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the body of a posted request: what is taken is what a JSON parser sees, whatever the
 * pieces it comes in; what is refused has its place in the body.
 */
#include "fuzz.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "ingest/posted.h"

#define EVENT_BYTES_MAX 4096

struct source {
	struct text body;
	size_t at, piece;
};

static enum err_code source_read(void *ctx, char *out, size_t most, size_t *ret_len, struct err *e)
{
	struct source *s = ctx;
	size_t n = s->body.len - s->at;

	(void)e;
	n = n < s->piece ? n : s->piece;
	n = n < most ? n : most;
	memcpy(out, s->body.s + s->at, n);
	s->at += n;
	*ret_len = n;
	return ERR_OK;
}

static void check_object(struct text t)
{
	json_error_t e;
	json_t *v =
		t.s ? json_loadb(t.s, t.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e) : NULL;

	/* jansson has bounds of its own for numbers, and knows duplicates deeper inside, too */
	if (!v && t.s)
		v = json_loadb(t.s, t.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
	assert(!t.s || (v && json_is_object(v)) ||
	       json_error_code(&e) == json_error_numeric_overflow);
	assert(!t.s || !memchr(t.s, '\n', t.len));
	json_decref(v);
}

/* Read all; the events go to seen, and how it ended is returned. */
static enum posted_step read_all(struct text body, size_t piece, enum posted_format format,
				 struct buf *seen, struct refusal *r)
{
	struct source s = {.body = body, .piece = piece};
	struct posted_options o = {.format = format,
				   .max_event_bytes = EVENT_BYTES_MAX,
				   .read = source_read,
				   .ctx = &s};
	struct inlet_event ev;
	struct posted *p;
	enum posted_step step;
	struct err e;

	if (posted_new(&o, &p, &e) != ERR_OK)
		abort();
	while ((step = posted_next(p, &ev, r, &e)) == POSTED_EVENT) {
		assert(ev.table.len > 0);
		check_object(ev.key);
		check_object(ev.data);
		check_object(ev.old_data);
		buf_add_str(seen, op_name(ev.op));
		buf_add_text(seen, ev.table);
		if (ev.data.s)
			buf_add_text(seen, ev.data);
		buf_add_char(seen, '\n');
	}
	assert(step == POSTED_END || step == POSTED_REFUSED);
	assert(step != POSTED_END || posted_count(p) > 0);
	posted_free(p);
	return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text body = {(const char *)bytes, len};
	struct refusal whole, pieces;
	struct buf a, b;
	int f;

	for (f = POSTED_JSON; f <= POSTED_NDJSON; f++) {
		buf_init(&a, (size_t)1 << 24);
		buf_init(&b, (size_t)1 << 24);
		refusal_init(&whole);
		refusal_init(&pieces);
		assert(read_all(body, len + 1, (enum posted_format)f, &a, &whole) ==
		       read_all(body, 3, (enum posted_format)f, &b, &pieces));
		assert(text_eq(buf_text(&a), buf_text(&b)));
		assert(whole.reason == pieces.reason && whole.line == pieces.line &&
		       whole.column == pieces.column && whole.index == pieces.index);
		assert(whole.reason != REFUSAL_SYNTAX || (whole.line > 0 && whole.column > 0));
		buf_done(&a);
		buf_done(&b);
	}
	return 0;
}
