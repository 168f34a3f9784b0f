/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "archive_case.h"
#include "base/buf.h"
#include "sink/archive_read.h"
#include "sink/archive_view.h"

struct warned {
	int count;
	char file[200];
	int64_t line;
	bool at_end;
};

static void warn(void *ctx, const char *file, int64_t line, bool at_end)
{
	struct warned *w = ctx;

	w->count++;
	(void)snprintf(w->file, sizeof(w->file), "%s", file);
	w->line = line;
	w->at_end = at_end;
}

/* The rest of r as "1 2 3": what stands behind "id": in each record. */
static const char *rest(struct archive_read *r)
{
	static char ids[4096];
	struct text t;
	struct err e;

	for (ids[0] = '\0';;) {
		if (archive_read_next(r, &t, &e) != ERR_OK)
			fail_msg("%s", e.msg);
		if (!t.s)
			return ids;
		(void)snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%d",
			       *ids ? " " : "", (int)strtol(t.s + strlen("{\"id\":"), NULL, 10));
	}
}

static const char *all(const char *path, struct warned *w)
{
	struct archive_read *r = NULL;
	const char *ids;

	*w = (struct warned){.count = 0};
	assert_int_equal(archive_read_open(path, warn, w, &r, NULL), ERR_OK);
	ids = rest(r);
	archive_read_close(r);
	return ids;
}

static void write_text(const char *path, const char *suffix, const char *text)
{
	char name[200];

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	archive_case_write(name, text, strlen(text));
}

static void write_gz(const char *path, const char *suffix, const char *text)
{
	char name[200];
	gzFile f;

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	f = gzopen(name, "w");
	assert_non_null(f);
	assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), strlen(text));
	assert_int_equal(gzclose(f), Z_OK);
}

static void files_are_read_by_number_and_the_last_one_last(void **state)
{
	struct archive_case *c = *state;
	struct warned w;

	write_text(c->path, "", "[\n{\"id\":7}\n]\n");
	write_text(c->path, ".000010", "[\n{\"id\":5},\n{\"id\":6}\n]\n");
	write_gz(c->path, ".000009.gz", "[\n{\"id\":3},\n{\"id\":4}\n]\n");
	write_text(c->path, ".000002", "{\"id\":1}\n{\"id\":2}\n");
	/* beside the compressed one, which was whole when it got its name */
	write_text(c->path, ".000009", "[\n{\"id\":3}");
	write_text(c->path, ".000011.gz.tmp", "half");
	write_text(c->path, ".1", "{\"id\":99}\n");
	assert_string_equal(all(c->path, &w), "1 2 3 4 5 6 7");
	assert_int_equal(w.count, 0);
	(void)unlink(c->path);
	assert_string_equal(all(c->path, &w), "1 2 3 4 5 6");
}

static void nothing_at_all_is_an_error_and_an_empty_file_is_none(void **state)
{
	struct archive_case *c = *state;
	struct archive_read *r = NULL;
	struct warned w;

	assert_int_equal(archive_read_open(c->path, warn, &w, &r, NULL), ERR_NOT_FOUND);
	write_text(c->path, "", "");
	assert_string_equal(all(c->path, &w), "");
	write_text(c->path, "", "[\n]\n");
	assert_string_equal(all(c->path, &w), "");
	assert_int_equal(w.count, 0);
}

static void a_torn_end_is_told_and_left_out(void **state)
{
	static const char array[] = "[\n{\"id\":1},\n{\"id\":2,\"t\":\"x\"}\n]\n";
	struct archive_case *c = *state;
	struct warned w;
	size_t n;

	for (n = 0; n < sizeof(array); n++) {
		archive_case_write(c->path, array, n);
		assert_string_equal(all(c->path, &w),
				    n >= strlen("[\n{\"id\":1},\n{\"id\":2,\"t\":\"x\"}") ? "1 2"
				    : n >= strlen("[\n{\"id\":1}")                        ? "1"
											  : "");
		assert_true(w.count == 0 || (w.count == 1 && w.at_end));
	}
	archive_case_write(c->path, array, strlen("[\n{\"id\":1},\n{\"id\":2,"));
	(void)all(c->path, &w);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.line, 3);
	assert_string_equal(w.file, c->path);
	write_text(c->path, "", "{\"id\":1}\nrubbish\n\x01\n{\"id\":2}\n");
	assert_string_equal(all(c->path, &w), "1 2");
	assert_int_equal(w.count, 1);
	assert_int_equal(w.line, 2);
	assert_false(w.at_end);
}

