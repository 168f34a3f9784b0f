/* SPDX-License-Identifier: MIT */
#include "sink/big_number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"

#define SAFE_INTEGER "9007199254740991"
#define SAFE_DIGITS (sizeof(SAFE_INTEGER) - 1)
/* Any decimal of so many digits comes back from a double: DBL_DIG. */
#define SURE_DIGITS 15
/* No double needs more: DBL_DECIMAL_DIG. */
#define MOST_DIGITS 17
#define EXPONENT_MAX 100000

/* A number, taken apart. */
struct parts {
	struct text whole, fraction; /* digits */
	bool has_exponent;
	long exponent;
};

static size_t digits_length(const char *s, const char *end)
{
	const char *at = s;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (size_t)(at - s);
}

/* "e+12" at s, if there is an exponent; returns the place behind, NULL when it is malformed. */
static const char *parse_exponent(const char *s, const char *end, struct parts *p)
{
	bool minus;
	size_t i, n;

	if (s == end || (*s != 'e' && *s != 'E'))
		return s;
	s++;
	minus = s < end && *s == '-';
	if (s < end && (*s == '-' || *s == '+'))
		s++;
	n = digits_length(s, end);
	for (i = 0; i < n; i++)
		if (p->exponent < EXPONENT_MAX)
			p->exponent = p->exponent * 10 + (s[i] - '0');
	if (minus)
		p->exponent = -p->exponent;
	p->has_exponent = true;
	return n ? s + n : NULL;
}

/* False: not a number. */
static bool parse(struct text t, struct parts *p)
{
	const char *s = t.s, *end = t.s + t.len;

	*p = (struct parts){.has_exponent = false};
	if (s < end && *s == '-')
		s++;
	p->whole = (struct text){s, digits_length(s, end)};
	s += p->whole.len;
	if (!p->whole.len || (p->whole.len > 1 && p->whole.s[0] == '0'))
		return false;
	if (s < end && *s == '.') {
		p->fraction = (struct text){s + 1, digits_length(s + 1, end)};
		if (!p->fraction.len)
			return false;
		s += 1 + p->fraction.len;
	}
	return parse_exponent(s, end, p) == end;
}

static char digit_at(const struct parts *p, size_t i)
{
	if (i < p->whole.len)
		return p->whole.s[i];
	return p->fraction.s[i - p->whole.len];
}

/* The significant digits into out, without zeros at either end; *ret_exponent is that of the first
 * one. Returns how many there are; more than MOST_DIGITS are not told apart. */
static size_t significant(const struct parts *p, char out[static MOST_DIGITS], long *ret_exponent)
{
	size_t all = p->whole.len + p->fraction.len, i, n = 0, zeros = 0;
	char c;

	for (i = 0; i < all && n <= MOST_DIGITS; i++) {
		c = digit_at(p, i);
		if (c == '0') {
			zeros++;
			continue;
		}
		if (!n) {
			*ret_exponent = (long)p->whole.len - 1 - (long)i + p->exponent;
			zeros = 0;
		}
		for (; zeros; zeros--, n++)
			if (n < MOST_DIGITS)
				out[n] = '0';
		if (n < MOST_DIGITS)
			out[n] = c;
		n++;
	}
	return n;
}

/* Whether 0.DIGITS... comes back from a double as it was. */
static bool comes_back(const char *digits, size_t n, long exponent)
{
	char in[48], out[48];

	(void)snprintf(in, sizeof(in), "%c.%.*se%+03ld", digits[0], (int)(n - 1), digits + 1,
		       exponent);
	(void)snprintf(out, sizeof(out), "%.*e", (int)(n - 1), strtod(in, NULL));
	if (n == 1) /* "%.0e" has no point */
		(void)snprintf(in, sizeof(in), "%ce%+03ld", digits[0], exponent);
	return !strcmp(in, out);
}

bool big_number_is(struct text number)
{
	char digits[MOST_DIGITS];
	struct parts p;
	long exponent = 0;
	size_t n;

	if (!parse(number, &p))
		return false;
	if (!p.has_exponent && p.whole.len >= SAFE_DIGITS &&
	    (p.whole.len > SAFE_DIGITS || memcmp(p.whole.s, SAFE_INTEGER, SAFE_DIGITS) > 0))
		return true;
	n = significant(&p, digits, &exponent);
	if (!n || n > MOST_DIGITS)
		return n > 0;
	return (n > SURE_DIGITS || p.has_exponent || labs(exponent) > 290) &&
	       !comes_back(digits, n, exponent);
}

static size_t number_length(const char *s, size_t left)
{
	size_t n = 0;

	while (n < left && s[n] && strchr("0123456789+-.eE", s[n]))
		n++;
	return n;
}

void big_number_quote(struct buf *out, struct text json)
{
	size_t at = 0, plain = 0, n;
	const char *s = json.s;

	while (at < json.len) {
		if (s[at] == '"') {
			n = json_scan_string(s + at, json.len - at);
			at = n ? at + n : json.len;
			continue;
		}
		if (s[at] != '-' && (s[at] < '0' || s[at] > '9')) {
			at++;
			continue;
		}
		n = number_length(s + at, json.len - at);
		if (big_number_is((struct text){s + at, n})) {
			buf_add(out, s + plain, at - plain);
			buf_add_char(out, '"');
			buf_add(out, s + at, n);
			buf_add_char(out, '"');
			plain = at + n;
		}
		at += n;
	}
	buf_add(out, s + plain, json.len - plain);
}
