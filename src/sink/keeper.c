/* SPDX-License-Identifier: MIT */
#include "sink/keeper.h"

#include "base/clock.h"
#include "base/log.h"

/* Whoever decides last comes last here too: a change meanwhile is seen, and done again. */
static void bring_in_line(struct webhook *w, int64_t now_us)
{
	struct standing_box *box = webhook_standing(w);
	struct breaker *b = webhook_breaker(w);
	struct standing s;
	uint64_t version;

	do {
		version = standing_box_get(box, &s);
		if (s.disabled)
			breaker_disable(b, now_us);
		else if (breaker_stats(b).state == BREAKER_DISABLED)
			breaker_enable(b, now_us);
	} while (standing_box_get(box, &s) != version);
}

/* Of each change of the breaker one caller logs. */
static void tell(struct webhook *w, const char *reason, const char *closed)
{
	const char *name = webhook_settings(w)->name;
	enum breaker_state state;
	struct standing s;

	if (!webhook_breaker_moved(w, &state))
		return;
	if (state == BREAKER_CLOSED) {
		log_info(closed, LOG_S("webhook", name));
	} else if (state == BREAKER_OPEN) {
		log_warn(
			"the receiver seems to be down, events are held and one at a time is tried",
			LOG_S("webhook", name), LOG_S("reason", reason));
	} else {
		(void)standing_box_get(webhook_standing(w), &s);
		log_error("the webhook is disabled, nothing is sent until it is enabled again",
			  LOG_S("webhook", name), LOG_S("reason", s.reason));
	}
}

void keeper_note(struct webhook *w, const struct keeper_attempt *a)
{
	struct standing_box *box = webhook_standing(w);
	const char *why = NULL;
	struct standing s;

	if (a->answer.verdict == ANSWER_DELIVERED)
		standing_box_delivered(box);
	else if (standing_box_failed(box, a->now_us, clock_wall_us(a->clock)))
		why = "nothing was delivered for as long as disable_after";
	if (a->answer.disable)
		why = a->reason;
	if (why) {
		(void)standing_box_get(box, &s);
		/* others that were under way say the same */
		if (!s.disabled)
			standing_box_decide(box, true, clock_wall_us(a->clock), why);
		bring_in_line(w, a->now_us);
	}
	tell(w, a->reason, "the receiver answers again");
}

void keeper_enable(struct webhook *w, const struct clock *clock)
{
	int64_t now_us = clock_now_us(clock);

	standing_box_decide(webhook_standing(w), false, clock_wall_us(clock), NULL);
	breaker_enable(webhook_breaker(w), now_us);
	if (webhook_handshake(w))
		handshake_forget(webhook_handshake(w));
	keeper_apply(w, clock);
}

void keeper_disable(struct webhook *w, const struct clock *clock, const char *reason)
{
	standing_box_decide(webhook_standing(w), true, clock_wall_us(clock), reason);
	keeper_apply(w, clock);
}

void keeper_apply(struct webhook *w, const struct clock *clock)
{
	bring_in_line(w, clock_now_us(clock));
	tell(w, "", "the webhook is enabled");
}
