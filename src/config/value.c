/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <ctype.h>
#include <strings.h>

#define VALUE_DIGITS_MAX 19 /* 10^19 - 1 fits into uint64_t, and holds all of int64_t */

struct value_unit {
	const char *name;
	int64_t factor;
};

/* the first of each factor is the one that is printed; largest first */
static const struct value_unit duration_units[] = {
	{"d", 86400000000LL}, {"h", 3600000000LL}, {"m", 60000000LL}, {"min", 60000000LL},
	{"s", 1000000LL},     {"ms", 1000LL},      {"us", 1LL},       {NULL, 0},
};
static const struct value_unit size_units[] = {
	{"TB", 1LL << 40},  {"TiB", 1LL << 40}, {"T", 1LL << 40},   {"GB", 1LL << 30},
	{"GiB", 1LL << 30}, {"G", 1LL << 30},   {"MB", 1LL << 20},  {"MiB", 1LL << 20},
	{"M", 1LL << 20},   {"kB", 1LL << 10},  {"KiB", 1LL << 10}, {"k", 1LL << 10},
	{"B", 1LL},         {NULL, 0},
};

const char *value_quote(struct text t, char out[static VALUE_QUOTE_BYTES])
{
	size_t max = VALUE_QUOTE_BYTES - sizeof("\"\"...");
	size_t n = t.len > max ? max : t.len;
	size_t at = 0, i;

	/* never cut inside a UTF-8 sequence */
	while (n < t.len && n && ((unsigned char)t.s[n] & 0xc0) == 0x80)
		n--;
	out[at++] = '"';
	for (i = 0; i < n; i++)
		out[at++] = (char)((unsigned char)t.s[i] < 0x20 ? '?' : t.s[i]);
	out[at++] = '"';
	if (n < t.len) {
		memcpy(out + at, "...", 3);
		at += 3;
	}
	out[at] = '\0';
	return out;
}

struct text value_trim(struct text t)
{
	while (t.len && (t.s[0] == ' ' || t.s[0] == '\t')) {
		t.s++;
		t.len--;
	}
	while (t.len && (t.s[t.len - 1] == ' ' || t.s[t.len - 1] == '\t'))
		t.len--;
	return t;
}

enum err_code value_int(struct text t, int64_t *ret, struct err *e)
{
	struct text v = value_trim(t);
	bool negative = v.len && v.s[0] == '-';
	size_t i = negative ? 1 : 0;
	int64_t n = 0;
	int digit;
	char quoted[VALUE_QUOTE_BYTES];

	if (i == v.len)
		return err_set(e, ERR_DATA, "%s is not a whole number", value_quote(t, quoted));
	for (; i < v.len; i++) {
		if (!isdigit((unsigned char)v.s[i]))
			return err_set(e, ERR_DATA, "%s is not a whole number",
				       value_quote(t, quoted));
		digit = v.s[i] - '0';
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, negative ? -digit : digit, &n))
			return err_set(e, ERR_DATA, "%s is too large a number",
				       value_quote(t, quoted));
	}
	*ret = n;
	return ERR_OK;
}

