/* SPDX-License-Identifier: MIT */
/*
 * Every kind of mistake a file can hold, with its line as it is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load.h"
#include "config/mistakes.h"

#define DATABASE "database: {database: d, table: t}\n"
#define WEBHOOK "webhook: {url: http://h}\n"
#define BOTH DATABASE WEBHOOK

static const struct {
	const char *yaml, *mistakes;
} cases[] = {
	{"", "f:1:1: database: required: which database to capture\n"
	     "f:1:1: webhook: required: where to send changes\n"
	     "f:1:1: tables: required: which tables to capture\n"},
	{"# nothing\n", "f:1:1: database: required: which database to capture\n"
			"f:1:1: webhook: required: where to send changes\n"
			"f:1:1: tables: required: which tables to capture\n"},
	{"a list\n", "f:1:1: must be a mapping of keys to values, not a single value\n"},
	{"- a\n", "f:1:1: must be a mapping of keys to values, not a list\n"},
	{"database: [\n",
	 "f:2:1: not valid YAML: did not find expected node content while parsing a flow node\n"},
	{"a:\n"
	 "\tb: 1\n",
	 "f:2:1: a tab where only spaces may stand: indent with spaces\n"},
	{"a: 'x\n",
	 "f:1:4: not valid YAML: found unexpected end of stream while scanning a quoted scalar\n"},
	{"a: {b: 1}}\n",
	 "f:1:10: not valid YAML: did not find expected key while parsing a block mapping\n"},
	{"a: \377\n", "f:1:4: not valid YAML: invalid leading UTF-8 octet\n"},
	{"a: &x 1\n"
	 "b: *x\n",
	 "f:1:4: anchors (&) are not supported: write the value out\n"
	 "f:2:4: aliases (*) are not supported: write the value out\n"},
	{"a: !!int 1\n", "f:1:4: tags (!) are not supported: write the value alone\n"},
	{"--- {}\n"
	 "--- {}\n",
	 "f:2:1: a second document: only one is read\n"},
	{"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
	 "f:1:35: nested too deeply: at most 32 levels are allowed\n"},
	{"database: {database: d, table: t, database: e}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:35: database.database: given twice, first in line 1\n"},
	{DATABASE "webhook: {url: http://h, [a]: b}\n",
	 "f:2:26: webhook: a key must be a single word, not a list\n"},
	{BOTH "dtabase: {}\n", "f:3:1: dtabase: unknown key, did you mean database?\n"},
	{BOTH "pool_size: 3\n", "f:3:1: pool_size: unknown key, did you mean worker.pool_size?\n"},
	{BOTH "zzzzzzzz: 3\n", "f:3:1: zzzzzzzz: unknown key\n"},
	{DATABASE "webhook:\n"
		  "  url: http://h\n"
		  "  retry_cont: 3\n"
		  "  pool_size: 3\n"
		  "  xyzzy_plugh: 1\n"
		  "  urll_file: /x\n",
	 "f:4:3: webhook.retry_cont: unknown key, did you mean retry_count?\n"
	 "f:5:3: webhook.pool_size: unknown key, did you mean worker.pool_size?\n"
	 "f:6:3: webhook.xyzzy_plugh: unknown key\n"
	 "f:7:3: webhook.urll_file: unknown key\n"},
	{BOTH "worker: 10\n",
	 "f:3:9: worker: must be a mapping of keys to values, not a single value\n"},
	{BOTH "worker: [1]\n", "f:3:9: worker: must be a mapping of keys to values, not a list\n"},
	{BOTH "sources: {}\n"
	      "webhooks: []\n"
	      "pipelines: x\n",
	 "f:3:10: sources: must be a list, not a mapping\n"
	 "f:4:11: webhooks: an empty list: leave the key out instead\n"
	 "f:5:12: pipelines: must be a list, not a single value\n"},
	{BOTH "worker: {pool_size: 0}\n",
	 "f:3:21: worker.pool_size: 0 is below the minimum of 1\n"},
	{BOTH "worker: {pool_size: 257}\n",
	 "f:3:21: worker.pool_size: 257 is above the maximum of 256\n"},
	{BOTH "worker: {pool_size: ten}\n",
	 "f:3:21: worker.pool_size: \"ten\" is not a whole number\n"},
	{BOTH "worker: {pool_size: [1]}\n",
	 "f:3:21: worker.pool_size: must be a single value, not a list\n"},
	{BOTH "worker: {pool_size: }\n", "f:3:21: worker.pool_size: has no value\n"},
	{BOTH "worker: {pool_size: ~}\n", "f:3:21: worker.pool_size: has no value\n"},
	{BOTH "worker: {pool_size: ''}\n",
	 "f:3:21: worker.pool_size: \"\" is not a whole number\n"},
	{BOTH "worker: {pool_size: 99999999999999999999}\n",
	 "f:3:21: worker.pool_size: \"99999999999999999999\" is too large a number\n"},
	{DATABASE "webhook: {url: http://h, timeout: 9ms, retry_delay: 2 weeks, tls_verify: maybe, "
		  "max_response_bytes: 17MB}\n",
	 "f:2:35: webhook.timeout: 9ms is below the minimum of 10ms\n"
	 "f:2:53: webhook.retry_delay: \"2 weeks\" is not a duration (write 500ms, 2s, 5m, 1h, 1d, "
	 "or seconds without a unit)\n"
	 "f:2:74: webhook.tls_verify: \"maybe\" is neither true nor false\n"
	 "f:2:101: webhook.max_response_bytes: 17MB is above the maximum of 16MB\n"},
	{"database: {type: postgre, sslmode: verify, database: d, table: t, port: 65536}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:18: database.type: \"postgre\" is not known, did you mean postgres?\n"
	 "f:1:36: database.sslmode: \"verify\" is none of disable, allow, prefer, require, "
	 "verify-ca, verify-full\n"
	 "f:1:73: database.port: 65536 is above the maximum of 65535\n"},
	{"database: {type: oracle, database: d, table: t}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:18: database.type: \"oracle\" is none of postgres, postgresql, mysql, mariadb, "
	 "sqlite, http\n"},
	{"database: {table: t}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:11: database.database: required for postgres\n"},
	{"database: {type: mariadb, table: t}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:11: database.database: required for mysql\n"},
	{"database: {type: sqlite, table: t, database: d}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:11: database.path: required for sqlite\n"
	 "f:1:36: database.database: not with sqlite: a file has no server, only path\n"},
	{"database: {database: d, table: t}\n",
	 "f:1:1: webhook: required: where to send changes\n"},
	{"webhook: {url: http://h}\n", "f:1:1: database: required: which database to capture\n"
				       "f:1:1: tables: required: which tables to capture\n"},
	{DATABASE "webhook: {}\n", "f:2:10: webhook.url: required: where to send changes\n"},
	{DATABASE "webhook:\n", "f:2:9: webhook.url: required: where to send changes\n"},
	{"database: {database: d}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:1: tables: required: which tables to capture\n"},
	{"database: {database: d, table: t, tables: [u]}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:35: database.tables: tables are given already: keep one of table and tables\n"},
	{DATABASE "tables: [u]\n"
		  "webhook: {url: http://h}\n",
	 "f:2:1: tables: tables are given already in line 1: keep one of them\n"},
	{"database: {database: d, tables: []}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:33: database.tables: an empty list: no table would be captured\n"},
	{"database: {database: d, tables: {a: b}}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:33: database.tables: must be a list of tables, not a mapping\n"},
	{"database: {database: d, tables: 'a,,b'}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:33: database.tables: a table is TABLE or SCHEMA.TABLE: a name is missing\n"},
	{"database: {database: d}\n" WEBHOOK "tables:\n"
	 "  - a..b\n"
	 "  - a.b.c\n"
	 "  - sales.o*\n"
	 "  - '*.x'\n"
	 "  - 'my table'\n"
	 "  - '\"x'\n"
	 "  - '\"a\"b'\n"
	 "  - '\"*\"'\n"
	 "  - ''\n"
	 "  - [x]\n"
	 "  - users\n"
	 "  - public.users\n"
	 "  - users\n",
	 "f:4:5: tables[0]: a table is TABLE or SCHEMA.TABLE: a name is missing\n"
	 "f:5:5: tables[1]: a table is TABLE or SCHEMA.TABLE\n"
	 "f:6:5: tables[2]: * stands for all tables of a schema, as in SCHEMA.*, not for a part of "
	 "a name\n"
	 "f:7:5: tables[3]: * stands for all tables of a schema, as in SCHEMA.*, not for a part of "
	 "a name\n"
	 "f:8:5: tables[4]: spaces and quotes need a name in double quotes\n"
	 "f:9:5: tables[5]: a double quote that is never closed\n"
	 "f:10:5: tables[6]: a table is TABLE or SCHEMA.TABLE\n"
	 "f:11:5: tables[7]: no table is called *: leave the quotes out to mean all tables\n"
	 "f:12:5: tables[8]: a table is TABLE or SCHEMA.TABLE: a name is missing\n"
	 "f:13:5: tables[9]: must be a single value, not a list\n"
	 "f:16:5: tables[12]: this table is given twice, first in line 14\n"},
	{"database: {database: d}\n" WEBHOOK "tables:\n"
	 "  - {columns: [a]}\n"
	 "  - {name: b, columns: [], exclude: [a, a], kee: [x]}\n"
	 "  - {name: c, columns: [a], exclude: [b]}\n"
	 "  - {name: d, exclude: [id], key: [id]}\n"
	 "  - {name: e, columns: [a], key: [id]}\n"
	 "  - {name: f, columns: {a: b}}\n",
	 "f:4:5: tables[0].name: required\n"
	 "f:5:24: tables[1].columns: an empty list: leave the key out instead\n"
	 "f:5:41: tables[1].exclude[1]: a is given twice\n"
	 "f:5:45: tables[1].kee: unknown key, did you mean key?\n"
	 "f:6:29: tables[2].exclude: not together with columns\n"
	 "f:7:24: tables[3].exclude: holds id, which is part of key\n"
	 "f:8:24: tables[4].columns: lacks id, which is part of key\n"
	 "f:9:24: tables[5].columns: must be a single value, not a mapping\n"},
	{"database: {database: d}\n" WEBHOOK "tables:\n"
	 "  - {name: a, where: 'a; b'}\n"
	 "  - {name: b, where: {insert: OLD.a, delete: NEW.a, truncate: x, updae: y}}\n"
	 "  - {name: c, where: [x]}\n"
	 "  - {name: d, where: ''}\n",
	 "f:4:22: tables[0].where: a semicolon is not allowed outside quotes\n"
	 "f:5:31: tables[1].where.insert: an insert has no OLD row\n"
	 "f:5:46: tables[1].where.delete: a delete has no NEW row\n"
	 "f:5:53: tables[1].where.truncate: a truncate has no rows to filter\n"
	 "f:5:66: tables[1].where.updae: not an operation, did you mean update?\n"
	 "f:6:22: tables[2].where: must be a single value, not a list\n"
	 "f:7:22: tables[3].where: must not be empty\n"},
	{BOTH "listener: {modes: 'insert, updae', wakeup: sometimes, ordering: rows, batch_size: "
	      "0, poll_interval: 0}\n",
	 "f:3:19: listener.modes: \"updae\" is not an operation, did you mean update?\n"
	 "f:3:44: listener.wakeup: \"sometimes\" is none of auto, notify, poll\n"
	 "f:3:65: listener.ordering: \"rows\" is none of key, table, pipeline, none\n"
	 "f:3:83: listener.batch_size: 0 is below the minimum of 1\n"
	 "f:3:101: listener.poll_interval: 0s is below the minimum of 1ms\n"},
	{BOTH "listener: {modes: [insert, insert, [x], read]}\n",
	 "f:3:28: listener.modes[1]: insert is given twice\n"
	 "f:3:36: listener.modes[2]: must be a single value, not a list\n"
	 "f:3:41: listener.modes[3]: \"read\" is not an operation (insert, update, delete or "
	 "truncate)\n"},
	{BOTH "listener: {modes: []}\n",
	 "f:3:19: listener.modes: an empty list: leave the key out instead\n"},
	{BOTH "listener: {modes: ''}\n",
	 "f:3:19: listener.modes: \"\" is not an operation (insert, update, delete or truncate)\n"},
	{DATABASE "webhook: {url: ftp://h}\n",
	 "f:2:16: webhook.url: must begin with http:// or https://\n"},
	{DATABASE "webhook: {url: 'http://'}\n", "f:2:16: webhook.url: has no host\n"},
	{DATABASE "webhook: {url: 'http://u@/x'}\n", "f:2:16: webhook.url: has no host\n"},
	{DATABASE "webhook: {url: 'http://h:port/'}\n",
	 "f:2:16: webhook.url: has a port that is not a number up to 65535\n"},
	{DATABASE "webhook: {url: 'http://h h/'}\n",
	 "f:2:16: webhook.url: a URL has no spaces or control characters\n"},
	{DATABASE "webhook: {url: 'http://h/{tablet}'}\n",
	 "f:2:16: webhook.url: has an unknown placeholder: there are {pipeline} {schema} {table} "
	 "{operation} {id} (write {{ for a brace)\n"},
	{DATABASE "webhook: {url: http://h, format: standard, type: 'a{', headers: {A: '}'}}\n",
	 "f:2:50: webhook.type: has a { without its } (write {{ for a brace)\n"
	 "f:2:69: webhook.headers.A: has a } without its { (write }} for a brace)\n"},
	{DATABASE "webhook: {url: http://h, type: x}\n",
	 "f:2:26: webhook.type: this format has no type: it is for cloudevents and standard\n"},
	{DATABASE "webhook: {url: 'https://[::1'}\n", "f:2:16: webhook.url: has no host\n"},
	{DATABASE "webhook:\n"
		  "  url: http://h\n"
		  "  headers:\n"
		  "    'a b': x\n"
		  "    Host: x\n"
		  "    A: \"x\\ny\"\n"
		  "    B: x\n"
		  "    b: y\n"
		  "    C: {path: x}\n"
		  "    D: [x]\n"
		  "    E: ${NONE}\n"
		  "    F: {file: /none}\n",
	 "f:5:5: webhook.headers.a b: not a header name (letters, digits and !#$%&'*+-.^_`|~)\n"
	 "f:6:5: webhook.headers.Host: this header is set by the daemon\n"
	 "f:7:8: webhook.headers.A: a header's value has no line ends or control characters\n"
	 "f:9:5: webhook.headers.b: given twice: names of headers have no case\n"
	 "f:10:8: webhook.headers.C: must be text, {file: PATH} or {credential: NAME}\n"
	 "f:11:8: webhook.headers.D: must be a single value, not a list\n"
	 "f:12:8: webhook.headers.E: environment variable NONE is not set (write ${NONE:-default} "
	 "to do without)\n"
	 "f:13:15: webhook.headers.F: cannot open /none: No such file or directory\n"},
	{DATABASE
	 "webhook: {url: http://h, retry_delay: 10m, retry_max_delay: 5m, connect_timeout: 31s}\n",
	 "f:2:39: webhook.retry_delay: 10m is more than retry_max_delay, which is 5m\n"
	 "f:2:82: webhook.connect_timeout: 31s is more than timeout, which is 30s\n"},
	{DATABASE "webhook: {url: http://h, timeout: 2s, connect_timeout: 3s}\n",
	 "f:2:56: webhook.connect_timeout: 3s is more than timeout, which is 2s\n"},
	{"database: {database: d, table: t, user: '${NONE}', password: '${', host: '${1}', "
	 "sslcert: '${A:-${B}}', sslkey: '${A-b}'}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:41: database.user: environment variable NONE is not set (write ${NONE:-default} to "
	 "do without)\n"
	 "f:1:62: database.password: a ${ without its } (write $${ for a literal one)\n"
	 "f:1:74: database.host: a ${ that is neither ${NAME} nor ${NAME:-default} (write $${ for "
	 "a literal one)\n"
	 "f:1:91: database.sslcert: ${A:-...} has another ${ inside\n"
	 "f:1:113: database.sslkey: a ${ that is neither ${NAME} nor ${NAME:-default} (write $${ "
	 "for a literal one)\n"},
	{"database: {database: d, table: t, user: '', host: \"a\\0b\", sslcert: \"a\\x07\"}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:41: database.user: must not be empty\n"
	 "f:1:51: database.host: a NUL byte is not allowed\n"
	 "f:1:68: database.sslcert: control characters are not allowed\n"},
	{"database: {database: d, table: t, password: x, password_file: /secret}\n"
	 "webhook: {url: http://h}\n",
	 "f:1:48: database.password_file: give only one of password, password_file and "
	 "password_credential\n"},
	{"database: {database: d, table: t, password_file: /none, host_file: /x}\n" WEBHOOK
	 "admin: {token_credential: ../x}\n",
	 "f:1:50: database.password_file: cannot open /none: No such file or directory\n"
	 "f:1:57: database.host_file: unknown key\n"
	 "f:3:27: admin.token_credential: a credential's name is a file name without /\n"},
	{DATABASE "webhook: {url_file: /empty}\n"
		  "admin: {token_file: /nul, listen: 8080}\n",
	 "f:2:21: webhook.url_file: /empty is empty\n"
	 "f:3:21: admin.token_file: /nul holds a NUL byte\n"
	 "f:3:35: admin.listen: must be ADDRESS:PORT, [IPv6]:PORT or off\n"},
	{BOTH "admin: {listen: ':80', token: ''}\n",
	 "f:3:17: admin.listen: must be ADDRESS:PORT, [IPv6]:PORT or off\n"
	 "f:3:31: admin.token: must not be empty\n"},
	{"sources:\n"
	 "  - {database: d}\n"
	 "  - {name: Shop, database: d}\n"
	 "  - {name: a, database: d, modes: insert}\n"
	 "  - {name: a, database: d}\n"
	 "  - x\n" WEBHOOK "tables: [t]\n",
	 "f:1:1: pipelines: required when there is more than one source or webhook\n"
	 "f:2:5: sources[0].name: required\n"
	 "f:3:12: sources[1].name: a name is 1 to 40 lower-case letters, digits and underscores\n"
	 "f:4:28: sources[2].modes: unknown key, did you mean listener.modes?\n"
	 "f:5:12: sources[3].name: another source is called a\n"
	 "f:6:5: sources[4]: must be a mapping of keys to values, not a single value\n"},
	{"database: {database: d}\n"
	 "sources: [{name: default, database: d}]\n" WEBHOOK
	 "pipelines: [{name: p, tables: [t]}]\n",
	 "f:2:18: sources[0].name: another source is called default\n"},
	{"sources: [{name: shop, database: d}]\n"
	 "webhooks:\n"
	 "  - {name: one, url: http://h}\n"
	 "  - {name: two, url: http://h}\n"
	 "  - {name: two}\n"
	 "pipelines:\n"
	 "  - {name: p, source: shp, webhook: on, tables: [t]}\n"
	 "  - {name: p, tables: [t]}\n"
	 "  - {webhook: xyz, tables: [t]}\n"
	 "  - {name: q, webhook: one, modes: insert, operations: insert, tables: [t], "
	 "poll_interval: 3}\n",
	 "f:5:5: webhooks[2].url: required: where to send changes\n"
	 "f:5:12: webhooks[2].name: another webhook is called two\n"
	 "f:7:23: pipelines[0].source: no source is called \"shp\", did you mean shop?\n"
	 "f:7:37: pipelines[0].webhook: no webhook is called \"on\", did you mean one?\n"
	 "f:8:5: pipelines[1].webhook: required: there are 3\n"
	 "f:8:12: pipelines[1].name: another pipeline is called p\n"
	 "f:9:5: pipelines[2].name: required\n"
	 "f:9:15: pipelines[2].webhook: no webhook is called \"xyz\"\n"
	 "f:10:44: pipelines[3].operations: means the same as modes: keep one of them\n"
	 "f:10:77: pipelines[3].poll_interval: unknown key, did you mean "
	 "listener.poll_interval?\n"},
	{"sources: [{name: a, database: d}, {name: b, database: d}]\n"
	 "webhook: {url: http://h}\n",
	 "f:1:1: pipelines: required when there is more than one source or webhook\n"},
	{BOTH "pipelines: [{name: p, tables: [u]}]\n",
	 "f:1:25: database.table: not used: every pipeline of this source has its own\n"},
	{"database: {database: d}\n" WEBHOOK "tables: [t]\n"
	 "pipelines: [{name: p, tables: [u]}]\n",
	 "f:3:1: tables: not used: every pipeline has its own\n"},
	{"database: {database: d}\n" WEBHOOK "pipelines:\n"
	 "  - {name: p, tables: [u], table: v}\n"
	 "  - {name: q}\n",
	 "f:4:15: pipelines[0].tables: tables are given already: keep one of table and tables\n"
	 "f:5:5: pipelines[1].tables: required: which tables to capture\n"},
	{BOTH "queue: {capacity: 100}\n"
	      "pipelines: [{name: a, capacity: 60}, {name: b, capacity: 40}, {name: c}]\n",
	 "f:3:19: queue.capacity: 100 is less than the pipelines need: a 60 + b 40 + c 1 = 101\n"},
	{BOTH "pipelines: [{name: a, max_bytes: 60MB}, {name: b, max_bytes: 5MB}]\n",
	 "f:3:1: queue.max_bytes: 64MB is less than the pipelines need: a 60MB + b 5MB = 65MB\n"},
	{"database: {database: d, table: t, hsot: x}\n" WEBHOOK "logging: {level: warm, file: ''}\n"
	 "queue: {max_bytes: 1}\n"
	 "worker: {pool_size: 0}\n",
	 "f:1:35: database.hsot: unknown key, did you mean host?\n"
	 "f:3:18: logging.level: \"warm\" is not known, did you mean warn?\n"
	 "f:3:30: logging.file: must not be empty\n"
	 "f:4:20: queue.max_bytes: 1B is below the minimum of 1MB\n"
	 "f:5:21: worker.pool_size: 0 is below the minimum of 1\n"},
};

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "CREDENTIALS_DIRECTORY") ? NULL : "/credentials";
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	if (!strcmp(path, "/nul"))
		buf_add(out, "a\0b", 3);
	else if (!strcmp(path, "/empty"))
		buf_add_str(out, "\n");
	else
		return err_set(e, ERR_NOT_FOUND, "cannot open %s: No such file or directory", path);
	return buf_error(out);
}

static const struct config_env env = {.get = get, .read_file = read_file};

static void every_mistake_is_reported_with_its_place(void **state)
{
	struct settings s;
	struct buf mistakes;
	struct err e;
	enum err_code code;
	size_t i;

	(void)state;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&s, 0x55, sizeof(s));
		buf_reset(&mistakes);
		code = config_parse("f", text_of(cases[i].yaml), &env, &s, &mistakes, &e);
		if (strcmp(buf_str(&mistakes), cases[i].mistakes))
			fail_msg("%s\nexpected\n%s\ngot\n%s", cases[i].yaml, cases[i].mistakes,
				 buf_str(&mistakes));
		assert_int_equal(code, ERR_CONFIG);
		assert_int_equal(err_exit_status(code), 78);
		/* written only on success */
		assert_int_equal(s.source_count & 0xff, 0x55);
	}
	buf_done(&mistakes);
}

