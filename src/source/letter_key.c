/* SPDX-License-Identifier: MIT */
/*
 * jansson compares values, but its integers end at 64 bits, its reals are doubles, and to it 1 and
 * 1.0 differ. So before a text is given to it, each number in it is replaced by an object of its
 * digits and exponent, in one spelling.
 */
#include "source/letter_key.h"

#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#define EXPONENT_MAX 1000000000LL
#define KEY_MAX_BYTES (16UL << 20)

struct part {
	char *name;
	json_t *value;
	json_t *spelled; /* the same as a string; NULL: only value counts */
};

struct letter_key {
	struct part *parts;
	size_t count;
};

/* ---- numbers ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *s, const char *end)
{
	while (s < end && is_digit(*s))
		s++;
	return s;
}

/* Of the number at s (RFC 8259, section 6); 0: there is none. */
static size_t number_length(const char *s, const char *end)
{
	const char *whole = s + (s < end && *s == '-'), *at = skip_digits(whole, end), *from;

	if (at == whole || (*whole == '0' && at > whole + 1))
		return 0;
	if (at < end && *at == '.') {
		from = at + 1;
		at = skip_digits(from, end);
		if (at == from)
			return 0;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		from = at + 1;
		from += from < end && (*from == '+' || *from == '-');
		at = skip_digits(from, end);
		if (at == from)
			return 0;
	}
	return (size_t)(at - s);
}

static int64_t exponent_of(const char *s, const char *end)
{
	bool minus = s < end && *s == '-';
	int64_t n = 0;

	for (; s < end; s++)
		if (is_digit(*s) && n < EXPONENT_MAX)
			n = n * 10 + (*s - '0');
	return minus ? -n : n;
}

/* The significant digits of t, and the power of ten behind the last of them. */
static void number_add(struct buf *out, struct text t)
{
	const char *end = t.s + t.len, *at = t.s;
	size_t start, zeros = 0;
	bool behind_point = false;
	int64_t exponent = 0;

	buf_add_str(out, "{\"number\":\"");
	start = out->len;
	for (; at < end && *at != 'e' && *at != 'E'; at++) {
		behind_point = behind_point || *at == '.';
		if (!is_digit(*at))
			continue;
		exponent -= behind_point;
		if (*at == '0') { /* written when another digit follows */
			zeros++;
			continue;
		}
		for (; zeros && out->len > start; zeros--)
			buf_add_char(out, '0');
		zeros = 0;
		buf_add_char(out, *at);
	}
	exponent += (int64_t)zeros + (at < end ? exponent_of(at + 1, end) : 0);
	if (out->len > start)
		buf_add_fmt(out, "e%lld%s", (long long)exponent, *t.s == '-' ? "-" : "");
	buf_add_str(out, "\"}");
}

/* What is in quotes, with them. */
static size_t string_length(const char *s, const char *end)
{
	const char *at = s + 1;

	while (at < end && *at != '"')
		at += *at == '\\' && at + 1 < end ? 2 : 1;
	return (size_t)(at - s) + (at < end);
}

static void spell_numbers(struct buf *out, struct text t)
{
	const char *at = t.s, *end = t.s + t.len;
	size_t n;

	for (; at < end; at += n) {
		n = number_length(at, end);
		if (n) {
			number_add(out, (struct text){at, n});
			continue;
		}
		n = *at == '"' ? string_length(at, end) : 1;
		buf_add(out, at, n);
	}
}

