/* SPDX-License-Identifier: MIT */
/* Several events in one request, and what becomes of each of them. */
#include "pool_fixture.h"

#define KEYS 32

/* What the receiver was given. */
struct book {
	int poison;            /* a request with this id is answered with */
	int status;            /* ... this one */
	int largest_ok;        /* larger requests get 413; 0: any */
	int last[KEYS];        /* by key: the latest id that was taken */
	int times[EVENTS_MAX]; /* by id: how often it was taken */
	int wrong;             /* out of order, or not an array */
	int largest;           /* events in a request */
	int smallest;
	int poison_alone;
	int requests;
	size_t largest_body;
	int failed;
	int down;                 /* so many requests get 503 before anything else */
	int slow_ms;              /* by event */
	char ids[EVENTS_MAX][64]; /* webhook-id by request */
};

struct line {
	int id;
	int key;
};

/* The events of an array; 0 when it is none. */
static int read_array(const struct peer_request *q, struct line *out)
{
	const char *at = q->body;
	int n = 0;

	if (q->body_len < 2 || q->body[0] != '[' || q->body[q->body_len - 1] != ']')
		return 0;
	while ((at = strstr(at, "\"id\":\"install-"))) {
		out[n].id = (int)strtol(at + 14, NULL, 10);
		at = strstr(at, "{\"k\":");
		out[n++].key = (int)strtol(at + 5, NULL, 10);
	}
	return n;
}

static int answer_for(struct book *b, const struct line *lines, int n)
{
	int i;

	if (b->down > 0) {
		b->down--;
		return 503;
	}

	if (b->largest_ok && n > b->largest_ok)
		return 413;
	for (i = 0; i < n; i++)
		if (lines[i].id == b->poison)
			return b->status;
	return 200;
}

static void note(struct book *b, const struct line *lines, int n, int status)
{
	int i;

	b->wrong += n == 0;
	b->largest = n > b->largest ? n : b->largest;
	b->smallest = n < b->smallest || !b->smallest ? n : b->smallest;
	b->failed += status != 200;
	b->poison_alone += status != 200 && n == 1;
	for (i = 0; status == 200 && i < n; i++) {
		b->wrong += lines[i].id <= b->last[lines[i].key];
		b->last[lines[i].key] = lines[i].id;
		b->times[lines[i].id]++;
	}
}

static bool serve_book(struct peer *p, struct peer_request *q)
{
	static __thread struct line lines[EVENTS_MAX];
	struct book *b = p->ctx;
	int n = read_array(q, lines), status;

	mutex_lock(&p->lock);
	status = answer_for(b, lines, n);
	note(b, lines, n, status);
	b->largest_body = q->body_len > b->largest_body ? q->body_len : b->largest_body;
	(void)snprintf(b->ids[b->requests++ % EVENTS_MAX], sizeof(b->ids[0]), "%s", q->id);
	mutex_unlock(&p->lock);
	if (b->slow_ms)
		(void)peer_pause(p, b->slow_ms * n);
	return peer_answer(q->fd, status, "", "told");
}

/* Settings may be changed until start. */
static void open_batches(struct rig *r, struct peer *p, struct book *b, int max_in_flight)
{
	assert_true(peer_start(p, serve_book, b));
	settings_init(&r->settings[0], p->url);
	r->settings[0].batch_max_events = 100;
	r->settings[0].batch_max_bytes = 1 << 20;
	r->settings[0].max_in_flight = max_in_flight;
}

/* With count events inside. */
static void start(struct rig *r, int count, int keys)
{
	static const size_t first[] = {0};
	int i;

	rig_open(r, 1, first, r->settings[0].max_in_flight > 1 ? 3 : 1);
	for (i = 1; i <= count; i++)
		push(r, 0, i, i % keys);
	assert_int_equal(pool_start(r->pool, NULL), ERR_OK);
}

static int count_dead(const struct rig *r)
{
	int dead = 0;
	size_t i;

	for (i = 0; i < r->got_count; i++)
		dead += r->got[i].outcome == ACK_DEAD;
	return dead;
}

/* One that was read at that time. */
static void push_read(struct rig *r, int id, int64_t read_us)
{
	const struct event_fields f = {
		.id = id, .op = OP_DELETE, .table = TEXT_LIT("t"), .key = TEXT_LIT("{\"k\":1}")};
	struct event *ev;

	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	ev->read_us = read_us;
	assert_int_equal(ring_push(r->ring[0], &ev), ERR_OK);
}

static void close_batches(struct rig *r, struct peer *p, const struct book *b)
{
	UNTIL(ring_stats(r->ring[0]).events == 0); /* the acknowledgement comes first */
	rig_close(r);
	peer_stop(p);
	assert_int_equal(b->wrong, 0);
}

