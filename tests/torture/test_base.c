/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "base/mem.h"
#include "base/thread.h"
#include "torture.h"

static enum err_code life_of_mem(void *ctx)
{
	enum err_code code = ERR_NOMEM;
	char *a = mem_alloc(10), *b = mem_calloc(2, 10), *c = mem_strdup("text"),
	     *d = mem_strndup("text", 2), *grown;

	(void)ctx;
	if (!a || !b || !c || !d)
		goto out;
	grown = mem_realloc(a, 1000);
	if (!grown)
		goto out;
	a = grown;
	code = ERR_OK;
out:
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(d);
	return code;
}

static void mem_answers_null(void **state)
{
	(void)state;
	assert_int_equal(torture_run(life_of_mem, NULL), 5);
}

/* After the failure the buffer holds what it had before, and stays so. */
static enum err_code life_of_buf(void *ctx)
{
	struct buf b;
	enum err_code code;
	size_t len, i;

	(void)ctx;
	buf_init(&b, 100000);
	for (i = 0; i < 5000 && buf_error(&b) == ERR_OK; i++)
		buf_add_str(&b, "0123456789");
	len = b.len;
	assert_int_equal(len % 10, 0);
	if (buf_error(&b) != ERR_OK) {
		assert_true(len == 10 * (i - 1));
		buf_add_fmt(&b, "%d", 1);
		buf_add_i64(&b, -1);
		assert_int_equal(b.len, len);
		assert_null(buf_take(&b));
	}
	assert_int_equal(strlen(buf_str(&b)), len);
	code = buf_error(&b);
	buf_done(&b);
	return code;
}

static void buf_keeps_what_it_had(void **state)
{
	(void)state;
	assert_true(torture_run(life_of_buf, NULL) > 5);
}

static enum err_code life_of_taken_buf(void *ctx)
{
	struct buf b;
	char *taken;

	(void)ctx;
	buf_init(&b, 10);
	taken = buf_take(&b);
	if (!taken)
		return ERR_NOMEM;
	mem_free(taken);
	return ERR_OK;
}

static void buf_take_of_nothing_may_fail(void **state)
{
	(void)state;
	assert_int_equal(torture_run(life_of_taken_buf, NULL), 1);
}

static enum err_code life_of_json(void *ctx)
{
	struct buf b;
	struct json j;
	enum err_code code;
	int i;

	(void)ctx;
	buf_init(&b, 100000);
	json_begin(&j, &b);
	json_open_object(&j, NULL);
	json_open_array(&j, "list");
	for (i = 0; i < 100; i++)
		json_str(&j, NULL, "some \"text\"\n\x01");
	json_end(&j);
	json_f64(&j, "f", 1.5, 3);
	json_end(&j);
	code = buf_error(&b);
	buf_done(&b);
	return code;
}

static void json_sticks_to_the_error(void **state)
{
	(void)state;
	assert_true(torture_run(life_of_json, NULL) > 3);
}

static enum err_code life_of_read_file(void *ctx)
{
	struct buf b;
	struct err e = {.code = ERR_OK};
	enum err_code code;

	(void)ctx;
	buf_init(&b, 1 << 20);
	code = fd_read_file("/proc/self/maps", &b, &e);
	if (code == ERR_NOMEM)
		assert_non_null(strstr(e.msg, "no memory"));
	buf_done(&b);
	return code;
}

static void read_file_says_no_memory(void **state)
{
	(void)state;
	assert_true(torture_run(life_of_read_file, NULL) >= 1);
}

static void set_flag(void *arg)
{
	*(int *)arg = 1;
}

static enum err_code life_of_thread(void *ctx)
{
	struct thread t;
	int flag = 0;
	enum err_code code = thread_start(&t, "torture", 0, set_flag, &flag, NULL);

	(void)ctx;
	thread_join(&t);
	assert_int_equal(flag, code == ERR_OK);
	return code;
}

static void thread_start_starts_or_says_why_not(void **state)
{
	(void)state;
	assert_true(torture_run(life_of_thread, NULL) >= 1);
}

static enum err_code life_of_log_queue(void *ctx)
{
	struct log_queue q;
	enum err_code code = log_queue_init(&q, 10, NULL);

	(void)ctx;
	if (code != ERR_OK)
		return code;
	assert_true(log_queue_push(&q, "line\n", 5));
	log_queue_done(&q);
	return ERR_OK;
}

static void log_queue_is_made_whole_or_not(void **state)
{
	(void)state;
	assert_int_equal(torture_run(life_of_log_queue, NULL), 2);
}

/* Logging itself allocates nothing: lines written while memory is short arrive all the same. */
static enum err_code life_of_log(void *ctx)
{
	const char *path = ctx;
	struct log_options o = {.file = path,
				.level = LOG_LEVEL_INFO,
				.format = LOG_FORMAT_JSON,
				.rotate_bytes = 100,
				.rotate_keep = 1,
				.queue_lines = 10};
	struct err e;
	enum err_code code = log_start(&o, &e);

	if (code != ERR_OK)
		return code;
	log_set_context("source", "shop");
	log_info("one", LOG_S("key", "a \"value\" of some length"), LOG_F("real", 1.5));
	log_error("two", LOG_I("number", 2));
	log_reopen();
	log_stop();
	log_set_context(NULL, NULL);
	assert_int_equal(log_stats().lines_written, 2);
	return ERR_OK;
}

static void log_start_starts_or_leaves_nothing(void **state)
{
	char dir[] = "/tmp/torture.XXXXXX", path[64], rotated[80];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	(void)snprintf(rotated, sizeof(rotated), "%s.1", path);
	assert_int_equal(torture_run(life_of_log, path), 4);
	(void)unlink(rotated);
	(void)unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem_answers_null),
		cmocka_unit_test(buf_keeps_what_it_had),
		cmocka_unit_test(buf_take_of_nothing_may_fail),
		cmocka_unit_test(json_sticks_to_the_error),
		cmocka_unit_test(read_file_says_no_memory),
		cmocka_unit_test(thread_start_starts_or_says_why_not),
		cmocka_unit_test(log_queue_is_made_whole_or_not),
		cmocka_unit_test(log_start_starts_or_leaves_nothing),
	};

	return cmocka_run_group_tests_name("torture/base", tests, NULL, NULL);
}
