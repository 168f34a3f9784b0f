/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of the handshake: the question goes out by the worker's own HTTP engine, as one
 * more request, and no loop waits for it.
 */
#include <stdio.h>

#include "base/log.h"
#include "sink/backoff.h"
#include "sink/keeper.h"
#include "sink/reason.h"
#include "sink/worker.h"

static void ask(struct worker *w, struct webhook *to)
{
	const struct webhook_settings *s = webhook_settings(to);
	struct http_request *r = http_request_get(w->http);
	struct http_result result;
	struct err e = {.code = ERR_OK};
	enum err_code code;

	if (!r) {
		handshake_cancel(webhook_handshake(to));
		return;
	}
	r->to = s;
	r->asks = to;
	r->auth = webhook_auth(to);
	r->trail = webhook_trail(to);
	r->wall_us = clock_wall_us(w->pool->clock);
	(void)snprintf(r->id, sizeof(r->id), "handshake");
	if (s->validation_rate) {
		buf_add_fmt(&r->lines, "WebHook-Request-Rate: %lld", (long long)s->validation_rate);
		buf_add_char(&r->lines, '\0');
	}
	code = buf_error(&r->lines);
	if (code == ERR_OK)
		code = http_send(w->http, r, &e);
	if (code == ERR_OK)
		return;
	if (code == ERR_CONFIG) {
		result = (struct http_result){.request = r, .retry_after_s = -1};
		reason_of_failure(ANSWER_PHASE_LOOKUP, e.msg, result.reason, sizeof(result.reason));
		permission_settle(w, &result);
	} else {
		handshake_cancel(webhook_handshake(to));
	}
	http_request_put(w->http, r);
}

bool permission_has(struct worker *w, const struct pool_pipeline *pp)
{
	struct handshake *h = webhook_handshake(pp->webhook);
	struct breaker_stats b;

	if (!h)
		return true;
	/* without anything to send it is not used, or it would never become old */
	if (ring_stats(pp->ring).ready == 0 && ring_next_due_us(pp->ring) > w->pass_us)
		return false;
	if (handshake_admit(h, w->pass_us))
		return true;
	b = breaker_stats(webhook_breaker(pp->webhook));
	/* neither is a question welcome then */
	if (b.state == BREAKER_DISABLED || b.paused_until_us > w->pass_us)
		return false;
	if (handshake_begin(h, w->pass_us))
		ask(w, pp->webhook);
	return false;
}

static void tell(const struct webhook_settings *s, const struct handshake_stats *st,
		 enum handshake_state before)
{
	if (st->state == before)
		return;
	if (st->state == HANDSHAKE_ALLOWED)
		log_info("the receiver agrees to deliveries", LOG_S("webhook", s->name),
			 LOG_I("allowed_rate_per_minute", st->allowed_rate));
	else
		log_warn("the receiver does not agree to deliveries, events are held and it is "
			 "asked again",
			 LOG_S("webhook", s->name), LOG_S("reason", st->reason));
}

void permission_settle(struct worker *w, const struct http_result *r)
{
	struct webhook *to = r->request->asks;
	struct handshake *h = webhook_handshake(to);
	const struct webhook_settings *s = webhook_settings(to);
	const struct backoff b = {.base_us = 1, .max_us = s->retry_max_delay_us};
	const struct handshake_answer a = {
		.status = r->status,
		.origin = r->allowed_origin,
		.rate = r->allowed_rate,
		.pause_us = backoff_with_retry_after_us(&b, 0, r->retry_after_s),
		.reason = r->reason,
	};
	struct keeper_attempt attempt = {.answer = {.verdict = ANSWER_RETRY,
						    .blame = ANSWER_BLAME_RECEIVER,
						    .disable = r->disable},
					 .now_us = clock_now_us(w->pool->clock),
					 .clock = w->pool->clock,
					 .reason = r->reason};
	struct handshake_stats st;
	bool was_refused;

	if (w->aborting) {
		handshake_cancel(h);
		return;
	}
	was_refused = handshake_stats(h).reason[0];
	if (handshake_report(h, &a, attempt.now_us)) {
		st = handshake_stats(h);
		webhook_allow(to, st.allowed_rate);
		tell(s, &st, HANDSHAKE_ASKED);
		return;
	}
	st = handshake_stats(h);
	tell(s, &st, was_refused ? HANDSHAKE_REFUSED : HANDSHAKE_ASKED);
	attempt.reason = r->disable ? r->reason : st.reason;
	keeper_note(to, &attempt);
}

int64_t permission_next_us(const struct pool_pipeline *pp, int64_t next_us, int64_t pass_us)
{
	struct handshake *h = webhook_handshake(pp->webhook);
	int64_t t = h ? handshake_next_us(h) : INT64_MAX;
	struct breaker_stats b;

	if (t == INT64_MAX || (ring_stats(pp->ring).ready == 0 && ring_next_due_us(pp->ring) > t))
		return next_us;
	b = breaker_stats(webhook_breaker(pp->webhook));
	if (b.state == BREAKER_DISABLED)
		return next_us;
	if (t < b.paused_until_us)
		t = b.paused_until_us;
	return t > pass_us ? t : pass_us + CLOCK_US_PER_MS;
}