static void a_damaged_compressed_file_is_an_error(void **state)
{
	struct archive_case *c = *state;
	struct archive_read *r = NULL;
	char name[200], *bytes;
	enum err_code code = ERR_OK;
	struct warned w;
	struct text t;
	struct err e;
	size_t len;

	write_gz(c->path, ".000001.gz", "{\"id\":1}\n{\"id\":2}\n");
	(void)snprintf(name, sizeof(name), "%s.000001.gz", c->path);
	bytes = archive_case_read(name, &len);
	archive_case_write(name, bytes, len - 6);
	free(bytes);
	assert_int_equal(archive_read_open(c->path, warn, &w, &r, NULL), ERR_OK);
	do
		code = archive_read_next(r, &t, &e);
	while (code == ERR_OK && t.s);
	assert_int_equal(code, ERR_DATA);
	assert_non_null(strstr(e.msg, name));
	archive_read_close(r);
}

static void a_file_that_is_rotated_while_it_is_read_is_read_once(void **state)
{
	struct archive_case *c = *state;
	struct archive_read *r = NULL;
	char first[200], second[200];
	struct warned w;
	struct text t;

	(void)snprintf(first, sizeof(first), "%s.000001", c->path);
	(void)snprintf(second, sizeof(second), "%s.000002", c->path);
	write_text(c->path, ".000001", "{\"id\":1}\n");
	write_text(c->path, "", "{\"id\":2}\n");
	assert_int_equal(archive_read_open(c->path, warn, &w, &r, NULL), ERR_OK);
	/* before it is opened: it is found under its number */
	assert_int_equal(rename(c->path, second), 0);
	write_text(c->path, "", "{\"id\":3}\n{\"id\":4}\n");
	assert_int_equal(archive_read_next(r, &t, NULL), ERR_OK);
	assert_int_equal(archive_read_next(r, &t, NULL), ERR_OK);
	assert_int_equal(archive_read_next(r, &t, NULL), ERR_OK);
	assert_memory_equal(t.s, "{\"id\":3}", t.len);
	/* while it is: to its end, and no further */
	(void)snprintf(second, sizeof(second), "%s.000003", c->path);
	assert_int_equal(rename(c->path, second), 0);
	write_text(c->path, "", "{\"id\":5}\n");
	assert_string_equal(rest(r), "4");
	archive_read_close(r);
}

/* Its tail lies where a block ends, and is overwritten between two reads. */
static void what_is_written_meanwhile_is_not_seen_in_part(void **state)
{
	static const char more[] = ",\n{\"id\":3},\n{\"id\":4}\n]\n";
	struct archive_case *c = *state;
	struct archive_read *r = NULL;
	struct warned w;
	struct text t;
	struct buf b;
	size_t size;

	for (size = 65536 - 5; size <= 65536 + 5; size++) {
		w = (struct warned){.count = 0};
		buf_init(&b, 1 << 20);
		buf_add_str(&b, "[\n{\"id\":1},\n{\"id\":2,\"t\":\"");
		while (b.len < size - strlen("\"}\n]\n"))
			buf_add_char(&b, 'x');
		buf_add_str(&b, "\"}\n]\n");
		archive_case_write(c->path, b.data, b.len);
		assert_int_equal(archive_read_open(c->path, warn, &w, &r, NULL), ERR_OK);
		assert_int_equal(archive_read_next(r, &t, NULL), ERR_OK);
		buf_truncate(&b, size - strlen("\n]\n"));
		buf_add_str(&b, more);
		archive_case_write(c->path, b.data, b.len);
		assert_string_equal(rest(r), "2");
		assert_int_equal(w.count, 0);
		archive_read_close(r);
		buf_done(&b);
	}
}

