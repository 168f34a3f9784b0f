/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "daemon/governor.h"
#include "loopback.h"
#include "sink/http.h"

#define MB (1024LL * 1024)
#define S CLOCK_US_PER_S

static struct settings settings;

static struct governor *open_governor(void)
{
	struct governor *g = NULL;

	settings = (struct settings){.memory = {.max_bytes = 100 * MB, .reserve_bytes = 5 * MB},
				     .logging = {.queue_lines = 4096}};
	assert_int_equal(governor_new(&settings, clock_system(), &g, NULL), ERR_OK);
	return g;
}

/* Charge or release the ingest account until used is so many MB. */
static void use(const struct governor *g, int64_t mb)
{
	struct budget *b = governor_budget(g);
	int64_t now = (int64_t)budget_stats(b).used_bytes;

	if (mb * MB > now)
		budget_charge(b, BUDGET_INGEST, (size_t)(mb * MB - now));
	else
		budget_release(b, BUDGET_INGEST, (size_t)(now - mb * MB));
}

static void the_budget_is_that_of_the_settings_and_holds_the_log(void **state)
{
	struct governor *g = open_governor();
	struct budget_stats st = budget_stats(governor_budget(g));

	(void)state;
	assert_int_equal(st.max_bytes, 100 * MB);
	assert_int_equal(st.reserve_bytes, 5 * MB);
	assert_int_equal(st.used_bytes, log_queue_bytes(4096));
	settings.memory.max_bytes = 50 * MB;
	settings.logging.queue_lines = 16;
	governor_configure(g, &settings);
	st = budget_stats(governor_budget(g));
	assert_int_equal(st.max_bytes, 50 * MB);
	assert_int_equal(st.accounts[BUDGET_LOG].used_bytes, log_queue_bytes(16));
	governor_free(g);
	governor_free(NULL);
}

static void a_rise_is_told_at_once_and_a_fall_when_it_lasts(void **state)
{
	struct governor *g = open_governor();
	int64_t now = 100 * S, warnings = log_stats().warnings_logged;

	(void)state;
	assert_false(governor_tick(g, now));
	use(g, 71);
	assert_true(governor_tick(g, now += S));
	assert_false(governor_tick(g, now += S));
	assert_int_equal(log_stats().warnings_logged, warnings);
	use(g, 91);
	assert_true(governor_tick(g, now += S));
	assert_int_equal(log_stats().warnings_logged, warnings + 1);
	use(g, 10);
	assert_false(governor_tick(g, now += S));
	assert_false(governor_tick(g, now += GOVERNOR_CALM_US - 1));
	assert_true(governor_tick(g, now += 1));
	assert_false(governor_tick(g, now += GOVERNOR_CALM_US));
	governor_free(g);
}

static void one_that_flutters_is_told_once(void **state)
{
	struct governor *g = open_governor();
	int64_t now = 100 * S;
	int told = 0, i;

	(void)state;
	for (i = 0; i < 60; i++) {
		use(g, i % 2 ? 91 : 10);
		told += governor_tick(g, now += S);
	}
	assert_int_equal(told, 1);
	governor_free(g);
}

static void one_that_was_there_between_two_ticks_is_told(void **state)
{
	struct governor *g = open_governor();

	(void)state;
	use(g, 85);
	use(g, 10);
	assert_true(governor_tick(g, 100 * S));
	assert_false(governor_tick(g, 101 * S));
	governor_free(g);
}

static bool take(struct peer *p, struct peer_request *r)
{
	mutex_lock(&p->lock);
	(void)snprintf(p->ctx, 512, "%s", r->body);
	mutex_unlock(&p->lock);
	return peer_answer(r->fd, 200, "", "");
}

static bool has_taken(struct peer *p, const char *part)
{
	int64_t deadline_us = clock_now_us(clock_system()) + PEER_WAIT_US;
	bool found = false;

	while (!found && clock_now_us(clock_system()) < deadline_us) {
		mutex_lock(&p->lock);
		found = strstr(p->ctx, part) != NULL;
		mutex_unlock(&p->lock);
		(void)poll(NULL, 0, 1);
	}
	return found;
}

static void an_alert_goes_to_the_operator_s_url(void **state)
{
	static char body[512];
	struct governor *g = open_governor();
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, take, body));
	settings.memory.alert_url.value = p.url;
	governor_configure(g, &settings);
	use(g, 72);
	assert_true(governor_tick(g, S));
	use(g, 92);
	assert_true(governor_tick(g, 2 * S));
	assert_true(has_taken(&p, "\"type\":\"app_db_listener.memory\",\"level\":\"critical\","
				  "\"before\":\"attention\",\"used_bytes\":"));
	assert_true(has_taken(&p, "\"max_bytes\":104857600,\"largest\":\"ingest\",\"at\":\"2"));
	assert_int_equal(p.requests, 1);
	settings.memory.alert_url.value = NULL;
	governor_configure(g, &settings);
	use(g, 10);
	assert_false(governor_tick(g, 3 * S));
	assert_true(governor_tick(g, 20 * S));
	governor_free(g);
	peer_stop(&p);
	assert_int_equal(p.requests, 1);
}

static int group_open(void **state)
{
	(void)state;
	return http_global_start(NULL) != ERR_OK;
}

static int group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_budget_is_that_of_the_settings_and_holds_the_log),
		cmocka_unit_test(a_rise_is_told_at_once_and_a_fall_when_it_lasts),
		cmocka_unit_test(one_that_flutters_is_told_once),
		cmocka_unit_test(one_that_was_there_between_two_ticks_is_told),
		cmocka_unit_test(an_alert_goes_to_the_operator_s_url),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
