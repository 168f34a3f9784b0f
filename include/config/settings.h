/* SPDX-License-Identifier: MIT */
/*
 * The settings of one run: a plain value, filled from the key table (config/keys.h) by
 * config_load, owned by whoever loaded it, read-only for everybody else.
 *
 * The short form (`database`, `listener`, `webhook`) and the long form (`sources`, `webhooks`,
 * `pipelines`) both end here; the short form is one source, one webhook and one pipeline, all named
 * "default".
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/op.h"
#include "config/signing_key.h"

#define SETTINGS_SOURCES_MAX 16
#define SETTINGS_WEBHOOKS_MAX 64
#define SETTINGS_PIPELINES_MAX 64
#define SETTINGS_DURATIONS_MAX 32 /* of one list */

/* A list of strings; NULL-terminated behind count. */
struct string_list {
	char **items;
	size_t count;
};

/* A list of durations. */
struct duration_list {
	int64_t *items_us;
	size_t count;
};

/* So many in such a time (config/rate.h); count 0: no limit. */
struct rate {
	int64_t count;
	int64_t period_us;
};

/* A secret: prints as *** everywhere, wiped when freed. NULL: not given. */
struct secret {
	char *value;
};

/* Which events wait for each other. */
enum ordering { ORDERING_KEY, ORDERING_TABLE, ORDERING_PIPELINE, ORDERING_NONE };

/* Whose source stops reading first when memory is short (core/budget.h). */
enum priority { PRIORITY_OPTIONAL, PRIORITY_STANDARD, PRIORITY_IMPORTANT, PRIORITY_CRITICAL };

/* HTTP: a SQLite file that the daemon makes itself, for what applications push. */
enum source_type { SOURCE_POSTGRES, SOURCE_MYSQL, SOURCE_SQLITE, SOURCE_HTTP, SOURCE_FAKE };

/* "postgres", "mysql" (MariaDB too), "sqlite", "http", "fake". Never NULL. */
const char *source_type_name(enum source_type type);

enum source_wakeup { SOURCE_WAKEUP_AUTO, SOURCE_WAKEUP_NOTIFY, SOURCE_WAKEUP_POLL };

/* What the type has no use for is NULL or 0. */
struct source_settings {
	char *name;
	enum source_type type;
	char *host;   /* name, address, or path of a Unix socket (PostgreSQL: of its directory) */
	int64_t port; /* the type's default when not given */
	char *user;
	struct secret password;
	char *database;
	char *sslmode;     /* libpq's words: disable allow prefer require verify-ca verify-full; no
			      allow with MySQL */
	char *sslrootcert; /* NULL: the client library's default */
	char *sslcert;
	char *sslkey;
	char *target_session_attrs; /* libpq: "read-write" by default */
	char *path;                 /* SQLite, HTTP */
	int64_t connect_timeout_us;
	int64_t statement_timeout_us;
	int64_t reconnect_max_delay_us;
	enum source_wakeup wakeup;
	int64_t poll_interval_us; /* the longest wait between polls when nothing wakes the reader */
	int64_t batch_size;       /* most rows per read and per acknowledgement */
	int64_t ack_delay_us;     /* an acknowledgement waits at most this long for company */
	int64_t max_event_bytes;  /* cap in the trigger: larger rows become key-only events */
	int64_t dead_letter_retention_us; /* 0: kept */
	/* MySQL: the operator's own audit table in place of outbox and triggers, as NAME or
	 * SCHEMA.NAME without quotes, neither with a point inside; NULL: none. Exactly one pipeline
	 * reads such a source; its tables are only there for their keys. */
	char *audit_table;
	/* HTTP, and only while the configuration is read (config/inlets.c): the source into whose
	 * outbox the events go, in place of path. */
	char *store;
};

/* A source of type http: a way in for the events of its pipelines, which are those with its index.
 * With path it is the source of the same name as well; with store it is no source of its own, and
 * its pipelines are pipelines of the store. */
struct inlet_settings {
	char *name;
	size_t source; /* in settings.sources: whose outbox takes the events, and who reads them */
	bool is_own;   /* that one is the file of this inlet alone */
};

struct column_rules;

struct webhook_header {
	char *name;
	struct secret value;
	bool is_template; /* the value has braces (config/template.h) */
};

/* How an event becomes a request (sink/format.h). */
enum webhook_format {
	WEBHOOK_FORMAT_NATIVE,
	WEBHOOK_FORMAT_CLOUDEVENTS,
	WEBHOOK_FORMAT_CLOUDEVENTS_BINARY,
	WEBHOOK_FORMAT_STANDARD,
	WEBHOOK_FORMAT_DEBEZIUM,
	WEBHOOK_FORMAT_COUNT
};

/* What becomes of numbers that a double does not hold (sink/big_number.h). */
enum webhook_big_numbers { WEBHOOK_BIG_NUMBERS_AS_THEY_ARE, WEBHOOK_BIG_NUMBERS_STRING };

