/* SPDX-License-Identifier: MIT */
/*
 * A whole engine with large rows: what it allocates of the size of payload, whoever does it, is
 * charged to the budget at every moment.
 */
#include "engine_fixture.h"

#include "base/mem.h"
#include "core/budget.h"
#include "payload_watch.h"

#define KB ((size_t)1024)
#define MB ((size_t)1024 * KB)
#define ROW_BYTES (100 * KB)
#define ROWS 300
#define LARGE_BYTES (700 * KB)
#define LARGE_ROWS 20
#define PAYLOAD_BYTES (16 * KB) /* what is smaller is no row of this test, nor a part of one */

struct load {
	struct fixture f;
	struct budget *budget;
	struct peer p;
};

/* Takes the body in small pieces, so that nothing of it is held by the receiver. */
static bool swallow(struct peer *p, struct peer_request *r)
{
	char piece[4096], length[32];
	size_t left;
	ssize_t n;

	peer_header(r, "Content-Length", length, sizeof(length));
	for (left = strtoul(length, NULL, 10); left; left -= (size_t)n) {
		n = peer_readable(p, r->fd)
			    ? read(r->fd, piece, left < sizeof(piece) ? left : sizeof(piece))
			    : -1;
		if (n <= 0)
			return false;
	}
	return peer_answer(r->fd, 200, "", "");
}

static void change_rows(struct fixture *f, enum op op, size_t rows, size_t bytes)
{
	struct event_fields fields = {.op = op,
				      .schema = TEXT_LIT("public"),
				      .table = TEXT_LIT("items"),
				      .changed_at = TEXT_LIT("2026-03-01T12:00:00.000000Z")};
	char *data = mem_alloc(bytes + 1), key[32];
	size_t i;

	assert_non_null(data);
	for (i = 0; i < bytes; i++)
		data[i] = (char)('a' + i * 7919 % 26);
	memcpy(data, "{\"t\":\"", 6);
	memcpy(data + bytes - 2, "\"}", 3);
	for (i = 0; i < rows; i++) {
		(void)snprintf(key, sizeof(key), "{\"id\":%zu}", i);
		fields.key = text_of(key);
		fields.data = text_of(data);
		if (op == OP_UPDATE)
			fields.old_data = fields.data;
		(void)fake_db_insert(f->db, "default", &fields);
	}
	mem_free(data);
}

static void open_load(struct load *l, size_t max)
{
	const struct budget_options o = {.max_bytes = max};
	struct source_settings *s;

	assert_true(peer_open(&l->p, swallow, NULL));
	l->p.unread = true;
	assert_true(peer_go(&l->p));
	fixture_open_short(&l->f, l->p.url);
	s = &l->f.sources[0];
	s->max_event_bytes = (int64_t)ROW_BYTES + 1000;
	l->f.settings.queue.max_bytes = (int64_t)max / 2;
	assert_int_equal(budget_new(&o, &l->budget, NULL), ERR_OK);
}

/* All rows through, watched; everything that is charged is given back at the end. */
static struct payload_watch_stats run_load(struct load *l, enum op op, size_t rows, size_t bytes)
{
	struct payload_watch_stats w;

	change_rows(&l->f, op, rows, bytes);
	payload_watch_start(l->budget, PAYLOAD_BYTES);
	assert_int_equal(engine_new(&l->f.settings, l->budget, clock_system(), &l->f.engine, NULL),
			 ERR_OK);
	assert_int_equal(engine_start(l->f.engine, NULL), ERR_OK);
	FIXTURE_AWAIT(fixture_rows(&l->f) == 0);
	w = payload_watch_stop();
	fixture_stop(&l->f, PEER_WAIT_US);
	print_message("# %lld allocations, peak %zu kB, at most %zu kB beyond the %zu kB charged "
		      "(by one of %zu kB); budget's peak %zu kB of %zu kB\n",
		      (long long)w.samples, w.peak_bytes / KB, w.excess_bytes / KB,
		      w.charged_bytes / KB, w.size_bytes / KB,
		      budget_stats(l->budget).peak_bytes / KB,
		      budget_stats(l->budget).max_bytes / KB);
	assert_int_equal(budget_stats(l->budget).used_bytes, 0);
	assert_true(w.samples >= (int64_t)rows);
	assert_true(w.peak_bytes > 5 * ROW_BYTES);
	return w;
}

