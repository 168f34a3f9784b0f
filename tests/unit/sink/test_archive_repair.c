/* SPDX-License-Identifier: MIT */
/*
 * What is acknowledged is `kept` here: it has to be in the file after each repair, at every byte
 * that a crash can leave behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_case.h"
#include "base/buf.h"
#include "base/random.h"
#include "sink/archive_repair.h"

static enum err_code repair(const struct archive_case *c, bool json, struct archive_end *ret,
			    struct err *e)
{
	int fd = open(c->path, O_RDWR);
	enum err_code code;

	assert_true(fd >= 0);
	code = archive_repair(fd, json, &archive_io_system, ret, e);
	(void)close(fd);
	return code;
}

/* Leaves the file repaired, and checks that a second repair finds nothing to do. */
static struct archive_end repaired(const struct archive_case *c, bool json, const char *bytes,
				   size_t len)
{
	struct archive_end end, again;
	struct err e;

	archive_case_write(c->path, bytes, len);
	if (repair(c, json, &end, &e) != ERR_OK)
		fail_msg("%s: %.*s", e.msg, (int)len, bytes);
	assert_int_equal(repair(c, json, &again, &e), ERR_OK);
	assert_int_equal(again.cut, 0);
	assert_int_equal(again.at, end.at);
	assert_int_equal(again.size, end.size);
	assert_int_equal(again.empty, end.empty);
	return end;
}

#define R1 "{\"id\":1,\"key\":{\"id\":1},\"data\":{\"t\":\"a]\\n[{\\\"}\xC3\xA9\"}}"
#define R2 "{\"id\":2,\"data\":[1,{\"x\":[]}]}"
#define R3 "{\"id\":3}"

static const char array[] = "[\n" R1 ",\n" R2 ",\n" R3 "\n]\n";
static const char lines[] = R1 "\n" R2 "\n" R3 "\n";

/* "1 2 3" as far as the first so many bytes hold whole records. */
static const char *whole_in(const char *bytes, size_t len)
{
	static const char *const records[] = {R1, R2, R3};
	static char ids[16];
	const char *at;
	size_t i;

	ids[0] = '\0';
	for (i = 0; i < 3; i++) {
		at = strstr(bytes, records[i]);
		if (at && (size_t)(at - bytes) + strlen(records[i]) <= len)
			(void)snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%zu",
				       ids[0] ? " " : "", i + 1);
	}
	return ids;
}

static void a_whole_file_stays_as_it_is(void **state)
{
	struct archive_case *c = *state;
	struct archive_end end = repaired(c, true, array, sizeof(array) - 1);
	char *text;

	assert_int_equal(end.cut, 0);
	assert_int_equal(end.at, sizeof(array) - 1 - ARCHIVE_TAIL_LEN);
	assert_false(end.empty);
	text = archive_case_read(c->path, NULL);
	assert_string_equal(text, array);
	free(text);
	end = repaired(c, false, lines, sizeof(lines) - 1);
	assert_int_equal(end.cut, 0);
	assert_int_equal(end.at, sizeof(lines) - 1);
	text = archive_case_read(c->path, NULL);
	assert_string_equal(text, lines);
	free(text);
}

static void a_file_may_end_at_any_byte(void **state)
{
	struct archive_case *c = *state;
	size_t n;

	for (n = 0; n < sizeof(array); n++) {
		(void)repaired(c, true, array, n);
		assert_string_equal(archive_case_ids(c->path, true), whole_in(array, n));
	}
	for (n = 0; n < sizeof(lines); n++) {
		(void)repaired(c, false, lines, n);
		assert_string_equal(archive_case_ids(c->path, false), whole_in(lines, n));
	}
}

/* What a write of `more` over the tail of `before` leaves when only its first n bytes came. */
static size_t torn(char *out, const char *before, size_t at, const char *more, size_t n)
{
	size_t len = strlen(before);

	memcpy(out, before, len);
	memcpy(out + at, more, n);
	return at + n > len ? at + n : len;
}