static void mistakes_come_in_the_order_of_the_file_and_once(void **state)
{
	struct mistakes m;
	struct buf out;

	(void)state;
	mistakes_init(&m);
	mistakes_add(&m, 2, 1, "b", "x");
	mistakes_add(&m, 1, 9, "a", "y %d", 1);
	mistakes_add(&m, 2, 1, "a", "z");
	mistakes_add(&m, 2, 1, "b", "x");
	mistakes_add(&m, 0, 0, "", "w\n\033[1m");
	buf_init(&out, 1000);
	assert_int_equal(mistakes_print(&m, "f", &out), 4);
	assert_string_equal(buf_str(&out), "f: w??[1m\nf:1:9: a: y 1\nf:2:1: b: x\nf:2:1: a: z\n");
	buf_done(&out);
	mistakes_done(&m);
}

static void mistakes_are_counted_but_not_kept_past_their_maximum(void **state)
{
	struct mistakes m;
	struct buf out;
	int i;

	(void)state;
	mistakes_init(&m);
	for (i = 1; i <= MISTAKES_MAX + 5; i++)
		mistakes_add(&m, i, 1, "", "x");
	buf_init(&out, CONFIG_MISTAKES_BYTES);
	assert_int_equal(mistakes_print(&m, "f", &out), MISTAKES_MAX + 5);
	assert_non_null(strstr(buf_str(&out), "f:100:1: x\nf: and 5 more\n"));
	buf_done(&out);
	mistakes_done(&m);
}

