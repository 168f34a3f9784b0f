/* SPDX-License-Identifier: MIT */
#include "core/outage.h"

#include <assert.h>

static void begin(struct outage *o, int64_t now_us, int64_t wall_us)
{
	o->failing = true;
	o->lasting = false;
	o->begin_us = now_us;
	o->own_us = now_us;
	o->since_wall_us = wall_us;
}

static bool is_over_limit(const struct outage *o, int64_t now_us)
{
	int64_t proof_us = o->limit_us < OUTAGE_PROOF_US ? o->limit_us : OUTAGE_PROOF_US;

	return o->limit_us && now_us - o->begin_us >= o->limit_us && now_us - o->own_us >= proof_us;
}

enum outage_news outage_failed(struct outage *o, int64_t now_us, int64_t wall_us)
{
	assert(o->gap_us > 0);
	if (!o->failing || (o->own_us != INT64_MAX && now_us - o->last_us > o->gap_us))
		begin(o, now_us, wall_us);
	if (o->own_us == INT64_MAX)
		o->own_us = now_us;
	o->last_us = now_us;
	if (is_over_limit(o, now_us)) {
		o->lasting = true;
		return OUTAGE_OVER_LIMIT;
	}
	if (o->lasting || now_us - o->begin_us < OUTAGE_LASTING_US)
		return OUTAGE_NO_NEWS;
	o->lasting = true;
	return OUTAGE_LASTS;
}

bool outage_end(struct outage *o)
{
	bool was_lasting = o->failing && o->lasting;

	o->failing = false;
	o->lasting = false;
	return was_lasting;
}

void outage_adopt(struct outage *o, int64_t since_wall_us, int64_t now_us, int64_t wall_us)
{
	int64_t age_us = wall_us > since_wall_us ? wall_us - since_wall_us : 0;

	o->failing = true;
	o->lasting = true;
	o->begin_us = now_us - age_us;
	o->own_us = INT64_MAX;
	o->last_us = now_us;
	o->since_wall_us = since_wall_us;
}
