/* SPDX-License-Identifier: MIT */
#include "sink/waiting.h"

#include "base/mem.h"
#include "sink/auth.h"
#include "sink/reason.h"

#define STATUS_UNAUTHORIZED 401 /* RFC 9110, 15.5.2; RFC 6750, 3.1 */

void waiting_push(struct waiting *w, struct http_request *r)
{
	r->next_waiting = NULL;
	if (w->last)
		w->last->next_waiting = r;
	else
		w->first = r;
	w->last = r;
	w->count++;
}

struct http_request *waiting_pop(struct waiting *w)
{
	struct http_request *r = w->first;

	if (!r)
		return NULL;
	w->first = r->next_waiting;
	if (!w->first)
		w->last = NULL;
	w->count--;
	return r;
}

static void fail(struct http_request *r, enum answer_phase phase, const char *words,
		 struct http_result *out)
{
	*out = (struct http_result){.request = r, .phase = phase, .retry_after_s = -1};
	reason_of_failure(phase, words, out->reason, sizeof(out->reason));
}

enum token_state waiting_authorize(struct http_request *r, struct http_result *out)
{
	struct oauth2_failure failure;
	enum token_state state = auth_ask(r->auth, &r->ticket, &r->lines, &failure);

	if (state == TOKEN_FAILED) {
		fail(r, ANSWER_PHASE_TOKEN, failure.reason, out);
		out->retry_after_s = failure.retry_after_s;
	}
	if (state != TOKEN_READY || buf_error(&r->lines) == ERR_OK)
		return state;
	fail(r, ANSWER_PHASE_TOKEN, "no memory for its header", out);
	return TOKEN_FAILED;
}

void waiting_failed(struct http_request *r, const char *words, struct http_result *out)
{
	/* as settle has it for one that could not be started at once */
	fail(r, ANSWER_PHASE_LOOKUP, words, out);
}

bool waiting_again(struct http_request *r, int status)
{
	if (status != STATUS_UNAUTHORIZED || !auth_refuse(r->auth, &r->ticket))
		return false;
	mem_wipe(r->lines.data + r->own_lines, r->lines.len - r->own_lines);
	buf_truncate(&r->lines, r->own_lines);
	return true;
}