static void a_mapping_of_more_than_a_thousand_keys_is_refused(void **state)
{
	struct settings s;
	struct buf yaml, mistakes;
	struct err e;
	int i;

	(void)state;
	buf_init(&yaml, 1 << 20);
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	for (i = 0; i < 1001; i++)
		buf_add_fmt(&yaml, "k%d: 1\n", i);
	assert_int_equal(config_parse("f", buf_text(&yaml), &env, &s, &mistakes, &e), ERR_CONFIG);
	assert_string_equal(buf_str(&mistakes),
			    "f:1001:1: too many entries: at most 1000 are allowed\n");
	buf_done(&mistakes);
	buf_done(&yaml);
}

static void more_of_a_kind_than_fit_are_refused(void **state)
{
	static const struct {
		const char *list;
		int count;
		const char *mistake;
	} kinds[] = {
		{"sources", 17, "f:4:3: sources: too many: at most 16 are allowed\n"},
		{"webhooks", 65, "f:4:3: webhooks: too many: at most 64 are allowed\n"},
		{"pipelines", 65, "f:4:3: pipelines: too many: at most 64 are allowed\n"},
	};
	struct settings s;
	struct buf yaml, mistakes;
	struct err e;
	size_t k;
	int i;

	(void)state;
	buf_init(&yaml, 1 << 20);
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	for (k = 0; k < ARRAY_LEN(kinds); k++) {
		buf_reset(&yaml);
		buf_reset(&mistakes);
		buf_add_fmt(&yaml, BOTH "%s:\n", kinds[k].list);
		for (i = 0; i < kinds[k].count; i++)
			buf_add_fmt(&yaml, "  - {name: n%d}\n", i);
		assert_int_equal(config_parse("f", buf_text(&yaml), &env, &s, &mistakes, &e),
				 ERR_CONFIG);
		assert_non_null(strstr(buf_str(&mistakes), kinds[k].mistake));
	}
	buf_done(&mistakes);
	buf_done(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_reported_with_its_place),
		cmocka_unit_test(mistakes_come_in_the_order_of_the_file_and_once),
		cmocka_unit_test(mistakes_are_counted_but_not_kept_past_their_maximum),
		cmocka_unit_test(a_mapping_of_more_than_a_thousand_keys_is_refused),
		cmocka_unit_test(more_of_a_kind_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
