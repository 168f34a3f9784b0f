/* SPDX-License-Identifier: MIT */
#include "config/field_type.h"

#include <assert.h>

#include "base/mem.h"
#include "config/durations.h"
#include "config/field.h"
#include "config/ingest_tokens.h"
#include "config/operations.h"
#include "config/pairs.h"
#include "config/percentage.h"
#include "config/quote.h"
#include "config/rate.h"
#include "config/signing.h"
#include "config/suggest.h"
#include "config/value.h"

#define FIELD_TEXT_BYTES_MAX (1 << 20)

static ATTR_MUST_CHECK enum err_code out_of_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory for a setting");
}

/* --- numbers, durations, sizes: an int64_t within a range --- */

static void print_number(enum key_type type, int64_t v, struct buf *out)
{
	if (type == KEY_DURATION)
		value_print_duration(out, v);
	else if (type == KEY_SIZE)
		value_print_size(out, v);
	else
		buf_add_i64(out, v);
}

static ATTR_MUST_CHECK enum err_code range_error(const struct key *k, int64_t v, struct err *e)
{
	bool low = v < k->min;
	struct buf text;
	enum err_code code;

	buf_init(&text, ERR_MSG_BYTES);
	print_number(k->type, v, &text);
	buf_add_str(&text, low ? " is below the minimum of " : " is above the maximum of ");
	print_number(k->type, low ? k->min : k->max, &text);
	code = buf_error(&text);
	code = code == ERR_OK ? err_set(e, ERR_DATA, "%s", buf_str(&text)) : out_of_memory(e);
	buf_done(&text);
	return code;
}

static ATTR_MUST_CHECK enum err_code number_set(const struct key *k, void *field, struct text v,
						struct err *e)
{
	int64_t n = 0;
	enum err_code code;

	if (k->type == KEY_DURATION)
		code = value_duration_us(v, &n, e);
	else if (k->type == KEY_SIZE)
		code = value_size_bytes(v, &n, e);
	else
		code = value_int(v, &n, e);
	if (code != ERR_OK)
		return code;
	if (k->max && (n < k->min || n > k->max))
		return range_error(k, n, e);
	*(int64_t *)field = n;
	return ERR_OK;
}

static void number_done(void *field)
{
	*(int64_t *)field = 0;
}

static bool always_given(const void *field)
{
	(void)field;
	return true;
}

static void number_print(const struct key *k, const void *field, struct buf *out)
{
	print_number(k->type, *(const int64_t *)field, out);
}

static bool number_is_equal(const void *a, const void *b)
{
	return *(const int64_t *)a == *(const int64_t *)b;
}

/* --- switches --- */

static ATTR_MUST_CHECK enum err_code bool_set(const struct key *k, void *field, struct text v,
					      struct err *e)
{
	(void)k;
	return value_bool(v, field, e);
}

static void bool_done(void *field)
{
	*(bool *)field = false;
}

static void bool_print(const struct key *k, const void *field, struct buf *out)
{
	(void)k;
	buf_add_str(out, *(const bool *)field ? "true" : "false");
}

static bool bool_is_equal(const void *a, const void *b)
{
	return *(const bool *)a == *(const bool *)b;
}

/* --- text --- */

/* A checked copy of v. */
static ATTR_MUST_CHECK enum err_code text_take(const struct key *k, struct text v, char **ret,
					       struct err *e)
{
	const char *complaint;
	char *copy;

	if (v.len && memchr(v.s, '\0', v.len))
		return err_set(e, ERR_DATA, "a NUL byte is not allowed");
	copy = mem_strndup(v.s, v.len);
	if (!copy)
		return out_of_memory(e);
	complaint = k->check ? k->check(copy) : NULL;
	if (complaint) {
		mem_wipe(copy, v.len);
		mem_free(copy);
		return err_set(e, ERR_DATA, "%s", complaint);
	}
	*ret = copy;
	return ERR_OK;
}

static void string_done(void *field)
{
	char **s = field;

	mem_free(*s);
	*s = NULL;
}

static ATTR_MUST_CHECK enum err_code string_set(const struct key *k, void *field, struct text v,
						struct err *e)
{
	char *copy = NULL;
	enum err_code code = text_take(k, v, &copy, e);

	if (code != ERR_OK)
		return code;
	string_done(field);
	*(char **)field = copy;
	return ERR_OK;
}

