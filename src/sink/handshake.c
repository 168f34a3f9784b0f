/* SPDX-License-Identifier: MIT */
#include "sink/handshake.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/thread.h"

/* More a minute than could ever be sent. */
#define RATE_MAX 1000000000

struct handshake {
	struct handshake_options o;
	struct mutex lock; /* of what follows */
	struct handshake_stats stats;
	int64_t delay_us;
	int64_t next_us;
	int64_t used_us; /* when something was admitted last */
};

const char *handshake_state_name(enum handshake_state state)
{
	static const char *const names[] = {
		[HANDSHAKE_WANTED] = "wanted",
		[HANDSHAKE_ASKED] = "asked",
		[HANDSHAKE_ALLOWED] = "allowed",
		[HANDSHAKE_REFUSED] = "refused",
	};

	assert(state <= HANDSHAKE_REFUSED);
	return names[state];
}

enum err_code handshake_new(const struct handshake_options *o, struct handshake **ret_h,
			    struct err *e)
{
	struct handshake *h = mem_calloc(1, sizeof(*h));

	assert(o->min_delay_us > 0 && o->max_delay_us >= o->min_delay_us && o->silence_us > 0);
	if (!h)
		return err_set(e, ERR_NOMEM, "no memory for a handshake");
	mutex_init(&h->lock);
	h->o = *o;
	h->delay_us = o->min_delay_us;
	*ret_h = h;
	return ERR_OK;
}

void handshake_free(struct handshake *h)
{
	if (!h)
		return;
	mutex_done(&h->lock);
	mem_free(h);
}

bool handshake_admit(struct handshake *h, int64_t now_us)
{
	bool may;

	mutex_lock(&h->lock);
	if (h->stats.state == HANDSHAKE_ALLOWED && now_us - h->used_us > h->o.silence_us)
		h->stats.state = HANDSHAKE_WANTED;
	may = h->stats.state == HANDSHAKE_ALLOWED;
	if (may)
		h->used_us = now_us;
	mutex_unlock(&h->lock);
	return may;
}

bool handshake_begin(struct handshake *h, int64_t now_us)
{
	bool ask;

	mutex_lock(&h->lock);
	ask = h->stats.state == HANDSHAKE_WANTED ||
	      (h->stats.state == HANDSHAKE_REFUSED && now_us >= h->next_us);
	if (ask) {
		h->stats.state = HANDSHAKE_ASKED;
		h->stats.asked_total++;
	}
	mutex_unlock(&h->lock);
	return ask;
}

void handshake_cancel(struct handshake *h)
{
	mutex_lock(&h->lock);
	if (h->stats.state == HANDSHAKE_ASKED)
		h->stats.state = HANDSHAKE_WANTED;
	mutex_unlock(&h->lock);
}

static bool permits(const struct handshake *h, const struct handshake_answer *a)
{
	return a->status >= 200 && a->status <= 299 && a->origin &&
	       (strcmp(a->origin, "*") == 0 || strcasecmp(a->origin, h->o.origin) == 0);
}

/* "120", or "*": as many as we like. What is neither says nothing. */
static int64_t read_rate(const char *text)
{
	int64_t rate = 0;

	for (; text && *text >= '0' && *text <= '9'; text++)
		rate = rate > RATE_MAX ? RATE_MAX : rate * 10 + (*text - '0');
	return text && !*text ? rate : 0;
}

static void refuse_locked(struct handshake *h, const struct handshake_answer *a, int64_t now_us)
{
	struct handshake_stats *st = &h->stats;

	st->state = HANDSHAKE_REFUSED;
	if (!a->status)
		(void)snprintf(st->reason, sizeof(st->reason), "%s", a->reason);
	else if (a->origin)
		(void)snprintf(st->reason, sizeof(st->reason),
			       "HTTP %d to OPTIONS with WebHook-Allowed-Origin: %.80s", a->status,
			       a->origin);
	else
		(void)snprintf(st->reason, sizeof(st->reason),
			       "HTTP %d to OPTIONS without WebHook-Allowed-Origin%s", a->status,
			       a->status == 405 || a->status == 501 ? ": it does not know OPTIONS"
								    : "");
	h->next_us = now_us + (h->delay_us > a->pause_us ? h->delay_us : a->pause_us);
	h->delay_us = h->delay_us > h->o.max_delay_us / 2 ? h->o.max_delay_us : h->delay_us * 2;
}

bool handshake_report(struct handshake *h, const struct handshake_answer *a, int64_t now_us)
{
	bool ok = permits(h, a);

	mutex_lock(&h->lock);
	if (ok) {
		h->stats.state = HANDSHAKE_ALLOWED;
		h->stats.reason[0] = '\0';
		h->stats.allowed_rate = read_rate(a->rate);
		h->delay_us = h->o.min_delay_us;
		h->used_us = now_us;
	} else {
		refuse_locked(h, a, now_us);
	}
	mutex_unlock(&h->lock);
	return ok;
}

void handshake_forget(struct handshake *h)
{
	mutex_lock(&h->lock);
	if (h->stats.state != HANDSHAKE_ASKED)
		h->stats.state = HANDSHAKE_WANTED;
	h->delay_us = h->o.min_delay_us;
	mutex_unlock(&h->lock);
}

int64_t handshake_next_us(struct handshake *h)
{
	int64_t t;

	mutex_lock(&h->lock);
	t = h->stats.state == HANDSHAKE_REFUSED ? h->next_us : INT64_MAX;
	mutex_unlock(&h->lock);
	return t;
}

struct handshake_stats handshake_stats(struct handshake *h)
{
	struct handshake_stats s;

	mutex_lock(&h->lock);
	s = h->stats;
	s.next_us = s.state == HANDSHAKE_REFUSED ? h->next_us : 0;
	mutex_unlock(&h->lock);
	return s;
}
