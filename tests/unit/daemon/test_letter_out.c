/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/letter_out.h"

#define PATH_BYTES 256
#define TEXT_BYTES 4096

struct place {
	char dir[PATH_BYTES / 2];
	char file[PATH_BYTES];
	char text[TEXT_BYTES];
	struct err e;
};

static const struct dead_letter letter = {
	.id = 7,
	.event_id = TEXT_LIT("uuid-7"),
	.pipeline = TEXT_LIT("default"),
	.operation = TEXT_LIT("update"),
	.schema = TEXT_LIT("public"),
	.table = TEXT_LIT("us\"ers"),
	.key = TEXT_LIT("{\"id\":1}"),
	.changed_at = TEXT_LIT("2026-03-01T12:00:00.000000Z"),
	.died_at = TEXT_LIT("2026-03-01T12:00:01.000000Z"),
	.attempts = 4,
	.last_status = 503,
	.last_error = TEXT_LIT("line\nline"),
	.truncated = true,
	.data = TEXT_LIT("{\"n\":1}"),
};

static int set_up(void **state)
{
	static struct place p;

	(void)snprintf(p.dir, sizeof(p.dir), "/tmp/letter-out-XXXXXX");
	assert_non_null(mkdtemp(p.dir));
	(void)snprintf(p.file, sizeof(p.file), "%s/out", p.dir);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	(void)unlink(p->file);
	return rmdir(p->dir); /* fails when something else is left */
}

static const char *content(struct place *p)
{
	FILE *f = fopen(p->file, "r");
	size_t n;

	assert_non_null(f);
	n = fread(p->text, 1, sizeof(p->text) - 1, f);
	p->text[n] = '\0';
	(void)fclose(f);
	return p->text;
}

static void put(struct place *p, enum letter_format format, int n)
{
	struct letter_out o;

	assert_int_equal(letter_out_open(&o, p->file, format, true, &p->e), ERR_OK);
	for (; n > 0; n--)
		assert_int_equal(letter_out_put(&o, &letter, &p->e), ERR_OK);
	assert_int_not_equal(access(o.to.temp, F_OK), -1);
	assert_int_equal(letter_out_close(&o, &p->e), ERR_OK);
}

static void an_array_is_json_whatever_its_length(void **state)
{
	struct place *p = *state;
	json_t *doc;
	int n;

	for (n = 0; n < 4; n++) {
		put(p, LETTER_JSON, n);
		doc = json_loads(content(p), JSON_REJECT_DUPLICATES, NULL);
		assert_int_equal(json_array_size(doc), n);
		assert_true(json_is_array(doc));
		json_decref(doc);
	}
}

static void lines_are_objects_with_everything_in_them(void **state)
{
	struct place *p = *state;

	put(p, LETTER_NDJSON, 1);
	assert_string_equal(
		content(p),
		"{\"id\":7,\"event_id\":\"uuid-7\",\"pipeline\":\"default\",\"operation\":"
		"\"update\",\"schema\":\"public\",\"table\":\"us\\\"ers\",\"key\":{\"id\":1},"
		"\"changed_at\":\"2026-03-01T12:00:00.000000Z\",\"died_at\":"
		"\"2026-03-01T12:00:01.000000Z\",\"attempts\":4,\"last_status\":503,"
		"\"last_error\":\"line\\nline\",\"old_key\":null,\"truncated\":true,\"data\":"
		"{\"n\":1},\"old_data\":null}\n");
	put(p, LETTER_NDJSON, 0);
	assert_string_equal(content(p), "");
}

static void what_was_delivered_has_its_time_and_no_failure(void **state)
{
	struct place *p = *state;
	enum letter_format formats[] = {LETTER_NDJSON, LETTER_TABLE};
	struct letter_out o;
	size_t i;

	for (i = 0; i < ARRAY_LEN(formats); i++) {
		assert_int_equal(letter_out_open(&o, p->file, formats[i], false, &p->e), ERR_OK);
		o.delivered = true;
		assert_int_equal(letter_out_put(&o, &letter, &p->e), ERR_OK);
		assert_int_equal(letter_out_close(&o, &p->e), ERR_OK);
		assert_null(strstr(content(p), "503"));
		assert_non_null(strstr(p->text, formats[i] == LETTER_TABLE
							? " DELIVERED\n7 "
							: ",\"delivered_at\":\"2026-03-01T12:00:"
							  "01.000000Z\"}\n"));
	}
}

static void a_row_of_the_table_has_the_time_to_the_second(void **state)
{
	struct place *p = *state;

	put(p, LETTER_TABLE, 1);
	assert_non_null(strstr(content(p), "  2026-03-01T12:00:01Z   4    503  line"));
	assert_non_null(strstr(p->text, "  DIED                 TRY STATUS  ERROR\n"));
}

static void a_file_is_for_its_owner_and_there_when_it_is_whole(void **state)
{
	struct place *p = *state;
	struct letter_out o;
	struct stat st;

	put(p, LETTER_NDJSON, 1);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* the next one leaves it as it is until it is whole */
	assert_int_equal(letter_out_open(&o, p->file, LETTER_JSON, false, &p->e), ERR_OK);
	assert_int_equal(letter_out_put(&o, &letter, &p->e), ERR_OK);
	assert_int_equal(*content(p), '{');
	letter_out_drop(&o);
	assert_int_equal(*content(p), '{');
}

static void a_full_disk_is_an_error(void **state)
{
	struct place *p = *state;
	struct letter_out o;
	enum err_code code = ERR_OK;
	int i;

	assert_int_equal(letter_out_open(&o, "/dev/full", LETTER_NDJSON, true, &p->e), ERR_OK);
	assert_null(o.to.temp);
	assert_int_equal(letter_out_put(&o, &letter, &p->e), ERR_OK);
	assert_int_equal(letter_out_close(&o, &p->e), ERR_IO);
	assert_non_null(strstr(p->e.msg, "/dev/full"));
	assert_int_equal(letter_out_open(&o, "/dev/full", LETTER_JSON, true, &p->e), ERR_OK);
	for (i = 0; i < 1000 && code == ERR_OK; i++)
		code = letter_out_put(&o, &letter, &p->e);
	assert_int_equal(code, ERR_IO);
	letter_out_drop(&o);
}

static void a_place_that_is_not_there_is_an_error(void **state)
{
	struct place *p = *state;
	struct letter_out o;

	assert_int_equal(letter_out_open(&o, "/nowhere/at/all", LETTER_JSON, true, &p->e), ERR_IO);
	assert_non_null(strstr(p->e.msg, "/nowhere/at/all"));
	assert_int_equal(letter_out_open(&o, p->dir, LETTER_JSON, true, &p->e), ERR_IO);
}

static void formats_have_names(void **state)
{
	bool array = true;
	struct err e;

	(void)state;
	assert_int_equal(export_format_parse("ndjson", &array, &e), ERR_OK);
	assert_false(array);
	assert_int_equal(export_format_parse("json", &array, &e), ERR_OK);
	assert_true(array);
	assert_int_equal(export_format_parse(NULL, &array, &e), ERR_OK);
	assert_false(array);
	assert_int_equal(export_format_parse("csv", &array, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "--format: 'csv'"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_array_is_json_whatever_its_length),
		CASE(lines_are_objects_with_everything_in_them),
		CASE(what_was_delivered_has_its_time_and_no_failure),
		CASE(a_row_of_the_table_has_the_time_to_the_second),
		CASE(a_file_is_for_its_owner_and_there_when_it_is_whole),
		CASE(a_full_disk_is_an_error),
		CASE(a_place_that_is_not_there_is_an_error),
		CASE(formats_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