static bool string_is_given(const void *field)
{
	return *(char *const *)field != NULL;
}

static void string_print(const struct key *k, const void *field, struct buf *out)
{
	(void)k;
	quote_text(text_of(*(char *const *)field), out);
}

static bool string_is_equal(const void *a, const void *b)
{
	return text_eq(text_of(*(char *const *)a), text_of(*(char *const *)b));
}

/* --- words --- */

static ATTR_MUST_CHECK enum err_code words_error(const struct key *k, const char *quoted,
						 struct err *e)
{
	const struct key_word *w;
	struct buf text;
	enum err_code code;

	buf_init(&text, ERR_MSG_BYTES);
	buf_add_fmt(&text, "%s is none of", quoted);
	for (w = k->words; w->name; w++)
		buf_add_fmt(&text, "%s %s", w == k->words ? "" : ",", w->name);
	code = buf_error(&text);
	code = code == ERR_OK ? err_set(e, ERR_DATA, "%s", buf_str(&text)) : out_of_memory(e);
	buf_done(&text);
	return code;
}

static ATTR_MUST_CHECK enum err_code word_find(const struct key *k, struct text v,
					       const struct key_word **ret, struct err *e)
{
	struct text word = value_trim(v);
	const struct key_word *w;
	struct suggest s;
	char quoted[VALUE_QUOTE_BYTES];

	suggest_init(&s, word);
	for (w = k->words; w->name; w++) {
		if (text_eq(word, text_of(w->name))) {
			*ret = w;
			return ERR_OK;
		}
		suggest_add(&s, w->name);
	}
	value_quote(word, quoted);
	if (suggest_best(&s))
		return err_set(e, ERR_DATA, "%s is not known, did you mean %s?", quoted,
			       suggest_best(&s));
	return words_error(k, quoted, e);
}

static ATTR_MUST_CHECK enum err_code word_set(const struct key *k, void *field, struct text v,
					      struct err *e)
{
	const struct key_word *w = NULL;
	enum err_code code = word_find(k, v, &w, e);

	if (code != ERR_OK)
		return code;
	assert(w && k->size == sizeof(int));
	*(int *)field = w->value;
	return ERR_OK;
}

static void word_done(void *field)
{
	*(int *)field = 0;
}

static void word_print(const struct key *k, const void *field, struct buf *out)
{
	const struct key_word *w = k->words;

	while (w->name && w->value != *(const int *)field)
		w++;
	assert(w->name);
	buf_add_str(out, w->name);
}

static bool word_is_equal(const void *a, const void *b)
{
	return *(const int *)a == *(const int *)b;
}

static ATTR_MUST_CHECK enum err_code choice_set(const struct key *k, void *field, struct text v,
						struct err *e)
{
	const struct key_word *w = NULL;
	enum err_code code = word_find(k, v, &w, e);

	if (code != ERR_OK)
		return code;
	assert(w);
	return string_set(k, field, text_of(w->name), e);
}

/* --- secrets --- */

static void secret_done(void *field)
{
	struct secret *s = field;

	if (s->value)
		mem_wipe(s->value, strlen(s->value));
	mem_free(s->value);
	s->value = NULL;
}

static ATTR_MUST_CHECK enum err_code secret_set(const struct key *k, void *field, struct text v,
						struct err *e)
{
	char *copy = NULL;
	enum err_code code = text_take(k, v, &copy, e);

	if (code != ERR_OK)
		return code;
	secret_done(field);
	((struct secret *)field)->value = copy;
	return ERR_OK;
}

static bool secret_is_given(const void *field)
{
	return ((const struct secret *)field)->value != NULL;
}

static void secret_print(const struct key *k, const void *field, struct buf *out)
{
	(void)k;
	(void)field;
	buf_add_str(out, "\"***\"");
}

static void url_print(const struct key *k, const void *field, struct buf *out)
{
	struct buf shown;

	(void)k;
	buf_init(&shown, FIELD_TEXT_BYTES_MAX);
	check_print_url(&shown, ((const struct secret *)field)->value);
	if (buf_error(&shown) == ERR_OK)
		quote_text(buf_text(&shown), out);
	else
		out->error = buf_error(&shown);
	buf_done(&shown);
}

static bool secret_is_equal(const void *a, const void *b)
{
	return string_is_equal(&((const struct secret *)a)->value,
			       &((const struct secret *)b)->value);
}

