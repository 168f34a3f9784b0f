/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include <string.h>

#include "base/clock.h"
#include "config/column_rules.h"
#include "config/network_rule.h"

/* the columns target, offset and size of a field */
#define FIELD(in, type, field)                                                                     \
	.target = (in), .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define SOURCE(field) FIELD(KEY_IN_SOURCE, struct source_settings, field)
#define WEBHOOK(field) FIELD(KEY_IN_WEBHOOK, struct webhook_settings, field)
#define PIPELINE(field) FIELD(KEY_IN_PIPELINE, struct pipeline_settings, field)
#define TABLE(field) FIELD(KEY_IN_TABLE, struct table_settings, field)
#define SETTINGS(field) FIELD(KEY_IN_SETTINGS, struct settings, field)

#define RANGE(least, most) .min = (least), .max = (most)
#define MS CLOCK_US_PER_MS
#define S CLOCK_US_PER_S
#define MIN (60 * S)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define KB 1024LL
#define MB (1024 * KB)
#define GB (1024 * MB)

#define INSTALL .installs = true

/* keys that not every kind of database has */
#define ONLY_SERVERS                                                                               \
	.types = KEY_TYPE_BIT(SOURCE_POSTGRES) | KEY_TYPE_BIT(SOURCE_MYSQL),                       \
	.why = "a file has no server, only path"
#define ONLY_POSTGRES(reason) .types = KEY_TYPE_BIT(SOURCE_POSTGRES), .why = (reason)
#define ONLY_MYSQL(reason) .types = KEY_TYPE_BIT(SOURCE_MYSQL), .why = (reason)
#define ONLY_SQLITE(reason) .types = KEY_TYPE_BIT(SOURCE_SQLITE), .why = (reason)

