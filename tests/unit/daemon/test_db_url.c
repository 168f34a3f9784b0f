/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "daemon/db_url.h"

/* "mysql host=h user=u ..." of a URL. */
static void check(const char *url, const char *expected)
{
	struct db_url u;
	struct buf out;
	struct err e;
	enum db_url_part part;

	if (db_url_parse(url, &u, &e) != ERR_OK)
		fail_msg("%s: %s", url, e.msg);
	buf_init(&out, 10000);
	buf_add_str(&out, source_type_name(u.type));
	for (part = 0; part < DB_URL_PART_COUNT; part++) {
		if (u.part[part])
			buf_add_fmt(&out, " %s=%s", db_url_key(part), u.part[part]);
	}
	assert_string_equal(buf_str(&out), expected);
	buf_done(&out);
	db_url_done(&u);
	assert_null(u.part[DB_URL_PASSWORD]);
}

static void each_part_becomes_its_key(void **state)
{
	static const struct {
		const char *url, *parts;
	} cases[] = {
		{"postgres://u:p@h:5433/d",
		 "postgres host=h port=5433 user=u password=p database=d"},
		{"postgresql://h/d", "postgres host=h database=d"},
		{"POSTGRES://H.Example/D", "postgres host=H.Example database=D"},
		{"mysql://u@h/d", "mysql host=h user=u database=d"},
		{"mariadb://u:p@127.0.0.1:3307/d",
		 "mysql host=127.0.0.1 port=3307 user=u password=p database=d"},
		{"mysql://[::1]:1/d", "mysql host=::1 port=1 database=d"},
		{"postgres:///d", "postgres database=d"},
		{"postgres://u:p@/d", "postgres user=u password=p database=d"},
		{"postgres:///d?host=/run/pg", "postgres host=/run/pg database=d"},
		{"mysql://u@/d?socket=%2Frun%2Fm.sock", "mysql host=/run/m.sock user=u database=d"},
		{"postgres://h/d?sslmode=verify-full&sslrootcert=/a%20b&",
		 "postgres host=h database=d sslmode=verify-full sslrootcert=/a b"},
		{"postgres://h:/d?sslmode=", "postgres host=h database=d"},
		{"postgres://:@h/d", "postgres host=h database=d"},
		{"sqlite:app.db", "sqlite path=app.db"},
		{"SQLite:dir/app.db", "sqlite path=dir/app.db"},
		{"sqlite:/abs/app.db", "sqlite path=/abs/app.db"},
		{"sqlite:///abs/app.db", "sqlite path=/abs/app.db"},
		{"sqlite:////abs", "sqlite path=//abs"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].url, cases[i].parts);
}

static void percent_encoding_is_decoded_once(void **state)
{
	(void)state;
	check("postgres://a%40b:%3A%2f%3F%23%25%40%20@h/d%2Fe",
	      "postgres host=h user=a@b password=:/?#%@  database=d/e");
	check("mysql://u:%2541@h/%C3%A9", "mysql host=h user=u password=%41 database=\xc3\xa9");
	check("sqlite:a%3Fb%23c%20d+e", "sqlite path=a?b#c d+e");
	check("postgres://u:$%7BHOME%7D@h/d", "postgres host=h user=u password=${HOME} database=d");
}

static void what_is_no_such_url_is_a_usage_error_that_repeats_nothing(void **state)
{
	static const struct {
		const char *url, *complaint;
	} cases[] = {
		{"", "must begin with"},
		{"hidden", "must begin with"},
		{"hidden://u:hidden@h/d", "must begin with"},
		{"postgre://h/d", "must begin with"},
		{"postgres", "cannot be read"},
		{"postgres:", "cannot be read"},
		{"postgres:hidden", "cannot be read"},
		{"postgres://", "names no database"},
		{"postgres://hidden", "names no database"},
		{"postgres://hidden/", "names no database"},
		{"postgres://hidden/?sslmode=require", "names no database"},
		{"postgres://u:hidden@hidden@h/d", "cannot be read"},
		{"postgres://u:hid/den@h/d", "cannot be read"},
		{"postgres://u:hid den@h/d", "cannot be read"},
		{"postgres://u:hid%0aden@h/d", "control character"},
		{"postgres://u:hid%00den@h/d", "control character"},
		{"postgres://h/hid%00den", "%00 is not allowed"},
		{"postgres://h/hid%07den", "control characters"},
		{"postgres://h:port/hidden", "cannot be read"},
		{"postgres://h:65536/hidden", "cannot be read"},
		{"postgres://h1,h2/hidden", "cannot be read"},
		{"postgres://h/hidden/hidden", "more than a name"},
		{"postgres://h/d#hidden", "%23"},
		{"postgres://[fe80::1%25eth0]/hidden", "zone"},
		{"postgres://h/d?hidden=1", "behind the ?"},
		{"postgres://h/d?hidden", "behind the ?"},
		{"postgres://h/d?socket=hidden", "behind the ?"},
		{"postgres://h/d?password=hidden", "behind the ?"},
		{"postgres://h/d?host=hidden", "host is given twice"},
		{"postgres://h/d?sslmode=hidden&sslmode=hidden", "sslmode is given twice"},
		{"sqlite:", "names no file"},
		{"http://hidden/in", "a source of type http"},
		{"sqlite://hidden", "a file is"},
		{"sqlite:hidden?mode=ro", "%3F"},
		{"sqlite:hidden#x", "%3F"},
		{"sqlite:hid%00den", "%00 is not allowed"},
		{"sqlite:hid%0aden", "control characters"},
	};
	struct db_url u;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		if (db_url_parse(cases[i].url, &u, &e) != ERR_USAGE)
			fail_msg("%s is taken", cases[i].url);
		if (!strstr(e.msg, cases[i].complaint) || strstr(e.msg, "hid"))
			fail_msg("%s: %s", cases[i].url, e.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_becomes_its_key),
		cmocka_unit_test(percent_encoding_is_decoded_once),
		cmocka_unit_test(what_is_no_such_url_is_a_usage_error_that_repeats_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
