/* SPDX-License-Identifier: MIT */
/*
 * The rows of the key table for events over HTTP.
 */
#include "config/key_rows.h"

/* A field that is a pointer to a struct has a pointer's size: that is what is meant. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
static const struct key rows[] = {
	{"ingest.listen", KEY_STRING, SETTINGS(ingest.listen), .def = "off", .check = check_listen,
	 .help = "Address and port for POST /v1/events, or off; required with a source of type "
		 "http."},
	{"ingest.tokens", KEY_TOKENS, SETTINGS(ingest.tokens),
	 .help = "Who may post: a mapping of names, for log lines, to tokens, each text, {file: "
		 "PATH} or {credential: NAME}; required with listen."},
	{"ingest.max_body", KEY_SIZE, SETTINGS(ingest.max_body_bytes), .def = "10MB",
	 RANGE(1 * KB, 1 * GB),
	 .help = "The largest body of a request; larger ones are answered 413, before they are "
		 "read where their length is said."},
	{"ingest.max_concurrent", KEY_INT, SETTINGS(ingest.max_concurrent), .def = "50",
	 RANGE(1, 1000), .help = "The most requests at one time; further ones are answered 503."},
	{"ingest.rate_limit", KEY_RATE, SETTINGS(ingest.rate_limit), .def = "none",
	 .help = "The most requests with one token, as 100/s; further ones are answered 429."},
	{"ingest.idempotency_window", KEY_DURATION, SETTINGS(ingest.idempotency_window_us),
	 .def = "24h", RANGE(1 * MIN, 30 * DAY),
	 .help = "How long an Idempotency-Key is remembered."},
	{"ingest.idempotency_cache", KEY_INT, SETTINGS(ingest.idempotency_cache), .def = "10000",
	 RANGE(0, 1000000),
	 .help = "The most of the latest keys that are kept in memory too, for ten minutes at "
		 "most: a request that comes again is answered without the store."},
	{"ingest.body_timeout", KEY_DURATION, SETTINGS(ingest.body_timeout_us), .def = "60s",
	 RANGE(1 * S, HOUR), .help = "How long a request may take to come in, head and body."},
	{"ingest.idle_timeout", KEY_DURATION, SETTINGS(ingest.idle_timeout_us), .def = "10s",
	 RANGE(1 * S, HOUR),
	 .help = "How long a connection may be silent, in a request or between two."},
	{"ingest.spill_dir", KEY_STRING, SETTINGS(ingest.spill_dir), .def = "/var/tmp",
	 .check = check_text,
	 .help = "Directory for bodies over 64 kB, as files without a name; not one in memory."},
	{"ingest.tls_cert", KEY_STRING, SETTINGS(ingest.tls_cert), .check = check_text,
	 .help = "File with the certificate and its chain, PEM: HTTPS instead of HTTP."},
	{"ingest.tls_key", KEY_STRING, SETTINGS(ingest.tls_key), .check = check_text,
	 .help = "File with the private key of tls_cert, PEM, without a password."},
};
/* NOLINTEND(bugprone-sizeof-expression) */

const struct key_rows key_rows_of_ingest = {rows, ARRAY_LEN(rows)};