/* *ret_value is NULL when t is no JSON. */
static ATTR_MUST_CHECK enum err_code value_read(struct text t, json_t **ret_value, struct err *e)
{
	enum err_code code = ERR_OK;
	json_error_t why = {.line = 0};
	struct buf plain;

	*ret_value = NULL;
	buf_init(&plain, KEY_MAX_BYTES);
	spell_numbers(&plain, t);
	if (buf_error(&plain) == ERR_OK)
		*ret_value = json_loadb(buf_str(&plain), plain.len,
					JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	if (buf_error(&plain) == ERR_NOMEM ||
	    (!*ret_value && plain.len && json_error_code(&why) == json_error_out_of_memory))
		code = err_set(e, ERR_NOMEM, "no memory for a key");
	buf_done(&plain);
	return code;
}

/* ---- words ---- */

/* Takes value and spelled, also on failure. */
static ATTR_MUST_CHECK enum err_code part_add(struct letter_key *k, struct text name, json_t *value,
					      json_t *spelled, struct err *e)
{
	struct part *parts = mem_realloc(k->parts, (k->count + 1) * sizeof(*parts));
	char *copy = NULL;

	if (parts) {
		k->parts = parts;
		copy = mem_strndup(name.s, name.len);
	}
	if (!copy || !value) {
		json_decref(value);
		json_decref(spelled);
		mem_free(copy);
		return err_set(e, ERR_NOMEM, "no memory for a key");
	}
	k->parts[k->count++] = (struct part){copy, value, spelled};
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code object_add(struct letter_key *k, const char *word,
						struct err *e)
{
	json_t *object, *value;
	const char *name;
	enum err_code code = value_read(text_of(word), &object, e);

	if (code != ERR_OK)
		return code;
	if (!json_is_object(object) || !json_object_size(object))
		code = err_set(e, ERR_USAGE, "'%s' is no JSON object with a column in it", word);
	else
		json_object_foreach(object, name, value)
		{
			if (code == ERR_OK)
				code = part_add(k, text_of(name), json_incref(value), NULL, e);
		}
	json_decref(object);
	return code;
}

static ATTR_MUST_CHECK enum err_code pair_add(struct letter_key *k, const char *word, struct err *e)
{
	const char *equals = strchr(word, '=');
	struct text text;
	json_t *value = NULL, *spelled;
	enum err_code code;

	if (!equals || equals == word)
		return err_set(e, ERR_USAGE, "'%s' is neither NAME=VALUE nor a JSON object", word);
	text = text_of(equals + 1);
	code = value_read(text, &value, e);
	if (code != ERR_OK)
		return code;
	spelled = json_stringn(text.s, text.len);
	if (!spelled) {
		json_decref(value);
		return err_set(e, ERR_USAGE, "'%s' is not UTF-8", word);
	}
	if (!value)
		value = json_incref(spelled);
	return part_add(k, (struct text){word, (size_t)(equals - word)}, value, spelled, e);
}

enum err_code letter_key_new(const char *const *words, size_t n, struct letter_key **ret_k,
			     struct err *e)
{
	struct letter_key *k = mem_calloc(1, sizeof(*k));
	enum err_code code = ERR_OK;
	size_t i;

	if (!k)
		return err_set(e, ERR_NOMEM, "no memory for a key");
	for (i = 0; i < n && code == ERR_OK; i++)
		code = *words[i] == '{' ? object_add(k, words[i], e) : pair_add(k, words[i], e);
	if (code != ERR_OK) {
		letter_key_free(k);
		return code;
	}
	*ret_k = k;
	return ERR_OK;
}

void letter_key_free(struct letter_key *k)
{
	size_t i;

	if (!k)
		return;
	for (i = 0; i < k->count; i++) {
		mem_free(k->parts[i].name);
		json_decref(k->parts[i].value);
		json_decref(k->parts[i].spelled);
	}
	mem_free(k->parts);
	mem_free(k);
}

/* ---- comparing ---- */

static bool part_matches(const struct part *p, const json_t *object)
{
	const json_t *value = json_object_get(object, p->name);

	if (!value)
		return false;
	return json_equal(value, p->value) || (p->spelled && json_equal(value, p->spelled));
}

enum err_code letter_key_match(const struct letter_key *k, struct text key, bool *ret_match,
			       struct err *e)
{
	json_t *object;
	bool match;
	enum err_code code;
	size_t i;

	*ret_match = false;
	if (!key.s)
		return ERR_OK;
	code = value_read(key, &object, e);
	if (code != ERR_OK)
		return code;
	match = json_is_object(object);
	for (i = 0; i < k->count && match; i++)
		match = part_matches(&k->parts[i], object);
	json_decref(object);
	*ret_match = match;
	return ERR_OK;
}