/* --- lists --- */

enum err_code field_add_parts(const struct key *k, void *field, struct text v, struct err *e)
{
	enum err_code code = ERR_OK;
	const char *comma;
	size_t len;

	while (code == ERR_OK) {
		comma = memchr(v.s, ',', v.len);
		len = comma ? (size_t)(comma - v.s) : v.len;
		code = field_types[k->type].add(k, field, (struct text){v.s, len}, e);
		if (!comma)
			break;
		v = (struct text){comma + 1, v.len - len - 1};
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code list_add(const struct key *k, void *field, struct text v,
					      struct err *e)
{
	struct string_list *l = field;
	struct text item = value_trim(v);
	char *copy = NULL;
	enum err_code code = text_take(k, item, &copy, e);

	if (code != ERR_OK)
		return code;
	if (string_list_has(l, copy))
		code = err_set(e, ERR_DATA, "%s is given twice", copy);
	else if (string_list_add(l, item) != ERR_OK)
		code = out_of_memory(e);
	mem_free(copy);
	return code;
}

static void list_done(void *field)
{
	string_list_done(field);
}

static ATTR_MUST_CHECK enum err_code list_set(const struct key *k, void *field, struct text v,
					      struct err *e)
{
	struct string_list fresh = {NULL, 0};
	enum err_code code = field_add_parts(k, &fresh, v, e);

	if (code != ERR_OK) {
		string_list_done(&fresh);
		return code;
	}
	string_list_done(field);
	*(struct string_list *)field = fresh;
	return ERR_OK;
}

static bool list_is_given(const void *field)
{
	return ((const struct string_list *)field)->count > 0;
}

static void list_print(const struct key *k, const void *field, struct buf *out)
{
	const struct string_list *l = field;
	size_t i;

	(void)k;
	buf_add_char(out, '[');
	for (i = 0; i < l->count; i++) {
		buf_add_str(out, i ? ", " : "");
		quote_text(text_of(l->items[i]), out);
	}
	buf_add_char(out, ']');
}

static bool list_is_equal(const void *a, const void *b)
{
	const struct string_list *x = a, *y = b;
	size_t i;

	if (x->count != y->count)
		return false;
	for (i = 0; i < x->count; i++)
		if (strcmp(x->items[i], y->items[i]) != 0)
			return false;
	return true;
}

#define NUMBER                                                                                     \
	{                                                                                          \
		number_set, NULL, number_done, always_given, number_print, number_is_equal         \
	}

const struct field_type field_types[KEY_TYPE_COUNT] = {
	[KEY_INT] = NUMBER,
	[KEY_DURATION] = NUMBER,
	[KEY_SIZE] = NUMBER,
	[KEY_BOOL] = {bool_set, NULL, bool_done, always_given, bool_print, bool_is_equal},
	[KEY_STRING] = {string_set, NULL, string_done, string_is_given, string_print,
			string_is_equal},
	[KEY_CHOICE] = {choice_set, NULL, string_done, string_is_given, string_print,
			string_is_equal},
	[KEY_SECRET] = {secret_set, NULL, secret_done, secret_is_given, secret_print,
			secret_is_equal},
	[KEY_URL] = {secret_set, NULL, secret_done, secret_is_given, url_print, secret_is_equal},
	[KEY_WORD] = {word_set, NULL, word_done, always_given, word_print, word_is_equal},
	[KEY_LIST] = {list_set, list_add, list_done, list_is_given, list_print, list_is_equal},
	[KEY_OPS] = {operations_set, operations_add, operations_done, always_given,
		     operations_print, operations_is_equal},
	[KEY_DURATIONS] = DURATIONS_FIELD,
	[KEY_RATE] = {rate_set, NULL, rate_done, always_given, rate_print, rate_is_equal},
	[KEY_PERCENT] = {percentage_set, NULL, number_done, always_given, percentage_print,
			 number_is_equal},
	[KEY_PAIRS] = {pairs_set, NULL, list_done, list_is_given, pairs_print, list_is_equal},
	[KEY_TOKENS] = {ingest_tokens_set, NULL, ingest_tokens_done, ingest_tokens_is_given,
			ingest_tokens_print, ingest_tokens_is_equal},
	[KEY_SIGNING] = {signing_set, signing_add, signing_done, signing_is_given, signing_print,
			 signing_is_equal},
};
