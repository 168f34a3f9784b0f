/* SPDX-License-Identifier: MIT */
/*
 * The plainest thing that keeps the contract: a list of rows, each of which knows whether it is
 * committed and whether the present connection has seen it. A read goes through all of them.
 */
#include "source/fake.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/thread.h"
#include "source/source.h"

struct row {
	struct row *next; /* rising by id within a pipeline */
	struct event *event;
	char pipeline[41];
	bool committed;
	bool seen; /* by the present connection */
};

struct failure {
	enum err_code code;
	int times;
};

struct fake_db {
	struct fake_db *next; /* guarded by fakes_lock, with the name */
	char name[64];

	struct mutex lock; /* all below */
	struct row *rows;
	int64_t last_id;
	char identity[64];
	char install_id[40];
	char warning[128];
	struct failure failures[FAKE_CALL_COUNT];
	struct fake_source *active;
	bool changed; /* a commit since the last read */
	struct fake_db_stats stats;
};

struct fake_source {
	struct source base;
	struct source_env env;
	struct fake_db *db;
	bool broken;       /* guarded by the db's lock */
	char identity[64]; /* of the last open */
	int change_fd;
	int interrupt_fd;
};

static pthread_mutex_t fakes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_db *fakes;

/* ---- the database ---- */

enum err_code fake_db_new(const char *name, struct fake_db **ret_db, struct err *e)
{
	struct fake_db *db = mem_calloc(1, sizeof(*db));

	if (!db)
		return err_set(e, ERR_NOMEM, "no memory for a fake database");
	(void)snprintf(db->name, sizeof(db->name), "%s", name);
	(void)snprintf(db->identity, sizeof(db->identity), "first");
	(void)snprintf(db->install_id, sizeof(db->install_id),
		       "00000000-0000-4000-8000-000000000001");
	mutex_init(&db->lock);
	(void)pthread_mutex_lock(&fakes_lock);
	db->next = fakes;
	fakes = db;
	(void)pthread_mutex_unlock(&fakes_lock);
	*ret_db = db;
	return ERR_OK;
}

static struct fake_db *fake_db_find(const char *name)
{
	struct fake_db *db;

	(void)pthread_mutex_lock(&fakes_lock);
	for (db = fakes; db && strcmp(db->name, name) != 0; db = db->next)
		;
	(void)pthread_mutex_unlock(&fakes_lock);
	return db;
}

static void row_free(struct row *row)
{
	event_free(row->event);
	mem_free(row);
}

void fake_db_free(struct fake_db *db)
{
	struct fake_db **at;
	struct row *row;

	if (!db)
		return;
	assert(!db->active);
	(void)pthread_mutex_lock(&fakes_lock);
	for (at = &fakes; *at != db; at = &(*at)->next)
		;
	*at = db->next;
	(void)pthread_mutex_unlock(&fakes_lock);
	while ((row = db->rows)) {
		db->rows = row->next;
		row_free(row);
	}
	mutex_done(&db->lock);
	mem_free(db);
}

static void tell_change_locked(struct fake_db *db)
{
	db->changed = true;
	if (db->active)
		fd_wake(db->active->change_fd);
}

static int64_t add_row(struct fake_db *db, const char *pipeline, const struct event_fields *f,
		       bool committed)
{
	struct row *row = mem_calloc(1, sizeof(*row)), **at;
	struct event_fields own = *f;
	enum err_code code;

	assert(row);
	mutex_lock(&db->lock);
	own.id = ++db->last_id;
	code = event_new(&own, &row->event, NULL);
	assert(code == ERR_OK);
	(void)code;
	(void)snprintf(row->pipeline, sizeof(row->pipeline), "%s", pipeline);
	row->committed = committed;
	for (at = &db->rows; *at; at = &(*at)->next)
		;
	*at = row;
	db->stats.rows++;
	if (committed)
		tell_change_locked(db);
	mutex_unlock(&db->lock);
	return own.id;
}

int64_t fake_db_insert(struct fake_db *db, const char *pipeline, const struct event_fields *f)
{
	return add_row(db, pipeline, f, true);
}

int64_t fake_db_begin(struct fake_db *db, const char *pipeline, const struct event_fields *f)
{
	return add_row(db, pipeline, f, false);
}

static struct row **find_row_locked(struct fake_db *db, const char *pipeline, int64_t id)
{
	struct row **at = &db->rows;

	while (*at && ((*at)->event->f.id != id || strcmp((*at)->pipeline, pipeline) != 0))
		at = &(*at)->next;
	return at;
}

void fake_db_commit(struct fake_db *db, const char *pipeline, int64_t id)
{
	struct row *row;

	mutex_lock(&db->lock);
	row = *find_row_locked(db, pipeline, id);
	assert(row && !row->committed);
	row->committed = true;
	tell_change_locked(db);
	mutex_unlock(&db->lock);
}

/* Take the row out; false when there is none. */
static bool drop_row_locked(struct fake_db *db, const char *pipeline, int64_t id)
{
	struct row **at = find_row_locked(db, pipeline, id), *row = *at;

	if (!row)
		return false;
	*at = row->next;
	row_free(row);
	db->stats.rows--;
	return true;
}

