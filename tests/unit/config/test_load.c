/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/fd.h"
#include "config/load.h"

#define SIGN_1 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SIGN_2 "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	if (!strcmp(name, "DB_USER"))
		return "app";
	if (!strncmp(name, "SIGN_", 5))
		return strcmp(name, "SIGN_1") ? SIGN_2 : SIGN_1;
	if (!strcmp(name, "DB_PASSWORD"))
		return "p: ${DB_USER} #1\\n";
	if (!strcmp(name, "WEBHOOK_URL"))
		return "https://u:pw@hooks.example:8443/in/x?token=abc#f";
	if (!strcmp(name, "CREDENTIALS_DIRECTORY"))
		return "/run/credentials/x.service";
	return strcmp(name, "EMPTY") ? NULL : "";
}

/* A file per secret: its path is its content, with newlines behind; /sign1, /sign2, and /sign for
 * both. */
static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	const char *sign = strstr(path, "/sign");

	(void)ctx;
	if (!sign)
		buf_add_fmt(out, "<%s>\n", path);
	else
		buf_add_fmt(out, "%s%s%s\n", sign[5] == '2' ? "" : SIGN_1, sign[5] ? "" : "\n",
			    sign[5] == '1' ? "" : SIGN_2);
	return buf_error(out) == ERR_OK ? ERR_OK : err_set(e, buf_error(out), "no room");
}

static const struct config_env env = {.get = get, .read_file = read_file};

/* The settings of yaml, which must be right. */
static struct settings load(const char *yaml)
{
	struct settings s;
	struct buf mistakes;
	struct err e;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	if (config_parse("f", text_of(yaml), &env, &s, &mistakes, &e) != ERR_OK)
		fail_msg("%s", buf_str(&mistakes));
	assert_int_equal(mistakes.len, 0);
	buf_done(&mistakes);
	return s;
}

#define SHORT_REST                                                                                 \
	"listener:\n"                                                                              \
	"  modes: \"insert,update,delete\"\n"                                                      \
	"  poll_interval: 2\n"                                                                     \
	"webhook:\n"                                                                               \
	"  url: \"${WEBHOOK_URL}\"\n"                                                              \
	"  timeout: 30\n"                                                                          \
	"  retry_count: 3\n"                                                                       \
	"  retry_delay: 5\n"                                                                       \
	"logging:\n"                                                                               \
	"  file: \"/var/log/app-db-listener/app.log\"\n"                                           \
	"  level: \"info\"\n"                                                                      \
	"worker:\n"                                                                                \
	"  pool_size: 10\n"

static const char short_block[] = "database:\n"
				  "  type: \"postgres\"\n"
				  "  host: \"localhost\"\n"
				  "  port: 5432\n"
				  "  user: \"${DB_USER}\"\n"
				  "  password: \"${DB_PASSWORD}\"\n"
				  "  database: \"prod_db\"\n"
				  "  table: \"users\"\n"
				  "  sslmode: \"require\"\n" SHORT_REST;

static const char short_flow[] =
	"database: {type: \"postgres\", host: \"localhost\", port: 5432, user: \"${DB_USER}\", "
	"password: \"${DB_PASSWORD}\",\n"
	"           database: \"prod_db\", table: \"users\", sslmode: \"require\"}\n"
	"listener: {modes: \"insert,update,delete\", poll_interval: 2}\n"
	"webhook:  {url: \"${WEBHOOK_URL}\", timeout: 30, retry_count: 3, retry_delay: 5}\n"
	"logging:  {file: \"/var/log/app-db-listener/app.log\", level: \"info\"}\n"
	"worker:   {pool_size: 10}\n";

static void check_short_source(const struct source_settings *s)
{
	assert_string_equal(s->name, "default");
	assert_int_equal(s->type, SOURCE_POSTGRES);
	assert_string_equal(s->host, "localhost");
	assert_int_equal(s->port, 5432);
	assert_string_equal(s->user, "app");
	assert_string_equal(s->password.value, "p: ${DB_USER} #1\\n");
	assert_string_equal(s->database, "prod_db");
	assert_string_equal(s->sslmode, "require");
	assert_string_equal(s->target_session_attrs, "read-write");
	assert_null(s->sslrootcert);
	assert_null(s->path);
	assert_int_equal(s->connect_timeout_us, 10000000);
	assert_int_equal(s->statement_timeout_us, 60000000);
	assert_int_equal(s->reconnect_max_delay_us, 30000000);
	assert_int_equal(s->wakeup, SOURCE_WAKEUP_AUTO);
	assert_int_equal(s->poll_interval_us, 2000000);
	assert_int_equal(s->batch_size, 1000);
	assert_int_equal(s->ack_delay_us, 20000);
	assert_int_equal(s->max_event_bytes, 1048576);
	assert_int_equal(s->dead_letter_retention_us, 30LL * 86400 * 1000000);
}