static void lines_may_be_longer_than_a_block(void **state)
{
	struct archive_case *c = *state;
	struct warned w;
	struct buf b;
	int i, k;

	buf_init(&b, 1 << 26);
	buf_add_str(&b, "[");
	for (i = 1; i <= 5; i++) {
		buf_add_fmt(&b, "%s\n{\"id\":%d,\"t\":\"", i > 1 ? "," : "", i);
		for (k = 0; k < i * 65531; k++)
			buf_add_char(&b, 'x');
		buf_add_str(&b, "\"}");
	}
	buf_add_str(&b, "\n]\n");
	archive_case_write(c->path, b.data, b.len);
	assert_string_equal(all(c->path, &w), "1 2 3 4 5");
	buf_done(&b);
}

/* ---- what a record is of ---- */

#define NATIVE                                                                                     \
	"{\"id\":\"u-7\",\"pipeline\":\"p\",\"operation\":\"update\",\"schema\":\"public\","       \
	"\"table\":\"users\",\"key\":{\"id\":1},\"old_key\":{\"id\":2},"                           \
	"\"changed_at\":\"2026-03-01T12:00:00Z\",\"data\":{\"operation\":\"x\"},\"old_data\":"     \
	"null}"

static void a_record_tells_what_it_is_of_in_each_format(void **state)
{
	static const char *const records[] = {
		NATIVE,
		"{\"specversion\":\"1.0\",\"id\":\"u-7\",\"source\":\"/x\",\"data\":" NATIVE "}",
		"{\"type\":\"users.update\",\"timestamp\":\"2026\",\"data\":" NATIVE "}",
		"{\"before\":null,\"after\":{\"id\":1},\"source\":{\"name\":\"p\",\"ts_ms\":"
		"1772366400000,\"schema\":\"public\",\"table\":\"users\",\"id\":\"u-7\",\"key\":"
		"{\"id\":1},\"old_key\":{\"id\":2}},\"op\":\"u\",\"ts_ms\":1}",
	};
	struct archive_view v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(records) / sizeof(*records); i++) {
		assert_true(archive_view_read(text_of(records[i]), &v));
		assert_true(text_eq(v.id, TEXT_LIT("u-7")));
		assert_true(text_eq(v.pipeline, TEXT_LIT("p")));
		assert_true(text_eq(v.schema, TEXT_LIT("public")));
		assert_true(text_eq(v.table, TEXT_LIT("users")));
		assert_true(text_eq(v.key, TEXT_LIT("{\"id\":1}")));
		assert_true(text_eq(v.old_key, TEXT_LIT("{\"id\":2}")));
		assert_int_equal(v.op, OP_UPDATE);
		assert_true(text_eq(v.changed_at, TEXT_LIT("2026-03-01T12:00:00Z")) ||
			    v.changed_wall_us == 1772366400000000);
	}
	assert_false(archive_view_read(TEXT_LIT("{\"unreadable\":\"x\"}"), &v));
	assert_false(archive_view_read(TEXT_LIT("{\"operation\":\"eat\"}"), &v));
	assert_false(archive_view_read(TEXT_LIT("{\"data\":{}}"), &v));
	assert_false(archive_view_read(TEXT_LIT("7"), &v));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, archive_case_setup, archive_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(files_are_read_by_number_and_the_last_one_last),
		CASE(nothing_at_all_is_an_error_and_an_empty_file_is_none),
		CASE(a_torn_end_is_told_and_left_out),
		CASE(a_damaged_compressed_file_is_an_error),
		CASE(a_file_that_is_rotated_while_it_is_read_is_read_once),
		CASE(what_is_written_meanwhile_is_not_seen_in_part),
		CASE(lines_may_be_longer_than_a_block),
		CASE(a_record_tells_what_it_is_of_in_each_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
