/* SPDX-License-Identifier: MIT */
#include "config/rate.h"

#include <stdio.h>

#include "base/clock.h"
#include "config/value.h"

#define RATE_UNIT_BYTES 8

static ATTR_MUST_CHECK enum err_code not_a_rate(struct text v, struct err *e)
{
	char quoted[VALUE_QUOTE_BYTES];

	return err_set(e, ERR_DATA, "%s is not a rate (write 10/s, 100/min, 5/10s, or none)",
		       value_quote(v, quoted));
}

/* "min" is a minute, "10s" ten seconds. */
static ATTR_MUST_CHECK enum err_code take_period(struct text t, int64_t *ret_us, struct err *e)
{
	char one[RATE_UNIT_BYTES + 2];

	t = value_trim(t);
	if (t.len && t.s[0] >= '0' && t.s[0] <= '9')
		return value_duration_us(t, ret_us, e);
	if (!t.len || t.len > RATE_UNIT_BYTES || memchr(t.s, '\0', t.len))
		return err_set(e, ERR_DATA, "no unit of time");
	(void)snprintf(one, sizeof(one), "1%.*s", (int)t.len, t.s);
	return value_duration_us(text_of(one), ret_us, e);
}

enum err_code rate_set(const struct key *k, void *field, struct text v, struct err *e)
{
	struct text all = value_trim(v);
	const char *slash = all.len ? memchr(all.s, '/', all.len) : NULL;
	struct rate *out = field;
	struct rate r = {0, 0};
	size_t front;

	(void)k;
	if (text_eq(all, TEXT_LIT("none"))) {
		*out = r;
		return ERR_OK;
	}
	if (!slash)
		return not_a_rate(v, e);
	front = (size_t)(slash - all.s);
	if (value_int((struct text){all.s, front}, &r.count, e) != ERR_OK ||
	    take_period((struct text){slash + 1, all.len - front - 1}, &r.period_us, e) != ERR_OK)
		return not_a_rate(v, e);
	if (r.count < 1 || r.count > RATE_COUNT_MAX)
		return err_set(e, ERR_DATA, "a rate's number is 1 to %d", RATE_COUNT_MAX);
	if (r.period_us < RATE_PERIOD_MIN_US || r.period_us > RATE_PERIOD_MAX_US)
		return err_set(e, ERR_DATA, "a rate's time is 100ms to 1d");
	*out = r;
	return ERR_OK;
}

void rate_done(void *field)
{
	*(struct rate *)field = (struct rate){0, 0};
}

void rate_print(const struct key *k, const void *field, struct buf *out)
{
	const struct rate *r = field;
	struct buf period;
	const char *s;

	(void)k;
	if (!r->count) {
		buf_add_str(out, "none");
		return;
	}
	buf_init(&period, ERR_MSG_BYTES);
	value_print_duration(&period, r->period_us);
	if (buf_error(&period) != ERR_OK) {
		out->error = buf_error(&period);
	} else {
		s = buf_str(&period);
		/* "1m" is written "min", as people do */
		if (!strcmp(s, "1m"))
			s = "min";
		else if (s[0] == '1' && (s[1] < '0' || s[1] > '9'))
			s++;
		buf_add_fmt(out, "%lld/%s", (long long)r->count, s);
	}
	buf_done(&period);
}

bool rate_is_equal(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;

	return x->count == y->count && x->period_us == y->period_us;
}
