/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_case.h"
#include "base/thread.h"
#include "sink/archive.h"

#define IDS_BYTES 65536
#define DEADLINE_US (30 * CLOCK_US_PER_S)

/* A pipeline that notes what becomes of its events, and a disk. */
struct lab {
	struct archive *a;
	struct archive_options o;
	struct archive_io io;
	struct err e;
	_Atomic bool disk_full;
	_Atomic bool disk_dead;
	_Atomic int rooms;
	_Atomic int no_memory; /* renders that fail */
	_Atomic int no_refuse; /* refusals that fail */

	struct mutex lock;
	struct cond news;
	char done[IDS_BYTES];
	char refused[256];
	char given_back[IDS_BYTES];
	size_t outside; /* events that are with the archive */
};

static ssize_t lab_write(void *ctx, int fd, const void *bytes, size_t len, off_t at)
{
	struct lab *l = ctx;

	if (!atomic_load(&l->disk_full))
		return pwrite(fd, bytes, len, at);
	errno = ENOSPC;
	if (len < 8 || atomic_load(&l->disk_dead))
		return -1;
	return pwrite(fd, bytes, len / 2, at);
}

static int lab_truncate(void *ctx, int fd, off_t size)
{
	(void)ctx;
	return ftruncate(fd, size);
}

static int lab_sync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd);
}

/* Event 13 is not to be written. */
static enum err_code lab_render(void *ctx, const struct event *ev, struct buf *out, struct err *e)
{
	struct lab *l = ctx;

	if (atomic_load(&l->no_memory) > 0) {
		atomic_fetch_sub(&l->no_memory, 1);
		return err_set(e, ERR_NOMEM, "none");
	}
	if (ev->f.id == 13)
		return err_set(e, ERR_DATA, "unlucky");
	buf_add_fmt(out, "{\"id\":%lld,\n\"t\":%.*s}", (long long)ev->f.id, (int)ev->f.data.len,
		    ev->f.data.s);
	return ERR_OK;
}

static void note(struct lab *l, char *ids, size_t size, struct event *list)
{
	struct event *also;

	mutex_lock(&l->lock);
	for (; list; list = also) {
		also = list->also;
		(void)snprintf(ids + strlen(ids), size - strlen(ids), "%s%lld", *ids ? " " : "",
			       (long long)list->f.id);
		event_free(list);
		l->outside--;
	}
	cond_broadcast(&l->news);
	mutex_unlock(&l->lock);
}

static void lab_done(void *ctx, struct event *list)
{
	struct lab *l = ctx;

	note(l, l->done, sizeof(l->done), list);
}

static bool lab_refuse(void *ctx, struct event *ev, const char *why)
{
	struct lab *l = ctx;

	assert_string_equal(why, "unlucky");
	if (atomic_load(&l->no_refuse) > 0) {
		atomic_fetch_sub(&l->no_refuse, 1);
		return false;
	}
	note(l, l->refused, sizeof(l->refused), ev);
	return true;
}

static void lab_give_back(void *ctx, struct event *list)
{
	struct lab *l = ctx;

	note(l, l->given_back, sizeof(l->given_back), list);
}

static void lab_on_room(void *ctx)
{
	struct lab *l = ctx;

	atomic_fetch_add(&l->rooms, 1);
}

static const struct archive_ops lab_ops = {lab_render, lab_done, lab_refuse, lab_give_back,
					   lab_on_room};

static struct lab *lab_new(const struct archive_case *c, bool json)
{
	struct lab *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	mutex_init(&l->lock);
	cond_init(&l->news);
	l->io = (struct archive_io){lab_write, lab_truncate, lab_sync, l};
	l->o = (struct archive_options){
		.pipeline = "p",
		.file = {.path = c->path, .json = json, .io = &l->io},
		.flush_every = 10,
		.clock = clock_system(),
		.ops = &lab_ops,
		.ctx = l,
	};
	return l;
}

static void lab_start(struct lab *l)
{
	assert_int_equal(archive_new(&l->o, &l->a, &l->e), ERR_OK);
	assert_int_equal(archive_start(l->a, &l->e), ERR_OK);
}

static void lab_free(struct lab *l)
{
	archive_stop(l->a, clock_now_us(clock_system()) + DEADLINE_US);
	archive_free(l->a);
	assert_int_equal(l->outside, 0);
	cond_done(&l->news);
	mutex_done(&l->lock);
	free(l);
}

static struct event *make_list(int from, int to, const char *data)
{
	struct event *list = NULL, **end = &list;
	struct event_fields f = {.table = TEXT_LIT("t"), .data = text_of(data)};

	for (; from <= to; from++, end = &(*end)->also) {
		f.id = from;
		assert_int_equal(event_new(&f, end, NULL), ERR_OK);
	}
	return list;
}

static void put(struct lab *l, int from, int to)
{
	mutex_lock(&l->lock);
	l->outside += (size_t)(to - from + 1);
	mutex_unlock(&l->lock);
	archive_put(l->a, make_list(from, to, "1"));
}

