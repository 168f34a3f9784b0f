/* SPDX-License-Identifier: MIT */
/* A whole engine that parks, with all its threads, while connections to the database are lost. */
#include "engine_fixture.h"

#define KEYS 40
#define EVENTS 1200

/* What the receiver takes, and what it took. */
struct book {
	bool is_poisoned; /* every fourth key fails */
	bool taken[EVENTS + 1];
	int last[KEYS]; /* by key: the latest that was taken */
	int count;
	int wrong; /* came after a later one of its key */
	int twice;
};

static int number_behind(const char *text, const char *mark)
{
	const char *at = strstr(text, mark);

	return at ? (int)strtol(at + strlen(mark), NULL, 10) : 0;
}

static bool serve_book(struct peer *p, struct peer_request *r)
{
	struct book *b = p->ctx;
	int id = (int)strtol(strrchr(r->id, '-') + 1, NULL, 10);
	int key = number_behind(r->body, "\"key\":{\"id\":");
	bool fails;

	mutex_lock(&p->lock);
	fails = b->is_poisoned && key % 4 == 0;
	if (!fails) {
		b->twice += b->taken[id];
		b->wrong += !b->taken[id] && id < b->last[key];
		b->count += !b->taken[id];
		b->taken[id] = true;
		b->last[key] = id > b->last[key] ? id : b->last[key];
	}
	mutex_unlock(&p->lock);
	return peer_answer(r->fd, fails ? 500 : 200, "", "");
}

static void set_poisoned(struct peer *p, struct book *b, bool yes)
{
	mutex_lock(&p->lock);
	b->is_poisoned = yes;
	mutex_unlock(&p->lock);
}

static int taken(struct peer *p, const struct book *b)
{
	int count;

	mutex_lock(&p->lock);
	count = b->count;
	mutex_unlock(&p->lock);
	return count;
}

static size_t rows_parked(struct fixture *f)
{
	return fake_db_stats(f->db).parked;
}

static void poison_waits_in_the_database_through_everything(void **state)
{
	int64_t steps[100];
	struct book b = {.is_poisoned = true};
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	for (i = 0; i < (int)ARRAY_LEN(steps); i++)
		steps[i] = 20 * CLOCK_US_PER_MS;
	assert_true(peer_start(&p, serve_book, &b));
	fixture_open_short(&f, p.url);
	f.webhooks[0].retry_count = 1;
	f.webhooks[0].retry_schedule =
		(struct duration_list){.items_us = steps, .count = ARRAY_LEN(steps)};
	f.webhooks[0].retry_parked_keys = 100;
	f.settings.queue.capacity = 100;
	fixture_start(&f);
	for (i = 0; i < EVENTS; i++) {
		fixture_insert(&f, "default", i % KEYS);
		if (i % 300 == 200)
			fake_db_kill(f.db);
		if (i % 40 == 39)
			FIXTURE_AWAIT(fixture_rows(&f) < 200);
		if (i == EVENTS / 2) {
			FIXTURE_AWAIT(rows_parked(&f) > 0);
			fixture_stop(&f, PEER_WAIT_US);
			fixture_start(&f);
		}
	}
	FIXTURE_AWAIT(taken(&p, &b) >= EVENTS * 3 / 4);
	assert_true(rows_parked(&f) > 0);
	set_poisoned(&p, &b, false);
	FIXTURE_AWAIT(rows_parked(&f) == 0 && fixture_rows(&f) == 0);
	assert_int_equal(fake_db_stats(f.db).dead_letters + (size_t)taken(&p, &b), EVENTS);
	fixture_close(&f);
	peer_stop(&p);
	assert_int_equal(b.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poison_waits_in_the_database_through_everything),
	};

	return cmocka_run_group_tests(tests, fixture_group_open, fixture_group_close);
}
