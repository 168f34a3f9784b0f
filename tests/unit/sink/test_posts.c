/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink/posts.h"

#define MB ((size_t)1024 * 1024)

static size_t charged(const struct posts *p)
{
	return budget_stats(p->budget).accounts[BUDGET_BODY].used_bytes;
}

static void open_posts(struct posts *p)
{
	const struct budget_options o = {.max_bytes = 64 * MB};

	*p = (struct posts){0};
	assert_int_equal(budget_new(&o, &p->budget, NULL), ERR_OK);
}

static void close_posts(struct posts *p)
{
	posts_done(p);
	assert_int_equal(charged(p), 0);
	budget_free(p->budget);
}

static struct http_request *fill(struct posts *p, size_t bytes)
{
	struct http_request *r = posts_get(p);

	assert_non_null(r);
	assert_int_equal(buf_reserve(&r->body, bytes), ERR_OK);
	buf_add_str(&r->body, "{}");
	buf_add_str(&r->lines, "a: b");
	posts_charge(p, r);
	return r;
}

static void what_a_request_holds_is_charged_and_what_curl_copies(void **state)
{
	struct posts p;
	struct http_request *small, *large;

	(void)state;
	open_posts(&p);
	small = fill(&p, 1000);
	assert_true(charged(&p) >= 2 * small->body.cap);
	large = fill(&p, MB);
	assert_true(charged(&p) >= 2 * small->body.cap + MB + POSTS_COPIED_BYTES);
	assert_true(charged(&p) <= 3 * small->body.cap + large->body.cap + 2 * POSTS_COPIED_BYTES);
	posts_put(&p, large);
	posts_put(&p, small);
	close_posts(&p);
}

static void a_large_body_is_given_back_and_a_small_one_kept_with_its_charge(void **state)
{
	struct posts p;
	struct http_request *r;
	size_t kept;

	(void)state;
	open_posts(&p);
	posts_put(&p, fill(&p, 4 * MB));
	assert_true(charged(&p) < 1000);
	posts_put(&p, fill(&p, 10000));
	kept = charged(&p);
	assert_true(kept >= 10000);
	/* the next of its size changes nothing */
	r = fill(&p, 9000);
	assert_int_equal(charged(&p), kept);
	posts_put(&p, r);
	assert_int_equal(charged(&p), kept);
	posts_trim(&p);
	posts_trim(&p);
	assert_int_equal(charged(&p), 0);
	close_posts(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_request_holds_is_charged_and_what_curl_copies),
		cmocka_unit_test(a_large_body_is_given_back_and_a_small_one_kept_with_its_charge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
