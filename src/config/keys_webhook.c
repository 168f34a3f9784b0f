/* SPDX-License-Identifier: MIT */
/*
 * The rows of the key table that say where changes are sent and how.
 */
#include "config/archive_path.h"
#include "config/column_rules.h"
#include "config/key_rows.h"
#include "config/network_rule.h"

static const struct key_word webhook_format_words[] = {
	{"native", WEBHOOK_FORMAT_NATIVE},
	{"cloudevents", WEBHOOK_FORMAT_CLOUDEVENTS},
	{"cloudevents-binary", WEBHOOK_FORMAT_CLOUDEVENTS_BINARY},
	{"standard", WEBHOOK_FORMAT_STANDARD},
	{"debezium", WEBHOOK_FORMAT_DEBEZIUM},
	{NULL, 0},
};
static const struct key_word encoding_words[] = {
	{"json", WEBHOOK_ENCODING_JSON},
	{"msgpack", WEBHOOK_ENCODING_MSGPACK},
	{"cbor", WEBHOOK_ENCODING_CBOR},
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
static const struct key_word archive_format_words[] = {
	{"auto", WEBHOOK_ARCHIVE_AUTO},
	{"json", WEBHOOK_ARCHIVE_JSON},
	{"ndjson", WEBHOOK_ARCHIVE_NDJSON},
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

/* A field that is a pointer to a struct has a pointer's size: that is what is meant. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
static const struct key rows[] = {
	{"webhook.url", KEY_URL, WEBHOOK(url), .check = check_webhook_url,
	 .help = "Where to POST; required. Path and query may have the placeholders of type. Or "
		 "file:///PATH: an archive (archive_format and so on) in place of a receiver."},
	{"webhook.format", KEY_WORD, WEBHOOK(format), .def = "native",
	 .words = webhook_format_words,
	 .help = "What a request looks like: docs/formats.md has an example of each."},
	{"webhook.encoding", KEY_WORD, WEBHOOK(encoding), .def = "json", .words = encoding_words,
	 .help = "How the body is written: as JSON, or as the same in MessagePack or CBOR."},
	{"webhook.type", KEY_STRING, WEBHOOK(type), .check = check_template,
	 .help = "The event's type in the formats that have one, from {pipeline} {schema} {table} "
		 "{operation} {id}; app-db-listener.{table}.{operation} for cloudevents, "
		 "{table}.{operation} for standard when not given."},
	{"webhook.big_numbers", KEY_WORD, WEBHOOK(big_numbers), .def = "number",
	 .words = big_numbers_words,
	 .help = "Whether numbers in rows and keys that a double does not hold are sent as numbers "
		 "or as strings."},
	{"webhook.max_body_bytes", KEY_SIZE, WEBHOOK(max_body_bytes), .def = "0", RANGE(0, 1 * GB),
	 .help = "The most that an event's body may have as JSON, before it is compressed; 0: no "
		 "limit."},
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
	{"webhook.proxy", KEY_URL, WEBHOOK(proxy), .check = check_proxy,
	 .help = "URL of a proxy; none when not given, whatever the environment says."},
	{"webhook.network_deny", KEY_LIST, WEBHOOK(network_deny),
	 .def = "link_local, metadata, unspecified, multicast, rebound",
	 .check = check_network_deny,
	 .help = "Addresses never to connect to: private, loopback, link_local, metadata, "
		 "unspecified, multicast, rebound (private or loopback, of a name that led outside "
		 "before), none, an address or a block as 10.0.0.0/8."},
	{"webhook.network_allow", KEY_LIST, WEBHOOK(network_allow), .def = "literal",
	 .check = check_network_allow,
	 .help = "Addresses to connect to all the same: literal (the address that the URL spells, "
		 "or "
		 "localhost), none, an address or a block."},
	{"webhook.archive_path", KEY_STRING, WEBHOOK(archive_path), .check = check_archive_path,
	 .help = "A file to append each event to that the receiver has taken; {pipeline} in it "
		 "gives each pipeline one of its own. None when not given."},
	{"webhook.archive_format", KEY_WORD, WEBHOOK(archive_format), .def = "auto",
	 .words = archive_format_words,
	 .help = "Whether the file is one array of JSON (json) or an object a line (ndjson); auto "
		 "is json when its name ends in .json."},
	{"webhook.archive_flush_every", KEY_INT, WEBHOOK(archive_flush_every), .def = "1000",
	 RANGE(1, 100000), .help = "The most events in one write to the file."},
	{"webhook.archive_flush_interval", KEY_DURATION, WEBHOOK(archive_flush_interval_us),
	 .def = "0s", RANGE(0, MIN),
	 .help = "How long an event waits for others to fill the write; 0 writes what is there."},
	{"webhook.archive_fsync", KEY_BOOL, WEBHOOK(archive_fsync), .def = "true",
	 .help = "Whether a write is on the disk before its events are acknowledged: without it, "
		 "they are lost when the machine dies, though not when the daemon does."},
	{"webhook.archive_rotate_size", KEY_SIZE, WEBHOOK(archive_rotate_size), .def = "0",
	 RANGE(0, 1024 * GB),
	 .help = "A file that would grow beyond is renamed to PATH.NUMBER, and a new one begun; 0: "
		 "never."},
	{"webhook.archive_keep", KEY_INT, WEBHOOK(archive_keep), .def = "0", RANGE(0, 100000),
	 .help = "So many rotated files are kept, and older ones removed; 0: all are kept."},
	{"webhook.archive_compress", KEY_BOOL, WEBHOOK(archive_compress), .def = "false",
	 .help = "Whether rotated files are compressed, to PATH.NUMBER.gz."},
};
/* NOLINTEND(bugprone-sizeof-expression) */

const struct key_rows key_rows_of_webhook = {rows, ARRAY_LEN(rows)};
