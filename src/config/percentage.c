/* SPDX-License-Identifier: MIT */
#include "config/percentage.h"

#include "config/value.h"

#define WHOLE 10000
#define DIGITS_MAX 3 /* before the point */

static ATTR_MUST_CHECK enum err_code no_percentage(struct text v, struct err *e)
{
	char quoted[VALUE_QUOTE_BYTES];

	return err_set(e, ERR_DATA, "%s is no part of a whole (write 5%% or 0.25%%, at most 100%%)",
		       value_quote(v, quoted));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum err_code percentage_parse(struct text v, int64_t *ret, struct err *e)
{
	struct text t = value_trim(v);
	int64_t n = 0;
	size_t i = 0, decimals = 0;

	if (t.len < 2 || t.s[t.len - 1] != '%')
		return no_percentage(v, e);
	t = value_trim((struct text){t.s, t.len - 1});
	for (; i < t.len && i < DIGITS_MAX && is_digit(t.s[i]); i++)
		n = n * 10 + (t.s[i] - '0');
	if (i == 0)
		return no_percentage(v, e);
	if (i < t.len && t.s[i] == '.') {
		for (i++; i < t.len && decimals < 2 && is_digit(t.s[i]); i++, decimals++)
			n = n * 10 + (t.s[i] - '0');
		if (decimals == 0)
			return no_percentage(v, e);
	}
	for (; decimals < 2; decimals++)
		n *= 10;
	if (i < t.len || n > WHOLE)
		return no_percentage(v, e);
	*ret = n;
	return ERR_OK;
}

enum err_code percentage_set(const struct key *k, void *field, struct text v, struct err *e)
{
	int64_t n = 0;
	enum err_code code = percentage_parse(v, &n, e);

	if (code != ERR_OK)
		return code;
	if (n < k->min || n > k->max)
		return err_set(e, ERR_DATA, "%lld.%02lld%% is not from %lld.%02lld%% to 100%%",
			       (long long)n / 100, (long long)n % 100, (long long)k->min / 100,
			       (long long)k->min % 100);
	*(int64_t *)field = n;
	return ERR_OK;
}

void percentage_add(struct buf *out, int64_t hundredths)
{
	buf_add_i64(out, hundredths / 100);
	if (hundredths % 100)
		buf_add_fmt(out, ".%lld", (long long)(hundredths % 100 / 10));
	if (hundredths % 10)
		buf_add_i64(out, hundredths % 10);
	buf_add_char(out, '%');
}

void percentage_print(const struct key *k, const void *field, struct buf *out)
{
	(void)k;
	percentage_add(out, *(const int64_t *)field);
}
