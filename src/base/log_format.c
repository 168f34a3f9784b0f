/* SPDX-License-Identifier: MIT */
/*
 * A line is built in a buf that lies on memory of the caller and may not grow: its max_bytes is
 * below its cap, so buf_reserve answers ERR_FULL before it would allocate. A field that does not
 * fit is taken back whole, which keeps the JSON valid, and the longest beginning of its
 * value that fits is looked for by bisection. Room for the end of the line is set aside first.
 */
#include "base/log_format.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/json.h"

#define LINE_END_BYTES 16 /* ,"cut":true} and the newline */

struct line {
	struct buf out;
	struct json json;
	enum log_format format;
	bool quote; /* text format: quote the value even if it is plain */
	bool cut;
};

static const struct {
	const char *name;
	const char *padded;
	char priority; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", "error ", '3'},
	[LOG_LEVEL_WARN] = {"warn", "warn  ", '4'},
	[LOG_LEVEL_INFO] = {"info", "info  ", '6'},
	[LOG_LEVEL_DEBUG] = {"debug", "debug ", '7'},
};

/* clock_format_wall with the seconds remembered: gmtime_r takes a lock that all threads share. */
static void time_format(int64_t wall_us, char out[static CLOCK_TEXT_BYTES])
{
	static _Thread_local struct {
		bool known;
		int64_t s;
		char text[CLOCK_TEXT_BYTES];
	} last;
	int64_t s = wall_us / CLOCK_US_PER_S;
	int64_t us = wall_us % CLOCK_US_PER_S;
	int at;

	if (wall_us < 0) {
		clock_format_wall(wall_us, out);
		return;
	}
	if (!last.known || last.s != s) {
		clock_format_wall(s * CLOCK_US_PER_S, last.text);
		last.s = s;
		last.known = strlen(last.text) == CLOCK_TEXT_BYTES - 1;
	}
	memcpy(out, last.text, CLOCK_TEXT_BYTES);
	for (at = CLOCK_TEXT_BYTES - 3; us && at > CLOCK_TEXT_BYTES - 9; at--, us /= 10)
		out[at] = (char)('0' + us % 10);
}

/* The first len bytes of t, or a few less so that no UTF-8 sequence is torn. */
static struct text text_cut(struct text t, size_t len)
{
	size_t at = len;

	if (t.len <= len)
		return t;
	while (at > 0 && len - at < 4 && ((unsigned char)t.s[at] & 0xC0) == 0x80)
		at--;
	t.len = len - at < 4 ? at : len;
	return t;
}

static bool is_plain(struct text t)
{
	size_t i;

	if (!t.len || (t.len == 1 && t.s[0] == '-'))
		return false;
	for (i = 0; i < t.len; i++)
		if (t.s[i] <= ' ' || t.s[i] == '"' || t.s[i] == '=' || t.s[i] == '\\' ||
		    t.s[i] == 0x7F || ((unsigned char)t.s[i] & 0x80))
			return false;
	return true;
}

/* Nine digits that count: enough for seconds of a year in milliseconds. */
static struct text real_text(double v, char out[static 32])
{
	int n;

	if (!isfinite(v))
		return TEXT_NONE;
	n = snprintf(out, 32, "%.9g", v);
	return (struct text){out, n > 0 ? (size_t)n : 0};
}

static void add_json(struct line *l, const struct log_field *f)
{
	char digits[32];

	switch (f->kind) {
	case LOG_FIELD_TEXT:
		json_text(&l->json, f->key, f->text);
		break;
	case LOG_FIELD_INT:
		json_i64(&l->json, f->key, f->num);
		break;
	case LOG_FIELD_FLOAT:
		json_raw(&l->json, f->key, real_text(f->real, digits));
		break;
	}
}

static void add_text_value(struct line *l, struct text v)
{
	if (!v.s)
		buf_add_char(&l->out, '-');
	else if (l->quote || !is_plain(v))
		json_quote(&l->out, v);
	else
		buf_add_text(&l->out, v);
}

