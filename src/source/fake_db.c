/* SPDX-License-Identifier: MIT */
#include "source/fake_db.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

static pthread_mutex_t fakes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_db *fakes;

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

struct fake_db *fake_db_find(const char *name)
{
	struct fake_db *db;

	(void)pthread_mutex_lock(&fakes_lock);
	for (db = fakes; db && strcmp(db->name, name) != 0; db = db->next)
		;
	(void)pthread_mutex_unlock(&fakes_lock);
	return db;
}

static void row_free(struct fake_row *row)
{
	event_free(row->event);
	mem_free(row);
}

void fake_db_free(struct fake_db *db)
{
	struct fake_db **at;
	struct fake_row *row;

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
	fake_db_parked_done(db);
	mutex_done(&db->lock);
	mem_free(db);
}

static void tell_change_locked(struct fake_db *db)
{
	db->changed = true;
	if (db->active)
		fd_wake(db->active->change_fd);
}

int64_t fake_db_add_locked(struct fake_db *db, const char *pipeline, const struct event_fields *f,
			   bool committed)
{
	struct fake_row *row = mem_calloc(1, sizeof(*row)), **at;
	struct event_fields own = *f;
	enum err_code code;

	assert(row);
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
	return own.id;
}

static int64_t add_row(struct fake_db *db, const char *pipeline, const struct event_fields *f,
		       bool committed)
{
	int64_t id;

	mutex_lock(&db->lock);
	id = fake_db_add_locked(db, pipeline, f, committed);
	mutex_unlock(&db->lock);
	return id;
}

int64_t fake_db_insert(struct fake_db *db, const char *pipeline, const struct event_fields *f)
{
	return add_row(db, pipeline, f, true);
}

int64_t fake_db_begin(struct fake_db *db, const char *pipeline, const struct event_fields *f)
{
	return add_row(db, pipeline, f, false);
}

int64_t fake_db_count_locked(const struct fake_db *db, const char *pipeline)
{
	const struct fake_row *row;
	int64_t n = 0;

	for (row = db->rows; row; row = row->next)
		n += strcmp(row->pipeline, pipeline) == 0;
	return n;
}

struct fake_row **fake_db_row_locked(struct fake_db *db, const char *pipeline, int64_t id)
{
	struct fake_row **at = &db->rows;

	while (*at && ((*at)->event->f.id != id || strcmp((*at)->pipeline, pipeline) != 0))
		at = &(*at)->next;
	return at;
}

void fake_db_commit(struct fake_db *db, const char *pipeline, int64_t id)
{
	struct fake_row *row;

	mutex_lock(&db->lock);
	row = *fake_db_row_locked(db, pipeline, id);
	assert(row && !row->committed);
	row->committed = true;
	tell_change_locked(db);
	mutex_unlock(&db->lock);
}

bool fake_db_drop_locked(struct fake_db *db, const char *pipeline, int64_t id)
{
	struct fake_row **at = fake_db_row_locked(db, pipeline, id), *row = *at;

	if (!row)
		return false;
	*at = row->next;
	row_free(row);
	db->stats.rows--;
	return true;
}

void fake_db_bury_locked(struct fake_db *db, const struct ack *a)
{
	db->stats.dead_letters++;
	db->stats.last_dead_id = a->id;
	db->stats.last_dead_attempts = a->attempts;
	(void)snprintf(db->stats.last_dead_reason, sizeof(db->stats.last_dead_reason), "%s",
		       a->reason ? a->reason : "");
}

void fake_db_rollback(struct fake_db *db, const char *pipeline, int64_t id)
{
	bool was_there;

	mutex_lock(&db->lock);
	was_there = fake_db_drop_locked(db, pipeline, id);
	mutex_unlock(&db->lock);
	assert(was_there);
	(void)was_there;
}

void fake_db_fail(struct fake_db *db, enum fake_call call, enum err_code code, int times)
{
	mutex_lock(&db->lock);
	db->failures[call] = (struct fake_failure){.code = code, .times = times};
	if (db->active)
		fd_wake(db->active->change_fd);
	mutex_unlock(&db->lock);
}

void fake_db_break_locked(struct fake_db *db)
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
	fake_db_break_locked(db);
	mutex_unlock(&db->lock);
}

void fake_db_set_identity(struct fake_db *db, const char *identity)
{
	mutex_lock(&db->lock);
	(void)snprintf(db->identity, sizeof(db->identity), "%s", identity);
	fake_db_break_locked(db);
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
