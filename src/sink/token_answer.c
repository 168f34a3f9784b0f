/* SPDX-License-Identifier: MIT */
/*
 * The document is jansson's, which frees its strings without wiping them; what is kept is the copy
 * that the caller gets.
 */
#include "sink/token_answer.h"

#include <jansson.h>
#include <strings.h>

#include "base/attr.h"

static json_t *object_read(struct text body)
{
	json_error_t why;
	json_t *o = json_loadb(body.s ? body.s : "", body.len, JSON_REJECT_DUPLICATES, &why);

	if (o && !json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* A number, or, as some servers have it, one in a string. */
static int64_t lifetime_s(const json_t *v)
{
	const char *s;
	char *end = NULL;
	double d = 0;

	if (json_is_number(v)) {
		d = json_number_value(v);
	} else if (json_is_string(v)) {
		s = json_string_value(v);
		d = strtod(s, &end);
		if (end == s || *end)
			d = 0;
	}
	if (!(d >= 1)) /* NaN too */
		return TOKEN_LIFETIME_S;
	return d > TOKEN_LIFETIME_MAX_S ? TOKEN_LIFETIME_MAX_S : (int64_t)d;
}

/* What may stand in a header without a doubt: RFC 6750, 2.1, and a little more. */
static bool is_token(const json_t *v)
{
	const char *s = json_string_value(v);
	const size_t len = s ? json_string_length(v) : 0;
	size_t i;

	for (i = 0; i < len; i++)
		if (s[i] <= 0x20 || s[i] >= 0x7f)
			return false;
	return len > 0 && len <= TOKEN_BYTES_MAX;
}

/* Most servers say "Bearer", some "bearer", few nothing at all. */
static bool is_bearer(const json_t *type)
{
	return !type || (json_is_string(type) && !strcasecmp(json_string_value(type), "bearer"));
}

enum err_code token_answer_read(struct text body, struct buf *out, int64_t *ret_lifetime_s,
				struct err *e)
{
	json_t *o = object_read(body);
	const json_t *token = json_object_get(o, "access_token");
	enum err_code code = ERR_OK;

	if (!o)
		code = err_set(e, ERR_DATA, "its answer is no JSON object");
	else if (!is_token(token))
		code = err_set(e, ERR_DATA, "its answer holds no access_token that can be sent");
	else if (!is_bearer(json_object_get(o, "token_type")))
		code = err_set(e, ERR_DATA, "its token is of another type than Bearer");
	if (code == ERR_OK) {
		buf_add(out, json_string_value(token), json_string_length(token));
		code = buf_error(out);
		if (code != ERR_OK)
			(void)err_set(e, code, "no memory for a token");
		*ret_lifetime_s = lifetime_s(json_object_get(o, "expires_in"));
	}
	json_decref(o);
	return code;
}

const char *token_answer_error(struct text body)
{
	static const char *const words[] = {
		"invalid_request",     "invalid_client",         "invalid_grant",
		"unauthorized_client", "unsupported_grant_type", "invalid_scope",
	};
	json_t *o = object_read(body);
	const char *said = json_string_value(json_object_get(o, "error"));
	const char *word = "";
	size_t i;

	for (i = 0; said && i < ARRAY_LEN(words); i++)
		if (!strcmp(said, words[i]))
			word = words[i];
	json_decref(o);
	return word;
}
