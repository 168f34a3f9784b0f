/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/column_rules.h"
#include "source/column_check.h"

static char shop[] = "shop", crm[] = "crm", search[] = "search", audit[] = "audit";
static char email[] = "users.email", mail[] = "mail", id[] = "i*", key[] = "orders.id";
static char *hashed[] = {email, mail, NULL}, *excluded[] = {key, NULL}, *included[] = {id, NULL};
static char mask_key[] = "0123456789abcdef0123456789abcdef";

static void note(void *ctx, const struct finding *f)
{
	assert_int_equal(f->level, FINDING_WARN);
	buf_add_fmt(ctx, "%s: %s\n", f->subject, f->message);
}

static void add(struct tables *list, size_t pipeline, const char *name, bool is_known)
{
	static const struct table_settings any = {0};
	struct table *t = NULL;

	assert_int_equal(tables_add(list, pipeline, &any, "public", name, &t, NULL), ERR_OK);
	if (!is_known)
		return;
	assert_int_equal(table_list_add(&t->columns, "id", NULL), ERR_OK);
	assert_int_equal(table_list_add(&t->columns, "email", NULL), ERR_OK);
	assert_int_equal(table_list_add(&t->key, "id", NULL), ERR_OK);
}

/* Two sources; users and orders of the first go to search. */
static void assert_findings(struct webhook_settings *w, size_t other_webhook, bool is_known,
			    const char *want)
{
	struct webhook_settings webhooks[] = {*w, {.name = audit}};
	struct source_settings sources[] = {{.name = shop}, {.name = crm}};
	struct pipeline_settings pipelines[] = {{.source = 0, .webhook = 0},
						{.source = 1, .webhook = other_webhook}};
	const struct settings s = {.sources = sources,
				   .source_count = 2,
				   .webhooks = webhooks,
				   .webhook_count = 2,
				   .pipelines = pipelines,
				   .pipeline_count = 2};
	struct tables list = {0};
	struct buf out;
	const struct install_options o = {.on_finding = note, .ctx = &out};

	webhooks[0].name = search;
	assert_int_equal(column_rules_new(w, &webhooks[0].column_rules, NULL), ERR_OK);
	add(&list, 0, "users", true);
	add(&list, 0, "orders", is_known);
	buf_init(&out, 1 << 20);
	column_check(&s, 0, &list, &o);
	assert_string_equal(buf_str(&out), want);
	buf_done(&out);
	tables_done(&list);
	column_rules_free(webhooks[0].column_rules);
}

static void a_pattern_that_means_no_column_is_told(void **state)
{
	struct webhook_settings w = {.mask_hash = {hashed, 2}, .mask_key = {mask_key}};

	(void)state;
	assert_findings(&w, 1, true, "search: mask_hash: mail is no column of what it is sent\n");
}

static void nothing_is_told_where_it_may_mean_a_column_nobody_knows(void **state)
{
	struct webhook_settings w = {.mask_hash = {hashed, 2}, .mask_key = {mask_key}};

	(void)state;
	assert_findings(&w, 0, true, "");
	assert_findings(&w, 1, false, "");
}

static void a_key_that_is_not_sent_is_told(void **state)
{
	struct webhook_settings w = {.columns_exclude = {excluded, 1}};

	(void)state;
	assert_findings(&w, 1, true,
			"public.orders: column id of its key is not sent to webhook search\n");
	w = (struct webhook_settings){.columns_include = {included, 1}};
	assert_findings(&w, 1, true, "");
	included[0] = email;
	assert_findings(&w, 1, true,
			"public.users: column id of its key is not sent to webhook search\n"
			"public.orders: column id of its key is not sent to webhook search\n");
	included[0] = id;
}

static void without_rules_nothing_is_told(void **state)
{
	struct webhook_settings w = {.name = NULL};

	(void)state;
	assert_findings(&w, 1, true, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_that_means_no_column_is_told),
		cmocka_unit_test(nothing_is_told_where_it_may_mean_a_column_nobody_knows),
		cmocka_unit_test(a_key_that_is_not_sent_is_told),
		cmocka_unit_test(without_rules_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