static void check_short_webhook(const struct webhook_settings *w)
{
	assert_string_equal(w->name, "default");
	assert_string_equal(w->url.value, "https://u:pw@hooks.example:8443/in/x?token=abc#f");
	assert_int_equal(w->timeout_us, 30000000);
	assert_int_equal(w->connect_timeout_us, 5000000);
	assert_int_equal(w->retry_count, 3);
	assert_int_equal(w->retry_delay_us, 5000000);
	assert_int_equal(w->retry_max_delay_us, 300000000);
	assert_int_equal(w->max_in_flight, 64);
	assert_int_equal(w->breaker_failures, 5);
	assert_int_equal(w->breaker_max_delay_us, 60000000);
	assert_int_equal(w->max_response_bytes, 16384);
	assert_int_equal(w->header_count, 0);
	assert_null(w->ca_file);
	assert_true(w->tls_verify);
	assert_null(w->proxy.value);
}

static void check_short_pipeline(const struct pipeline_settings *p)
{
	assert_string_equal(p->name, "default");
	assert_int_equal(p->source, 0);
	assert_int_equal(p->webhook, 0);
	assert_int_equal(p->table_count, 1);
	assert_null(p->tables[0].schema);
	assert_string_equal(p->tables[0].table, "users");
	assert_int_equal(p->tables[0].columns.count, 0);
	assert_true(p->operations[OP_INSERT] && p->operations[OP_UPDATE] &&
		    p->operations[OP_DELETE]);
	assert_false(p->operations[OP_TRUNCATE]);
	assert_int_equal(p->ordering, ORDERING_KEY);
	assert_int_equal(p->retain_us, 0);
	assert_int_equal(p->capacity, 0);
	assert_int_equal(p->max_bytes, 0);
	assert_false(p->always);
}

static void the_short_file_is_one_source_webhook_and_pipeline(void **state)
{
	static const char *const forms[] = {short_block, short_flow};
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		s = load(forms[i]);
		assert_string_equal(s.file, "f");
		assert_int_equal(s.source_count, 1);
		assert_int_equal(s.webhook_count, 1);
		assert_int_equal(s.pipeline_count, 1);
		check_short_source(&s.sources[0]);
		check_short_webhook(&s.webhooks[0]);
		check_short_pipeline(&s.pipelines[0]);
		assert_int_equal(s.worker.pool_size, 10);
		assert_int_equal(s.queue.capacity, 10000);
		assert_int_equal(s.queue.max_bytes, 33554432);
		assert_string_equal(s.logging.file, "/var/log/app-db-listener/app.log");
		assert_int_equal(s.logging.level, LOG_LEVEL_INFO);
		assert_int_equal(s.logging.format, LOG_FORMAT_TEXT);
		assert_int_equal(s.logging.rotate_bytes, 52428800);
		assert_int_equal(s.logging.rotate_keep, 10);
		assert_int_equal(s.logging.queue_lines, 4096);
		assert_string_equal(s.admin.listen, "127.0.0.1:8080");
		assert_null(s.admin.token.value);
		assert_int_equal(s.daemon.shutdown_timeout_us, 20000000);
		settings_done(&s);
	}
}

#define HOOK "webhook: {url: http://h}\n"

static void without_modes_every_operation_is_captured(void **state)
{
	struct settings s = load("database: {database: d, table: t}\n" HOOK "worker:\n");

	(void)state;
	assert_true(s.pipelines[0].operations[OP_INSERT]);
	assert_true(s.pipelines[0].operations[OP_TRUNCATE]);
	settings_done(&s);
}