static void an_overwrite_may_be_torn_at_any_byte(void **state)
{
	static const char before[] = "[\n" R1 "\n]\n", more[] = ",\n" R2 ",\n" R3 "\n]\n";
	static const char none[] = "[\n]\n", first[] = "\n" R1 ",\n" R2 "\n]\n";
	static const char *const may_be[] = {"1", "1 2", "1 2 3"};
	struct archive_case *c = *state;
	char bytes[512];
	const char *ids;
	size_t n;

	for (n = 0; n < sizeof(more); n++) {
		(void)repaired(c, true, bytes, torn(bytes, before, strlen(before) - 3, more, n));
		ids = archive_case_ids(c->path, true);
		assert_string_equal(ids, n >= strlen(",\n" R2 ",\n" R3) ? may_be[2]
					 : n >= strlen(",\n" R2)        ? may_be[1]
									: may_be[0]);
	}
	for (n = 0; n < sizeof(first); n++) {
		(void)repaired(c, true, bytes, torn(bytes, none, 1, first, n));
		ids = archive_case_ids(c->path, true);
		assert_string_equal(ids, n >= strlen("\n" R1 ",\n" R2) ? "1 2"
					 : n >= strlen("\n" R1)        ? "1"
								       : "");
	}
}

/* A crash in the repair itself, at each of its calls and each byte of its writes. */
struct dying {
	size_t left; /* bytes that are still written, and one for each other call */
	bool dead;
};

static ssize_t dying_write(void *ctx, int fd, const void *bytes, size_t len, off_t at)
{
	struct dying *d = ctx;
	size_t n = len < d->left ? len : d->left;

	d->left -= n;
	if (n < len) {
		d->dead = true;
		if (!n)
			return -1;
	}
	return pwrite(fd, bytes, n, at);
}

static int dying_truncate(void *ctx, int fd, off_t size)
{
	struct dying *d = ctx;

	if (!d->left) {
		d->dead = true;
		return -1;
	}
	d->left--;
	return ftruncate(fd, size);
}

static void a_repair_may_be_torn_too(void **state)
{
	static const char *const tails[] = {
		"",        ",", ",\n", ",\n{\"id\":4,\"x\":\"torn", "\n]", "]", "\n]\n and more\n",
		"\n\n\n{}"};
	struct archive_case *c = *state;
	struct dying d;
	const struct archive_io io = {dying_write, dying_truncate, NULL, &d};
	struct archive_end end;
	enum err_code code;
	char bytes[256];
	size_t i, n;
	int fd;

	for (i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		(void)snprintf(bytes, sizeof(bytes), "[\n" R1 ",\n" R2 "%s", tails[i]);
		for (n = 0, d.dead = true; d.dead; n++) {
			archive_case_write(c->path, bytes, strlen(bytes));
			fd = open(c->path, O_RDWR);
			assert_true(fd >= 0);
			d = (struct dying){.left = n};
			code = archive_repair(fd, true, &io, &end, NULL);
			assert_int_equal(code == ERR_OK, !d.dead);
			assert_int_equal(archive_repair(fd, true, &archive_io_system, &end, NULL),
					 ERR_OK);
			(void)close(fd);
			assert_string_equal(archive_case_ids(c->path, true), "1 2");
		}
	}
}

/* The first write into an empty array, torn at each byte, and then its repair at each byte. */
static void a_repair_of_the_first_write_may_be_torn_too(void **state)
{
	static const char none[] = "[\n]\n", first[] = "\n" R2;
	struct archive_case *c = *state;
	struct dying d;
	const struct archive_io io = {dying_write, dying_truncate, NULL, &d};
	struct archive_end end;
	enum err_code code;
	struct err e;
	char bytes[256];
	size_t len, n, left;
	int fd;

	for (n = 0; n < sizeof(first) - 1; n++) {
		len = torn(bytes, none, 1, first, n);
		for (left = 0, d.dead = true; d.dead; left++) {
			archive_case_write(c->path, bytes, len);
			fd = open(c->path, O_RDWR);
			assert_true(fd >= 0);
			d = (struct dying){.left = left};
			code = archive_repair(fd, true, &io, &end, &e);
			if (code != ERR_OK && !d.dead)
				fail_msg("%zu bytes of it: %s", n, e.msg);
			if (archive_repair(fd, true, &archive_io_system, &end, &e) != ERR_OK)
				fail_msg("%zu bytes of it, %zu of the repair: %s", n, left, e.msg);
			(void)close(fd);
			assert_string_equal(archive_case_ids(c->path, true), "");
		}
	}
}