void fake_db_rollback(struct fake_db *db, const char *pipeline, int64_t id)
{
	bool was_there;

	mutex_lock(&db->lock);
	was_there = drop_row_locked(db, pipeline, id);
	mutex_unlock(&db->lock);
	assert(was_there);
	(void)was_there;
}

void fake_db_fail(struct fake_db *db, enum fake_call call, enum err_code code, int times)
{
	mutex_lock(&db->lock);
	db->failures[call] = (struct failure){.code = code, .times = times};
	if (db->active)
		fd_wake(db->active->change_fd);
	mutex_unlock(&db->lock);
}

/* The connection is gone; what waits in it wakes up. */
static void break_locked(struct fake_db *db)
{
	if (!db->active)
		return;
	db->active->broken = true;
	fd_wake(db->active->change_fd);
	db->active = NULL;
}

void fake_db_kill(struct fake_db *db)
{
	mutex_lock(&db->lock);
	break_locked(db);
	mutex_unlock(&db->lock);
}

void fake_db_set_identity(struct fake_db *db, const char *identity)
{
	mutex_lock(&db->lock);
	(void)snprintf(db->identity, sizeof(db->identity), "%s", identity);
	break_locked(db);
	mutex_unlock(&db->lock);
}

void fake_db_set_install_id(struct fake_db *db, const char *install_id)
{
	mutex_lock(&db->lock);
	(void)snprintf(db->install_id, sizeof(db->install_id), "%s", install_id);
	mutex_unlock(&db->lock);
}

void fake_db_set_warning(struct fake_db *db, const char *warning)
{
	mutex_lock(&db->lock);
	(void)snprintf(db->warning, sizeof(db->warning), "%s", warning);
	mutex_unlock(&db->lock);
}

struct fake_db_stats fake_db_stats(struct fake_db *db)
{
	struct fake_db_stats st;

	mutex_lock(&db->lock);
	st = db->stats;
	mutex_unlock(&db->lock);
	return st;
}

/* ---- the source ---- */

static struct fake_source *fake_of(struct source *s)
{
	return (struct fake_source *)(void *)s;
}

/* Count the call; fail it when told to, or when the connection is gone. */
static ATTR_MUST_CHECK enum err_code enter_locked(struct fake_source *s, enum fake_call call,
						  struct err *e)
{
	static const char *const names[] = {"open",        "hold", "read",
					    "acknowledge", "wait", "inspect"};
	struct failure *f = &s->db->failures[call];

	s->db->stats.calls[call]++;
	if (fd_wait(-1, s->interrupt_fd, 0, 0))
		return err_set(e, ERR_UNAVAILABLE, "interrupted");
	if (f->times > 0) {
		f->times--;
		if (f->code == ERR_UNAVAILABLE)
			break_locked(s->db);
		return err_set(e, f->code, "%s was told to fail", names[call]);
	}
	if (call != FAKE_OPEN && s->broken)
		return err_set(e, ERR_UNAVAILABLE, "connection lost: killed");
	return ERR_OK;
}

static void fake_close(struct source *base)
{
	struct fake_source *s = fake_of(base);

	mutex_lock(&s->db->lock);
	if (s->db->active == s)
		s->db->active = NULL;
	mutex_unlock(&s->db->lock);
}

static void fake_free(struct source *base)
{
	struct fake_source *s = fake_of(base);

	fake_close(base);
	fd_close(&s->change_fd);
	fd_close(&s->interrupt_fd);
	mem_free(s);
}

static enum err_code fake_new(const struct source_env *env, struct source **ret_s, struct err *e)
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
	struct row *row;
	size_t i;

	s->db->active = s;
	s->broken = false;
	s->db->changed = true;
	(void)snprintf(s->identity, sizeof(s->identity), "%s", s->db->identity);
	for (row = s->db->rows; row; row = row->next)
		row->seen = false;
	for (i = 0; i < s->env.pipeline_count; i++)
		if (strcmp(s->env.pipelines[i].install_id, s->db->install_id) != 0)
			(void)snprintf(s->env.pipelines[i].install_id,
				       sizeof(s->env.pipelines[i].install_id), "%s",
				       s->db->install_id);
}

static enum err_code fake_open(struct source *base, struct err *e)
{
	struct fake_source *s = fake_of(base);
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = enter_locked(s, FAKE_OPEN, e);
	if (code == ERR_OK && s->db->active && s->db->active != s)
		code = err_set(e, ERR_BUSY, "another daemon is active");
	if (code == ERR_OK)
		begin_session_locked(s);
	mutex_unlock(&s->db->lock);
	return code;
}

static const char *fake_identity(struct source *base)
{
	return fake_of(base)->identity;
}

static const char *pipeline_name(const struct fake_source *s, uint32_t p)
{
	return s->env.pipelines[p].settings->name;
}