static const struct key_word type_words[] = {
	{"postgres", SOURCE_POSTGRES}, {"postgresql", SOURCE_POSTGRES}, {"mysql", SOURCE_MYSQL},
	{"mariadb", SOURCE_MYSQL},     {"sqlite", SOURCE_SQLITE},       {NULL, 0},
};
static const struct key_word sslmode_words[] = {
	{"disable", 0},   {"allow", 0},       {"prefer", 0}, {"require", 0},
	{"verify-ca", 0}, {"verify-full", 0}, {NULL, 0},
};
/* the daemon writes (it acknowledges), so a standby is of no use */
static const struct key_word session_words[] = {
	{"read-write", 0},
	{"primary", 0},
	{"any", 0},
	{NULL, 0},
};
static const struct key_word wakeup_words[] = {
	{"auto", SOURCE_WAKEUP_AUTO},
	{"notify", SOURCE_WAKEUP_NOTIFY},
	{"poll", SOURCE_WAKEUP_POLL},
	{NULL, 0},
};
static const struct key_word ordering_words[] = {
	{"key", ORDERING_KEY},
	{"table", ORDERING_TABLE},
	{"pipeline", ORDERING_PIPELINE},
	{"none", ORDERING_NONE},
	{NULL, 0},
};
static const struct key_word level_words[] = {
	{"error", LOG_LEVEL_ERROR}, {"warn", LOG_LEVEL_WARN},   {"warning", LOG_LEVEL_WARN},
	{"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG}, {NULL, 0},
};
static const struct key_word webhook_format_words[] = {
	{"native", WEBHOOK_FORMAT_NATIVE},
	{"cloudevents", WEBHOOK_FORMAT_CLOUDEVENTS},
	{"cloudevents-binary", WEBHOOK_FORMAT_CLOUDEVENTS_BINARY},
	{"standard", WEBHOOK_FORMAT_STANDARD},
	{"debezium", WEBHOOK_FORMAT_DEBEZIUM},
	{NULL, 0},
};
static const struct key_word big_numbers_words[] = {
	{"number", WEBHOOK_BIG_NUMBERS_AS_THEY_ARE},
	{"string", WEBHOOK_BIG_NUMBERS_STRING},
	{NULL, 0},
};
static const struct key_word concurrency_words[] = {
	{"fixed", WEBHOOK_CONCURRENCY_FIXED},
	{"adaptive", WEBHOOK_CONCURRENCY_ADAPTIVE},
	{NULL, 0},
};
static const struct key_word oversized_words[] = {
	{"key_only", WEBHOOK_OVERSIZED_KEY_ONLY},
	{"truncate", WEBHOOK_OVERSIZED_TRUNCATE},
	{"dead_letter", WEBHOOK_OVERSIZED_DEAD_LETTER},
	{NULL, 0},
};
static const struct key_word compression_words[] = {
	{"none", WEBHOOK_COMPRESSION_NONE},
	{"gzip", WEBHOOK_COMPRESSION_GZIP},
	{NULL, 0},
};
static const struct key_word oauth2_auth_words[] = {
	{"basic", WEBHOOK_OAUTH2_BASIC},
	{"post", WEBHOOK_OAUTH2_POST},
	{NULL, 0},
};
static const struct key_word tls_min_words[] = {
	{"1.2", WEBHOOK_TLS_1_2},
	{"1.3", WEBHOOK_TLS_1_3},
	{NULL, 0},
};
static const struct key_word format_words[] = {
	{"text", LOG_FORMAT_TEXT},
	{"json", LOG_FORMAT_JSON},
	{NULL, 0},
};

const struct key_section key_sections[] = {
	{"database", KEY_SECTION_SHARED, "The database whose changes are captured."},
	{"listener", KEY_SECTION_SHARED,
	 "How changes are captured and read. These are the defaults of every source and pipeline, "
	 "which may set them too."},
	{"webhook", KEY_SECTION_SHARED, "The receiver that each change is sent to."},
	{"tables", KEY_SECTION_TABLES,
	 "The tables to capture, instead of database.table or database.tables: each a name or a "
	 "mapping of the keys below."},
	{"sources", KEY_SECTION_LIST,
	 "Several databases: each has a name and the keys of database and listener."},
	{"webhooks", KEY_SECTION_LIST,
	 "Several receivers: each has a name and the keys of webhook."},
	{"pipelines", KEY_SECTION_LIST,
	 "Several routes: each joins tables of one source to one webhook. Without this list there "
	 "is "
	 "one pipeline, called default."},
	{"worker", KEY_SECTION_MAPPING, "The threads that send."},
	{"queue", KEY_SECTION_MAPPING, "The bounds of what is held in memory."},
	{"logging", KEY_SECTION_MAPPING, "Where log lines go."},
	{"admin", KEY_SECTION_MAPPING, "The HTTP address for metrics, health and steering."},
	{"daemon", KEY_SECTION_MAPPING, "The process itself."},
};
const size_t key_section_count = ARRAY_LEN(key_sections);

/* A field that is a pointer to a struct has a pointer's size: that is what is meant. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
const struct key keys[] = {
	{"database.type", KEY_WORD, SOURCE(type), .def = "postgres", .words = type_words,
	 .help = "The kind of database."},
	{"database.host", KEY_STRING, SOURCE(host), .def = "localhost", .check = check_text,
	 ONLY_SERVERS,
	 .help = "Name or address of the server, or the directory of its Unix socket; for mysql "
		 "the "
		 "socket too."},
	{"database.port", KEY_INT, SOURCE(port), RANGE(1, 65535), ONLY_SERVERS,
	 .help = "Port of the server; 5432 for postgres and 3306 for mysql when not given."},
	{"database.user", KEY_STRING, SOURCE(user), .check = check_text, ONLY_SERVERS,
	 .help = "User to connect as; the user the daemon runs as when not given."},
	{"database.password", KEY_SECRET, SOURCE(password), ONLY_SERVERS,
	 .help = "Password of that user; postgres: libpq's own sources (.pgpass) are asked when "
		 "not given."},
	{"database.database", KEY_STRING, SOURCE(database), .check = check_text, ONLY_SERVERS,
	 .help = "Name of the database; required."},
	{"database.path", KEY_STRING, SOURCE(path), .check = check_path,
	 ONLY_SQLITE("it is the file of an SQLite database"),
	 .help = "Path of the database file; required."},
	{"database.table", KEY_TABLE, PIPELINE(tables), .alias = true,
	 .help = "The one table to capture, as TABLE or SCHEMA.TABLE (sqlite: TABLE)."},
	{"database.tables", KEY_TABLES, PIPELINE(tables), .alias = true,
	 .help = "The tables to capture: a list as described under tables."},
	{"database.sslmode", KEY_CHOICE, SOURCE(sslmode), .def = "prefer", .words = sslmode_words,
	 ONLY_SERVERS,
	 .help = "How far the connection must be protected, in libpq's words; mysql has no allow."},
	{"database.sslrootcert", KEY_STRING, SOURCE(sslrootcert), .check = check_text, ONLY_SERVERS,
	 .help = "File with the certificates that may sign the server's."},
	{"database.sslcert", KEY_STRING, SOURCE(sslcert), .check = check_text, ONLY_SERVERS,
	 .help = "File with the certificate to show to the server."},
	{"database.sslkey", KEY_STRING, SOURCE(sslkey), .check = check_text, ONLY_SERVERS,
	 .help = "File with the key of that certificate."},
	{"database.target_session_attrs", KEY_CHOICE, SOURCE(target_session_attrs),
	 .def = "read-write", .words = session_words,
	 ONLY_POSTGRES("a choice among several hosts is libpq's"),
	 .help = "Which server of several hosts to take, in libpq's words."},
	{"database.connect_timeout", KEY_DURATION, SOURCE(connect_timeout_us), .def = "10s",
	 RANGE(1 * S, 10 * MIN), .help = "A connection attempt is given up after this long."},
	{"database.statement_timeout", KEY_DURATION, SOURCE(statement_timeout_us), .def = "60s",
	 RANGE(1 * S, HOUR), .help = "A statement of the daemon is given up after this long."},
	{"database.reconnect_max_delay", KEY_DURATION, SOURCE(reconnect_max_delay_us), .def = "30s",
	 RANGE(100 * MS, HOUR), .help = "The longest wait between attempts to connect again."},

	{"listener.modes", KEY_OPS, PIPELINE(operations), .def = "insert,update,delete,truncate",
	 INSTALL,
	 .help = "The operations to capture, as a list or with commas between; truncate is for "
		 "postgres only."},
	{"listener.ordering", KEY_WORD, PIPELINE(ordering), .def = "key", .words = ordering_words,
	 .help = "Which events wait for each other: those of one row, one table, the pipeline, "
		 "none."},
	{"listener.wakeup", KEY_WORD, SOURCE(wakeup), .def = "auto", .words = wakeup_words,
	 .help = "Whether the database notifies the daemon of changes or is only polled; mysql and "
		 "sqlite are always polled."},
	{"listener.poll_interval", KEY_DURATION, SOURCE(poll_interval_us), .def = "2s",
	 .def_polled = "250ms", RANGE(1 * MS, HOUR),
	 .help = "The longest wait between two looks for changes when nothing wakes the daemon."},
	{"listener.batch_size", KEY_INT, SOURCE(batch_size), .def = "1000", RANGE(1, 100000),
	 .help = "The most rows read, and the most acknowledged, at once."},
	{"listener.ack_delay", KEY_DURATION, SOURCE(ack_delay_us), .def = "20ms", RANGE(0, 10 * S),
	 .help = "How long an acknowledgement may wait for others to share its commit."},
	{"listener.max_event_bytes", KEY_SIZE, SOURCE(max_event_bytes), .def = "1MB",
	 RANGE(1 * KB, 256 * MB), INSTALL,
	 .help = "A larger row is sent with its key only, marked truncated."},
	{"listener.dead_letter_retention", KEY_DURATION, SOURCE(dead_letter_retention_us),
	 .def = "30d", RANGE(0, 3650 * DAY),
	 .help = "Dead letters are removed when they are older; 0s: they are kept."},
	{"listener.retain", KEY_DURATION, PIPELINE(retain_us), .def = "0s", RANGE(0, 3650 * DAY),
	 .help = "How long delivered events are kept for app-db-listener replay; 0s: not at all."},
	{"listener.audit_table", KEY_STRING, SOURCE(audit_table), .check = check_audit_table,
	 ONLY_MYSQL("it is always captured by triggers of its own"), INSTALL,
	 .help = "An audit table of your own that is read in place of triggers and outbox, as NAME "
		 "or SCHEMA.NAME."},

	{"webhook.url", KEY_URL, WEBHOOK(url), .check = check_url,
	 .help = "Where to POST; required. Path and query may have the placeholders of type."},
	{"webhook.format", KEY_WORD, WEBHOOK(format), .def = "native",
	 .words = webhook_format_words,
	 .help = "What a request looks like: docs/formats.md has an example of each."},
	{"webhook.type", KEY_STRING, WEBHOOK(type), .check = check_template,
	 .help = "The event's type in the formats that have one, from {pipeline} {schema} {table} "
		 "{operation} {id}; app-db-listener.{table}.{operation} for cloudevents, "
		 "{table}.{operation} for standard when not given."},
	{"webhook.big_numbers", KEY_WORD, WEBHOOK(big_numbers), .def = "number",
	 .words = big_numbers_words,
	 .help = "Whether numbers in rows and keys that a double does not hold are sent as numbers "
		 "or as strings."},
	{"webhook.max_body_bytes", KEY_SIZE, WEBHOOK(max_body_bytes), .def = "0", RANGE(0, 1 * GB),
	 .help = "The most that an event's body may have, before it is compressed; 0: no limit."},
	{"webhook.oversized", KEY_WORD, WEBHOOK(oversized), .def = "key_only",
	 .words = oversized_words,
	 .help = "What becomes of an event with a larger body: sent with the key in place of the "
		 "row, or with its longest texts cut, or put to the dead letters."},
	{"webhook.compression", KEY_WORD, WEBHOOK(compression), .def = "none",
	 .words = compression_words,
	 .help = "Whether bodies are sent with Content-Encoding: gzip where that makes them "
		 "smaller "
		 "by a tenth."},
	{"webhook.compression_min_bytes", KEY_SIZE, WEBHOOK(compression_min_bytes), .def = "10kB",
	 RANGE(0, 1 * GB), .help = "Smaller bodies are never compressed."},
	{"webhook.batch_max_events", KEY_INT, WEBHOOK(batch_max_events), .def = "1",
	 RANGE(1, 10000),
	 .help = "The most events in one request, which is then an array; 1 sends each by itself."},
	{"webhook.batch_max_bytes", KEY_SIZE, WEBHOOK(batch_max_bytes), .def = "1MB",
	 RANGE(1 * KB, 256 * MB),
	 .help = "The largest body that several events may share, before compression."},
	{"webhook.batch_max_delay", KEY_DURATION, WEBHOOK(batch_max_delay_us), .def = "0s",
	 RANGE(0, 10 * MIN),
	 .help = "How long an event waits for others to fill the request; 0 sends what is there."},
	{"webhook.timeout", KEY_DURATION, WEBHOOK(timeout_us), .def = "30s", RANGE(10 * MS, HOUR),
	 .help = "A request without its whole answer after this long has failed."},
	{"webhook.connect_timeout", KEY_DURATION, WEBHOOK(connect_timeout_us), .def = "5s",
	 RANGE(10 * MS, 10 * MIN),
	 .help = "Part of timeout for name lookup, connection and TLS; never more than timeout."},
	{"webhook.retry_count", KEY_INT, WEBHOOK(retry_count), .def = "3", RANGE(0, 1000),
	 .help = "How often a failed request is tried again before the event is a dead letter."},
	{"webhook.retry_delay", KEY_DURATION, WEBHOOK(retry_delay_us), .def = "5s",
	 RANGE(1 * MS, DAY), .help = "The base of the wait before a retry; it doubles with each."},
	{"webhook.retry_max_delay", KEY_DURATION, WEBHOOK(retry_max_delay_us), .def = "5m",
	 RANGE(1 * MS, 7 * DAY),
	 .help = "The longest wait before a retry, also when the receiver asks for more."},
	{"webhook.retry_schedule", KEY_DURATIONS, WEBHOOK(retry_schedule), RANGE(1 * S, 30 * DAY),
	 .help = "Waits after which an event that used up its retries is tried once more each, as "
		 "5m, 30m, 2h; until then it and later ones of its key wait in the database. None "
		 "when not given."},
	{"webhook.retry_parked_keys", KEY_INT, WEBHOOK(retry_parked_keys), .def = "100000",
	 RANGE(2, 10000000),
	 .help = "The most keys of a pipeline that wait in the database by retry_schedule; what "
		 "fails beyond waits in memory."},
	{"webhook.max_in_flight", KEY_INT, WEBHOOK(max_in_flight), .def = "64", RANGE(1, 10000),
	 .help = "The most requests to this receiver at one time."},
	{"webhook.concurrency", KEY_WORD, WEBHOOK(concurrency), .def = "fixed",
	 .words = concurrency_words,
	 .help = "Whether so many requests are sent at one time as there are events, or fewer "
		 "where the receiver gets slow or says that it is too much."},
	{"webhook.rate_limit", KEY_RATE, WEBHOOK(rate_limit), .def = "none",
	 .help = "The most requests to this receiver in any stretch of such a length, evenly "
		 "spaced: 10/s, 100/min, 5/10s, or none. Retries count."},
	{"webhook.rate_limit_burst", KEY_INT, WEBHOOK(rate_limit_burst), .def = "1",
	 RANGE(1, 1000000),
	 .help = "So many requests may follow each other at once after a pause; the others are "
		 "then further apart."},
	{"webhook.breaker_failures", KEY_INT, WEBHOOK(breaker_failures), .def = "5", RANGE(1, 1000),
	 .help = "So many failures in a row mean an outage: events are held and one probe is "
		 "sent."},
	{"webhook.breaker_max_delay", KEY_DURATION, WEBHOOK(breaker_max_delay_us), .def = "60s",
	 RANGE(100 * MS, DAY), .help = "The longest wait between two probes."},
	{"webhook.disable_after", KEY_DURATION, WEBHOOK(disable_after_us), .def = "0s",
	 RANGE(0, 365 * DAY),
	 .help = "A webhook that has failed for so long without a delivery is disabled as by a "
		 "410; 0s: never."},
	{"webhook.disable_header", KEY_STRING, WEBHOOK(disable_header), .check = check_header_field,
	 .help = "An answer with this header field, as \"webhook-delivery: disable\", disables the "
		 "webhook as a 410 does."},
	{"webhook.validate", KEY_BOOL, WEBHOOK(validate), .def = "false",
	 .help = "Whether the receiver has to agree by OPTIONS, as CloudEvents' webhooks have it, "
		 "before anything is sent."},
	{"webhook.validation_origin", KEY_STRING, WEBHOOK(validation_origin), .check = check_origin,
	 .help = "Who asks with validate: a DNS name for all daemons of the system; this host's "
		 "name when not given."},
	{"webhook.validation_rate", KEY_INT, WEBHOOK(validation_rate), .def = "0",
	 RANGE(0, 1000000000),
	 .help = "The requests per minute to ask for with validate; 0: it is not said."},
	{"webhook.max_response_bytes", KEY_SIZE, WEBHOOK(max_response_bytes), .def = "16kB",
	 RANGE(0, 16 * MB), .help = "The part of an answer's body that is read."},
	{"webhook.headers", KEY_HEADERS, WEBHOOK(headers),
	 .help = "More request headers, as a mapping of names to values, which are secret and may "
		 "have the placeholders of type."},
	{"webhook.signing_secrets", KEY_SIGNING, WEBHOOK(signing_keys),
	 .help = "Secrets to sign requests with, as Standard Webhooks has them: whsec_... for "
		 "HMAC-SHA256, whsk_... for ed25519; each gives a signature."},
	{"webhook.columns_include", KEY_LIST, WEBHOOK(columns_include),
	 .check = check_column_pattern,
	 .help = "The columns to send, as COLUMN, TABLE.COLUMN or SCHEMA.TABLE.COLUMN with * for "
		 "any part of a name; all when not given."},
	{"webhook.columns_exclude", KEY_LIST, WEBHOOK(columns_exclude),
	 .check = check_column_pattern,
	 .help = "The columns not to send, in the same way; not together with columns_include."},
	{"webhook.mask_redact", KEY_LIST, WEBHOOK(mask_redact), .check = check_column_pattern,
	 .help = "The columns whose values are sent as \"***\", in the same way."},
	{"webhook.mask_hash", KEY_LIST, WEBHOOK(mask_hash), .check = check_column_pattern,
	 .help = "The columns whose values are sent as their HMAC-SHA256 under mask_key, in the "
		 "same way."},
	{"webhook.mask_key", KEY_SECRET, WEBHOOK(mask_key), .check = check_mask_key,
	 .help = "The key of mask_hash: at least 32 characters of chance."},
	{"webhook.bearer_token", KEY_SECRET, WEBHOOK(bearer_token), .check = check_bearer_token,
	 .help = "Token to send as Authorization: Bearer."},
	{"webhook.basic_user", KEY_STRING, WEBHOOK(basic_user), .check = check_basic_user,
	 .help = "User to send as Authorization: Basic, with basic_password."},
	{"webhook.basic_password", KEY_SECRET, WEBHOOK(basic_password), .check = check_printable,
	 .help = "Password of that user; may be empty."},
	{"webhook.oauth2_token_url", KEY_URL, WEBHOOK(oauth2_token_url), .check = check_token_url,
	 .help = "Where to get bearer tokens from by OAuth 2.0 client credentials."},
	{"webhook.oauth2_client_id", KEY_STRING, WEBHOOK(oauth2_client_id), .check = check_text,
	 .help = "Who the daemon is at oauth2_token_url; required with it."},
	{"webhook.oauth2_client_secret", KEY_SECRET, WEBHOOK(oauth2_client_secret),
	 .check = check_text, .help = "The secret of oauth2_client_id; required with it."},
	{"webhook.oauth2_scope", KEY_STRING, WEBHOOK(oauth2_scope), .check = check_text,
	 .help = "The scope to ask for; several with spaces between."},
	{"webhook.oauth2_audience", KEY_STRING, WEBHOOK(oauth2_audience), .check = check_text,
	 .help = "The audience to ask for, where the token endpoint wants one."},
	{"webhook.oauth2_auth", KEY_WORD, WEBHOOK(oauth2_auth), .def = "basic",
	 .words = oauth2_auth_words,
	 .help = "Whether client id and secret are shown to the token endpoint by HTTP basic "
		 "authentication or in the posted form."},
	{"webhook.ca_file", KEY_STRING, WEBHOOK(ca_file), .check = check_text,
	 .help = "File with the certificates that may sign the receiver's; the system's when not "
		 "given."},
	{"webhook.tls_verify", KEY_BOOL, WEBHOOK(tls_verify), .def = "true",
	 .help = "Whether the receiver's certificate is checked."},
	{"webhook.tls_min", KEY_WORD, WEBHOOK(tls_min), .def = "1.2", .words = tls_min_words,
	 .help = "The oldest version of TLS to speak."},
	{"webhook.tls_cert", KEY_STRING, WEBHOOK(tls_cert), .check = check_text,
	 .help = "File with the certificate to show to the receiver, PEM, with its chain."},
	{"webhook.tls_key", KEY_STRING, WEBHOOK(tls_key), .check = check_text,
	 .help = "File with the key of that certificate, PEM."},
	{"webhook.tls_key_password", KEY_SECRET, WEBHOOK(tls_key_password), .check = check_text,
	 .help = "Password of that file, when it has one."},
	{"webhook.tls_pin", KEY_LIST, WEBHOOK(tls_pin), .check = check_tls_pin,
	 .help = "Public keys of which the receiver's certificate must have one, each as "
		 "sha256//BASE64."},
	{"webhook.proxy", KEY_STRING, WEBHOOK(proxy), .check = check_printable,
	 .help = "URL of a proxy; none when not given, whatever the environment says."},
	{"webhook.network_deny", KEY_LIST, WEBHOOK(network_deny),
	 .def = "link_local, metadata, unspecified, multicast", .check = check_network_deny,
	 .help = "Addresses never to connect to: private, loopback, link_local, metadata, "
		 "unspecified, multicast, none, an address or a block as 10.0.0.0/8."},
	{"webhook.network_allow", KEY_LIST, WEBHOOK(network_allow), .def = "literal",
	 .check = check_network_allow,
	 .help = "Addresses to connect to all the same: literal (the address that the URL spells, "
		 "or "
		 "localhost), none, an address or a block."},

	{"tables.name", KEY_NAME_OF, TABLE(schema), INSTALL,
	 .help = "The table as TABLE or SCHEMA.TABLE, * in place of TABLE for all of the schema; "
		 "required."},
	{"tables.columns", KEY_LIST, TABLE(columns), .check = check_text, INSTALL,
	 .help = "The columns to send; all when not given."},
	{"tables.exclude", KEY_LIST, TABLE(exclude), .check = check_text, INSTALL,
	 .help = "The columns not to send; not together with columns."},
	{"tables.key", KEY_LIST, TABLE(key), .check = check_text, INSTALL,
	 .help = "The columns that identify a row; the primary key when not given."},
	{"tables.where", KEY_WHERE, TABLE(where), INSTALL,
	 .help = "Which rows to capture: SQL on OLD and NEW, one for all operations or a mapping "
		 "of "
		 "insert, update and delete."},

	{"sources.name", KEY_STRING, SOURCE(name), .check = check_name,
	 .help = "What pipelines call this source; required."},
	{"webhooks.name", KEY_STRING, WEBHOOK(name), .check = check_name,
	 .help = "What pipelines call this webhook; required."},

	{"pipelines.name", KEY_STRING, PIPELINE(name), .check = check_name, INSTALL,
	 .help = "The name in events, metrics and log lines; required."},
	{"pipelines.source", KEY_SOURCE, PIPELINE(source), INSTALL,
	 .help = "The source; the one called default, or the only one, when not given."},
	{"pipelines.webhook", KEY_WEBHOOK, PIPELINE(webhook),
	 .help = "The webhook; the one called default, or the only one, when not given."},
	{"pipelines.table", KEY_TABLE, PIPELINE(tables), .alias = true, INSTALL,
	 .help = "The one table, as TABLE or SCHEMA.TABLE."},
	{"pipelines.tables", KEY_TABLES, PIPELINE(tables), INSTALL,
	 .help = "The tables, a list as described under tables; those of the source when not "
		 "given."},
	{"pipelines.operations", KEY_OPS, PIPELINE(operations), .alias = true, INSTALL,
	 .help = "Another name for listener.modes."},
	{"pipelines.capacity", KEY_INT, PIPELINE(capacity), .def = "0", RANGE(0, 10000000),
	 .help = "The most events of this pipeline in memory; 0: an equal share of "
		 "queue.capacity."},
	{"pipelines.max_bytes", KEY_SIZE, PIPELINE(max_bytes), .def = "0", RANGE(0, 64 * GB),
	 .help = "The most bytes of events in memory; 0: an equal share of queue.max_bytes."},
	{"pipelines.always", KEY_BOOL, PIPELINE(always), .def = "false", INSTALL,
	 ONLY_POSTGRES("session_replication_role is PostgreSQL's"),
	 .help = "Whether changes under session_replication_role=replica are captured too."},

	{"worker.pool_size", KEY_INT, SETTINGS(worker.pool_size), .def = "10", RANGE(1, 256),
	 .help = "The number of threads that send; each serves many requests."},

	{"queue.capacity", KEY_INT, SETTINGS(queue.capacity), .def = "10000", RANGE(1, 10000000),
	 .help = "The most events in memory; the rest waits in the database."},
	{"queue.max_bytes", KEY_SIZE, SETTINGS(queue.max_bytes), .def = "64MB",
	 RANGE(1 * MB, 64 * GB), .help = "The most bytes of events in memory."},

	{"logging.file", KEY_STRING, SETTINGS(logging.file), .def = "stderr", .check = check_text,
	 .help = "Path of the log file, or stderr."},
	{"logging.level", KEY_WORD, SETTINGS(logging.level), .def = "info", .words = level_words,
	 .help = "The least important lines to write."},
	{"logging.format", KEY_WORD, SETTINGS(logging.format), .def = "text", .words = format_words,
	 .help = "The form of a line: key=value text or one JSON object."},
	{"logging.rotate_size", KEY_SIZE, SETTINGS(logging.rotate_bytes), .def = "50MB",
	 RANGE(0, 64 * GB), .help = "A file that would grow past this is rotated; 0: never."},
	{"logging.rotate_keep", KEY_INT, SETTINGS(logging.rotate_keep), .def = "10", RANGE(0, 1000),
	 .help = "How many rotated files are kept."},
	{"logging.queue_lines", KEY_INT, SETTINGS(logging.queue_lines), .def = "4096",
	 RANGE(16, 1000000),
	 .help = "Lines waiting to be written before further ones are dropped."},

	{"admin.listen", KEY_STRING, SETTINGS(admin.listen), .def = "127.0.0.1:8080",
	 .check = check_listen, .help = "Address and port, or off."},
	{"admin.token", KEY_SECRET, SETTINGS(admin.token), .check = check_text,
	 .help = "What a request that changes something must present; none is accepted without."},

	{"daemon.shutdown_timeout", KEY_DURATION, SETTINGS(daemon.shutdown_timeout_us),
	 .def = "20s", RANGE(0, HOUR),
	 .help = "How long requests in flight may take to end after SIGTERM."},
	{"daemon.core_dumps", KEY_BOOL, SETTINGS(daemon.core_dumps), .def = "false",
	 .help = "Whether a crash may leave a core, which holds secrets and rows, and the daemon's "
		 "user may attach a debugger."},
};
/* NOLINTEND(bugprone-sizeof-expression) */
const size_t key_count = ARRAY_LEN(keys);

struct text key_section_of(const struct key *k)
{
	return (struct text){k->name, (size_t)(strchr(k->name, '.') - k->name)};
}

const char *key_last_name(const struct key *k)
{
	return strchr(k->name, '.') + 1;
}

const struct key *key_find(const char *section, struct text name)
{
	size_t i;

	for (i = 0; i < key_count; i++) {
		if (text_eq(key_section_of(&keys[i]), text_of(section)) &&
		    text_eq(text_of(key_last_name(&keys[i])), name))
			return &keys[i];
	}
	return NULL;
}

bool key_fits(const struct key *k, enum source_type type)
{
	return !k->types || (k->types & KEY_TYPE_BIT(type));
}