static void assert_all_but_the_poison_taken(const struct rig *r, const struct book *b, int count)
{
	size_t i;
	int id, dead = 0;

	assert_int_equal(r->got_count, count);
	for (i = 0; i < r->got_count; i++) {
		if (r->got[i].outcome == ACK_DELIVERED)
			continue;
		dead++;
		assert_int_equal(r->got[i].id, b->poison);
	}
	assert_int_equal(dead, b->poison ? 1 : 0);
	for (id = 1; id <= count; id++)
		assert_int_equal(b->times[id], id != b->poison);
}

static void what_is_ready_goes_together_and_is_acknowledged_singly(void **state)
{
	struct webhook_stats s;
	struct rig r = {0};
	struct book b = {0};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	start(&r, 250, 25);
	await(&r, 250);
	assert_all_but_the_poison_taken(&r, &b, 250);
	assert_int_equal(b.requests, 3);
	assert_int_equal(b.largest, 100);
	assert_int_equal(b.smallest, 50);
	s = webhook_stats(r.webhook[0]);
	assert_int_equal(s.attempts, 3);
	assert_int_equal(s.batch_events, 250);
	assert_int_equal(s.delivered, 250);
	close_batches(&r, &p, &b);
}

static void a_hot_key_fills_a_request_in_its_order(void **state)
{
	struct rig r = {0};
	struct book b = {0};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 16);
	start(&r, 300, 1);
	await(&r, 300);
	assert_int_equal(b.requests, 3);
	assert_all_but_the_poison_taken(&r, &b, 300);
	close_batches(&r, &p, &b);
}

static void one_event_is_an_array_too(void **state)
{
	struct rig r = {0};
	struct book b = {0};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	start(&r, 1, 1);
	await(&r, 1);
	assert_string_equal(b.ids[0], "install-1");
	close_batches(&r, &p, &b);
}

static void a_poison_event_is_found_and_dies_alone(void **state)
{
	static const struct {
		int status, keys, max_in_flight, attempts;
	} cases[] = {
		{400, 25, 1, 1}, {400, 1, 16, 1}, {422, 7, 16, 1},
		{500, 25, 1, 4}, {500, 1, 16, 4}, {500, 7, 16, 4},
	};
	struct webhook_stats s;
	struct peer p;
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r = {0};
		struct book b = {.poison = 137, .status = cases[i].status};

		open_batches(&r, &p, &b, cases[i].max_in_flight);
		start(&r, 250, cases[i].keys);
		await(&r, 250);
		assert_all_but_the_poison_taken(&r, &b, 250);
		for (k = 0; k < r.got_count; k++)
			if (r.got[k].outcome == ACK_DEAD)
				assert_int_equal(r.got[k].attempts, cases[i].attempts);
		assert_int_equal(b.poison_alone, cases[i].attempts);
		s = webhook_stats(r.webhook[0]);
		assert_true(s.split >= 1 && s.split <= 7);
		assert_int_equal(s.refused + s.exhausted, 1);
		close_batches(&r, &p, &b);
	}
}

static void the_order_of_a_key_holds_in_the_acknowledgements_of_a_split(void **state)
{
	struct rig r = {0};
	struct book b = {.poison = 50, .status = 400};
	int64_t last[7] = {0};
	struct peer p;
	size_t i;

	(void)state;
	open_batches(&r, &p, &b, 16);
	start(&r, 200, 7);
	await(&r, 200);
	for (i = 0; i < 200; i++) {
		assert_true(r.got[i].id > last[r.got[i].id % 7]);
		last[r.got[i].id % 7] = r.got[i].id;
	}
	close_batches(&r, &p, &b);
}

static void too_large_a_request_is_split_and_kills_nothing(void **state)
{
	struct rig r = {0};
	struct book b = {.largest_ok = 30};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 4);
	start(&r, 400, 9);
	await(&r, 400);
	assert_all_but_the_poison_taken(&r, &b, 400);
	close_batches(&r, &p, &b);
}

static void an_outage_splits_nothing_and_counts_for_nobody(void **state)
{
	struct webhook_stats s;
	struct rig r = {0};
	struct book b = {.down = 6};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	r.settings[0].breaker_failures = 2;
	r.settings[0].retry_count = 0;
	start(&r, 200, 25);
	await(&r, 200);
	assert_all_but_the_poison_taken(&r, &b, 200);
	s = webhook_stats(r.webhook[0]);
	assert_int_equal(s.split, 0);
	assert_int_equal(s.batch_size, 100);
	/* of one event: the probe that closed the breaker */
	assert_int_equal(b.smallest, 1);
	assert_int_equal(b.largest, 100);
	close_batches(&r, &p, &b);
}

static void what_takes_too_long_gets_smaller(void **state)
{
	struct rig r = {0};
	struct book b = {.slow_ms = 5};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	r.settings[0].timeout_us = 300 * MS;
	r.settings[0].retry_count = 1000;
	start(&r, 120, 25);
	await(&r, 120);
	assert_true(webhook_stats(r.webhook[0]).batch_size < 60);
	assert_int_equal(count_dead(&r), 0);
	UNTIL(ring_stats(r.ring[0]).events == 0);
	rig_close(&r);
	peer_stop(&p);
}