/* Where a machine died, the file may have its size and not its bytes. */
static void a_hole_is_no_foreign_file(void **state)
{
	struct archive_case *c = *state;
	char bytes[40000];
	int json;

	for (json = 0; json < 2; json++) {
		memset(bytes, 0, sizeof(bytes));
		(void)repaired(c, json, bytes, sizeof(bytes));
		assert_string_equal(archive_case_ids(c->path, json), "");
		(void)snprintf(bytes, sizeof(bytes), "%s{\"id\":1,\"t\":\"x", json ? "[\n" : "");
		(void)repaired(c, json, bytes, sizeof(bytes));
		assert_string_equal(archive_case_ids(c->path, json), "");
	}
}

static void garbage_behind_whole_records_goes(void **state)
{
	static const char random_bytes[] = "\n{}[],\":x\\ \x80\xFF";
	struct archive_case *c = *state;
	char bytes[4096];
	size_t base = strlen("[\n" R1 ",\n" R2 "\n"), n, i;
	struct archive_end end;
	struct random r;
	int round;

	random_init_seed(&r, 11);
	memcpy(bytes, "[\n" R1 ",\n" R2 "\n", base);
	/* zeros, as where a machine died or a full disk was */
	for (n = 1; n < 3000; n += 97) {
		memset(bytes + base, 0, n);
		end = repaired(c, true, bytes, base + n);
		assert_true(end.cut > 0 || n <= 2);
		assert_string_equal(archive_case_ids(c->path, true), "1 2");
	}
	/* anything that is no record; what is no comma ends it */
	for (round = 0; round < 100; round++) {
		n = 1 + random_below(&r, 1000);
		for (i = 0; i < n; i++)
			bytes[base + i] = random_bytes[random_below(&r, sizeof(random_bytes) - 1)];
		if (bytes[base] == '{')
			bytes[base] = 'x';
		(void)repaired(c, true, bytes, base + n);
		assert_string_equal(archive_case_ids(c->path, true), "1 2");
		(void)repaired(c, false, bytes + 2, base - 2 + n);
		(void)archive_case_ids(c->path, false);
	}
}

/* A file of n records, each with `pad` bytes in it. */
static void add_records(struct buf *b, bool json, int from, int to, size_t pad)
{
	int i;
	size_t k;

	for (i = from; i <= to; i++) {
		buf_add_fmt(b, "%s{\"id\":%d,\"t\":\"", json ? (i == 1 ? "\n" : ",\n") : "", i);
		for (k = 0; k < pad; k++)
			buf_add_char(b, (char)('a' + k % 26));
		buf_add_fmt(b, "\"}%s", json ? "" : "\n");
	}
	assert_int_equal(buf_error(b), ERR_OK);
}

static void a_torn_tail_has_any_length(void **state)
{
	static const size_t sizes[] = {1, 100, 16383, 16384, 16385, 70000, 1100000};
	struct archive_case *c = *state;
	struct buf b;
	size_t i;
	int json;

	for (json = 0; json < 2; json++) {
		for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			buf_init(&b, 1 << 28);
			buf_add_str(&b, json ? "[" : "");
			add_records(&b, json, 1, 3, 400000);
			add_records(&b, json, 4, 4, sizes[i]);
			(void)repaired(c, json, b.data, b.len - 2 - !json);
			assert_string_equal(archive_case_ids(c->path, json), "1 2 3");
			/* and of several torn writes, one behind the other: no daemon leaves that,
			 * for it repairs before it writes, and no larger ones are looked for */
			if (sizes[i] > ARCHIVE_TAIL_BYTES / 2) {
				buf_done(&b);
				continue;
			}
			buf_truncate(&b, b.len - 2 - !json);
			add_records(&b, json, 5, 5, sizes[i]);
			buf_add_str(&b, "\n{\"id\":6");
			(void)repaired(c, json, b.data, b.len);
			assert_string_equal(archive_case_ids(c->path, json), "1 2 3");
			buf_done(&b);
		}
	}
}

static int64_t bytes_read;

/* What was read so far, by the kernel's account. */
static int64_t read_so_far(void)
{
	char text[512] = "";
	FILE *f = fopen("/proc/self/io", "r");
	const char *at;

	assert_non_null(f);
	(void)fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	at = strstr(text, "rchar: ");
	assert_non_null(at);
	return strtoll(at + 7, NULL, 10);
}

