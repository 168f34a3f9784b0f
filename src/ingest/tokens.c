/* SPDX-License-Identifier: MIT */
#include "ingest/tokens.h"

#include "base/bearer.h"
#include "base/mem.h"
#include "core/gcra.h"

struct tokens {
	const struct ingest_settings *settings;
	struct gcra pace[]; /* of each; interval 0: no limit */
};

enum err_code tokens_new(const struct ingest_settings *s, struct tokens **ret_t, struct err *e)
{
	const struct rate *rate = &s->rate_limit;
	struct tokens *t = mem_calloc(1, sizeof(*t) + s->tokens.count * sizeof(t->pace[0]));
	int64_t interval_us;
	size_t i;

	if (!t)
		return err_set(e, ERR_NOMEM, "no memory for tokens");
	t->settings = s;
	for (i = 0; rate->count && i < s->tokens.count; i++) {
		interval_us = (rate->period_us + rate->count - 1) / rate->count;
		t->pace[i] = (struct gcra){.interval_us = interval_us,
					   .tolerance_us = (rate->count - 1) * interval_us};
	}
	*ret_t = t;
	return ERR_OK;
}

void tokens_free(struct tokens *t)
{
	mem_free(t);
}

size_t tokens_find(const struct tokens *t, const char *authorization)
{
	const struct ingest_tokens *all = &t->settings->tokens;
	const char *given = bearer_find(authorization);
	size_t found = TOKENS_NONE, i;

	for (i = 0; given && i < all->count; i++) {
		if (bearer_is_equal(all->items[i].value.value, given))
			found = i;
	}
	return found;
}

const char *tokens_name(const struct tokens *t, size_t i)
{
	return t->settings->tokens.items[i].name;
}

int64_t tokens_take(struct tokens *t, size_t i, int64_t now_us)
{
	struct gcra *g = &t->pace[i];

	if (!g->interval_us || gcra_take(g, now_us, 1))
		return 0;
	return gcra_next_us(g) - now_us;
}
