/* SPDX-License-Identifier: MIT */
/* What a client is answered. The server is the thing under test: it listens on loopback. */
#include "front_fixture.h"

#include <assert.h>

#include "certs.h"

static void an_event_is_stored_before_the_answer(void **state)
{
	struct reply r;

	(void)state;
	world_start();
	ask(&(struct question){.body = TEXT_LIT(EVENT)}, &r);
	assert_int_equal(r.status, 202);
	assert_string_equal(buf_str(&r.body), "{\"stored\":1}\n");
	assert_non_null(strstr(buf_str(&r.head), "Content-Type: application/json"));
	assert_string_equal(buf_str(&fake_inlet_store.rows), EVENT_SEEN);
	assert_int_equal(world.commits, 1);
	reply_done(&r);
	expect_post(TEXT_LIT("[" EVENT ",\n" EVENT "]"), 202, "{\"stored\":2}\n");
	expect(&(struct question){.headers = {"Content-Type: application/x-ndjson; charset=utf-8"},
				  .body = TEXT_LIT(EVENT "\n" EVENT "\n" EVENT "\n")},
	       202, "{\"stored\":3}\n");
	assert_int_equal(fake_inlet_store.row_count, 6);
	assert_int_equal(front_stats(world.front).accepted, 3);
	assert_int_equal(front_stats(world.front).events, 6);
}

static void heads_are_refused_for_what_they_are(void **state)
{
	static const struct {
		struct question q;
		long status;
		const char *header, *body;
	} cases[] = {
		{{.path = "/v1/event"}, 404, "", "there is /v1/events"},
		{{.path = "/"}, 404, "", ""},
		{{.method = "GET"}, 405, "Allow: POST", "only POST"},
		{{.method = "DELETE"}, 405, "Allow: POST", ""},
		{{.token = ""}, 401, "WWW-Authenticate: Bearer", "Authorization"},
		{{.token = TOKEN "x"}, 401, "WWW-Authenticate: Bearer", ""},
		{{.token = "a"}, 401, "", ""},
		{{.headers = {"Content-Type: text/plain"}}, 415, "", "application/x-ndjson"},
		{{.headers = {"Content-Type: application/jsonp"}}, 415, "", ""},
		{{.headers = {"Content-Type;"}}, 415, "", ""},
		{{.headers = {JSON_TYPE, "Content-Encoding: gzip"}}, 415, "", "Content-Encoding"},
		{{.headers = {JSON_TYPE, "Idempotency-Key;"}}, 400, "", "1 to 255 bytes"},
		{{.path = "/v1/events?source=nobody"}, 404, "", "has this name"},
	};
	struct reply r;
	size_t i;

	(void)state;
	world_start();
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ask(&cases[i].q, &r);
		if (r.status != cases[i].status || !strstr(buf_str(&r.body), cases[i].body) ||
		    !strstr(buf_str(&r.head), cases[i].header))
			fail_msg("case %zu: %ld\n%s%s", i, r.status, buf_str(&r.head),
				 buf_str(&r.body));
		reply_done(&r);
	}
	assert_int_equal(front_stats(world.front).refused_total, ARRAY_LEN(cases));
	assert_int_equal(front_stats(world.front).refused[REFUSAL_TOKEN], 3);
	assert_int_equal(fake_inlet_store.begins, 0);
	expect(&(struct question){.path = "/v1/events?source=push", .body = TEXT_LIT(EVENT)}, 202,
	       "");
}

static void several_sources_are_told_apart(void **state)
{
	(void)state;
	world.settings.inlet_count = 2;
	world_start();
	expect_post(TEXT_LIT(EVENT), 404, "?source=NAME");
	expect(&(struct question){.path = "/v1/events?source=other", .body = TEXT_LIT(EVENT)}, 202,
	       "");
}