static const char long_form[] =
	"listener: {ordering: table, poll_interval: 3, modes: [insert], retain: 7d}\n"
	"sources:\n"
	"  - {name: shop, database: shop, tables: [a, s.b], poll_interval: 500ms}\n"
	"  - {name: crm, type: mariadb, database: crm, port: 33, wakeup: poll}\n"
	"  - {name: lite, type: sqlite, path: /x.db}\n"
	"webhooks:\n"
	"  - {name: one, url: 'http://one', proxy: ''}\n"
	"  - {name: two, url: 'http://two', tls_verify: off}\n"
	"pipelines:\n"
	"  - {name: p1, source: shop, webhook: two, always: yes}\n"
	"  - {name: p2, source: crm, webhook: one, table: t, modes: 'delete, update',\n"
	"     ordering: none, capacity: 7, max_bytes: 2MB, retain: 0s}\n"
	"  - {name: p3, source: lite, webhook: one, operations: [update], table: '*'}\n";

static void the_long_form_joins_sources_and_webhooks_by_name(void **state)
{
	struct settings s = load(long_form);
	const struct pipeline_settings *p;

	(void)state;
	assert_int_equal(s.source_count, 3);
	assert_int_equal(s.sources[0].poll_interval_us, 500000);
	assert_int_equal(s.sources[1].poll_interval_us, 3000000);
	assert_int_equal(s.sources[1].type, SOURCE_MYSQL);
	assert_int_equal(s.sources[1].port, 33);
	assert_int_equal(s.sources[1].wakeup, SOURCE_WAKEUP_POLL);
	assert_int_equal(s.sources[2].type, SOURCE_SQLITE);
	assert_string_equal(s.sources[2].path, "/x.db");
	assert_string_equal(s.webhooks[0].proxy.value, "");
	assert_false(s.webhooks[1].tls_verify);
	p = s.pipelines;
	assert_int_equal(p[0].source, 0);
	assert_int_equal(p[0].webhook, 1);
	assert_true(p[0].always);
	assert_int_equal(p[0].table_count, 2);
	assert_string_equal(p[0].tables[1].schema, "s");
	assert_string_equal(p[0].tables[1].table, "b");
	assert_int_equal(p[0].tables[1].line, 3);
	assert_int_equal(p[0].ordering, ORDERING_TABLE);
	assert_int_equal(p[0].retain_us, 7LL * 86400 * 1000000);
	assert_int_equal(p[1].retain_us, 0);
	assert_true(p[0].operations[OP_INSERT]);
	assert_false(p[0].operations[OP_UPDATE]);
	assert_int_equal(p[1].source, 1);
	assert_int_equal(p[1].ordering, ORDERING_NONE);
	assert_false(p[1].operations[OP_INSERT]);
	assert_true(p[1].operations[OP_DELETE] && p[1].operations[OP_UPDATE]);
	assert_int_equal(p[1].capacity, 7);
	assert_int_equal(p[1].max_bytes, 2097152);
	assert_true(p[2].operations[OP_UPDATE]);
	assert_string_equal(p[2].tables[0].table, "*");
	assert_null(p[2].tables[0].schema);
	settings_done(&s);
}

static void the_single_database_and_webhook_are_the_default_of_pipelines(void **state)
{
	struct settings s =
		load("database: {database: d}\n"
		     "sources: [{name: other, database: o}]\n" HOOK
		     "webhooks: [{name: other, url: 'http://o'}]\n"
		     "tables: [t]\n"
		     "pipelines: [{name: a}, {name: b, source: other, webhook: other}]\n");

	(void)state;
	assert_string_equal(s.sources[s.pipelines[0].source].name, "default");
	assert_string_equal(s.webhooks[s.pipelines[0].webhook].name, "default");
	assert_string_equal(s.sources[s.pipelines[1].source].name, "other");
	assert_string_equal(s.webhooks[s.pipelines[1].webhook].name, "other");
	assert_string_equal(s.pipelines[1].tables[0].table, "t");
	settings_done(&s);
}

static void tables_carry_columns_keys_and_filters(void **state)
{
	struct settings s =
		load("database:\n"
		     "  database: d\n"
		     "  tables:\n"
		     "    - {name: sales.orders, columns: [id, a], key: id, where: \"NEW.a > 1\"}\n"
		     "    - {name: sales.*, exclude: 'b, c'}\n"
		     "    - {name: '\"Odd.\"\"Schema\".\"my table\"', where: {update: OLD.a <> "
		     "NEW.a}}\n" HOOK);
	const struct table_settings *t = s.pipelines[0].tables;

	(void)state;
	assert_int_equal(s.pipelines[0].table_count, 3);
	assert_string_equal(t[0].schema, "sales");
	assert_string_equal(t[0].table, "orders");
	assert_int_equal(t[0].columns.count, 2);
	assert_string_equal(t[0].columns.items[1], "a");
	assert_null(t[0].columns.items[2]);
	assert_string_equal(t[0].key.items[0], "id");
	assert_string_equal(t[0].where[OP_INSERT], "NEW.a > 1");
	assert_string_equal(t[0].where[OP_DELETE], "OLD.a > 1");
	assert_null(t[0].where[OP_TRUNCATE]);
	assert_string_equal(t[1].table, "*");
	assert_string_equal(t[1].exclude.items[1], "c");
	assert_string_equal(t[2].schema, "Odd.\"Schema");
	assert_string_equal(t[2].table, "my table");
	assert_null(t[2].where[OP_INSERT]);
	assert_string_equal(t[2].where[OP_UPDATE], "OLD.a <> NEW.a");
	settings_done(&s);
}

