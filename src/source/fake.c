/* SPDX-License-Identifier: MIT */
#include "source/fake.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/fake_db.h"

#define FAKE_LETTER_AGE_US (3600 * CLOCK_US_PER_S)

enum err_code fake_source_enter_locked(struct fake_source *s, enum fake_call call, struct err *e)
{
	static const char *const names[] = {
		"open",    "hold",          "read",         "acknowledge", "wait",
		"inspect", "parked_list",   "parked_read",  "standing",    "purge",
		"reread",  "backfill_load", "backfill_page"};
	struct fake_failure *f = &s->db->failures[call];

	s->db->stats.calls[call]++;
	if (fd_wait(-1, s->interrupt_fd, 0, 0))
		return err_set(e, ERR_UNAVAILABLE, "interrupted");
	if (f->times > 0) {
		f->times--;
		if (f->code == ERR_UNAVAILABLE)
			fake_db_break_locked(s->db);
		return err_set(e, f->code, "%s was told to fail", names[call]);
	}
	if (call != FAKE_OPEN && s->broken)
		return err_set(e, ERR_UNAVAILABLE, "connection lost: killed");
	return ERR_OK;
}

static void fake_close(struct source *base)
{
	struct fake_source *s = fake_source_of(base);

	mutex_lock(&s->db->lock);
	if (s->db->active == s)
		s->db->active = NULL;
	mutex_unlock(&s->db->lock);
}

static void fake_free(struct source *base)
{
	struct fake_source *s = fake_source_of(base);

	fake_close(base);
	fd_close(&s->change_fd);
	fd_close(&s->interrupt_fd);
	mem_free(s);
}

static ATTR_MUST_CHECK enum err_code fake_new(const struct source_env *env, struct source **ret_s,
					      struct err *e)
{
	const char *name = env->settings->database ? env->settings->database : "";
	struct fake_db *db = fake_db_find(name);
	struct fake_source *s;
	enum err_code code;

	if (!db)
		return err_set(e, ERR_CONFIG, "there is no fake database \"%s\"", name);
	s = mem_calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base.ops = &source_fake;
	s->env = *env;
	s->db = db;
	s->change_fd = s->interrupt_fd = -1;
	code = fd_wake_open(&s->change_fd, e);
	if (code == ERR_OK)
		code = fd_wake_open(&s->interrupt_fd, e);
	if (code != ERR_OK) {
		fake_free(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

static void begin_session_locked(struct fake_source *s)
{
	struct fake_row *row;
	size_t i;

	s->db->active = s;
	s->broken = false;
	s->db->changed = true;
	(void)snprintf(s->identity, sizeof(s->identity), "%s", s->db->identity);
	for (row = s->db->rows; row; row = row->next)
		row->seen = row->left = row->told = false;
	for (i = 0; i < s->env.pipeline_count; i++)
		if (strcmp(s->env.pipelines[i].install_id, s->db->install_id) != 0)
			(void)snprintf(s->env.pipelines[i].install_id,
				       sizeof(s->env.pipelines[i].install_id), "%s",
				       s->db->install_id);
}

static ATTR_MUST_CHECK enum err_code fake_open(struct source *base, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_OPEN, e);
	if (code == ERR_OK && s->db->active && s->db->active != s)
		code = err_set(e, ERR_BUSY, "another daemon is active");
	if (code == ERR_OK)
		begin_session_locked(s);
	mutex_unlock(&s->db->lock);
	return code;
}

static const char *fake_identity(struct source *base)
{
	return fake_source_of(base)->identity;
}

static const char *pipeline_name(const struct fake_source *s, uint32_t p)
{
	return s->env.pipelines[p].settings->name;
}

static ATTR_MUST_CHECK enum err_code fake_hold(struct source *base, uint32_t p, const int64_t *ids,
					       size_t n, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	enum err_code code;
	struct fake_row *row;
	size_t i;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_HOLD, e);
	for (i = 0; code == ERR_OK && i < n; i++) {
		row = *fake_db_row_locked(s->db, pipeline_name(s, p), ids[i]);
		if (row)
			row->seen = true;
		s->db->stats.held++;
	}
	mutex_unlock(&s->db->lock);
	return code;
}

/* The next row to hand out, from this id on also of those that were left; NULL: none. */
static struct fake_row *next_row_locked(struct fake_source *s, uint32_t p, int64_t from)
{
	struct fake_row *row;