static void bodies_are_refused_for_what_they_are(void **state)
{
	static const struct {
		struct text body;
		long status;
		const char *answer;
	} cases[] = {
		{TEXT_LIT(""), 400, "\"line\":1,\"column\":1"},
		{TEXT_LIT("[" EVENT ",\n  {\"table\" 7}]"), 400, "\"line\":2,\"column\":12"},
		{TEXT_LIT("[" EVENT ",{\"operation\":\"insert\"}]"), 422,
		 "\"index\":1,\"field\":\"table\""},
		{TEXT_LIT("[" EVENT ",{\"table\":\"unknown\",\"operation\":\"insert\",\"data\":{}}"
			  "]"),
		 422, "{\"error\":\"no such table\",\"index\":1,\"line\":1}"},
	};
	size_t i;

	(void)state;
	world_start();
	for (i = 0; i < ARRAY_LEN(cases); i++)
		expect_post(cases[i].body, cases[i].status, cases[i].answer);
	/* nothing of them was kept, and no transaction stands open in the way of others */
	expect_post(TEXT_LIT(EVENT), 202, "");
	world_stop();
	assert_int_equal(fake_inlet_store.row_count, 1);
	assert_int_equal(fake_inlet_store.commits, 1);
	assert_int_equal(fake_inlet_store.cancels, ARRAY_LEN(cases));
}

static void an_event_over_its_bound_is_named(void **state)
{
	struct buf body;

	(void)state;
	world.sources[0].max_event_bytes = 1000;
	world_start();
	buf_init(&body, 10000);
	buf_add_str(&body,
		    "[" EVENT ",{\"table\":\"t\",\"operation\":\"insert\",\"data\":{\"a\":\"");
	while (body.len < 2000)
		buf_add_char(&body, 'x');
	buf_add_str(&body, "\"}}]");
	expect_post(buf_text(&body), 413, "\"index\":1");
	buf_done(&body);
}

static void the_same_key_stores_once(void **state)
{
	const struct question q = {.headers = {JSON_TYPE, "Idempotency-Key: k1"},
				   .body = TEXT_LIT("[" EVENT "," EVENT "]")};
	struct question other = q;
	struct reply r;

	(void)state;
	world_start();
	ask(&q, &r);
	assert_int_equal(r.status, 202);
	assert_null(strstr(buf_str(&r.head), "Idempotent-Replayed"));
	reply_done(&r);
	ask(&q, &r);
	assert_int_equal(r.status, 202);
	assert_string_equal(buf_str(&r.body), "{\"stored\":2}\n");
	assert_non_null(strstr(buf_str(&r.head), "Idempotent-Replayed: true"));
	reply_done(&r);
	assert_int_equal(fake_inlet_store.row_count, 2);
	other.body = TEXT_LIT(EVENT);
	expect(&other, 422, "Idempotency-Key came before");
	/* somebody else's key is another */
	other.token = OTHER_TOKEN;
	expect(&other, 202, "");
	assert_int_equal(fake_inlet_store.row_count, 3);
	assert_int_equal(front_stats(world.front).duplicates, 1);
	assert_int_equal(front_stats(world.front).events, 3);
	/* a body that was refused does not use its key up */
	other.headers[1] = "Idempotency-Key: k2";
	other.body = TEXT_LIT("{");
	expect(&other, 400, "");
	other.body = TEXT_LIT(EVENT);
	expect(&other, 202, "");
}

/* The same as above, but the store is asked only for what is new: repetitions are answered even
 * while it is away. */