static void add_text(struct line *l, const struct log_field *f)
{
	char digits[32];

	if (l->out.len && l->out.data[l->out.len - 1] != ' ' && l->out.data[l->out.len - 1] != '>')
		buf_add_char(&l->out, ' ');
	buf_add_str(&l->out, f->key);
	buf_add_char(&l->out, '=');
	if (f->kind == LOG_FIELD_TEXT)
		add_text_value(l, f->text);
	else if (f->kind == LOG_FIELD_INT)
		buf_add_i64(&l->out, f->num);
	else
		add_text_value(l, real_text(f->real, digits));
}

static void line_undo(struct line *l, const struct line *was)
{
	*l = *was;
	buf_truncate(&l->out, l->out.len);
}

/* Add the field whole, or leave the line as it was. */
static bool line_try(struct line *l, const struct log_field *f)
{
	struct line was = *l;

	if (l->format == LOG_FORMAT_JSON)
		add_json(l, f);
	else
		add_text(l, f);
	if (buf_error(&l->out) == ERR_OK)
		return true;
	line_undo(l, &was);
	return false;
}

/* Add the longest beginning of the field's text, at most max bytes, that fits. */
static void line_squeeze(struct line *l, const struct log_field *f, size_t max)
{
	struct log_field part = *f;
	struct line was;
	size_t fits = 0, middle;

	l->cut = true;
	was = *l;
	while (fits < max) {
		middle = (fits + max + 1) / 2;
		part.text = text_cut(f->text, middle);
		if (line_try(l, &part))
			fits = middle;
		else
			max = middle - 1;
		line_undo(l, &was);
	}
	part.text = text_cut(f->text, fits);
	if (fits)
		(void)line_try(l, &part);
}

static void line_field(struct line *l, const struct log_field *f)
{
	bool is_text = f->kind == LOG_FIELD_TEXT && f->text.s;
	size_t max = is_text && f->text.len > LOG_VALUE_BYTES ? LOG_VALUE_BYTES : f->text.len;

	if ((!is_text || max == f->text.len) && line_try(l, f))
		return;
	if (is_text)
		line_squeeze(l, f, max);
	else
		l->cut = true;
}

static void line_text(struct line *l, const char *key, const char *value)
{
	struct log_field f = LOG_S(key, value);

	line_field(l, &f);
}

static void line_begin(struct line *l, const struct log_style *style, const struct log_event *ev)
{
	char time[CLOCK_TEXT_BYTES];

	if (style->journal_prefix) {
		buf_add_char(&l->out, '<');
		buf_add_char(&l->out, levels[ev->level].priority);
		buf_add_char(&l->out, '>');
	} else {
		time_format(ev->wall_us, time);
	}
	if (l->format == LOG_FORMAT_JSON) {
		json_begin(&l->json, &l->out);
		json_open_object(&l->json, NULL);
		if (!style->journal_prefix)
			json_str(&l->json, "time", time);
		json_str(&l->json, "level", levels[ev->level].name);
	} else if (!style->journal_prefix) {
		buf_add_str(&l->out, time);
		buf_add_char(&l->out, ' ');
		buf_add_str(&l->out, levels[ev->level].padded);
	}
}

static void line_end(struct line *l)
{
	l->out.max_bytes += LINE_END_BYTES;
	if (l->format == LOG_FORMAT_JSON) {
		if (l->cut)
			json_bool(&l->json, "cut", true);
		json_end(&l->json);
	} else if (l->cut) {
		buf_add_str(&l->out, " cut=true");
	}
	buf_add_char(&l->out, '\n');
	assert(buf_error(&l->out) == ERR_OK);
}

size_t log_format_line(const struct log_style *style, const struct log_event *ev,
		       char out[static LOG_LINE_BYTES])
{
	/* one byte of out is left for the NUL that buf keeps behind its content */
	struct line l = {.out = {.data = out,
				 .cap = LOG_LINE_BYTES,
				 .max_bytes = LOG_LINE_BYTES - 1 - LINE_END_BYTES},
			 .format = style->format};
	size_t i;

	assert((size_t)ev->level < ARRAY_LEN(levels));
	line_begin(&l, style, ev);
	if (ev->context_key)
		line_text(&l, ev->context_key, ev->context_value);
	l.quote = true;
	line_text(&l, "msg", ev->msg);
	l.quote = false;
	for (i = 0; i < ev->n; i++)
		line_field(&l, &ev->fields[i]);
	line_end(&l);
	return l.out.len;
}