	for (row = s->db->rows; row; row = row->next) {
		bool wanted = !row->seen || (row->left && row->event->f.id >= from);

		if (row->committed && wanted && strcmp(row->pipeline, pipeline_name(s, p)) == 0)
			return row;
	}
	return NULL;
}

static ATTR_MUST_CHECK enum err_code read_locked(struct fake_source *s, uint32_t p,
						 struct source_limit limit, int64_t from,
						 struct event **out, size_t *ret_count,
						 struct err *e)
{
	enum err_code code = ERR_OK;
	size_t n = 0, bytes = 0;
	struct fake_row *row;

	while (code == ERR_OK && n < limit.events && (row = next_row_locked(s, p, from))) {
		bytes += row->event->bytes;
		if (n && bytes > limit.bytes)
			break;
		code = event_new(&row->event->f, &out[n], e);
		if (code != ERR_OK)
			break;
		out[n++]->read_us = clock_now_us(s->env.clock);
		row->seen = true;
		row->left = false;
	}
	if (code != ERR_OK && n == 0)
		return code;
	*ret_count = n;
	return ERR_OK;
}

/* Was something committed to another pipeline, maybe after that was read? */
static bool others_have_news_locked(const struct fake_source *s, uint32_t p)
{
	const struct fake_row *row;

	for (row = s->db->rows; row; row = row->next)
		if (row->committed && !row->seen && !row->told &&
		    strcmp(row->pipeline, pipeline_name(s, p)) != 0)
			return true;
	return false;
}

static ATTR_MUST_CHECK enum err_code fake_read(struct source *base, uint32_t p,
					       struct source_limit limit, struct event **out,
					       size_t *ret_count, bool *ret_more, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_READ, e);
	if (code == ERR_OK)
		code = read_locked(s, p, limit, INT64_MAX, out, ret_count, e);
	if (code == ERR_OK)
		*ret_more = next_row_locked(s, p, INT64_MAX) != NULL;
	s->db->changed = s->db->changed && others_have_news_locked(s, p);
	mutex_unlock(&s->db->lock);
	return code;
}

static void fake_leave(struct source *base, uint32_t p, const int64_t *ids, size_t n, int64_t from)
{
	struct fake_source *s = fake_source_of(base);
	struct fake_row *row;
	size_t i;

	(void)from;
	mutex_lock(&s->db->lock);
	for (i = 0; i < n; i++) {
		row = *fake_db_row_locked(s->db, pipeline_name(s, p), ids[i]);
		if (row)
			row->left = true;
	}
	mutex_unlock(&s->db->lock);
}

static bool fake_may_leave(struct source *base, uint32_t p)
{
	(void)base;
	(void)p;
	return true;
}

static ATTR_MUST_CHECK enum err_code fake_reread(struct source *base, uint32_t p,
						 struct source_limit limit, int64_t *from,
						 struct event **out, size_t *ret_count,
						 struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	int64_t last;
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_REREAD, e);
	if (code == ERR_OK)
		code = read_locked(s, p, limit, *from, out, ret_count, e);
	if (code == ERR_OK) {
		last = *ret_count ? out[*ret_count - 1]->f.id : 0;
		if (!next_row_locked(s, p, *from))
			*from = INT64_MAX;
		else if (last >= *from)
			*from = last + 1;
		s->db->stats.reread += (int64_t)*ret_count;
	}
	mutex_unlock(&s->db->lock);
	return code;
}

static void settle_locked(struct fake_source *s, const struct ack *a)
{
	const char *pipeline = pipeline_name(s, a->pipeline);

	if (a->from_parked)
		fake_db_parked_ack_locked(s->db, pipeline, a);
	else if (a->outcome == ACK_PARKED)
		fake_db_park_locked(s->db, pipeline, a);
	else if (fake_db_drop_locked(s->db, pipeline, a->id) && a->outcome == ACK_DEAD)
		fake_db_bury_locked(s->db, a);
}

static ATTR_MUST_CHECK enum err_code fake_acknowledge(struct source *base, const struct ack *acks,
						      size_t n, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	enum err_code code;
	size_t i;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_ACKNOWLEDGE, e);
	for (i = 0; code == ERR_OK && i < n; i++)
		settle_locked(s, &acks[i]);
	mutex_unlock(&s->db->lock);
	return code;
}

static void told_locked(struct fake_db *db)
{
	struct fake_row *row;

	db->changed = false;
	for (row = db->rows; row; row = row->next)
		row->told = row->committed;
}