static void what_is_repeated_soon_is_answered_without_the_store(void **state)
{
	const struct question q = {.headers = {JSON_TYPE, "Idempotency-Key: k1"},
				   .body = TEXT_LIT("[" EVENT "," EVENT "]")};
	struct question other = q;
	struct ingest_stats s;
	struct reply r;

	(void)state;
	world.settings.ingest.idempotency_cache = 100;
	world.settings.ingest.idempotency_window_us = 60 * CLOCK_US_PER_S;
	world_start();
	expect(&q, 202, "");
	other.body = TEXT_LIT("{");
	other.headers[1] = "Idempotency-Key: k2";
	expect(&other, 400, "");
	fake_inlet_store.fails_begin = ERR_UNAVAILABLE;
	ask(&q, &r);
	assert_int_equal(r.status, 202);
	assert_string_equal(buf_str(&r.body), "{\"stored\":2}\n");
	assert_non_null(strstr(buf_str(&r.head), "Idempotent-Replayed: true"));
	reply_done(&r);
	other = q;
	other.body = TEXT_LIT(EVENT);
	expect(&other, 422, "Idempotency-Key came before");
	/* what is not known goes to the store: another token's, one that was refused, none */
	other.token = OTHER_TOKEN;
	expect(&other, 503, "");
	other = q;
	other.headers[1] = "Idempotency-Key: k2";
	expect(&other, 503, "");
	other.headers[1] = NULL;
	expect(&other, 503, "");
	assert_int_equal(fake_inlet_store.row_count, 2);
	s = front_stats(world.front);
	assert_int_equal(s.duplicates, 1);
	assert_int_equal(s.events, 2);
	assert_int_equal(s.recent.entries, 1);
	assert_int_equal(s.recent.hits, 2);
	assert_int_equal(s.recent.misses, 4);
	assert_int_equal(s.recent_percent, 33);
}

/* A repetition that only the store knew is as old as the store says, and no younger. */
static void a_repetition_does_not_make_a_key_recent(void **state)
{
	const struct question q = {.headers = {JSON_TYPE, "Idempotency-Key: k1"},
				   .body = TEXT_LIT(EVENT)};

	(void)state;
	world_start();
	expect(&q, 202, "");
	world_stop();
	budget_free(world.budget);
	world.settings.ingest.idempotency_cache = 100;
	world_start();
	expect(&q, 202, "");
	assert_int_equal(front_stats(world.front).duplicates, 1);
	assert_int_equal(front_stats(world.front).recent.entries, 0);
	fake_inlet_store.fails_begin = ERR_UNAVAILABLE;
	expect(&q, 503, "");
}

static void each_token_has_its_rate(void **state)
{
	struct reply r;

	(void)state;
	world.settings.ingest.rate_limit = (struct rate){2, 3600 * CLOCK_US_PER_S};
	world_start();
	expect_post(TEXT_LIT(EVENT), 202, "");
	expect_post(TEXT_LIT(EVENT), 202, "");
	ask(&(struct question){.body = TEXT_LIT(EVENT)}, &r);
	assert_int_equal(r.status, 429);
	/* half an hour, less what the test took */
	assert_non_null(strstr(buf_str(&r.head), "Retry-After: 1"));
	reply_done(&r);
	expect(&(struct question){.token = OTHER_TOKEN, .body = TEXT_LIT(EVENT)}, 202, "");
	assert_int_equal(front_stats(world.front).refused[REFUSAL_RATE], 1);
}

static void a_store_that_is_away_is_said(void **state)
{
	struct reply r;

	(void)state;
	world_start();
	fake_inlet_store.fails_begin = ERR_UNAVAILABLE;
	ask(&(struct question){.body = TEXT_LIT(EVENT)}, &r);
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(buf_str(&r.head), "Retry-After: 2"));
	assert_null(strstr(buf_str(&r.body), "begin fails"));
	reply_done(&r);
	fake_inlet_store.fails_begin = ERR_OK;
	fake_inlet_store.fails_commit = ERR_UNAVAILABLE;
	expect_post(TEXT_LIT(EVENT), 503, "");
	fake_inlet_store.fails_commit = ERR_OK;
	fake_inlet_store.fails_add = ERR_DB;
	expect_post(TEXT_LIT(EVENT), 503, "");
	fake_inlet_store.fails_add = ERR_FULL;
	expect_post(TEXT_LIT(EVENT), 413, "add fails");
	fake_inlet_store.fails_add = ERR_OK;
	assert_int_equal(fake_inlet_store.row_count, 0);
	expect_post(TEXT_LIT(EVENT), 202, "");
	fake_inlet_store.fails_begin = ERR_DATA; /* the key */
	expect_post(TEXT_LIT(EVENT), 400, "begin fails");
}