static void wait_until_outside(struct lab *l, size_t n)
{
	int64_t deadline_us = clock_now_us(clock_system()) + DEADLINE_US;

	mutex_lock(&l->lock);
	while (l->outside > n && clock_now_us(clock_system()) < deadline_us)
		cond_wait_until(&l->news, &l->lock, deadline_us);
	assert_true(l->outside <= n);
	mutex_unlock(&l->lock);
}

static void wait_until_told_of_room(struct lab *l)
{
	int64_t deadline_us = clock_now_us(clock_system()) + DEADLINE_US;

	while (!atomic_load(&l->rooms) && clock_now_us(clock_system()) < deadline_us)
		(void)poll(NULL, 0, 1);
	assert_true(atomic_load(&l->rooms) > 0);
}

/* "from from+1 ... to" */
static const char *ids(int from, int to)
{
	static char text[IDS_BYTES];
	size_t len = 0;

	for (text[0] = '\0'; from <= to; from++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d", len ? " " : "",
					from);
	return text;
}

static void what_is_put_is_written_and_done_in_order(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, true);
	struct archive_stats s;
	int i;

	lab_start(l);
	for (i = 100; i < 1000; i += 9)
		put(l, i, i + 8);
	wait_until_outside(l, 0);
	assert_string_equal(l->done, ids(100, 999));
	assert_string_equal(archive_case_ids(c->path, true), ids(100, 999));
	s = archive_stats(l->a);
	assert_int_equal(s.events, 900);
	assert_true(s.flushes >= 90 && s.flushes <= 900);
	assert_true(s.bytes > 900 * 10 && s.file_bytes > s.bytes);
	assert_int_equal(s.errors, 0);
	lab_free(l);
}

static void events_wait_for_others_to_fill_a_write(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, false);

	l->o.flush_interval_us = 1000 * CLOCK_US_PER_S;
	lab_start(l);
	put(l, 20, 28);
	assert_int_equal(archive_room(l->a), 1);
	put(l, 29, 31);
	wait_until_outside(l, 2);
	assert_int_equal(archive_stats(l->a).flushes, 1);
	assert_string_equal(archive_case_ids(c->path, false), ids(20, 29));
	archive_stop(l->a, INT64_MAX);
	assert_int_equal(l->outside, 0);
	assert_string_equal(archive_case_ids(c->path, false), ids(20, 31));
	lab_free(l);
}

/* It waits for company no longer than that, however steadily that comes. */
static void the_oldest_decides_how_long_events_wait(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, false);
	int64_t deadline_us = clock_now_us(clock_system()) + DEADLINE_US / 2;
	int i;

	l->o.flush_every = 100000;
	l->o.flush_interval_us = 200 * CLOCK_US_PER_MS;
	lab_start(l);
	for (i = 100; !archive_stats(l->a).flushes; i++) {
		assert_true(clock_now_us(clock_system()) < deadline_us);
		put(l, i, i);
		(void)poll(NULL, 0, 5);
	}
	archive_stop(l->a, INT64_MAX);
	assert_string_equal(l->done, ids(100, i - 1));
	lab_free(l);
}

static void a_full_disk_pauses_and_ends_by_itself(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, true);
	int64_t deadline_us = clock_now_us(clock_system()) + DEADLINE_US;
	struct archive_stats s;

	lab_start(l);
	put(l, 20, 24);
	wait_until_outside(l, 0);
	atomic_store(&l->disk_full, true);
	put(l, 25, 34); /* one write */
	do
		s = archive_stats(l->a);
	while (!s.paused && clock_now_us(clock_system()) < deadline_us);
	assert_true(s.paused);
	assert_non_null(strstr(s.error, "No space left"));
	assert_non_null(strstr(s.error, c->path));
	assert_int_equal(archive_room(l->a), 0);
	assert_string_equal(l->done, ids(20, 24));
	atomic_store(&l->disk_full, false);
	wait_until_outside(l, 0);
	assert_string_equal(l->done, ids(20, 34));
	assert_string_equal(archive_case_ids(c->path, true), ids(20, 34));
	/* who found no room is told, without having to ask */
	wait_until_told_of_room(l);
	archive_stop(l->a, INT64_MAX);
	s = archive_stats(l->a);
	assert_false(s.paused);
	assert_true(s.errors >= 1);
	assert_string_equal(s.error, "");
	lab_free(l);
}

static void what_cannot_be_written_is_given_back_at_the_end(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, true);
	int64_t deadline_us = clock_now_us(clock_system()) + DEADLINE_US;

	lab_start(l);
	put(l, 20, 21);
	wait_until_outside(l, 0);
	atomic_store(&l->disk_dead, true);
	atomic_store(&l->disk_full, true);
	put(l, 22, 50);
	while (!archive_stats(l->a).paused && clock_now_us(clock_system()) < deadline_us)
		;
	archive_stop(l->a, INT64_MAX);
	assert_string_equal(l->given_back, ids(22, 50));
	assert_string_equal(l->done, ids(20, 21));
	lab_free(l);
}

