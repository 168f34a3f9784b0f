/* SPDX-License-Identifier: MIT */
/*
 * Archives while each allocation and each call about a file fails in turn: what was acknowledged is
 * in the files, in order, and they parse, also for whoever comes after a kill at that moment.
 */
#include "archive_world.h"

#include "sink/archive_compress.h"
#include "sink/archive_file.h"

#define WRITES 6

/* ---- the file ---- */

/* As it is when it is full: what comes behind has to be allocated. */
static void shrink(struct buf *text)
{
	char *data = realloc(text->data, text->len + 1);

	assert_non_null(data);
	text->data = data;
	text->cap = text->len + 1;
}

static enum err_code write_once(struct lab *l, struct archive_file *f, struct err *e)
{
	struct buf text;
	enum err_code code;
	char record[64];
	int i;

	torture_suspend();
	buf_init(&text, 1 << 20);
	for (i = 1; i <= RECORDS; i++) {
		(void)snprintf(record, sizeof(record), "{\"id\":%d,\"t\":\"[]\"}", l->acked + i);
		archive_file_add(f, &text, text_of(record));
	}
	shrink(&text);
	torture_resume();
	code = archive_file_write(f, &text, e);
	torture_suspend();
	if (code == ERR_OK)
		l->acked += RECORDS;
	else if (code != ERR_NOMEM && !strstr(e->msg, l->files->dir))
		fail_msg("no file is named: %s", e->msg);
	buf_done(&text);
	torture_resume();
	return code;
}

/* What fails once works when it is tried again: at once, the disk is well. */
static enum err_code write_all(struct lab *l, struct archive_file *f, struct err *e)
{
	enum err_code code, first = ERR_OK;
	int i, tries;

	for (i = 0; i < WRITES; i++) {
		for (tries = 0; tries < 3; tries++) {
			code = write_once(l, f, e);
			if (code == ERR_OK)
				break;
			first = code;
		}
	}
	return first;
}