#define GROUP 5

/* One waits in begin; the others come meanwhile, and go together. */
static void group_start(struct asking all[static GROUP], const struct question q[static GROUP])
{
	int i;

	fake_inlet_hold(true);
	for (i = 0; i < GROUP; i++) {
		asking_start(&all[i], &q[i]);
		if (i == 0)
			fake_inlet_await_waiting();
	}
	await_stat(in_progress, GROUP);
	await_stat(bytes, (int64_t)(q[0].body.len + 4 * q[1].body.len));
}

static void what_waits_together_shares_a_commit(void **state)
{
	struct asking all[GROUP];
	struct question q[GROUP];
	int i;

	(void)state;
	world_start();
	for (i = 0; i < GROUP; i++)
		q[i] = (struct question){.body = TEXT_LIT(EVENT)};
	group_start(all, q);
	fake_inlet_hold(false);
	for (i = 0; i < GROUP; i++)
		asking_end(&all[i], 202);
	assert_int_equal(fake_inlet_store.row_count, GROUP);
	assert_true(fake_inlet_store.group_max > 1);
	assert_true(fake_inlet_store.commits < GROUP);
}

static void one_that_the_store_chokes_on_takes_nobody_along(void **state)
{
	struct asking all[GROUP];
	struct question q[GROUP];
	int i;

	(void)state;
	world_start();
	(void)snprintf(fake_inlet_store.poison, sizeof(fake_inlet_store.poison), "p");
	for (i = 0; i < GROUP; i++)
		q[i] = (struct question){.body = TEXT_LIT(EVENT)};
	q[2].body =
		TEXT_LIT("{\"table\":\"p\",\"operation\":\"insert\",\"key\":{\"id\":1},\"data\":{"
			 "\"a\":1}}");
	group_start(all, q);
	fake_inlet_hold(false);
	for (i = 0; i < GROUP; i++)
		asking_end(&all[i], i == 2 ? 503 : 202);
	assert_int_equal(fake_inlet_store.row_count, GROUP - 1);
}

static void world_start_tls(void)
{
	struct cert own = cert_new("127.0.0.1", NULL, 10);
	static char pem[96], key[96];

	(void)snprintf(pem, sizeof(pem), "%s/cert.pem", world.dir);
	(void)snprintf(key, sizeof(key), "%s/key.pem", world.dir);
	cert_write(&own, pem, key, NULL);
	cert_free(&own);
	world.settings.ingest.tls_cert = pem;
	world.settings.ingest.tls_key = key;
	world_start();
	assert_int_equal(unlink(pem) + unlink(key), 0);
}

static void tls_is_spoken_with_a_certificate(void **state)
{
	struct buf body;

	(void)state;
	world_start_tls();
	expect_post(TEXT_LIT(EVENT), 202, "{\"stored\":1}");
	expect(&(struct question){.token = ""}, 401, "");
	/* in the middle of a body nothing can be said over TLS: it is answered behind it */
	buf_init(&body, 1 << 20);
	while (body.len < (size_t)200000)
		buf_add_char(&body, ' ');
	world.settings.ingest.spill_dir[0] = '#';
	expect_post(buf_text(&body), 507, "");
	world.settings.ingest.spill_dir[0] = '/';
	buf_done(&body);
}

/* A body that is too large at once, and whose rest takes longer than idle_timeout and the look at
 * it. */
struct drip {
	int64_t until_us;
	bool begun;
	int64_t refused; /* before the last of it */
};

static size_t drip_read(char *out, size_t one, size_t n, void *ctx)
{
	struct drip *d = ctx;
	size_t len = d->begun ? 1 : 2000;

	assert(one * n >= 2000);
	if (d->begun)
		(void)poll(NULL, 0, 10);
	d->begun = true;
	d->refused = front_stats(world.front).refused[REFUSAL_SIZE];
	if (clock_now_us(clock_system()) >= d->until_us)
		return 0;
	memset(out, ' ', len);
	return len;
}

