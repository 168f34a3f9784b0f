/* SPDX-License-Identifier: MIT */
#include "core/standing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "core/outage.h"

struct callback {
	standing_fn fn;
	void *ctx;
};

struct standing_box {
	struct callback changed;
	struct callback told;
	atomic_bool failing; /* the outage's, for a look without the lock */
	_Atomic uint64_t version;
	struct mutex lock; /* of what follows */
	struct outage outage;
	struct standing value;
};

bool standing_is_equal(const struct standing *a, const struct standing *b)
{
	return a->disabled == b->disabled && a->since_wall_us == b->since_wall_us &&
	       a->failing_wall_us == b->failing_wall_us && strcmp(a->reason, b->reason) == 0;
}

struct standing standing_merge(const struct standing *kept, const struct standing *mine, bool news)
{
	struct standing s = *mine;

	if (strcmp(kept->webhook, mine->webhook) != 0)
		return s;
	if (kept->since_wall_us > mine->since_wall_us)
		s = *kept;
	s.failing_wall_us = news ? mine->failing_wall_us : kept->failing_wall_us;
	return s;
}

void standing_supersede(struct standing *s, const struct standing *kept)
{
	if (s->since_wall_us <= kept->since_wall_us)
		s->since_wall_us = kept->since_wall_us + 1;
}

enum err_code standing_box_new(const char *name, int64_t limit_us, int64_t gap_us,
			       struct standing_box **ret_box, struct err *e)
{
	struct standing_box *box = mem_calloc(1, sizeof(*box));

	if (!box)
		return err_set(e, ERR_NOMEM, "no memory for the standing of a webhook");
	mutex_init(&box->lock);
	(void)snprintf(box->value.webhook, sizeof(box->value.webhook), "%s", name);
	box->outage = (struct outage){.limit_us = limit_us, .gap_us = gap_us};
	*ret_box = box;
	return ERR_OK;
}

void standing_box_free(struct standing_box *box)
{
	if (!box)
		return;
	mutex_done(&box->lock);
	mem_free(box);
}

void standing_box_on_changed(struct standing_box *box, standing_fn fn, void *ctx)
{
	box->changed = (struct callback){fn, ctx};
}

void standing_box_on_told(struct standing_box *box, standing_fn fn, void *ctx)
{
	box->told = (struct callback){fn, ctx};
}

static void call(const struct callback *c)
{
	if (c->fn)
		c->fn(c->ctx);
}

/* A database in another encoding might refuse it, and would do so for ever. */
static void copy_ascii(char out[static STANDING_REASON_BYTES], const char *s)
{
	size_t i, len = strnlen(s, STANDING_REASON_BYTES - 1);

	for (i = 0; i < len; i++) {
		out[i] = s[i];
		if ((unsigned char)s[i] < ' ' || (unsigned char)s[i] >= 0x7f)
			out[i] = '?';
	}
	out[len] = '\0';
}

static void changed_locked(struct standing_box *box)
{
	atomic_fetch_add(&box->version, 1);
	atomic_store(&box->failing, box->outage.failing);
}

bool standing_box_failed(struct standing_box *box, int64_t now_us, int64_t wall_us)
{
	enum outage_news news;

	mutex_lock(&box->lock);
	news = outage_failed(&box->outage, now_us, wall_us);
	atomic_store(&box->failing, true);
	if (news != OUTAGE_NO_NEWS && box->value.failing_wall_us != box->outage.since_wall_us) {
		box->value.failing_wall_us = box->outage.since_wall_us;
		changed_locked(box);
	} else if (news == OUTAGE_LASTS) {
		news = OUTAGE_NO_NEWS;
	}
	mutex_unlock(&box->lock);
	if (news == OUTAGE_LASTS)
		call(&box->changed);
	return news == OUTAGE_OVER_LIMIT;
}

void standing_box_delivered(struct standing_box *box)
{
	bool news = false;

	if (!atomic_load(&box->failing))
		return;
	mutex_lock(&box->lock);
	news = outage_end(&box->outage);
	atomic_store(&box->failing, false);
	if (news) {
		box->value.failing_wall_us = 0;
		changed_locked(box);
	}
	mutex_unlock(&box->lock);
	if (news)
		call(&box->changed);
}

void standing_box_decide(struct standing_box *box, bool disabled, int64_t wall_us,
			 const char *reason)
{
	mutex_lock(&box->lock);
	/* a clock that was set back must not make it the older decision */
	if (wall_us <= box->value.since_wall_us)
		wall_us = box->value.since_wall_us + 1;
	(void)outage_end(&box->outage);
	box->value.disabled = disabled;
	box->value.since_wall_us = wall_us;
	box->value.failing_wall_us = 0;
	copy_ascii(box->value.reason, reason ? reason : "");
	changed_locked(box);
	mutex_unlock(&box->lock);
	call(&box->changed);
}

uint64_t standing_box_get(struct standing_box *box, struct standing *ret_s)
{
	uint64_t version;

	mutex_lock(&box->lock);
	*ret_s = box->value;
	version = atomic_load(&box->version);
	mutex_unlock(&box->lock);
	return version;
}

uint64_t standing_box_version(const struct standing_box *box)
{
	return atomic_load(&box->version);
}

uint64_t standing_box_tell(struct standing_box *box, const struct standing_told *t)
{
	uint64_t after = 0;

	mutex_lock(&box->lock);
	if (atomic_load(&box->version) == t->version) {
		if (!t->standing.failing_wall_us)
			(void)outage_end(&box->outage);
		else if (t->standing.failing_wall_us != box->value.failing_wall_us)
			outage_adopt(&box->outage, t->standing.failing_wall_us, t->now_us,
				     t->wall_us);
		box->value = t->standing;
		changed_locked(box);
		after = atomic_load(&box->version);
	}
	mutex_unlock(&box->lock);
	if (!after)
		return 0;
	call(&box->told);
	call(&box->changed);
	return after;
}
