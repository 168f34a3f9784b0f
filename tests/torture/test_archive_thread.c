/* SPDX-License-Identifier: MIT */
/*
 * An archive's thread while each allocation and each call about a file fails in turn: each event is
 * written, refused or given back, once.
 */
#include "archive_world.h"

#include "base/thread.h"
#include "sink/archive.h"

#define DEADLINE_US (60 * CLOCK_US_PER_S)

/* ---- a pipeline ---- */

struct pipeline {
	struct mutex lock;
	struct cond news;
	int done, given_back, refused;
	int next; /* that has to be done */
};

/* Event 4 is not to be written. */
static enum err_code pipe_render(void *ctx, const struct event *ev, struct buf *out, struct err *e)
{
	(void)ctx;
	if (ev->f.id == 4)
		return err_set(e, ERR_DATA, "unlucky");
	/* a line end that has to go, and no JSON */
	buf_add_fmt(out, ev->f.id % 2 ? "{\"id\":%lld,\n\"t\":1}" : "{\"id\":%lld,}",
		    (long long)ev->f.id);
	return buf_error(out) == ERR_OK ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}

static int pipe_take(struct pipeline *p, struct event *list)
{
	struct event *also;
	int n = 0;

	(void)p;
	for (; list; list = also, n++) {
		also = list->also;
		event_free(list);
	}
	return n;
}

static void pipe_done(void *ctx, struct event *list)
{
	struct pipeline *p = ctx;
	int n = pipe_take(p, list);

	mutex_lock(&p->lock);
	p->done += n;
	cond_broadcast(&p->news);
	mutex_unlock(&p->lock);
}

static bool pipe_refuse(void *ctx, struct event *ev, const char *why)
{
	struct pipeline *p = ctx;

	assert_string_equal(why, "unlucky");
	(void)pipe_take(p, ev);
	mutex_lock(&p->lock);
	p->refused++;
	mutex_unlock(&p->lock);
	return true;
}

static void pipe_give_back(void *ctx, struct event *list)
{
	struct pipeline *p = ctx;
	int n = pipe_take(p, list);

	mutex_lock(&p->lock);
	p->given_back += n;
	mutex_unlock(&p->lock);
}

static void pipe_room(void *ctx)
{
	(void)ctx;
}

static const struct archive_ops pipe_ops = {pipe_render, pipe_done, pipe_refuse, pipe_give_back,
					    pipe_room};

#define EVENTS 8

static void put_all(struct archive *a, struct pipeline *p)
{
	struct event_fields f = {.table = TEXT_LIT("t"), .data = TEXT_LIT("1")};
	int64_t until_us = clock_now_us(clock_system()) + DEADLINE_US;
	struct event *ev;
	int i;

	for (i = 1; i <= EVENTS; i++) {
		f.id = i;
		assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
		archive_put(a, ev);
		/* until it is clear what becomes of it */
		mutex_lock(&p->lock);
		while (p->done + p->refused < i && clock_now_us(clock_system()) < until_us) {
			mutex_unlock(&p->lock);
			if (archive_stats(a).paused)
				until_us = 0;
			mutex_lock(&p->lock);
			if (until_us)
				cond_wait_until(&p->news, &p->lock,
						clock_now_us(clock_system()) + CLOCK_US_PER_MS);
		}
		mutex_unlock(&p->lock);
	}
}

/* Lines that are no record of ours are theirs: {"unreadable":...} */
static int count_lines(const struct lab *l)
{
	struct archive_read *r;
	struct text record;
	int n = 0;

	if (archive_read_open(l->files->path, refuse_torn, NULL, &r, NULL) != ERR_OK)
		return 0;
	while (archive_read_next(r, &record, NULL) == ERR_OK && record.s)
		n++;
	archive_read_close(r);
	return n;
}

static enum err_code thread_life(void *ctx)
{
	struct lab *l = ctx;
	struct pipeline p = {.done = 0};
	const struct archive_options o = {
		.pipeline = "p",
		.file = {.path = l->files->path, .json = l->json, .rotate_bytes = ROTATE_BYTES},
		.flush_every = 2,
		.compress = true,
		.clock = clock_system(),
		.budget = l->budget,
		.ops = &pipe_ops,
		.ctx = &p};
	struct archive_file f;
	struct archive *a = NULL;
	struct err e = {.code = ERR_OK};
	enum err_code code;
	int lines;

	l->descriptors = torture_descriptors(NULL);
	mutex_init(&p.lock);
	cond_init(&p.news);
	code = archive_new(&o, &a, &e);
	if (code == ERR_OK) {
		code = archive_start(a, &e);
		torture_suspend();
		if (code == ERR_OK)
			put_all(a, &p);
		torture_resume();
		archive_stop(a, clock_now_us(clock_system()) + DEADLINE_US);
	}
	archive_free(a);
	torture_end();
	if (code == ERR_OK)
		assert_int_equal(p.done + p.refused + p.given_back, EVENTS);
	if (!torture_fails())
		assert_int_equal(p.done, EVENTS - 1);
	assert_int_equal(archive_file_init(&f, &o.file, NULL), ERR_OK);
	assert_int_equal(archive_file_open(&f, &e), ERR_OK);
	archive_file_done(&f);
	lines = count_lines(l);
	assert_true(lines >= p.done);
	files_parse(l);
	assert_int_equal(torture_descriptors(NULL), l->descriptors);
	assert_int_equal(budget_stats(l->budget).used_bytes, 0);
	cond_done(&p.news);
	mutex_done(&p.lock);
	clear(l);
	return judged(l, code);
}

static void what_is_put_is_written_or_given_back(void **state)
{
	struct lab *l = *state;

	l->json = true;
	assert_true(torture_sample(TORTURE_MEMORY, 100, thread_life, l) >= 10);
	for (l->kind = TORTURE_ERROR; l->kind <= TORTURE_EINTR; l->kind++)
		assert_true(torture_sample(l->kind, 60, thread_life, l) >= 10);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_put_is_written_or_given_back),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("torture/archive_thread", tests, NULL, NULL);
}