static void at_its_deadline_it_writes_no_more(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, true);

	l->o.flush_interval_us = 1000 * CLOCK_US_PER_S;
	lab_start(l);
	put(l, 20, 25);
	archive_stop(l->a, 0);
	assert_string_equal(l->given_back, ids(20, 25));
	assert_string_equal(archive_case_ids(c->path, true), "");
	lab_free(l);
}

static void one_that_is_not_to_be_written_goes_its_own_way(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, false);

	l->o.flush_interval_us = 1000 * CLOCK_US_PER_S;
	lab_start(l);
	atomic_store(&l->no_memory, 1); /* which is tried again */
	put(l, 10, 19);
	wait_until_outside(l, 0);
	assert_string_equal(l->done, "10 11 12 14 15 16 17 18 19");
	assert_string_equal(l->refused, "13");
	assert_string_equal(archive_case_ids(c->path, false), l->done);
	lab_free(l);
}

static void a_pause_ends_when_its_last_event_is_refused(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, false);
	int64_t deadline_us = clock_now_us(clock_system()) + DEADLINE_US;

	lab_start(l);
	atomic_store(&l->no_memory, 1); /* pauses */
	put(l, 13, 13);
	wait_until_outside(l, 0);
	assert_string_equal(l->refused, "13");
	while (!archive_room(l->a) && clock_now_us(clock_system()) < deadline_us)
		(void)poll(NULL, 0, 1);
	assert_true(archive_room(l->a) > 0);
	assert_false(archive_stats(l->a).paused);
	assert_int_equal(archive_stats(l->a).flushes, 0);
	lab_free(l);
}

static void a_stop_does_not_wait_for_a_refusal_without_memory(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, false);

	lab_start(l);
	atomic_store(&l->no_refuse, 1000000);
	put(l, 13, 15);
	archive_stop(l->a, INT64_MAX);
	assert_string_equal(l->refused, "");
	assert_string_equal(l->given_back, "13 14 15");
	lab_free(l);
}

static void a_write_has_a_bound_in_bytes(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, true);
	char *big = calloc(1, 700001);

	assert_non_null(big);
	memset(big, ' ', 700000);
	big[0] = '1';
	l->o.flush_interval_us = 1000 * CLOCK_US_PER_S;
	lab_start(l);
	l->outside = 11;
	archive_put(l->a, make_list(20, 23, big));
	archive_put(l->a, make_list(24, 30, "1"));
	wait_until_outside(l, 1); /* the eleventh waits for company */
	assert_int_equal(archive_stats(l->a).flushes, 4);
	archive_stop(l->a, INT64_MAX);
	assert_string_equal(archive_case_ids(c->path, true), ids(20, 30));
	lab_free(l);
	free(big);
}

static void a_file_that_is_not_there_at_the_start_is_waited_for(void **state)
{
	struct archive_case *c = *state;
	char path[sizeof(c->path)], moved[160];
	struct lab *l;

	(void)snprintf(moved, sizeof(moved), "%s.dir", c->dir);
	(void)snprintf(path, sizeof(path), "%s", c->path);
	l = lab_new(c, true);
	assert_int_equal(rename(c->dir, moved), 0);
	lab_start(l);
	assert_true(archive_stats(l->a).paused);
	assert_int_equal(archive_room(l->a), 0);
	assert_int_equal(rename(moved, c->dir), 0);
	wait_until_told_of_room(l);
	put(l, 20, 22);
	wait_until_outside(l, 0);
	assert_string_equal(archive_case_ids(c->path, true), ids(20, 22));
	lab_free(l);
}

static void a_file_that_somebody_else_has_is_refused(void **state)
{
	struct archive_case *c = *state;
	struct lab *l = lab_new(c, true), *other = lab_new(c, true);

	lab_start(l);
	assert_int_equal(archive_new(&other->o, &other->a, &other->e), ERR_OK);
	assert_int_equal(archive_start(other->a, &other->e), ERR_BUSY);
	assert_non_null(strstr(other->e.msg, "archive of pipeline p: "));
	lab_free(other);
	lab_free(l);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, archive_case_setup, archive_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_put_is_written_and_done_in_order),
		CASE(events_wait_for_others_to_fill_a_write),
		CASE(the_oldest_decides_how_long_events_wait),
		CASE(a_full_disk_pauses_and_ends_by_itself),
		CASE(what_cannot_be_written_is_given_back_at_the_end),
		CASE(at_its_deadline_it_writes_no_more),
		CASE(one_that_is_not_to_be_written_goes_its_own_way),
		CASE(a_pause_ends_when_its_last_event_is_refused),
		CASE(a_stop_does_not_wait_for_a_refusal_without_memory),
		CASE(a_write_has_a_bound_in_bytes),
		CASE(a_file_that_is_not_there_at_the_start_is_waited_for),
		CASE(a_file_that_somebody_else_has_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