/* What there is to tell without waiting; 0: nothing. */
static ATTR_MUST_CHECK enum err_code look_around(struct fake_source *s, bool idle, bool first,
						 int *ret_woken, struct err *e)
{
	enum err_code code = ERR_OK;

	mutex_lock(&s->db->lock);
	if (first || s->broken || s->db->failures[FAKE_WAIT].times > 0)
		code = fake_source_enter_locked(s, FAKE_WAIT, e);
	*ret_woken = code == ERR_OK && idle && s->db->changed ? SOURCE_WOKEN_CHANGE : 0;
	if (*ret_woken)
		told_locked(s->db);
	mutex_unlock(&s->db->lock);
	return code;
}

static ATTR_MUST_CHECK enum err_code fake_wait(struct source *base, bool idle, int wake_fd,
					       int64_t deadline_us, int *ret_woken, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	bool first = true;
	enum err_code code;
	int64_t now, next;
	int got;

	for (;; first = false) {
		code = look_around(s, idle, first, ret_woken, e);
		if (code != ERR_OK || *ret_woken)
			return code;
		now = clock_now_us(s->env.clock);
		if (now >= deadline_us)
			return ERR_OK;
		if (fd_wait(-1, s->interrupt_fd, now, now))
			return err_set(e, ERR_UNAVAILABLE, "interrupted");
		/* three descriptors and a wait for two: the interrupt is looked at now and then */
		next = now + 5 * CLOCK_US_PER_MS;
		got = fd_wait(s->change_fd, wake_fd, now, next < deadline_us ? next : deadline_us);
		if (got & FD_READY)
			(void)fd_wake_clear(s->change_fd);
		if (got & FD_WOKEN) {
			*ret_woken = SOURCE_WOKEN_CALLER;
			return ERR_OK;
		}
	}
}

static ATTR_MUST_CHECK enum err_code fake_inspect(struct source *base,
						  struct source_status *ret_status, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	struct source_status st = {.notify = true, .connections = 1, .dead_rows = -1};
	enum err_code code;
	size_t i;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_INSPECT, e);
	st.outbox_rows = (int64_t)s->db->stats.rows;
	for (i = 0; i < s->env.pipeline_count; i++)
		s->env.pipelines[i].outbox_rows =
			fake_db_count_locked(s->db, s->env.pipelines[i].settings->name);
	st.dead_letters = (int64_t)s->db->stats.dead_letters;
	st.parked = (int64_t)s->db->stats.parked;
	(void)snprintf(st.server, sizeof(st.server), "fake");
	(void)snprintf(st.warning, sizeof(st.warning), "%s", s->db->warning);
	mutex_unlock(&s->db->lock);
	if (code == ERR_OK)
		*ret_status = st;
	return code;
}

static ATTR_MUST_CHECK enum err_code fake_purge(struct source *base, uint32_t p,
						struct source_sweep *sweep, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	size_t n = 0;
	enum err_code code;

	(void)p;
	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_PURGE, e);
	if (code == ERR_OK && !sweep->delivered && sweep->older_than_us < FAKE_LETTER_AGE_US)
		n = (size_t)sweep->rows < s->db->stats.dead_letters ? (size_t)sweep->rows
								    : s->db->stats.dead_letters;
	s->db->stats.dead_letters -= n;
	if (code == ERR_OK) {
		sweep->purged = (int64_t)n;
		sweep->after_id = n && s->db->stats.dead_letters ? sweep->after_id + 1 : 0;
	}
	mutex_unlock(&s->db->lock);
	return code;
}

static void fake_interrupt(struct source *base)
{
	fd_wake(fake_source_of(base)->interrupt_fd);
}

const struct source_ops source_fake = {
	.type = "fake",
	.new = fake_new,
	.free = fake_free,
	.open = fake_open,
	.close = fake_close,
	.identity = fake_identity,
	.hold = fake_hold,
	.read = fake_read,
	.leave = fake_leave,
	.may_leave = fake_may_leave,
	.reread = fake_reread,
	.acknowledge = fake_acknowledge,
	.parked_list = fake_parked_list,
	.parked_read = fake_parked_read,
	.wait = fake_wait,
	.inspect = fake_inspect,
	.standing_load = fake_standing_load,
	.standing_save = fake_standing_save,
	.purge = fake_purge,
	.backfill_is_local = true,
	.backfill_load = fake_backfill_load,
	.backfill_page = fake_backfill_page,
	.backfill_fail = fake_backfill_fail,
	.interrupt = fake_interrupt,
};