static void a_large_file_is_read_at_its_end_alone(void **state)
{
	struct archive_case *c = *state;
	struct archive_end end;
	struct buf b;

	buf_init(&b, 1 << 28);
	buf_add_str(&b, "[");
	add_records(&b, true, 1, 40000, 1000);
	archive_case_write(c->path, b.data, b.len - 7);
	bytes_read = read_so_far();
	assert_int_equal(repair(c, true, &end, NULL), ERR_OK);
	bytes_read = read_so_far() - bytes_read;
	assert_true(end.at > 40000000);
	assert_true(bytes_read < 2 * ARCHIVE_TAIL_BYTES);
	buf_done(&b);
}

/* Whoever gives the path of something else keeps it. */
static void what_is_no_archive_is_not_touched(void **state)
{
	static const struct {
		bool json;
		struct text bytes;
	} cases[] = {
		{true, TEXT_LIT("{\"id\":1}\n")},
		{true, TEXT_LIT("[{\"id\":1}]")},
		{true, TEXT_LIT("[\n  {\"id\":1}\n]\n")},
		{true, TEXT_LIT("SQLite format 3")},
		{true, TEXT_LIT("[]")},
		{false, TEXT_LIT("[\n{\"id\":1}\n]\n")},
		{false, TEXT_LIT("some text\n")},
		{true, TEXT_LIT("\n")},
		/* these begin like ours */
		{false, TEXT_LIT("{\n  \"id\": 1\n}\n")},
		{false, TEXT_LIT("{ this is no JSON")},
		{false, TEXT_LIT("{\"id\":1,\n\"t\":\"")},
		{false, TEXT_LIT("\0\0\0\x18"
				 "ftypmp42\0\0\0\0")},
		{false, TEXT_LIT("{\"id\":\0\0\0 and more")},
		{true, TEXT_LIT("\0\0\0\x18"
				"ftypmp42\0\0\0\0")},
		{true, TEXT_LIT("[\n{\n\"a\": 1\n},\n{\n\"a\": 2\n}\n]\n")},
		{true, TEXT_LIT("[\n{\n\"a\": 1")},
		{true, TEXT_LIT("[\n]; x\n")},
	};
	struct archive_case *c = *state;
	struct archive_end end;
	struct err e;
	size_t i, len;
	char *text;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		archive_case_write(c->path, cases[i].bytes.s, cases[i].bytes.len);
		assert_int_equal(repair(c, cases[i].json, &end, &e), ERR_CONFIG);
		assert_non_null(strstr(e.msg, "something else"));
		text = archive_case_read(c->path, &len);
		assert_int_equal(len, cases[i].bytes.len);
		assert_memory_equal(text, cases[i].bytes.s, len);
		free(text);
	}
}

/* Larger than what is looked at first. */
static void a_large_foreign_file_is_not_touched(void **state)
{
	struct archive_case *c = *state;
	struct archive_end end;
	struct err e;
	struct buf b;
	size_t len;
	char *text;

	buf_init(&b, 1 << 28);
	buf_add_str(&b, "[\n{\n");
	while (b.len < 3 * (size_t)ARCHIVE_TAIL_BYTES)
		buf_add_str(&b, "  \"some name\": {\"id\": 1},\n");
	archive_case_write(c->path, b.data, b.len);
	assert_int_equal(repair(c, true, &end, &e), ERR_CONFIG);
	archive_case_write(c->path, b.data + 2, b.len - 2);
	assert_int_equal(repair(c, false, &end, &e), ERR_CONFIG);
	text = archive_case_read(c->path, &len);
	assert_int_equal(len, b.len - 2);
	free(text);
	buf_done(&b);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, archive_case_setup, archive_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_whole_file_stays_as_it_is),
		CASE(a_file_may_end_at_any_byte),
		CASE(an_overwrite_may_be_torn_at_any_byte),
		CASE(a_repair_may_be_torn_too),
		CASE(a_repair_of_the_first_write_may_be_torn_too),
		CASE(a_hole_is_no_foreign_file),
		CASE(garbage_behind_whole_records_goes),
		CASE(a_torn_tail_has_any_length),
		CASE(a_large_file_is_read_at_its_end_alone),
		CASE(what_is_no_archive_is_not_touched),
		CASE(a_large_foreign_file_is_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