static void a_body_keeps_batch_max_bytes(void **state)
{
	struct rig r = {0};
	struct book b = {0};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	r.settings[0].batch_max_bytes = 2000;
	start(&r, 100, 25);
	await(&r, 100);
	assert_all_but_the_poison_taken(&r, &b, 100);
	assert_in_range(b.largest_body, 1500, 2000);
	close_batches(&r, &p, &b);
}

static void events_wait_for_others_as_long_as_they_may(void **state)
{
	struct rig r = {0};
	struct book b = {0};
	struct peer p;
	int64_t start_us;
	int i;

	(void)state;
	open_batches(&r, &p, &b, 1);
	r.settings[0].batch_max_delay_us = 300 * MS;
	start(&r, 0, 1);
	ring_pause(r.ring[0], true);
	start_us = now();
	for (i = 1; i <= 30; i++)
		push_read(&r, i, start_us);
	ring_pause(r.ring[0], false);
	await(&r, 30);
	assert_true(now() - start_us >= 300 * MS);
	assert_int_equal(b.requests, 1);
	/* a full one does not wait */
	start_us = now() + 3600 * CLOCK_US_PER_S;
	for (i = 31; i <= 130; i++)
		push_read(&r, i, start_us);
	await(&r, 130);
	assert_int_equal(b.requests, 2);
	close_batches(&r, &p, &b);
}

static void the_id_of_a_request_is_that_of_its_events(void **state)
{
	struct rig r = {0};
	struct book b = {.down = 2};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	start(&r, 50, 25);
	await(&r, 50);
	assert_int_equal(b.requests, 3);
	assert_int_equal(strncmp(b.ids[0], "install-b", 9), 0);
	assert_string_equal(b.ids[0], b.ids[1]);
	assert_string_equal(b.ids[0], b.ids[2]);
	close_batches(&r, &p, &b);
}

static void stopping_gives_all_of_them_back(void **state)
{
	struct rig r = {0};
	struct book b = {.slow_ms = 1000};
	struct peer p;

	(void)state;
	open_batches(&r, &p, &b, 1);
	start(&r, 50, 3);
	UNTIL(ring_stats(r.ring[0]).inflight == 50);
	pool_stop(r.pool, now());
	assert_no_acks(&r);
	assert_int_equal(ring_stats(r.ring[0]).inflight, 0);
	assert_int_equal(ring_stats(r.ring[0]).ready, 3);
	rig_close(&r);
	peer_stop(&p);
}

/* Of one key, so that what is before and behind the large one waits for it. */
static void an_event_too_large_dies_alone_and_without_an_attempt(void **state)
{
	static char text[2000];
	struct event_fields f = {.id = 51, .table = TEXT_LIT("t"), .key = TEXT_LIT("{\"k\":0}")};
	struct webhook_stats s;
	struct rig r = {0};
	struct book b = {.poison = 51};
	struct event *ev;
	struct peer p;
	int i;

	(void)state;
	open_batches(&r, &p, &b, 16);
	r.settings[0].max_body_bytes = 1024;
	r.settings[0].oversized = WEBHOOK_OVERSIZED_DEAD_LETTER;
	(void)snprintf(text, sizeof(text), "{\"a\":\"%01500d\"}", 0);
	f.data = text_of(text);
	start(&r, 50, 1);
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	assert_int_equal(ring_push(r.ring[0], &ev), ERR_OK);
	for (i = 52; i <= 100; i++)
		push(&r, 0, i, 0);
	await(&r, 100);
	assert_all_but_the_poison_taken(&r, &b, 100);
	assert_int_equal(r.got[50].attempts, 0);
	assert_int_equal(r.got[50].last_status, 0);
	assert_non_null(strstr(r.got[50].reason, "bytes, max_body_bytes is 1024"));
	s = webhook_stats(r.webhook[0]);
	assert_int_equal(s.attempts, b.requests);
	assert_int_equal(b.failed, 0);
	assert_int_equal(s.oversized, 1);
	assert_int_equal(s.refused + s.exhausted + s.held, 0);
	close_batches(&r, &p, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_too_large_dies_alone_and_without_an_attempt),
		cmocka_unit_test(what_is_ready_goes_together_and_is_acknowledged_singly),
		cmocka_unit_test(a_hot_key_fills_a_request_in_its_order),
		cmocka_unit_test(one_event_is_an_array_too),
		cmocka_unit_test(a_poison_event_is_found_and_dies_alone),
		cmocka_unit_test(the_order_of_a_key_holds_in_the_acknowledgements_of_a_split),
		cmocka_unit_test(too_large_a_request_is_split_and_kills_nothing),
		cmocka_unit_test(an_outage_splits_nothing_and_counts_for_nobody),
		cmocka_unit_test(what_takes_too_long_gets_smaller),
		cmocka_unit_test(a_body_keeps_batch_max_bytes),
		cmocka_unit_test(events_wait_for_others_as_long_as_they_may),
		cmocka_unit_test(the_id_of_a_request_is_that_of_its_events),
		cmocka_unit_test(stopping_gives_all_of_them_back),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
