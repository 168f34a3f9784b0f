/* SPDX-License-Identifier: MIT */
/*
 * webhook.archive_..., and a file as webhook.url.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "config/archive_path.h"
#include "config/env.h"
#include "config/load.h"

#define DATABASE "database: {type: sqlite, path: /d.db, table: t}\n"
#define TWO                                                                                        \
	"database: {type: sqlite, path: /d.db}\n"                                                  \
	"pipelines: [{name: a, table: t}, {name: b, table: u}]\n"

static enum err_code parse(const char *text, struct settings *s, struct buf *mistakes)
{
	buf_init(mistakes, 1 << 16);
	return config_parse("f", text_of(text), config_env_system(), s, mistakes, NULL);
}

static void assert_path(const char *text, const char *pipeline, const char *want, bool json)
{
	const struct webhook_settings *w;
	struct buf mistakes, path;
	struct settings s;

	if (parse(text, &s, &mistakes) != ERR_OK)
		fail_msg("%s%s", text, buf_str(&mistakes));
	w = &s.webhooks[0];
	assert_true(archive_path_is_given(w));
	buf_init(&path, 4096);
	archive_path_write(w, pipeline, &path);
	assert_string_equal(buf_str(&path), want);
	assert_int_equal(archive_path_is_json(w), json);
	buf_done(&path);
	buf_done(&mistakes);
	settings_done(&s);
}

static void a_path_is_that_of_the_url_or_of_its_own(void **state)
{
	(void)state;
	assert_path(DATABASE "webhook: {url: 'file:///var/x.ndjson'}\n", "default", "/var/x.ndjson",
		    false);
	assert_path(DATABASE "webhook: {url: 'FILE:///a%20b/%7e%3F.JSON'}\n", "default",
		    "/a b/~?.JSON", true);
	assert_path(DATABASE
		    "webhook: {url: 'http://h', archive: {path: 'x/{pipeline}%20.json'}}\n",
		    "shop", "x/shop%20.json", true);
	assert_path(DATABASE
		    "webhook: {url: 'http://h', archive: {path: x.json, format: ndjson}}\n",
		    "p", "x.json", false);
	assert_path(TWO "webhook: {url: 'file:///v/{pipeline}', archive_format: json}\n", "b",
		    "/v/b", true);
}

static const struct {
	const char *text, *mistake;
} mistakes_of[] = {
	{DATABASE "webhook: {url: 'file://x/y'}\n",
	 "f:2:16: webhook.url: must be file:///PATH, with the whole path\n"},
	{DATABASE "webhook: {url: 'file:///x?y'}\n",
	 "f:2:16: webhook.url: is a file: ? and # in its name are written %3F and %23\n"},
	{DATABASE "webhook: {url: 'file:///x%2'}\n",
	 "f:2:16: webhook.url: has a % that two hexadecimal digits of a character do not follow\n"},
	{DATABASE "webhook: {url: 'file:///x/'}\n",
	 "f:2:16: webhook.url: names a directory: it must be a file\n"},
	{DATABASE "webhook: {url: 'file:///{table}'}\n",
	 "f:2:16: webhook.url: may have no placeholder but {pipeline}: a file is of one "
	 "pipeline\n"},
	{DATABASE "webhook: {url: 'http://h', archive_fsync: false}\n",
	 "f:2:28: webhook.archive_fsync: needs archive_path, or a url that is a file\n"},
	{DATABASE "webhook: {url: 'http://h', archive_path: x, archive_keep: 3}\n",
	 "f:2:45: webhook.archive_keep: needs archive_rotate_size\n"},
	{DATABASE "webhook: {url: 'file:///x', archive_path: y}\n",
	 "f:2:29: webhook.archive_path: url is a file already: keep one of them\n"},
	{DATABASE "webhook: {url: 'file:///x', rate_limit: 1/s}\n",
	 "f:2:29: webhook.rate_limit: is for a receiver, and url is a file: keep one of them\n"},
	{DATABASE "webhook: {url: 'file:///x', archive_rotate_size: 1MB, max_body_bytes: 2MB}\n",
	 "f:2:29: webhook.archive_rotate_size: 1MB is less than one event may have, "
	 "max_body_bytes, which is 2MB\n"},
	{TWO "webhook: {url: 'http://h', archive_path: /x}\n",
	 "f:3:42: webhook.archive_path: pipelines a and b would both write /x: put {pipeline} into "
	 "it\n"},
	{TWO "webhook: {url: 'file:///x'}\n",
	 "f:3:16: webhook.url: pipelines a and b would both write /x: put {pipeline} into it\n"},
	{DATABASE "webhook: {url: 'file:///l'}\nlogging: {file: /l}\n",
	 "f:2:16: webhook.url: the log is written there already: logging.file\n"},
};

static void what_contradicts_itself_is_told_with_its_place(void **state)
{
	struct buf mistakes;
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(mistakes_of); i++) {
		assert_int_equal(parse(mistakes_of[i].text, &s, &mistakes), ERR_CONFIG);
		assert_string_equal(buf_str(&mistakes), mistakes_of[i].mistake);
		buf_done(&mistakes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_that_of_the_url_or_of_its_own),
		cmocka_unit_test(what_contradicts_itself_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
