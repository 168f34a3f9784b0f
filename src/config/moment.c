/* SPDX-License-Identifier: MIT */
/* RFC 3339, section 5.6. A leap second counts as the second before it. */
#include "config/moment.h"

#include <ctype.h>
#include <stdbool.h>

#include "base/clock.h"
#include "config/value.h"

#define MIN_US (60 * CLOCK_US_PER_S)
#define DAY_US (24 * 60 * MIN_US)

struct cursor {
	const char *at;
	const char *end;
};

/* Exactly n digits, least to most. */
static bool take_number(struct cursor *c, int n, int least, int most, int *ret)
{
	int v = 0;

	for (; n > 0; n--, c->at++) {
		if (c->at == c->end || !isdigit((unsigned char)*c->at))
			return false;
		v = v * 10 + (*c->at - '0');
	}
	*ret = v;
	return v >= least && v <= most;
}

static bool take_one_of(struct cursor *c, const char *chars)
{
	if (c->at == c->end || !*c->at || !strchr(chars, *c->at))
		return false;
	c->at++;
	return true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. */
static int64_t days_of(int year, int month, int day)
{
	int64_t before = year - 1, days;
	int m;

	days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
	for (m = 1; m < month; m++)
		days += month_days(year, m);
	return days + day - 1;
}

static bool take_date(struct cursor *c, int64_t *ret_us)
{
	int year, month, day;

	if (!take_number(c, 4, 1970, 9999, &year) || !take_one_of(c, "-") ||
	    !take_number(c, 2, 1, 12, &month) || !take_one_of(c, "-") ||
	    !take_number(c, 2, 1, 31, &day) || day > month_days(year, month))
		return false;
	*ret_us = days_of(year, month, day) * DAY_US;
	return true;
}

/* ".5", when there is one; digits behind the sixth are dropped. */
static bool take_fraction(struct cursor *c, int64_t *us)
{
	int64_t unit = CLOCK_US_PER_S;
	int digit;

	if (!take_one_of(c, "."))
		return true;
	if (!take_number(c, 1, 0, 9, &digit))
		return false;
	do {
		unit /= 10;
		*us += digit * unit;
	} while (take_number(c, 1, 0, 9, &digit));
	return true;
}

static bool take_offset(struct cursor *c, int64_t *us)
{
	bool minus = c->at < c->end && *c->at == '-';
	int hour, minute;

	if (take_one_of(c, "Zz"))
		return true;
	if (!take_one_of(c, "+-") || !take_number(c, 2, 0, 23, &hour) || !take_one_of(c, ":") ||
	    !take_number(c, 2, 0, 59, &minute))
		return false;
	*us -= (minus ? -1 : 1) * (hour * 60 + minute) * MIN_US;
	return true;
}

static bool take_time(struct cursor *c, int64_t *us)
{
	int hour, minute, second;

	if (!take_number(c, 2, 0, 23, &hour) || !take_one_of(c, ":") ||
	    !take_number(c, 2, 0, 59, &minute) || !take_one_of(c, ":") ||
	    !take_number(c, 2, 0, 60, &second))
		return false;
	*us += (hour * 60 + minute) * MIN_US + (second > 59 ? 59 : second) * CLOCK_US_PER_S;
	return take_fraction(c, us) && take_offset(c, us);
}

enum err_code moment_parse(struct text t, int64_t now_wall_us, int64_t *ret_wall_us, struct err *e)
{
	struct cursor c = {t.s, t.s + t.len};
	int64_t us;

	if (take_date(&c, &us) &&
	    (c.at == c.end || (take_one_of(&c, "Tt ") && take_time(&c, &us) && c.at == c.end))) {
		*ret_wall_us = us > 0 ? us : 1;
		return ERR_OK;
	}
	if (value_duration_us(t, &us, NULL) == ERR_OK) {
		*ret_wall_us = us < now_wall_us ? now_wall_us - us : 1;
		return ERR_OK;
	}
	return err_set(e, ERR_DATA,
		       "not a time such as 2026-03-01T12:00:00Z, nor a duration such as 2h");
}
