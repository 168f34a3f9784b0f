/* SPDX-License-Identifier: MIT */
#include "sink/archiving.h"

#include <limits.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/archive_path.h"
#include "sink/delivered.h"
#include "sink/park.h"
#include "sink/request.h"

struct archiving {
	struct pool *pool;
	const struct pool_pipeline *pp;
	const struct clock *clock;
	const struct webhook_settings *to;
	bool is_all;
	struct archive *archive;
};

/* ---- in the archive's thread ---- */

static ATTR_MUST_CHECK enum err_code render(void *ctx, const struct event *ev, struct buf *out,
					    struct err *e)
{
	const struct archiving *a = ctx;
	const struct request_origin origin = {a->pp->install_id, a->pp->name, a->pp->source};
	struct http_request r = {.body = *out};
	enum err_code code = request_fill_record(&origin, a->to, &ev->f, &r);

	*out = r.body;
	if (code == ERR_DATA)
		return err_set(e, ERR_DATA, "a body of %zu bytes, max_body_bytes is %lld", out->len,
			       (long long)a->to->max_body_bytes);
	return code == ERR_OK ? code
			      : err_set(e, ERR_NOMEM, "no memory for the record of an event");
}

/* What waited for room among the bytes in flight: no worker was there when they went. */
static void look_again(const struct archiving *a)
{
	if (ring_stats(a->pp->ring).ready)
		pool_wake(a->pool);
}

static void done(void *ctx, struct event *list)
{
	const struct archiving *a = ctx;
	const struct event *ev;
	size_t n = 0;

	for (ev = list; ev; ev = ev->also)
		n++;
	if (a->is_all)
		webhook_note_written(a->pp->webhook, n);
	delivered_finish(a->pp, list);
	look_again(a);
}

static bool refuse(void *ctx, struct event *ev, const char *why)
{
	const struct archiving *a = ctx;
	const struct ack ack = {
		.id = ev->f.id,
		.pipeline = a->pp->ack_pipeline,
		.outcome = ACK_DEAD,
		.from_parked = ev->f.parked,
		.attempts = ev->attempts,
		.reason = mem_strdup(why),
	};

	if (!ack.reason)
		return false;
	log_warn("an event goes to the dead letters", LOG_S("pipeline", a->pp->name),
		 LOG_I("id", event_public_id(&ev->f)), LOG_T("table", ev->f.table),
		 LOG_S("reason", why));
	webhook_record(a->pp->webhook,
		       &(struct webhook_attempt){.outcome = WEBHOOK_OVERSIZED, .reason = why});
	acks_push(a->pp->acks, &ack);
	park_left(a->pp, ev);
	ring_settle(a->pp->ring, ev, EVENT_DEAD);
	event_free(ev);
	look_again(a);
	return true;
}

static void give_back(void *ctx, struct event *list)
{
	const struct archiving *a = ctx;

	ring_release(a->pp->ring, list);
}

static void on_room(void *ctx)
{
	const struct archiving *a = ctx;

	pool_wake(a->pool);
}

static const struct archive_ops ops = {render, done, refuse, give_back, on_room};

/* ---- life ---- */

static ATTR_MUST_CHECK enum err_code make_archive(struct archiving *a, struct budget *budget,
						  struct err *e)
{
	const struct webhook_settings *to = a->to;
	struct archive_options o = {
		.pipeline = a->pp->name,
		.file = {.json = archive_path_is_json(to),
			 .fsync = to->archive_fsync,
			 .rotate_bytes = to->archive_rotate_size,
			 .keep = to->archive_keep},
		.flush_every = (size_t)to->archive_flush_every,
		.flush_interval_us = a->is_all ? 0 : to->archive_flush_interval_us,
		.compress = to->archive_compress,
		.clock = a->clock,
		.budget = budget,
		.ops = &ops,
		.ctx = a,
	};
	enum err_code code;
	struct buf path;

	buf_init(&path, PATH_MAX);
	archive_path_write(to, a->pp->name, &path);
	o.file.path = buf_str(&path);
	code = buf_error(&path);
	if (code != ERR_OK)
		code = err_set(e, code, "no room for the path of an archive");
	else
		code = archive_new(&o, &a->archive, e);
	buf_done(&path);
	return code;
}

enum err_code archiving_new(struct pool *pool, const struct pool_pipeline *pp,
			    const struct clock *clock, struct budget *budget,
			    struct archiving **ret_a, struct err *e)
{
	struct archiving *a = mem_calloc(1, sizeof(*a));
	enum err_code code;

	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for an archive");
	a->pool = pool;
	a->pp = pp;
	a->clock = clock;
	a->to = webhook_settings(pp->webhook);
	a->is_all = archive_path_is_all(a->to);
	code = make_archive(a, budget, e);
	if (code != ERR_OK) {
		mem_free(a);
		return code;
	}
	*ret_a = a;
	return ERR_OK;
}

void archiving_free(struct archiving *a)
{
	if (!a)
		return;
	archive_free(a->archive);
	mem_free(a);
}

enum err_code archiving_start(struct archiving *a, struct err *e)
{
	return archive_start(a->archive, e);
}

void archiving_stop(struct archiving *a, int64_t deadline_us)
{
	archive_stop(a->archive, deadline_us);
}

/* ---- for the workers ---- */

bool archiving_is_all(const struct archiving *a)
{
	return a->is_all;
}

bool archiving_may_send(struct archiving *a)
{
	return archive_room(a->archive) > 0;
}

void archiving_put(struct archiving *a, struct event *list)
{
	archive_put(a->archive, list);
}

/* The ring waits for company, as for a request of several events: those that are held back there
 * hold up nothing. */
struct ring_batch archiving_batch(const struct archiving *a)
{
	return (struct ring_batch){
		.max_events = (size_t)a->to->archive_flush_every,
		.max_bytes = ARCHIVE_BATCH_BYTES,
		.delay_us = a->to->archive_flush_interval_us,
	};
}

void archiving_take(struct archiving *a, int64_t now_us)
{
	const struct ring_batch b = archiving_batch(a);
	struct event *list;

	if (breaker_stats(webhook_breaker(a->pp->webhook)).state == BREAKER_DISABLED)
		return;
	while (archive_room(a->archive) && (list = ring_take_batch(a->pp->ring, now_us, &b))) {
		list = park_sift(a->pp, a->clock, list);
		if (list)
			archive_put(a->archive, list);
	}
}

struct archive_stats archiving_stats(struct archiving *a)
{
	return archive_stats(a->archive);
}

const char *archiving_path(const struct archiving *a)
{
	return archive_path(a->archive);
}