/* Somebody else has the disk after a kill, and it is well. */
static void restart(struct lab *l, const struct archive_file_options *o)
{
	struct archive_file f;
	struct err e;

	assert_int_equal(archive_file_init(&f, o, NULL), ERR_OK);
	if (archive_file_open(&f, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	files_parse(l);
	files_hold(l, l->keep ? 1000 : 1, l->acked);
	archive_file_done(&f);
}

static enum err_code file_life(void *ctx)
{
	struct lab *l = ctx;
	const struct archive_file_options o = {.path = l->files->path,
					       .json = l->json,
					       .fsync = true,
					       .rotate_bytes = ROTATE_BYTES,
					       .keep = l->keep};
	struct archive_file f = {.fd = -1};
	struct err e = {.code = ERR_OK};
	enum err_code code;

	l->acked = 0;
	l->descriptors = torture_descriptors(NULL);
	code = archive_file_init(&f, &o, &e);
	if (code == ERR_OK)
		code = write_all(l, &f, &e);
	archive_file_done(&f);
	torture_end();
	assert_int_equal(torture_descriptors(NULL), l->descriptors);
	restart(l, &o);
	clear(l);
	return judged(l, code);
}

/* The same, with the process gone in the midst of a failure. */
static void a_file_has_what_was_acknowledged(void **state)
{
	struct lab *l = *state;
	int i;

	for (i = 0; i < 4; i++) {
		l->json = i % 2;
		l->keep = i / 2;
		l->kind = TORTURE_MEMORY;
		assert_true(torture_run(file_life, l) >= 10);
		for (l->kind = TORTURE_ERROR; l->kind <= TORTURE_EINTR; l->kind++)
			assert_true(torture_sample(l->kind, 150, file_life, l) >= 10);
	}
}

/* ---- compressing ---- */

#define FILES 3

static void make_rotated(struct lab *l)
{
	char text[128];
	int i, len, id = 0;

	for (i = 1; i <= FILES; i++) {
		len = snprintf(text, sizeof(text), "[\n{\"id\":%d},\n{\"id\":%d}\n]\n", id + 1,
			       id + 2);
		id += 2;
		archive_case_write(rotated_name(l, i, ""), text, (size_t)len);
	}
	archive_case_write(rotated_name(l, 2, ".gz.tmp"), "torn", 4);
	l->acked = id;
}

static enum err_code compress_life(void *ctx)
{
	struct lab *l = ctx;
	struct archive_compress *c = NULL;
	struct archive_names n;
	struct err e = {.code = ERR_OK};
	enum err_code code;
	size_t i;

	l->json = true;
	l->descriptors = torture_descriptors(NULL);
	torture_suspend();
	make_rotated(l);
	torture_resume();
	code = archive_compress_new(l->files->path, l->budget, &c, &e);
	if (code == ERR_OK)
		code = archive_compress_all(c, &e);
	if (code != ERR_OK && code != ERR_NOMEM)
		assert_non_null(strstr(e.msg, l->files->dir));
	torture_end();
	assert_int_equal(torture_descriptors(NULL), l->descriptors);
	files_hold(l, 1, l->acked);
	/* next time */
	if (c)
		assert_int_equal(archive_compress_all(c, &e), ERR_OK);
	archive_compress_free(c);
	files_hold(l, 1, l->acked);
	assert_int_equal(archive_names_list(l->files->path, &n, NULL), ERR_OK);
	for (i = 0; i < n.count && c; i++)
		assert_true(n.items[i].gz && !n.items[i].plain && !n.items[i].temp);
	assert_int_equal(n.count, FILES);
	archive_names_done(&n);
	assert_int_equal(budget_stats(l->budget).used_bytes, 0);
	clear(l);
	return judged(l, code);
}

static void one_of_both_is_whole_while_a_file_is_compressed(void **state)
{
	struct lab *l = *state;

	assert_true(torture_run(compress_life, l) >= 10);
	for (l->kind = TORTURE_ERROR; l->kind <= TORTURE_EINTR; l->kind++)
		assert_true(torture_sample(l->kind, 150, compress_life, l) >= 5);
}

/* ---- reading ---- */

static void no_warning(void *ctx, const char *file, int64_t line, bool at_end)
{
	(void)ctx;
	(void)file;
	(void)line;
	(void)at_end;
}

/* All of it, or an error: never less that looks like all. */
static enum err_code read_life(void *ctx)
{
	struct lab *l = ctx;
	struct archive_read *r = NULL;
	struct text record = TEXT_NONE;
	struct err e = {.code = ERR_OK};
	enum err_code code;
	int id, last = 0;

	l->descriptors = torture_descriptors(NULL);
	code = archive_read_open(l->files->path, no_warning, NULL, &r, &e);
	while (code == ERR_OK) {
		code = archive_read_next(r, &record, &e);
		if (code != ERR_OK || !record.s)
			break;
		assert_int_equal(sscanf(record.s, "{\"id\":%d", &id), 1);
		assert_int_equal(id, ++last);
	}
	if (code == ERR_OK)
		assert_int_equal(last, l->acked);
	else if (code != ERR_NOMEM)
		assert_non_null(strstr(e.msg, l->files->dir));
	archive_read_close(r);
	assert_int_equal(torture_descriptors(NULL), l->descriptors);
	return judged(l, code);
}

static void a_reader_has_all_or_an_error(void **state)
{
	static const char last[] = "[\n{\"id\":7},\n{\"id\":8}\n]\n";
	struct archive_compress *c;
	struct lab *l = *state;

	make_rotated(l);
	assert_int_equal(archive_compress_new(l->files->path, NULL, &c, NULL), ERR_OK);
	assert_int_equal(archive_compress_all(c, NULL), ERR_OK);
	archive_compress_free(c);
	archive_case_write(rotated_name(l, 3, ""), "[\n{\"id\":5},\n{\"id\":6}\n]\n", 23);
	(void)unlink(rotated_name(l, 3, ".gz"));
	archive_case_write(l->files->path, last, sizeof(last) - 1);
	l->acked = 8;
	assert_true(torture_run(read_life, l) >= 10);
	/* zlib does not go on after EINTR, which files do not give either: read(2), signal(7) */
	for (l->kind = TORTURE_ERROR; l->kind <= TORTURE_SHORT; l->kind++)
		assert_true(torture_sample(l->kind, 150, read_life, l) >= 5);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_has_what_was_acknowledged),
		CASE(one_of_both_is_whole_while_a_file_is_compressed),
		CASE(a_reader_has_all_or_an_error),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("torture/archive", tests, NULL, NULL);
}
