/* SPDX-License-Identifier: MIT */
/*
 * What the daemon tells about itself: pulled from the modules' x_stats() into one snapshot, then
 * rendered from one table (control/metrics_table.h) as JSON or as Prometheus text.
 *
 *     ring_stats ─┐
 *     runner_... ─┤  metrics_collect           metrics_render_json        {"queue_size":12,...}
 *     webhook_.. ─┼──────────────► snapshot ──┬───────────────────────►
 *     pool_... ───┤                           └───────────────────────►   # HELP app_db_listener_
 *     log, /proc ─┘                             metrics_render_prometheus
 *
 * A snapshot is a plain value of fixed size (about 100 KB: on the heap or static, not on a thread's
 * stack) and holds no pointers: it may be rendered after the engine it came from is gone.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/settings.h"
#include "control/eta.h"
#include "control/history.h"
#include "control/memory.h"
#include "control/metrics_budget.h"
#include "control/process.h"
#include "control/recorder.h"
#include "core/budget.h"
#include "core/deferral.h"
#include "core/label_set.h"
#include "core/parked.h"
#include "core/ring.h"
#include "ingest/front.h"
#include "sink/archive.h"
#include "sink/pool.h"
#include "sink/webhook.h"
#include "source/runner.h"

/* What outlives an engine that a reload replaces. Not thread-safe; see metrics_collect. */
struct metrics_history {
	struct history attempts;
	struct history delivered;
	struct history retried;
	struct history held;
	struct history dead;
	struct history errors;
	struct eta etas[SETTINGS_PIPELINES_MAX]; /* of the engine that is */
};

void metrics_history_init(struct metrics_history *h);

/* The engine was replaced: what is collected from now on counts from 0. Collect a last time from
 * the old one before. */
void metrics_history_restart(struct metrics_history *h);

struct metrics_source_input {
	const char *name;
	struct runner *runner;
};

struct metrics_webhook_input {
	const char *name;
	struct webhook *webhook;
};

struct metrics_pipeline_input {
	const char *name;
	struct ring *ring;
	struct parked *parked;    /* NULL: none */
	struct deferral *tenants; /* NULL: it has none */
	size_t source;            /* index in sources */
	size_t at_source;         /* its number there */
	size_t webhook;           /* index in webhooks */
	enum priority priority;
};

/* Everything is a loan for the call. */
struct metrics_inputs {
	const char *version;
	const struct clock *clock;
	int64_t start_us;                /* when the daemon started, monotonic */
	struct metrics_history *history; /* updated by metrics_collect */
	struct pool *pool;
	struct recorder *recorder;      /* NULL: none */
	const struct label_set *tables; /* NULL: not counted */
	const struct metrics_source_input *sources;
	size_t source_count; /* <= SETTINGS_SOURCES_MAX */
	const struct metrics_webhook_input *webhooks;
	size_t webhook_count; /* <= SETTINGS_WEBHOOKS_MAX */
	const struct metrics_pipeline_input *pipelines;
	size_t pipeline_count;       /* <= SETTINGS_PIPELINES_MAX */
	const struct budget *budget; /* NULL: none */
	struct front *front;         /* NULL: nobody posts */
};

#define METRICS_NAME_BYTES 64
#define METRICS_RECORD_VERSION 1 /* raised when a member goes or means something else */
#define METRICS_UNKNOWN (-1) /* in a field of unknown value: null in JSON, absent in Prometheus */

struct metrics_quantiles {
	int64_t p50_us;
	int64_t p90_us;
	int64_t p99_us;
};

struct metrics_source {
	char name[METRICS_NAME_BYTES];
	struct runner_stats stats;
	/* derived */
	int64_t lag_us; /* of its pipelines, and of its outbox while it is not connected */
};

struct metrics_webhook {
	char name[METRICS_NAME_BYTES];
	struct webhook_stats stats;
	int64_t timeout_us; /* of one request */
	/* derived */
	struct metrics_quantiles latency;
	int64_t dead;        /* refused or exhausted */
	int64_t state_us;    /* since the breaker is in its state */
	int64_t next_us;     /* until a request may go that may not go now; 0: now, or never */
	int64_t pause_us;    /* for which the receiver wants to be left alone still */
	int64_t failing_us;  /* without a delivery, restarts included */
	bool is_refused;     /* by its validation */
	char validation[16]; /* "off", or the state of the handshake */
	char reason[STANDING_REASON_BYTES]; /* why nothing or little is sent; "" */
	int64_t token_us;                   /* until the token runs out; unknown: there is none */
	int64_t certificate_us; /* until the daemon's own runs out; 0: it has; unknown: none */
};