/* How many requests at once: max_in_flight, or what is found out below it (sink/concurrency.h). */
enum webhook_concurrency { WEBHOOK_CONCURRENCY_FIXED, WEBHOOK_CONCURRENCY_ADAPTIVE };

/* What becomes of an event whose body is over max_body_bytes (sink/oversize.h). */
enum webhook_oversized {
	WEBHOOK_OVERSIZED_KEY_ONLY,
	WEBHOOK_OVERSIZED_TRUNCATE,
	WEBHOOK_OVERSIZED_DEAD_LETTER
};

enum webhook_compression { WEBHOOK_COMPRESSION_NONE, WEBHOOK_COMPRESSION_GZIP };

/* What an archive's file is; auto: json when its name ends in .json, ndjson when not. */
enum webhook_archive_format { WEBHOOK_ARCHIVE_AUTO, WEBHOOK_ARCHIVE_JSON, WEBHOOK_ARCHIVE_NDJSON };

/* How a body is written (sink/encoding.h). */
enum webhook_encoding { WEBHOOK_ENCODING_JSON, WEBHOOK_ENCODING_MSGPACK, WEBHOOK_ENCODING_CBOR };

/* How the daemon shows its client secret to a token endpoint: RFC 6749, 2.3.1. */
enum webhook_oauth2_auth { WEBHOOK_OAUTH2_BASIC, WEBHOOK_OAUTH2_POST };

enum webhook_tls_min { WEBHOOK_TLS_1_2, WEBHOOK_TLS_1_3 };

/* The header line that names a request's format and its version. */
#define WEBHOOK_FORMAT_HEADER "app-db-listener-format"

struct webhook_settings {
	char *name;
	struct secret url;    /* may hold a token: printed without userinfo and query */
	bool url_is_template; /* its path or query has braces (config/template.h) */
	enum webhook_format format;
	enum webhook_encoding encoding;
	char *type; /* template of the event's type; NULL: the format's own */
	enum webhook_big_numbers big_numbers;
	int64_t max_body_bytes; /* of one event, before compression; 0: none */
	enum webhook_oversized oversized;
	enum webhook_compression compression;
	int64_t compression_min_bytes; /* smaller bodies are sent plain */
	int64_t batch_max_events;      /* 1: a request is one event, and no array */
	int64_t batch_max_bytes;
	int64_t batch_max_delay_us;
	int64_t timeout_us;
	int64_t connect_timeout_us;
	int64_t retry_count;        /* further attempts after the first */
	int64_t retry_delay_us;     /* base of the exponential backoff */
	int64_t retry_max_delay_us; /* cap of backoff and of Retry-After */
	/* waits after the retries, in the database; count 0: none */
	struct duration_list retry_schedule;
	int64_t retry_parked_keys; /* how many keys of a pipeline may wait so at one time */
	int64_t max_in_flight;
	enum webhook_concurrency concurrency;
	struct rate rate_limit;
	int64_t rate_limit_burst;     /* requests that may follow each other at once; >= 1 */
	int64_t breaker_failures;     /* consecutive failures that open the breaker */
	int64_t breaker_max_delay_us; /* longest wait between probes */
	char *disable_header;     /* "NAME: VALUE" of an answer that disables as a 410 does; NULL */
	int64_t disable_after_us; /* of failures without a delivery; 0: never */
	bool validate;            /* the receiver has to agree first (sink/handshake.h) */
	char *validation_origin;  /* who asks; never NULL with validate */
	int64_t validation_rate;  /* requests a minute to ask for; 0: not said */
	int64_t max_response_bytes;
	struct webhook_header *headers;
	size_t header_count;
	struct string_list columns_include; /* config/column_rules.h */
	struct string_list columns_exclude;
	struct string_list mask_hash;
	struct string_list mask_redact;
	struct secret mask_key;
	struct column_rules *column_rules; /* all of these, read; NULL: none of them is given */
	struct signing_keys signing_keys;  /* count 0: requests are not signed */
	/* at most one of these three kinds: NULL means not given */
	struct secret bearer_token;
	char *basic_user;
	struct secret basic_password; /* may be empty */
	struct secret oauth2_token_url;
	char *oauth2_client_id;
	struct secret oauth2_client_secret;
	char *oauth2_scope;
	char *oauth2_audience;
	enum webhook_oauth2_auth oauth2_auth;
	char *ca_file; /* NULL: the system's */
	bool tls_verify;
	enum webhook_tls_min tls_min;
	char *tls_cert; /* PEM, with the chain; NULL: none */
	char *tls_key;  /* of tls_cert; given when that is */
	struct secret tls_key_password;
	struct string_list tls_pin;      /* "sha256//BASE64" of public keys; count 0: any */
	struct secret proxy;             /* NULL or "": none, whatever the environment says */
	struct string_list network_deny; /* config/network_rule.h */
	struct string_list network_allow;
	/* config/archive_path.h says whether there is one, and where */
	char *archive_path;          /* NULL: none beside url */
	int64_t archive_flush_every; /* most events in one write */
	int64_t archive_flush_interval_us;
	int64_t archive_rotate_size; /* 0: never */
	int64_t archive_keep;        /* rotated files; 0: all */
	enum webhook_archive_format archive_format;
	bool archive_fsync;
	bool archive_compress;
};