static enum err_code fake_hold(struct source *base, uint32_t p, const int64_t *ids, size_t n,
			       struct err *e)
{
	struct fake_source *s = fake_of(base);
	enum err_code code;
	struct row *row;
	size_t i;

	mutex_lock(&s->db->lock);
	code = enter_locked(s, FAKE_HOLD, e);
	for (i = 0; code == ERR_OK && i < n; i++) {
		row = *find_row_locked(s->db, pipeline_name(s, p), ids[i]);
		if (row)
			row->seen = true;
		s->db->stats.held++;
	}
	mutex_unlock(&s->db->lock);
	return code;
}

/* The next row to hand out; NULL: none. */
static struct row *next_row_locked(struct fake_source *s, uint32_t p)
{
	struct row *row;

	for (row = s->db->rows; row; row = row->next)
		if (row->committed && !row->seen && strcmp(row->pipeline, pipeline_name(s, p)) == 0)
			return row;
	return NULL;
}

static ATTR_MUST_CHECK enum err_code read_locked(struct fake_source *s, uint32_t p,
						 struct source_limit limit, struct event **out,
						 size_t *ret_count, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t n = 0, bytes = 0;
	struct row *row;

	while (code == ERR_OK && n < limit.events && (row = next_row_locked(s, p))) {
		bytes += row->event->bytes;
		if (n && bytes > limit.bytes)
			break;
		code = event_new(&row->event->f, &out[n], e);
		if (code != ERR_OK)
			break;
		out[n++]->read_us = clock_now_us(s->env.clock);
		row->seen = true;
	}
	if (code != ERR_OK && n == 0)
		return code;
	*ret_count = n;
	return ERR_OK;
}

static enum err_code fake_read(struct source *base, uint32_t p, struct source_limit limit,
			       struct event **out, size_t *ret_count, bool *ret_more, struct err *e)
{
	struct fake_source *s = fake_of(base);
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = enter_locked(s, FAKE_READ, e);
	if (code == ERR_OK)
		code = read_locked(s, p, limit, out, ret_count, e);
	if (code == ERR_OK)
		*ret_more = next_row_locked(s, p) != NULL;
	s->db->changed = false;
	mutex_unlock(&s->db->lock);
	return code;
}

static void bury_locked(struct fake_db *db, const struct ack *a)
{
	db->stats.dead_letters++;
	db->stats.last_dead_id = a->id;
	db->stats.last_dead_attempts = a->attempts;
	(void)snprintf(db->stats.last_dead_reason, sizeof(db->stats.last_dead_reason), "%s",
		       a->reason ? a->reason : "");
}

static enum err_code fake_acknowledge(struct source *base, const struct ack *acks, size_t n,
				      struct err *e)
{
	struct fake_source *s = fake_of(base);
	enum err_code code;
	size_t i;

	mutex_lock(&s->db->lock);
	code = enter_locked(s, FAKE_ACKNOWLEDGE, e);
	for (i = 0; code == ERR_OK && i < n; i++)
		if (drop_row_locked(s->db, pipeline_name(s, acks[i].pipeline), acks[i].id) &&
		    acks[i].outcome == ACK_DEAD)
			bury_locked(s->db, &acks[i]);
	mutex_unlock(&s->db->lock);
	return code;
}

/* What there is to tell without waiting; 0: nothing. */
static ATTR_MUST_CHECK enum err_code look_around(struct fake_source *s, bool idle, bool first,
						 int *ret_woken, struct err *e)
{
	enum err_code code = ERR_OK;

	mutex_lock(&s->db->lock);
	if (first || s->broken || s->db->failures[FAKE_WAIT].times > 0)
		code = enter_locked(s, FAKE_WAIT, e);
	*ret_woken = code == ERR_OK && idle && s->db->changed ? SOURCE_WOKEN_CHANGE : 0;
	if (*ret_woken)
		s->db->changed = false;
	mutex_unlock(&s->db->lock);
	return code;
}

static enum err_code fake_wait(struct source *base, bool idle, int wake_fd, int64_t deadline_us,
			       int *ret_woken, struct err *e)
{
	struct fake_source *s = fake_of(base);
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

static enum err_code fake_inspect(struct source *base, struct source_status *ret_status,
				  struct err *e)
{
	struct fake_source *s = fake_of(base);
	struct source_status st = {.notify = true, .connections = 1, .dead_rows = -1};
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = enter_locked(s, FAKE_INSPECT, e);
	st.outbox_rows = (int64_t)s->db->stats.rows;
	st.dead_letters = (int64_t)s->db->stats.dead_letters;
	(void)snprintf(st.server, sizeof(st.server), "fake");
	(void)snprintf(st.warning, sizeof(st.warning), "%s", s->db->warning);
	mutex_unlock(&s->db->lock);
	if (code == ERR_OK)
		*ret_status = st;
	return code;
}

static void fake_interrupt(struct source *base)
{
	fd_wake(fake_of(base)->interrupt_fd);
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
	.acknowledge = fake_acknowledge,
	.wait = fake_wait,
	.inspect = fake_inspect,
	.interrupt = fake_interrupt,
};