/* The last backfill job that the reader of a pipeline knows of. */
struct metrics_backfill {
	char state[12]; /* backfill_state_name; "": none */
	int64_t job;
	bool running;
	int64_t rows_done;
	int64_t rows_estimate; /* METRICS_UNKNOWN: unknown, or no job */
	int64_t locked;
};

struct metrics_pipeline {
	char name[METRICS_NAME_BYTES];
	char source_name[METRICS_NAME_BYTES];
	char webhook_name[METRICS_NAME_BYTES];
	size_t source;
	size_t webhook;
	struct ring_stats ring;
	struct parked_stats parked;
	bool has_tenants;
	struct deferral_stats tenants;
	struct archive_stats archive;          /* all zero without one */
	char archive_path[METRICS_NAME_BYTES]; /* its end, where it is longer; "" without one */
	struct metrics_backfill backfill;
	char priority[16];
	bool memory_stopped; /* the budget allows its priority no reads */
	struct runner_backlog outbox;
	/* derived */
	int64_t archive_paused_us; /* 0: it is not */
	int64_t backlog;           /* events that wait, about; METRICS_UNKNOWN */
	int64_t rate;              /* events that leave a second, lately */
	int64_t eta_us;            /* until the backlog is gone at that rate; METRICS_UNKNOWN */
	int64_t lag_us;            /* age of the oldest event inside, by its commit */
	int64_t oldest_pending_us; /* the same, by when it was read */
	int64_t parked_next_us;    /* until the first parked one is due; METRICS_UNKNOWN: none */
};

/* Sums over the arrays, and what the history knows. */
struct metrics_totals {
	int64_t queue_size;
	int64_t queue_capacity;
	int64_t queue_bytes;
	int64_t queue_max_bytes;
	int64_t waiting;
	int64_t in_flight;
	int64_t attempts;
	int64_t delivered;
	int64_t retried;
	int64_t held;
	int64_t dead;
	int64_t errors; /* failed attempts and failed calls to a database */
	int64_t delivered_last_hour;
	int64_t errors_last_hour;
	int64_t lag_us;
	int64_t oldest_pending_us;
	int64_t outbox_rows;
	int64_t dead_letters;
	int64_t parked;
	int64_t database_connections;
	int64_t breakers_open; /* webhooks whose breaker is not closed */
	struct metrics_quantiles latency;
};

struct metrics_snapshot {
	char version[METRICS_NAME_BYTES];
	int64_t now_us;
	int64_t wall_us;
	int64_t uptime_us;
	struct pool_stats pool;
	struct log_stats log;
	struct recorder_stats recorder;
	struct label_set_stats tables;
	struct memory_stats memory;
	struct metrics_budget budget;
	struct process_stats process;
	struct metrics_source sources[SETTINGS_SOURCES_MAX];
	size_t source_count;
	struct metrics_webhook webhooks[SETTINGS_WEBHOOKS_MAX];
	size_t webhook_count;
	struct metrics_pipeline pipelines[SETTINGS_PIPELINES_MAX];
	size_t pipeline_count;
	struct ingest_stats ingest;
	struct metrics_quantiles ingest_latency; /* derived */
	struct metrics_totals total;             /* derived */
};

/* Pull every module's figures and derive the rest. Takes each module's own lock for a moment, never
 * two, and reads /proc. Any thread, but calls with the same history must not overlap. */
void metrics_collect(const struct metrics_inputs *in, struct metrics_snapshot *ret_s);

/* Fill the derived fields of s from the others, and add to h. Part of metrics_collect; apart for
 * tests, which fill a snapshot by hand. */
void metrics_derive(struct metrics_snapshot *s, struct metrics_history *h);

/* Append s as one JSON object and a line end. Errors stick to out. */
void metrics_render_json(const struct metrics_snapshot *s, struct buf *out);

/* Append s as one record of the metric history: one line, the members that METRICS_RECORD_VERSION
 * has, each called and measured as in metrics_render_json. Errors stick to out. */
void metrics_render_record(const struct metrics_snapshot *s, struct buf *out);

/* The counters by table: of events read from the outbox (source/runner.h counts them). They outlive
 * the engines, so they are no part of a snapshot. Errors: ERR_NOMEM. */
enum err_code metrics_tables_new(struct label_set **ret_s, struct err *e) ATTR_MUST_CHECK;

/* Append them in the Prometheus text format. Errors stick to out. */
void metrics_render_tables(const struct label_set *tables, struct buf *out);

/* Likewise what tenants have of the pipelines: those with the most, and the sum of the others. */
void metrics_render_tenants(const struct metrics_snapshot *s, struct buf *out);

/* Append s in the Prometheus text format 0.0.4. Errors stick to out. */
void metrics_render_prometheus(const struct metrics_snapshot *s, struct buf *out);

#endif
