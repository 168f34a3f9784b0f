/* SPDX-License-Identifier: MIT */
#include "source/backfill.h"

#include <assert.h>
#include <jansson.h>

#include "base/json.h"
#include "config/field.h"

static const char *const state_names[BACKFILL_STATE_COUNT] = {
	[BACKFILL_RUNNING] = "running",     [BACKFILL_PAUSED] = "paused", [BACKFILL_DONE] = "done",
	[BACKFILL_CANCELLED] = "cancelled", [BACKFILL_FAILED] = "failed",
};

const char *backfill_state_name(enum backfill_state state)
{
	assert(state < BACKFILL_STATE_COUNT);
	return state_names[state];
}

bool backfill_state_parse(struct text name, enum backfill_state *ret_state)
{
	enum backfill_state state;

	for (state = 0; state < BACKFILL_STATE_COUNT; state++) {
		if (text_eq(name, text_of(state_names[state]))) {
			*ret_state = state;
			return true;
		}
	}
	return false;
}

enum err_code backfill_state_allows(enum backfill_state from, enum backfill_state to, struct err *e)
{
	static const bool allowed[BACKFILL_STATE_COUNT][BACKFILL_STATE_COUNT] = {
		[BACKFILL_RUNNING] = {[BACKFILL_PAUSED] = true, [BACKFILL_CANCELLED] = true},
		[BACKFILL_PAUSED] = {[BACKFILL_RUNNING] = true, [BACKFILL_CANCELLED] = true},
		[BACKFILL_CANCELLED] = {[BACKFILL_RUNNING] = true},
		[BACKFILL_FAILED] = {[BACKFILL_RUNNING] = true, [BACKFILL_CANCELLED] = true},
	};

	assert(from < BACKFILL_STATE_COUNT && to < BACKFILL_STATE_COUNT);
	if (allowed[from][to])
		return ERR_OK;
	if (from == BACKFILL_DONE)
		return err_set(e, ERR_USAGE, "it is done: make a new one to read the table again");
	return err_set(e, ERR_USAGE, "it is %s", state_names[from]);
}

static ATTR_MUST_CHECK enum err_code check_number(const char *name, int64_t v, int64_t min,
						  int64_t max, struct err *e)
{
	if (v >= min && v <= max)
		return ERR_OK;
	return err_set(e, ERR_USAGE, "--%s: %lld is not between %lld and %lld", name, (long long)v,
		       (long long)min, (long long)max);
}

enum err_code backfill_request_check(const struct backfill_request *r, struct err *e)
{
	enum err_code code = check_number("rate", r->rate, 0, BACKFILL_RATE_MAX, e);

	if (code == ERR_OK)
		code = check_number("flush-every", r->flush_every, 1, BACKFILL_FLUSH_MAX, e);
	if (code == ERR_OK)
		code = check_number("max-concurrent-pages", r->max_concurrent_pages, 1,
				    BACKFILL_PAGES_MAX, e);
	return code;
}

void backfill_list_write(struct buf *out, const struct string_list *l)
{
	struct json j;
	size_t i;

	json_begin(&j, out);
	json_open_array(&j, NULL);
	for (i = 0; i < l->count; i++)
		json_str(&j, NULL, l->items[i]);
	json_end(&j);
}

enum err_code backfill_list_read(struct text json, struct string_list *ret, struct err *e)
{
	struct string_list l = {.count = 0};
	json_error_t why;
	json_t *tree = json_loadb(json.s, json.len, 0, &why), *item;
	enum err_code code = json_is_array(tree) ? ERR_OK : ERR_DATA;
	size_t i;

	if (!tree && json_error_code(&why) == json_error_out_of_memory)
		code = ERR_NOMEM;
	for (i = 0; code == ERR_OK && i < json_array_size(tree); i++) {
		item = json_array_get(tree, i);
		code = json_is_string(item)
			       ? string_list_add(&l, (struct text){json_string_value(item),
								   json_string_length(item)})
			       : ERR_DATA;
	}
	json_decref(tree);
	if (code == ERR_OK) {
		*ret = l;
		return ERR_OK;
	}
	string_list_done(&l);
	return err_set(e, code, code == ERR_DATA ? "no list of strings" : "no memory for a list");
}

void backfill_unsupported(const char *type, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "backfill is not supported by this source yet: %s", type);
}
