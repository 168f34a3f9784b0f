/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON (RFC 8259) into a buf. A small writer that puts commas and escapes; raw JSON from
 * the database is spliced as it is. Nesting is the caller's duty and is asserted.
 *
 *     struct json j;
 *     json_begin(&j, &buf);
 *     json_open_object(&j, NULL);
 *     json_str(&j, "id", id);
 *     json_raw(&j, "data", data);     // null when data.s is NULL
 *     json_end(&j);
 *
 * In every function, name is the member's name inside an object and NULL inside an array or at the
 * top. Errors stick to the buf.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

#define JSON_DEPTH_MAX 32

struct json {
	struct buf *out;
	int depth;
	bool first[JSON_DEPTH_MAX];  /* nothing written yet at this depth */
	char closer[JSON_DEPTH_MAX]; /* '}' or ']' */
};

/* Start writing behind whatever out already holds. out is a loan until the last json_ call. */
void json_begin(struct json *j, struct buf *out);

void json_open_object(struct json *j, const char *name);
void json_open_array(struct json *j, const char *name);
/* Close the innermost object or array. */
void json_end(struct json *j);

void json_add_null(struct json *j, const char *name);
void json_bool(struct json *j, const char *name, bool v);
void json_i64(struct json *j, const char *name, int64_t v);
void json_u64(struct json *j, const char *name, uint64_t v);
/* digits behind the point, 0 to 9; NaN and infinity become null. */
void json_f64(struct json *j, const char *name, double v, int digits);
/* NULL becomes null. */
void json_str(struct json *j, const char *name, const char *v);
/* v.s == NULL becomes null. Invalid UTF-8 bytes are replaced by U+FFFD. */
void json_text(struct json *j, const char *name, struct text v);
/* v is JSON already and is copied; v.s == NULL becomes null. */
void json_raw(struct json *j, const char *name, struct text v);

/* Append the quoted, escaped form of v ("..." with RFC 8259 escapes). */
void json_quote(struct buf *out, struct text v);

/* A string in pieces: its pieces are appended with json_escape to the buf, json_end ends it. */
void json_open_string(struct json *j, const char *name);

/* Append v as it stands inside a string: escaped, without the quotes. */
void json_escape(struct buf *out, struct text v);

#endif