static void text_with_placeholders_is_a_template_and_a_file_is_not(void **state)
{
	struct settings s =
		load("database: {database: d, table: t}\n"
		     "webhooks:\n"
		     "  - {name: plain, url: 'http://u:{@h/x'}\n"
		     "  - name: braces\n"
		     "    url: 'http://h/{table}'\n"
		     "    format: cloudevents-binary\n"
		     "    type: 'x.{operation}'\n"
		     "    compression: gzip\n"
		     "    compression_min_bytes: 1kB\n"
		     "    headers: {A: '{table}', B: 'b', C: {file: '/etc/{x'}}\n"
		     "pipelines: [{name: p, webhook: plain}, {name: q, webhook: braces}]\n");
	const struct webhook_settings *w = s.webhooks;

	(void)state;
	assert_false(w[0].url_is_template);
	assert_int_equal(w[0].format, WEBHOOK_FORMAT_NATIVE);
	assert_null(w[0].type);
	assert_int_equal(w[0].compression, WEBHOOK_COMPRESSION_NONE);
	assert_int_equal(w[0].compression_min_bytes, 10240);
	assert_int_equal(w[1].compression, WEBHOOK_COMPRESSION_GZIP);
	assert_int_equal(w[0].big_numbers, WEBHOOK_BIG_NUMBERS_AS_THEY_ARE);
	assert_int_equal(w[1].compression_min_bytes, 1024);
	assert_true(w[1].url_is_template);
	assert_int_equal(w[1].format, WEBHOOK_FORMAT_CLOUDEVENTS_BINARY);
	assert_string_equal(w[1].type, "x.{operation}");
	assert_true(w[1].headers[0].is_template);
	assert_false(w[1].headers[1].is_template);
	assert_false(w[1].headers[2].is_template);
	assert_string_equal(w[1].headers[2].value.value, "</etc/{x>");
	settings_done(&s);
}

static void secrets_come_from_files_and_credentials_too(void **state)
{
	struct settings s = load("database: {database: d, table: t, password_file: /etc/pw}\n"
				 "webhook:\n"
				 "  url: http://h\n"
				 "  headers:\n"
				 "    Authorization: Bearer ${DB_USER}\n"
				 "    X-File: {file: /etc/x}\n"
				 "    X-Credential: {credential: y}\n"
				 "admin: {token_credential: \"tok${EMPTY:-en}\"}\n");
	const struct webhook_header *h = s.webhooks[0].headers;

	(void)state;
	assert_string_equal(s.sources[0].password.value, "</etc/pw>");
	assert_string_equal(s.admin.token.value, "</run/credentials/x.service/token>");
	assert_int_equal(s.webhooks[0].header_count, 3);
	assert_string_equal(h[0].name, "Authorization");
	assert_string_equal(h[0].value.value, "Bearer app");
	assert_string_equal(h[1].value.value, "</etc/x>");
	assert_string_equal(h[2].value.value, "</run/credentials/x.service/y>");
	settings_done(&s);
}

static void signing_secrets_are_one_or_many_from_wherever(void **state)
{
	static const char *const lines[] = {
		"signing_secrets: \"${SIGN_1} ${SIGN_2}\"",
		"signing_secrets: [\"${SIGN_1}\", \"${SIGN_2}\"]",
		"signing_secrets: [{file: /sign1}, {credential: sign2}]",
		"signing_secrets: {file: /sign}",
		"signing_secrets_file: /sign",
		"signing_secrets_credential: sign",
	};
	char yaml[300];
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(lines); i++) {
		(void)snprintf(yaml, sizeof(yaml),
			       "database: {database: d, table: t}\nwebhook: {url: http://h, %s}\n",
			       lines[i]);
		s = load(yaml);
		assert_int_equal(s.webhooks[0].signing_keys.count, 2);
		assert_int_equal(s.webhooks[0].signing_keys.items[0].kind, SIGNING_KEY_HMAC);
		assert_int_equal(s.webhooks[0].signing_keys.items[1].kind, SIGNING_KEY_ED25519);
		settings_done(&s);
	}
}

