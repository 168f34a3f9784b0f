/* SPDX-License-Identifier: MIT */
#include "behaviour.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"
#include "wire.h"

static const char *const mode_names[BEHAVIOUR_MODE_COUNT] = {
	[BEHAVIOUR_OK] = "ok",           [BEHAVIOUR_STATUS] = "status",
	[BEHAVIOUR_HANG] = "hang",       [BEHAVIOUR_TRICKLE] = "trickle",
	[BEHAVIOUR_RESET] = "reset",     [BEHAVIOUR_CLOSE] = "close",
	[BEHAVIOUR_CUT] = "cut",         [BEHAVIOUR_EARLY] = "early",
	[BEHAVIOUR_ENDLESS] = "endless", [BEHAVIOUR_ENDLESS_HEAD] = "endless-head",
	[BEHAVIOUR_FLOOD] = "flood",
};

static const struct param {
	const char *name;
	enum { PARAM_INT, PARAM_TEXT } kind;
	size_t offset;
	int64_t min, max; /* of a number; max is the size of a text */
} params[] = {
	{"status", PARAM_INT, offsetof(struct behaviour, status), 100, 999},
	{"delay_ms", PARAM_INT, offsetof(struct behaviour, delay_ms), 0, 3600000},
	{"trickle_ms", PARAM_INT, offsetof(struct behaviour, trickle_ms), 1, 3600000},
	{"count", PARAM_INT, offsetof(struct behaviour, count), -1, INT64_MAX},
	{"poison_status", PARAM_INT, offsetof(struct behaviour, poison_status), 100, 999},
	{"fail_first", PARAM_INT, offsetof(struct behaviour, fail_first), 0, 126},
	{"fail_status", PARAM_INT, offsetof(struct behaviour, fail_status), 100, 999},
	{"max_events", PARAM_INT, offsetof(struct behaviour, max_events), 0, 100000},
	{"limit", PARAM_INT, offsetof(struct behaviour, limit), 0, QUOTA_MAX},
	{"window_ms", PARAM_INT, offsetof(struct behaviour, window_ms), 1, 86400000},
	{"match", PARAM_TEXT, offsetof(struct behaviour, match), 0, 256},
	{"poison", PARAM_TEXT, offsetof(struct behaviour, poison), 0, 256},
	{"retry_after", PARAM_TEXT, offsetof(struct behaviour, retry_after), 0, 64},
	{"location", PARAM_TEXT, offsetof(struct behaviour, location), 0, 256},
	{"allow_origin", PARAM_TEXT, offsetof(struct behaviour, allow_origin), 0, 128},
	{"allow_rate", PARAM_TEXT, offsetof(struct behaviour, allow_rate), 0, 32},
};

/* What others read from the same query. */
static const char *const other_names[] = {"mode",         "rate",         "keep",
					  "forget",       "down_ms",      "token_expires",
					  "token_status", "token_wanted", "token_revoke"};

void behaviour_init(struct behaviour *b)
{
	*b = (struct behaviour){
		.status = 200,
		.trickle_ms = 1000,
		.count = -1,
		.poison_status = 500,
		.fail_status = 503,
		.rate = 1.0,
		.window_ms = 60000,
	};
}

