/* SPDX-License-Identifier: MIT */
#include "source/runner_standing.h"

#include "base/log.h"

#define RETRY_US CLOCK_US_PER_S

void runner_standing_reset(struct runner_standing *s)
{
	s->absent = false;
	s->retry_us = 0;
}

/* The box takes what the database knows better; *ret_mine is what both should have then. */
static uint64_t tell(struct runner_standing *s, const struct standing *kept,
		     struct standing *ret_mine)
{
	struct standing_told t = {.now_us = clock_now_us(s->clock),
				  .wall_us = clock_wall_us(s->clock)};
	uint64_t after;

	do {
		t.version = standing_box_get(s->box, ret_mine);
		t.standing = standing_merge(kept, ret_mine, t.version != s->version);
		if (standing_is_equal(&t.standing, ret_mine))
			return t.version;
		after = standing_box_tell(s->box, &t);
	} while (!after);
	*ret_mine = t.standing;
	return after;
}

static ATTR_MUST_CHECK enum err_code sync_once(struct runner_standing *s, struct source *source,
					       uint32_t p, struct err *e)
{
	struct standing kept, mine;
	enum err_code code = source->ops->standing_load(source, p, &kept, e);
	uint64_t version;

	if (code != ERR_OK)
		return code;
	version = tell(s, &kept, &mine);
	if (!standing_is_equal(&kept, &mine))
		code = source->ops->standing_save(source, p, &mine, e);
	if (code == ERR_OK)
		s->version = version;
	return code;
}

/* What went wrong, but for what ends the connection; again when it is another time. */
static void note_trouble(struct runner_standing *s, enum err_code code, const struct err *e)
{
	s->absent = code == ERR_NOT_FOUND || code == ERR_DENIED;
	if (s->absent)
		log_warn("whether a webhook is disabled is forgotten with a restart: run "
			 "app-db-listener install",
			 LOG_E(e));
	else if (!s->retry_us)
		log_warn("cannot write down what is known of a webhook, trying again", LOG_E(e));
}

enum err_code runner_standing_sync(struct runner_standing *s, struct source *source, uint32_t p,
				   bool always, struct err *e)
{
	int64_t now_us;
	enum err_code code;

	if (!s->box || s->absent ||
	    !(always || s->retry_us || standing_box_version(s->box) != s->version))
		return ERR_OK;
	now_us = clock_now_us(s->clock);
	if (!always && now_us < s->retry_us)
		return ERR_OK;
	code = sync_once(s, source, p, e);
	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return err_prefix(e, "cannot keep what is known of a webhook");
	if (code != ERR_OK)
		note_trouble(s, code, e);
	s->retry_us = code == ERR_OK || s->absent ? 0 : now_us + RETRY_US;
	return ERR_OK;
}