enum err_code value_bool(struct text t, bool *ret, struct err *e)
{
	static const struct {
		const char *name;
		bool value;
	} words[] = {{"true", true},   {"yes", true}, {"on", true},
		     {"false", false}, {"no", false}, {"off", false}};
	struct text v = value_trim(t);
	char quoted[VALUE_QUOTE_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (strlen(words[i].name) == v.len && !strncasecmp(words[i].name, v.s, v.len)) {
			*ret = words[i].value;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_DATA, "%s is neither true nor false", value_quote(t, quoted));
}

/* A decimal number as mantissa / 10^places. */
struct value_decimal {
	uint64_t mantissa;
	int places;
	int digits; /* of the mantissa */
	int zeros;  /* behind the point, not in the mantissa yet */
};

/* Append a digit; false when there are too many. Zeros that change nothing are not counted. */
static bool add_digit(struct value_decimal *d, char digit, bool behind_point)
{
	if (behind_point && digit == '0') {
		d->zeros++; /* counts once another digit follows */
		return true;
	}
	for (; d->zeros; d->zeros--, d->places++, d->digits++)
		d->mantissa = d->digits < VALUE_DIGITS_MAX ? d->mantissa * 10 : 0;
	if (d->mantissa || digit != '0')
		d->digits++;
	if (d->digits > VALUE_DIGITS_MAX)
		return false;
	d->mantissa = d->mantissa * 10 + (uint64_t)(digit - '0');
	d->places += behind_point;
	return true;
}

/* The number at the start of *v, which is moved behind it. */
static bool take_decimal(struct text *v, struct value_decimal *ret)
{
	struct value_decimal d = {.mantissa = 0};
	bool behind_point = false, any = false;

	for (; v->len; v->s++, v->len--) {
		if (*v->s == '.' && !behind_point && any) {
			behind_point = true;
			continue;
		}
		if (!isdigit((unsigned char)*v->s))
			break;
		any = true;
		if (!add_digit(&d, *v->s, behind_point))
			return false;
	}
	*ret = d;
	return any && (!behind_point || v->s[-1] != '.');
}

static int64_t unit_factor(const struct value_unit *units, struct text name, bool any_case)
{
	for (; units->name; units++) {
		if (strlen(units->name) != name.len)
			continue;
		if (any_case ? !strncasecmp(units->name, name.s, name.len)
			     : !strncmp(units->name, name.s, name.len))
			return units->factor;
	}
	return 0;
}

static bool scale(struct value_decimal d, int64_t factor, int64_t *ret, bool *ret_exact)
{
	__int128 n = (__int128)d.mantissa * factor;
	__int128 divisor = 1;
	int i;

	for (i = 0; i < d.places; i++)
		divisor *= 10;
	*ret_exact = n % divisor == 0;
	n /= divisor;
	if (n > INT64_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

/* What differs between durations and sizes. */
struct value_measure {
	const struct value_unit *units;
	int64_t bare_factor; /* of a number without unit */
	bool any_case;
	const char *what;
	const char *examples;
	const char *smallest;
};

static const struct value_measure duration_measure = {
	.units = duration_units,
	.bare_factor = 1000000LL,
	.what = "duration",
	.examples = "500ms, 2s, 5m, 1h, 1d, or seconds without a unit",
	.smallest = "microseconds",
};
static const struct value_measure size_measure = {
	.units = size_units,
	.bare_factor = 1,
	.any_case = true,
	.what = "size",
	.examples = "10kB, 64MB, 1GB, or bytes without a unit",
	.smallest = "bytes",
};

static ATTR_MUST_CHECK enum err_code take_measure(const struct value_measure *m, struct text t,
						  int64_t *ret, struct err *e)
{
	struct text v = value_trim(t);
	struct value_decimal d;
	int64_t factor, n;
	bool exact;
	char quoted[VALUE_QUOTE_BYTES];

	value_quote(t, quoted);
	if (!v.len || !isdigit((unsigned char)v.s[0]))
		return err_set(e, ERR_DATA, "%s is not a %s (write %s)", quoted, m->what,
			       m->examples);
	if (!take_decimal(&v, &d))
		return err_set(e, ERR_DATA, "%s has too many digits or none behind the point",
			       quoted);
	v = value_trim(v);
	factor = v.len ? unit_factor(m->units, v, m->any_case) : m->bare_factor;
	if (!factor)
		return err_set(e, ERR_DATA, "%s is not a %s (write %s)", quoted, m->what,
			       m->examples);
	if (!scale(d, factor, &n, &exact))
		return err_set(e, ERR_DATA, "%s is too large a %s", quoted, m->what);
	if (!exact)
		return err_set(e, ERR_DATA, "%s is not a whole number of %s", quoted, m->smallest);
	*ret = n;
	return ERR_OK;
}

enum err_code value_duration_us(struct text t, int64_t *ret, struct err *e)
{
	return take_measure(&duration_measure, t, ret, e);
}

enum err_code value_size_bytes(struct text t, int64_t *ret, struct err *e)
{
	return take_measure(&size_measure, t, ret, e);
}

static void print_measure(struct buf *out, const struct value_unit *u, int64_t v)
{
	while (v % u->factor)
		u++;
	buf_add_i64(out, v / u->factor);
	buf_add_str(out, u->name);
}

void value_print_duration(struct buf *out, int64_t us)
{
	if (us == 0)
		buf_add_str(out, "0s");
	else
		print_measure(out, duration_units, us);
}

void value_print_size(struct buf *out, int64_t bytes)
{
	if (bytes == 0)
		buf_add_str(out, "0");
	else
		print_measure(out, size_units, bytes);
}