/* One entry of a pipeline's tables. */
struct table_settings {
	char *schema; /* NULL: not given, the database's default; always NULL with SQLite */
	char *table;  /* "*": every table of the schema */
	struct string_list columns; /* count 0: all */
	struct string_list exclude;
	struct string_list key; /* count 0: the primary key */
	char *where[OP_COUNT];  /* SQL on OLD and NEW per operation; NULL: every row */
	int line;               /* of the configuration file, for messages */
};

struct pipeline_settings {
	char *name;     /* [a-z0-9_]{1,40}: it becomes part of SQL names */
	size_t source;  /* index in settings.sources */
	size_t webhook; /* index in settings.webhooks */
	bool pushed;    /* by an inlet: no tables, no operations, no triggers */
	size_t inlet;   /* index in settings.inlets; only when pushed */
	struct table_settings *tables;
	size_t table_count;        /* 0: only with audit_table, or pushed */
	bool operations[OP_COUNT]; /* truncate: only with PostgreSQL or audit_table */
	enum ordering ordering;
	enum priority priority;
	int64_t capacity;     /* events; 0: an equal share of queue.capacity */
	int64_t max_bytes;    /* 0: an equal share of queue.max_bytes */
	char *tenant;         /* the column that tells whose a row is; NULL: no tenants */
	int64_t tenant_quota; /* of the ring, for each that has no other: hundredths of a per cent
			       */
	struct string_list tenant_tiers; /* pairs: name, quota */
	struct string_list tenants;      /* pairs: tenant, tier or quota (config/tenant_quota.h) */
	int64_t retain_us; /* how long delivered events are kept for a replay; 0: not at all */
	bool always;       /* triggers ENABLE ALWAYS: also under session_replication_role=replica */
};

/* Who may post events, by name. */
struct ingest_token {
	char *name;
	struct secret value;
};

struct ingest_tokens {
	struct ingest_token *items;
	size_t count;
};

/* Events over HTTP (ingest/front.h). */
/* What a key in memory may take, with all around it. */
#define INGEST_CACHED_KEY_BYTES 1024

struct ingest_settings {
	char *listen; /* as admin.listen */
	struct ingest_tokens tokens;
	int64_t max_body_bytes;
	int64_t max_concurrent; /* requests */
	struct rate rate_limit; /* of each token */
	int64_t idempotency_window_us;
	int64_t idempotency_cache; /* keys that are in memory too */
	int64_t body_timeout_us;   /* for a whole request to come in */
	int64_t idle_timeout_us;   /* without a byte */
	char *tls_cert;            /* PEM, with the chain; NULL: no TLS */
	char *tls_key;             /* of tls_cert; given when that is */
	char *spill_dir;
};

struct settings {
	char *file; /* where it came from */

	struct source_settings *sources;
	size_t source_count;
	struct inlet_settings *inlets; /* SETTINGS_SOURCES_MAX at most */
	size_t inlet_count;
	struct webhook_settings *webhooks;
	size_t webhook_count;
	struct pipeline_settings *pipelines;
	size_t pipeline_count;

	struct {
		int64_t pool_size;
	} worker;
	struct {
		int64_t capacity;  /* events in all rings */
		int64_t max_bytes; /* of them; of memory.max_bytes */
	} queue;
	struct {
		char *max;               /* as it is written: a size, or a share as "25%" */
		int64_t max_bytes;       /* what it comes to */
		int64_t reserve_bytes;   /* of it, for critical pipelines; 0: there are none */
		struct secret alert_url; /* who hears of its levels; NULL: nobody */
	} memory;
	struct {
		char *file;
		enum log_level level;
		enum log_format format;
		int64_t rotate_bytes;
		int64_t rotate_keep;
		int64_t queue_lines;
	} logging;
	struct {
		char *file; /* NULL: none */
		int64_t interval_us;
		int64_t max_records;
		int64_t flush_interval_us;
		int64_t rotate_bytes;
		int64_t rotate_keep;
	} metrics_history;
	struct {
		char *listen; /* "127.0.0.1:8080", "[::1]:8080", "off" */
		struct secret token;
	} admin;
	struct ingest_settings ingest;
	struct {
		int64_t shutdown_timeout_us; /* in-flight requests get this long after SIGTERM */
		bool core_dumps;             /* a crash may leave one, with secrets in it */
	} daemon;
};

/* Make in one of that name, which is copied. false: no memory. settings_done frees it. */
bool inlet_settings_init(struct inlet_settings *in, const char *name);

/* What the pipeline's source is called in the configuration: also of an inlet with a store. */
const char *pipeline_source_name(const struct settings *s, const struct pipeline_settings *p);

/* Free everything inside s and wipe its secrets; s itself is the caller's. */
void settings_done(struct settings *s);

#endif