static ATTR_MUST_CHECK enum err_code param_set(struct behaviour *b, const struct param *p,
					       const char *value, struct err *e)
{
	char *at = (char *)b + p->offset, *end;
	long long n;

	if (p->kind == PARAM_TEXT) {
		memcpy(at, value, strlen(value) + 1);
		return ERR_OK;
	}
	n = strtoll(value, &end, 10);
	if (end == value || *end || n < p->min || n > p->max)
		return err_set(e, ERR_USAGE, "%s=%s is not a number from %lld to %lld", p->name,
			       value, (long long)p->min, (long long)p->max);
	*(int64_t *)(void *)at = n;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code mode_set(struct behaviour *b, const char *value, struct err *e)
{
	enum behaviour_mode m;

	for (m = 0; m < BEHAVIOUR_MODE_COUNT; m++) {
		if (strcmp(value, mode_names[m]) == 0) {
			b->mode = m;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_USAGE, "no mode called %s", value);
}

static bool name_known(struct text name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(params); i++)
		if (text_eq(name, text_of(params[i].name)))
			return true;
	for (i = 0; i < ARRAY_LEN(other_names); i++)
		if (text_eq(name, text_of(other_names[i])))
			return true;
	return false;
}

static ATTR_MUST_CHECK enum err_code names_check(struct text query, struct err *e)
{
	const char *at, *end, *equals, *stop = query.s + query.len;

	for (at = query.s; at < stop; at = end + 1) {
		end = memchr(at, '&', (size_t)(stop - at));
		end = end ? end : stop;
		equals = memchr(at, '=', (size_t)(end - at));
		equals = equals ? equals : end;
		if (!name_known((struct text){at, (size_t)(equals - at)}))
			return err_set(e, ERR_USAGE, "no setting called %.*s", (int)(equals - at),
				       at);
	}
	return ERR_OK;
}

enum err_code behaviour_set(struct behaviour *b, struct text query, struct err *e)
{
	struct behaviour next = *b;
	enum err_code code = names_check(query, e);
	char value[256], *end;
	size_t i;

	if (!wire_query_get(query, "keep", value, sizeof(value)))
		behaviour_init(&next);
	for (i = 0; code == ERR_OK && i < ARRAY_LEN(params); i++)
		if (wire_query_get(query, params[i].name, value,
				   params[i].kind == PARAM_TEXT ? (size_t)params[i].max
								: sizeof(value)))
			code = param_set(&next, &params[i], value, e);
	if (code == ERR_OK && wire_query_get(query, "status", value, sizeof(value)))
		next.mode = BEHAVIOUR_STATUS;
	if (code == ERR_OK && wire_query_get(query, "mode", value, sizeof(value)))
		code = mode_set(&next, value, e);
	if (code == ERR_OK && wire_query_get(query, "rate", value, sizeof(value))) {
		next.rate = strtod(value, &end);
		if (end == value || *end || !(next.rate >= 0 && next.rate <= 1))
			code = err_set(e, ERR_USAGE, "rate=%s is not from 0 to 1", value);
	}
	if (code == ERR_OK)
		*b = next;
	return code;
}

static bool rate_hits(const struct behaviour *b, struct random *r)
{
	if (b->rate >= 1)
		return true;
	return (double)random_below(r, 1000000) < b->rate * 1e6;
}

static bool contains(struct text body, const char *what)
{
	return memmem(body.s, body.len, what, strlen(what)) != NULL;
}

static void count_down(struct behaviour *b)
{
	if (b->count > 0)
		b->count--;
}

enum behaviour_mode behaviour_at_head(struct behaviour *b, struct random *r)
{
	if ((b->mode != BEHAVIOUR_CLOSE && b->mode != BEHAVIOUR_EARLY) || !b->count ||
	    !rate_hits(b, r))
		return BEHAVIOUR_OK;
	count_down(b);
	return b->mode;
}

struct behaviour_answer behaviour_at_body(struct behaviour *b, struct random *r, struct text body,
					  struct behaviour_load what)
{
	struct behaviour_answer a = {BEHAVIOUR_OK, 200};

	if (b->max_events && (int64_t)what.events > b->max_events)
		return (struct behaviour_answer){BEHAVIOUR_STATUS, 413};
	if (b->poison[0] && contains(body, b->poison))
		return (struct behaviour_answer){BEHAVIOUR_STATUS, (int)b->poison_status};
	if (what.attempt <= b->fail_first)
		return (struct behaviour_answer){BEHAVIOUR_STATUS, (int)b->fail_status};
	if (b->mode == BEHAVIOUR_OK || b->mode == BEHAVIOUR_CLOSE || b->mode == BEHAVIOUR_EARLY)
		return a;
	if (!b->count || (b->match[0] && !contains(body, b->match)) || !rate_hits(b, r))
		return a;
	count_down(b);
	a.mode = b->mode;
	if (a.mode == BEHAVIOUR_STATUS)
		a.status = (int)b->status;
	return a;
}

void behaviour_write(const struct behaviour *b, struct json *j)
{
	size_t i;
	const char *at;

	json_str(j, "mode", mode_names[b->mode]);
	json_f64(j, "rate", b->rate, 6);
	for (i = 0; i < ARRAY_LEN(params); i++) {
		at = (const char *)b + params[i].offset;
		if (params[i].kind == PARAM_TEXT)
			json_str(j, params[i].name, at);
		else
			json_i64(j, params[i].name, *(const int64_t *)(const void *)at);
	}
}
