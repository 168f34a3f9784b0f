/* SPDX-License-Identifier: MIT */
/*
 * Loading, printing and comparing configurations while the Nth allocation fails: nothing leaks,
 * nothing is half done, and libyaml's own failures are ERR_NOMEM too (it is
 * linked statically, so that its calls are wrapped as well).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load.h"
#include "torture.h"

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	if (!strcmp(name, "CREDENTIALS_DIRECTORY"))
		return "/credentials";
	if (!strcmp(name, "SIGN"))
		return "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89"
		       "qmIyWvAhpo9wdRGg==";
	return !strcmp(name, "TOKEN") ? "abc" : NULL;
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	const char *text = strcmp(path, "config.yaml") ? "secret\n" : ctx;

	buf_add_str(out, text);
	if (buf_error(out) != ERR_OK)
		return err_set(e, buf_error(out), "no room");
	return ERR_OK;
}

static const char good_yaml[] =
	"sources:\n"
	"  - {name: shop, database: shop, password_file: /p, poll_interval: 500ms}\n"
	"  - {name: crm, type: mysql, database: crm, tables: \"a, b.c\"}\n"
	"  - {name: lite, type: sqlite, path: /x}\n"
	"  - {name: log, type: mysql, database: d, audit_table: a}\n"
	"webhooks:\n"
	"  - name: one\n"
	"    url: https://u:p@h/a?b\n"
	"    headers: {Authorization: \"Bearer ${TOKEN}\", X-A: {file: /x}, X-B: {credential: b}}\n"
	"    signing_secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, \"${SIGN}\"]\n"
	"  - {name: two, url: \"http://h/${TOKEN}\", proxy: '', signing_secrets: \"${SIGN}\",\n"
	"     mask: {hash: [a, b.c], redact: 'd, e', key: 0123456789abcdef0123456789abcdef},\n"
	"     oauth2: {token_url: \"http://l/t\", client_id: c, client_secret_file: /s}}\n"
	"pipelines:\n"
	"  - name: p1\n"
	"    source: shop\n"
	"    webhook: one\n"
	"    tables:\n"
	"      - {name: sales.orders, columns: [id, a], key: [id], where: \"NEW.a > OLD.a\"}\n"
	"      - {name: '\"My Schema\".*', where: {insert: NEW.a is null}}\n"
	"    operations: [insert, update]\n"
	"  - {name: p2, source: crm, webhook: two, modes: \"delete, update\"}\n"
	"  - {name: p3, source: lite, webhook: two, tables: [main.t]}\n"
	"  - {name: p4, source: log, webhook: two}\n"
	"admin: {token_credential: t}\n";

static const char bad_yaml[] =
	"database: {hots: a, port: 0, user: \"${NONE}\", type: x}\n"
	"webhooks: [{name: w, url: https://h, tls_cert: /c, tls_key: /k}]\n"
	"webhook: {url: ftp://h, headers: {\"a b\": c}, timeout: 5y, signing_secrets: [a, {file: "
	"x}]}\n"
	"sources: [{name: s, type: sqlite, path: /x, host: h, wakeup: notify}]\n"
	"tables: [a, a, {where: \"(\"}]\n"
	"pipelines: [{name: p, source: s, modes: truncate, table: x.y}]\n"
	"queue: {capacity: 1, capacity: 2}\n";

static enum err_code print_and_compare(const struct settings *s)
{
	struct buf out;
	enum err_code code;

	buf_init(&out, 1 << 20);
	config_print(s, &out);
	(void)config_diff(s, s, &out);
	code = buf_error(&out);
	buf_done(&out);
	return code;
}

/* ctx: the file's text. */
static enum err_code load_good(void *ctx)
{
	const struct config_env env = {.get = get, .read_file = read_file, .ctx = ctx};
	struct settings s;
	struct buf mistakes;
	struct err e;
	enum err_code code;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_load("config.yaml", &env, &s, &mistakes, &e);
	if (code == ERR_OK) {
		code = print_and_compare(&s);
		settings_done(&s);
	}
	buf_done(&mistakes);
	return code;
}

/* A wrong file is ERR_CONFIG: to torture_run that is the success. */
static enum err_code load_bad(void *ctx)
{
	enum err_code code = load_good(ctx);

	assert_int_not_equal(code, ERR_OK);
	return code == ERR_CONFIG ? ERR_OK : code;
}

static void a_good_file_survives_every_failed_allocation(void **state)
{
	char text[sizeof(good_yaml)];

	(void)state;
	memcpy(text, good_yaml, sizeof(text));
	torture_run(load_good, text);
}

static void a_wrong_file_survives_every_failed_allocation(void **state)
{
	char text[sizeof(bad_yaml)];

	(void)state;
	memcpy(text, bad_yaml, sizeof(text));
	torture_run(load_bad, text);
}

static void broken_yaml_survives_every_failed_allocation(void **state)
{
	char text[] = "a: [b, c\nd: &x {e: *x}\n";

	(void)state;
	torture_run(load_bad, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_survives_every_failed_allocation),
		cmocka_unit_test(a_wrong_file_survives_every_failed_allocation),
		cmocka_unit_test(broken_yaml_survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