static void close_load(struct load *l)
{
	fixture_close(&l->f);
	peer_stop(&l->p);
	budget_free(l->budget);
}

/* What may be there before it is charged: of each of the two workers the body that it writes at
 * this moment, in two pieces while it grows. */
#define SLACK (2 * 3 * ROW_BYTES)

static void no_row_is_held_outside_the_budget(void **state)
{
	static struct load l;
	struct payload_watch_stats w;

	(void)state;
	open_load(&l, 16 * MB);
	w = run_load(&l, OP_INSERT, ROWS, ROW_BYTES);
	assert_true(w.excess_bytes <= SLACK);
	assert_true(budget_stats(l.budget).peak_bytes <= 16 * MB);
	close_load(&l);
}

static void nor_in_batches_that_are_compressed(void **state)
{
	static struct load l;
	struct payload_watch_stats w;

	(void)state;
	open_load(&l, 16 * MB);
	l.f.webhooks[0].batch_max_events = 10;
	l.f.webhooks[0].batch_max_bytes = 4 * ROW_BYTES;
	l.f.webhooks[0].compression = WEBHOOK_COMPRESSION_GZIP;
	w = run_load(&l, OP_INSERT, ROWS, ROW_BYTES);
	assert_true(w.excess_bytes <= 4 * SLACK);
	close_load(&l);
}

/* The least budget that a configuration may have for such rows (config/memory.c), and what the
 * queue has of it then: updates with all of a large row before and after go through, and are
 * charged no more than that, with what a worker and its handles take beside rows. Half as much,
 * which is four times max_event_bytes, would be passed by one of them. */
static void the_least_budget_holds_the_largest_updates(void **state)
{
	static struct load l;
	size_t row = LARGE_BYTES + 1000, peak;

	(void)state;
	open_load(&l, 8 * row + MB);
	l.f.sources[0].max_event_bytes = (int64_t)row;
	l.f.settings.queue.max_bytes = (int64_t)(2 * row);
	(void)run_load(&l, OP_UPDATE, LARGE_ROWS, LARGE_BYTES);
	peak = budget_stats(l.budget).peak_bytes;
	assert_true(peak > 4 * row + MB);
	assert_true(peak <= 8 * row + MB);
	close_load(&l);
}

/* The watch itself: what nobody charged is seen. */
static void the_watch_sees_what_was_not_charged(void **state)
{
	static struct load l;
	struct payload_watch_stats w;

	(void)state;
	open_load(&l, 64 * MB);
	change_rows(&l.f, OP_INSERT, ROWS, ROW_BYTES);
	payload_watch_start(l.budget, PAYLOAD_BYTES);
	assert_int_equal(engine_new(&l.f.settings, NULL, clock_system(), &l.f.engine, NULL),
			 ERR_OK);
	assert_int_equal(engine_start(l.f.engine, NULL), ERR_OK);
	FIXTURE_AWAIT(fixture_rows(&l.f) == 0);
	w = payload_watch_stop();
	fixture_stop(&l.f, PEER_WAIT_US);
	assert_true(w.excess_bytes > SLACK);
	close_load(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_row_is_held_outside_the_budget),
		cmocka_unit_test(nor_in_batches_that_are_compressed),
		cmocka_unit_test(the_least_budget_holds_the_largest_updates),
		cmocka_unit_test(the_watch_sees_what_was_not_charged),
	};

	return cmocka_run_group_tests(tests, fixture_group_open, fixture_group_close);
}