/* The status that such a sender hears; 0: none. */
static long drip_status(struct drip *d)
{
	const struct question q = {.headers = {JSON_TYPE, "Transfer-Encoding: chunked", "Expect:"}};
	struct curl_slist *headers;
	struct reply r = {.status = 0};
	CURL *curl = question_prepare(&q, &r, &headers);

	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, -1L);
	(void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, drip_read);
	(void)curl_easy_setopt(curl, CURLOPT_READDATA, d);
	d->until_us = clock_now_us(clock_system()) + 6 * CLOCK_US_PER_S / 5;
	if (curl_easy_perform(curl) == CURLE_OK)
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r.status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	reply_done(&r);
	return r.status;
}

static void over_tls_a_slow_sender_hears_of_its_refusal(void **state)
{
	struct drip d;
	long status = 0;
	int tries;

	(void)state;
	world.settings.ingest.max_body_bytes = 1000;
	world.settings.ingest.idle_timeout_us = CLOCK_US_PER_S / 2;
	world_start_tls();
	/* once more when it fell silent, on a machine that had no time for it for half a second */
	for (tries = 0; status != 413 && tries < 10; tries++) {
		d = (struct drip){.begun = false};
		status = drip_status(&d);
	}
	assert_int_equal(status, 413);
	assert_int_equal(d.refused, tries);
	assert_int_equal(front_stats(world.front).refused[REFUSAL_SIZE], tries);
}

static void without_address_or_source_nothing_listens(void **state)
{
	static char off[] = "off";
	struct front_options o = {.settings = &world.settings,
				  .clock = clock_system(),
				  .ops = &fake_inlet_ops,
				  .tally = &world.tally};
	struct front *f;
	struct err e;

	(void)state;
	world.settings.inlet_count = 0;
	assert_int_equal(front_start(&o, &f, &e), ERR_OK);
	assert_null(f);
	world.settings.inlet_count = 1;
	world.settings.ingest.listen = off;
	assert_int_equal(front_start(&o, &f, &e), ERR_OK);
	assert_null(f);
	assert_string_equal(front_address(f), "");
	assert_int_equal(front_stats(f).accepted, 0);
	front_stop(f, 0);
}

static void a_taken_port_is_an_error(void **state)
{
	struct front_options o = {.settings = &world.settings,
				  .clock = clock_system(),
				  .ops = &fake_inlet_ops,
				  .tally = &world.tally};
	static char taken[64], tls[] = "/nowhere.pem";
	struct front *f;
	struct err e;

	(void)state;
	world_start();
	(void)snprintf(taken, sizeof(taken), "%s", front_address(world.front));
	world.settings.ingest.listen = taken;
	assert_int_equal(front_start(&o, &f, &e), ERR_UNAVAILABLE);
	world.settings.ingest.tls_cert = tls;
	world.settings.ingest.tls_key = tls;
	assert_int_equal(front_start(&o, &f, &e), ERR_NOT_FOUND);
	world.settings.ingest.tls_cert = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_new, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_is_stored_before_the_answer),
		TEST(heads_are_refused_for_what_they_are),
		TEST(several_sources_are_told_apart),
		TEST(bodies_are_refused_for_what_they_are),
		TEST(an_event_over_its_bound_is_named),
		TEST(the_same_key_stores_once),
		TEST(what_is_repeated_soon_is_answered_without_the_store),
		TEST(a_repetition_does_not_make_a_key_recent),
		TEST(each_token_has_its_rate),
		TEST(a_store_that_is_away_is_said),
		TEST(what_waits_together_shares_a_commit),
		TEST(one_that_the_store_chokes_on_takes_nobody_along),
		TEST(tls_is_spoken_with_a_certificate),
		TEST(over_tls_a_slow_sender_hears_of_its_refusal),
		TEST(without_address_or_source_nothing_listens),
		TEST(a_taken_port_is_an_error),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