static void defaults_give_way_to_what_is_written(void **state)
{
	struct settings s = load("database: {database: d, table: t}\n"
				 "webhook: {url: http://h, timeout: 2, retry_delay: 10m}\n");

	(void)state;
	assert_int_equal(s.webhooks[0].connect_timeout_us, 2000000);
	assert_int_equal(s.webhooks[0].retry_max_delay_us, 600000000);
	settings_done(&s);
	s = load("database: {database: d, table: t}\n"
		 "webhook: {url: http://h, retry_max_delay: 1s}\n");
	assert_int_equal(s.webhooks[0].retry_delay_us, 1000000);
	settings_done(&s);
}

static void pipelines_may_use_up_the_whole_queue(void **state)
{
	struct settings s = load("database: {database: d, table: t}\n" HOOK
				 "queue: {capacity: 101, max_bytes: 3MB}\n"
				 "pipelines:\n"
				 "  - {name: a, capacity: 60, max_bytes: 1MB}\n"
				 "  - {name: b, capacity: 41, max_bytes: 2MB}\n");

	(void)state;
	assert_int_equal(s.pipelines[1].capacity, 41);
	settings_done(&s);
}

static void a_missing_file_is_a_mistake_with_its_reason(void **state)
{
	struct settings s;
	struct buf mistakes;
	struct err e;

	(void)state;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	assert_int_equal(
		config_load("/nonexistent/config.yaml", config_env_system(), &s, &mistakes, &e),
		ERR_CONFIG);
	assert_string_equal(buf_str(&mistakes), "cannot open /nonexistent/config.yaml: No such "
						"file or directory\n");
	assert_string_equal(e.msg, "cannot open /nonexistent/config.yaml: No such file or "
				   "directory");
	buf_done(&mistakes);
}

static enum err_code read_large(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	assert_int_equal(out->max_bytes, 1048576);
	return err_set(e, ERR_FULL, "%s is larger than %zu bytes", path, out->max_bytes);
}

static void a_file_over_one_megabyte_is_a_mistake(void **state)
{
	const struct config_env large = {.get = get, .read_file = read_large};
	struct settings s;
	struct buf mistakes;
	struct err e;

	(void)state;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	assert_int_equal(config_load("f", &large, &s, &mistakes, &e), ERR_CONFIG);
	assert_string_equal(buf_str(&mistakes), "f is larger than 1048576 bytes\n");
	buf_done(&mistakes);
}

static void the_example_file_loads(void **state)
{
	const struct config_env files = {.get = get, .read_file = config_env_system()->read_file};
	struct settings s;
	struct buf mistakes;
	struct err e;

	(void)state;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	if (config_load("config.yaml.example", &files, &s, &mistakes, &e) != ERR_OK)
		fail_msg("%s", buf_str(&mistakes));
	check_short_source(&s.sources[0]);
	check_short_webhook(&s.webhooks[0]);
	check_short_pipeline(&s.pipelines[0]);
	settings_done(&s);
	buf_done(&mistakes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_file_is_one_source_webhook_and_pipeline),
		cmocka_unit_test(without_modes_every_operation_is_captured),
		cmocka_unit_test(the_long_form_joins_sources_and_webhooks_by_name),
		cmocka_unit_test(the_single_database_and_webhook_are_the_default_of_pipelines),
		cmocka_unit_test(tables_carry_columns_keys_and_filters),
		cmocka_unit_test(text_with_placeholders_is_a_template_and_a_file_is_not),
		cmocka_unit_test(secrets_come_from_files_and_credentials_too),
		cmocka_unit_test(signing_secrets_are_one_or_many_from_wherever),
		cmocka_unit_test(defaults_give_way_to_what_is_written),
		cmocka_unit_test(pipelines_may_use_up_the_whole_queue),
		cmocka_unit_test(a_missing_file_is_a_mistake_with_its_reason),
		cmocka_unit_test(a_file_over_one_megabyte_is_a_mistake),
		cmocka_unit_test(the_example_file_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
