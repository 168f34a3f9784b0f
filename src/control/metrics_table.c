/* SPDX-License-Identifier: MIT */
#include "control/metrics_table.h"

#include <assert.h>
#include <string.h>

#include "control/metrics.h"

#define AT(type, field)                                                                            \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)NULL)->field)
#define GLOBAL(field) .scope = METRICS_GLOBAL, AT(metrics_snapshot, field)
#define GLOBAL_ARRAY(field)                                                                        \
	.scope = METRICS_GLOBAL, .offset = offsetof(struct metrics_snapshot, field),               \
	.size = sizeof(((struct metrics_snapshot *)NULL)->field[0])
#define SOURCE(field) .scope = METRICS_SOURCE, AT(metrics_source, field)
#define PIPELINE(field) .scope = METRICS_PIPELINE, AT(metrics_pipeline, field)
#define WEBHOOK(field) .scope = METRICS_WEBHOOK, AT(metrics_webhook, field)
#define GAUGE .kind = METRICS_GAUGE
#define COUNTER .kind = METRICS_COUNTER
#define TEXT .kind = METRICS_TEXT
#define BYTES .unit = METRICS_BYTES
#define SECONDS .unit = METRICS_SECONDS
#define MS .unit = METRICS_MS
#define BOOL .unit = METRICS_BOOL

const struct metrics_row metrics_table[] = {
	{"build_info", "version", GLOBAL(version), TEXT, .label = METRICS_LABEL_VERSION,
	 .help = "Version of the running daemon"},
	{"uptime_seconds", "uptime_seconds", GLOBAL(uptime_us), GAUGE, SECONDS,
	 .help = "Time since the daemon started"},
	{"queue_size", "queue_size", GLOBAL(total.queue_size), GAUGE,
	 .help = "Events in all rings: read from the outbox and not yet settled"},
	{"queue_capacity", "queue_capacity", GLOBAL(total.queue_capacity), GAUGE,
	 .help = "Most events that all rings hold together"},
	{"queue_bytes", "queue_bytes", GLOBAL(total.queue_bytes), GAUGE, BYTES,
	 .help = "Bytes of the events in all rings"},
	{"queue_max_bytes", "queue_max_bytes", GLOBAL(total.queue_max_bytes), GAUGE, BYTES,
	 .help = "Most bytes that all rings hold together"},
	{"workers", "workers", GLOBAL(pool.workers), GAUGE, .help = "Worker threads"},
	{"workers_busy", "workers_busy", GLOBAL(pool.busy), GAUGE,
	 .help = "Worker threads with at least one request in flight"},
	{"worker_passes_total", "worker_passes_total", GLOBAL(pool.passes), COUNTER,
	 .help = "Times that a worker looked for something to send"},
	{"in_flight", "in_flight", GLOBAL(total.in_flight), GAUGE,
	 .help = "Events that are with a worker now"},
	{"waiting", "waiting", GLOBAL(total.waiting), GAUGE,
	 .help = "Events in the rings that wait for the time of their retry"},
	{"attempts_total", "attempts_total", GLOBAL(total.attempts), COUNTER,
	 .help = "Finished requests to all webhooks"},
	{"delivered_total", "delivered_total", GLOBAL(total.delivered), COUNTER,
	 .help = "Events delivered since the daemon started, reloads included"},
	{"retried_total", "retried_total", GLOBAL(total.retried), COUNTER,
	 .help = "Failed attempts that count and are repeated"},
	{"held_total", "held_total", GLOBAL(total.held), COUNTER,
	 .help = "Failed attempts in an outage of the receiver: repeated and not counted"},
	{"dead_total", "dead_total", GLOBAL(total.dead), COUNTER,
	 .help = "Events given up: refused by the receiver, attempts used up, or too large"},
	{"errors_total", "errors_total", GLOBAL(total.errors), COUNTER,
	 .help = "Failed attempts and failed database calls"},
	{"delivered_last_hour", "delivered_last_hour", GLOBAL(total.delivered_last_hour), GAUGE,
	 .help = "Events delivered in the last 60 minutes"},
	{"errors_last_hour", "errors_last_hour", GLOBAL(total.errors_last_hour), GAUGE,
	 .help = "Failed attempts and failed database calls in the last 60 minutes"},
	{"lag_seconds", "lag_seconds", GLOBAL(total.lag_us), GAUGE, SECONDS,
	 .help = "Age of the oldest change that is not delivered; 0 when there is none"},
	{"oldest_pending_seconds", "oldest_pending_seconds", GLOBAL(total.oldest_pending_us), GAUGE,
	 SECONDS, .help = "How long the oldest event in the rings has been there"},
	{"database_connections", "database_connections", GLOBAL(total.database_connections), GAUGE,
	 .help = "Open connections to databases"},
	{"outbox_rows", "outbox_rows", GLOBAL(total.outbox_rows), GAUGE,
	 .help = "Rows in the outboxes of all sources, estimated once a minute"},
	{"dead_letters", "dead_letters", GLOBAL(total.dead_letters), GAUGE,
	 .help = "Rows in the dead letters of all sources, counted once a minute"},
	{"parked", "parked", GLOBAL(total.parked), GAUGE,
	 .help = "Events that wait in the databases by retry_schedule"},
	{"breakers_open", "breakers_open", GLOBAL(total.breakers_open), GAUGE,
	 .help = "Webhooks whose breaker is not closed: nothing is sent to them but probes"},
	{"http_connections_total", "http_connections_total", GLOBAL(pool.connections), COUNTER,
	 .help = "Connections opened to webhooks"},
	{NULL, "latency_ms.p50", GLOBAL(total.latency.p50_us), GAUGE, MS,
	 .help = "Half of the requests were answered in this time"},
	{NULL, "latency_ms.p90", GLOBAL(total.latency.p90_us), GAUGE, MS,
	 .help = "Nine tenths of the requests were answered in this time"},
	{NULL, "latency_ms.p99", GLOBAL(total.latency.p99_us), GAUGE, MS,
	 .help = "Ninety-nine of a hundred requests were answered in this time"},
	{"memory_rss_bytes", "memory.rss_bytes", GLOBAL(memory.rss_bytes), GAUGE, BYTES,
	 .help = "Resident memory of the daemon"},
	{"memory_heap_bytes", "memory.heap_bytes", GLOBAL(memory.heap_bytes), GAUGE, BYTES,
	 .help = "Memory that malloc holds from the system"},
	{"memory_heap_used_bytes", "memory.heap_used_bytes", GLOBAL(memory.heap_used_bytes), GAUGE,
	 BYTES, .help = "Memory allocated"},
	{"memory_heap_free_bytes", "memory.heap_free_bytes", GLOBAL(memory.heap_free_bytes), GAUGE,
	 BYTES, .help = "Memory that is free but kept by malloc"},
	{"memory_fragmentation_percent", "memory.fragmentation_percent",
	 GLOBAL(budget.fragmentation_percent), GAUGE,
	 .help = "Of what malloc holds, how much is free but kept"},
	{"budget_max_bytes", "budget.max_bytes", GLOBAL(budget.max_bytes), GAUGE, BYTES,
	 .help = "The budget of payload bytes: memory.max"},
	{"budget_reserve_bytes", "budget.reserve_bytes", GLOBAL(budget.reserve_bytes), GAUGE, BYTES,
	 .help = "Of it, for pipelines of priority critical only"},
	{"budget_used_bytes", "budget.used_bytes", GLOBAL(budget.used_bytes), GAUGE, BYTES,
	 .help = "Payload bytes charged to the budget"},
	{"budget_peak_bytes", "budget.peak_bytes", GLOBAL(budget.peak_bytes), GAUGE, BYTES,
	 .help = "The most that were charged at one time since the daemon started"},
	{"budget_level", "budget.level", GLOBAL(budget.level), .kind = METRICS_STATE,
	 .label = METRICS_LABEL_LEVEL,
	 .help = "normal; attention from 70 %: smaller reads; alert from 80 %: optional work "
		 "waits; critical from 90 %: sources stop by priority"},
	{"budget_reached_total", "budget.reached_total", GLOBAL_ARRAY(budget.reached), COUNTER,
	 .label = METRICS_LABEL_LEVEL,
	 .help = "Times that each level was reached from below; normal: returned to"},
	{"budget_account_bytes", "budget.account_bytes", GLOBAL_ARRAY(budget.account_bytes), GAUGE,
	 BYTES, .label = METRICS_LABEL_ACCOUNT, .help = "Bytes charged, by who holds them"},
	{"budget_refused_total", "budget.refused_total", GLOBAL_ARRAY(budget.refused), COUNTER,
	 .label = METRICS_LABEL_ACCOUNT,
	 .help = "Times that memory was asked for and there was none: what asked waited, or "
		 "refused "
		 "its client"},
	{"process_open_fds", "process.open_fds", GLOBAL(process.open_fds), GAUGE,
	 .help = "Open file descriptors"},
	{"process_max_fds", "process.max_fds", GLOBAL(process.max_fds), GAUGE,
	 .help = "Limit of open file descriptors"},
	{"process_cpu_seconds_total", "process.cpu_seconds_total", GLOBAL(process.cpu_us), COUNTER,
	 SECONDS, .help = "Processor time used, user and system"},
	{"log_lines_total", "log.lines_total", GLOBAL(log.lines_written), COUNTER,
	 .help = "Log lines written"},
	{"log_lines_dropped_total", "log.lines_dropped_total", GLOBAL(log.lines_dropped), COUNTER,
	 .help = "Log lines lost: the queue was full or the file could not be written"},
	{"log_errors_total", "log.errors_total", GLOBAL(log.errors_logged), COUNTER,
	 .help = "Log lines of level error"},
	{"log_warnings_total", "log.warnings_total", GLOBAL(log.warnings_logged), COUNTER,
	 .help = "Log lines of level warn"},
	{"log_errors_last_hour", "log.errors_last_hour", GLOBAL(log.errors_last_hour), GAUGE,
	 .help = "Log lines of level error in the last 60 minutes"},
	{"log_write_failures_total", "log.write_failures_total", GLOBAL(log.write_failures),
	 COUNTER, .help = "Failed writes to the log file: disk full, for example"},
	{"log_file_bytes", "log.file_bytes", GLOBAL(log.file_bytes), GAUGE, BYTES,
	 .help = "Size of the log file that is being written; 0 when the log goes to stderr"},
	{"log_queue_lines", "log.queue_lines", GLOBAL(log.queue_lines), GAUGE,
	 .help = "Log lines that wait to be written"},
	{"log_queue_capacity", "log.queue_capacity", GLOBAL(log.queue_capacity), GAUGE,
	 .help = "Most log lines that may wait"},
	{"tables", "tables", GLOBAL(tables.values), GAUGE,
	 .help = "Tables that events were read of since the daemon started, at most 10000; see "
		 "table_events_total"},
	{"history_records_total", "history.records_total", GLOBAL(recorder.records), COUNTER,
	 .help = "Records of the metric history made; those written are fewer by what waits"},
	{"history_written_total", "history.written_total", GLOBAL(recorder.written), COUNTER,
	 .help = "Records of the metric history written to its file"},
	{"history_dropped_total", "history.dropped_total", GLOBAL(recorder.dropped), COUNTER,
	 .help = "Records of the metric history lost: the file could not be written for too long"},
	{"history_write_failures_total", "history.write_failures_total",
	 GLOBAL(recorder.write_failures), COUNTER,
	 .help = "Failed writes to the metric history: disk full, for example"},
	{"history_in_memory", "history.in_memory", GLOBAL(recorder.in_memory), GAUGE,
	 .help = "Records of the metric history that wait to be written"},
	{"history_file_bytes", "history.file_bytes", GLOBAL(recorder.file_bytes), GAUGE, BYTES,
	 .help = "Size of the metric history's file that is being written"},

	{"state", "state", SOURCE(stats.state), .kind = METRICS_STATE,
	 .label = METRICS_LABEL_RUNNER_STATE,
	 .help = "What the source does: active, standby while another daemon is active, "
		 "connecting"},
	{"notify", "notify", SOURCE(stats.source.notify), GAUGE, BOOL,
	 .help = "The database wakes the reader; otherwise it polls"},
	{"pooled", "pooled", SOURCE(stats.source.pooled), GAUGE, BOOL,
	 .help = "The connection runs through a pooler"},
	{"connections", "connections", SOURCE(stats.source.connections), GAUGE,
	 .help = "Open connections to the database"},
	{"lag_seconds", "lag_seconds", SOURCE(lag_us), GAUGE, SECONDS,
	 .help = "Age of the oldest change of the source that is not delivered"},
	{"outbox_rows", "outbox_rows", SOURCE(stats.source.outbox_rows), GAUGE,
	 .help = "Rows in the outbox, estimated once a minute"},
	{"outbox_dead_rows", "outbox_dead_rows", SOURCE(stats.source.dead_rows), GAUGE,
	 .help = "Dead tuples in the outbox that vacuum has not yet removed"},
	{"dead_letters", "dead_letters", SOURCE(stats.source.dead_letters), GAUGE,
	 .help = "Rows in the dead letters, counted once a minute"},
	{"parked", "parked", SOURCE(stats.source.parked), GAUGE,
	 .help = "Rows in the table of parked events, counted once a minute"},
	{"gaps", "gaps", SOURCE(stats.source.gaps), GAUGE,
	 .help = "Outbox ids not seen yet though a higher one was: open or rolled-back "
		 "transactions"},
	{"late_total", "late_total", SOURCE(stats.source.late), COUNTER,
	 .help = "Rows that were committed later than a row with a higher id"},
	{"read_events_total", "read_events_total", SOURCE(stats.read_total), COUNTER,
	 .help = "Events read from the outbox"},
	{"read_bytes_total", "read_bytes_total", SOURCE(stats.read_bytes), COUNTER, BYTES,
	 .help = "Bytes of the events read"},
	{"acked_total", "acked_total", SOURCE(stats.acked_total), COUNTER,
	 .help = "Outbox rows acknowledged as delivered"},
	{"dead_total", "dead_total", SOURCE(stats.dead_total), COUNTER,
	 .help = "Outbox rows moved to the dead letters"},
	{"dead_purged_total", "dead_purged_total", SOURCE(stats.purged_total), COUNTER,
	 .help = "Dead letters removed because of their age"},
	{"acks_pending", "acks_pending", SOURCE(stats.acks_pending), GAUGE,
	 .help = "Settled events whose acknowledgement is not yet in the database"},
	{"reads_total", "reads_total", SOURCE(stats.reads), COUNTER, .help = "Reads of the outbox"},
	{"empty_reads_total", "empty_reads_total", SOURCE(stats.empty_reads), COUNTER,
	 .help = "Reads that found nothing"},
	{"wakeups_total", "wakeups_total", SOURCE(stats.wakeups), COUNTER,
	 .help = "Times that the database woke the reader"},
	{"connects_total", "connects_total", SOURCE(stats.connects), COUNTER,
	 .help = "Successful connections"},
	{"failures_total", "failures_total", SOURCE(stats.failures), COUNTER,
	 .help = "Failed calls to the database"},
	{NULL, "server", SOURCE(stats.source.server), TEXT, .help = "What the server calls itself"},
	{NULL, "warning", SOURCE(stats.source.warning), TEXT,
	 .help = "The standing alarm of the source, empty while there is none"},
	{NULL, "last_error", SOURCE(stats.last_error), TEXT,
	 .help = "The last failure, empty while all is well"},

	{NULL, "source", PIPELINE(source_name), TEXT,
	 .help = "The pipeline's source; a label of its series"},
	{NULL, "webhook", PIPELINE(webhook_name), TEXT,
	 .help = "The pipeline's webhook; a label of its series"},
	{"queue_size", "queue_size", PIPELINE(ring.events), GAUGE, .help = "Events in the ring"},
	{"queue_capacity", "queue_capacity", PIPELINE(ring.capacity), GAUGE,
	 .help = "Most events that the ring holds"},
	{"queue_bytes", "queue_bytes", PIPELINE(ring.bytes), GAUGE, BYTES,
	 .help = "Bytes of the events in the ring"},
	{"queue_max_bytes", "queue_max_bytes", PIPELINE(ring.max_bytes), GAUGE, BYTES,
	 .help = "Most bytes that the ring holds"},
	{"ready", "ready", PIPELINE(ring.ready), GAUGE,
	 .help = "Events that a worker could take now"},
	{"blocked", "blocked", PIPELINE(ring.blocked), GAUGE,
	 .help = "Events behind another one of the same key, or behind a truncate"},
	{"waiting", "waiting", PIPELINE(ring.waiting), GAUGE,
	 .help = "Events that wait for the time of their retry"},
	{"in_flight", "in_flight", PIPELINE(ring.inflight), GAUGE,
	 .help = "Events that are with a worker now"},
	{"lanes", "lanes", PIPELINE(ring.lanes), GAUGE,
	 .help = "Distinct keys in the ring: the most that could be in flight"},
	{"events_total", "events_total", PIPELINE(ring.pushed), COUNTER,
	 .help = "Events that came into the ring"},
	{"settled_total", "settled_total", PIPELINE(ring.settled), COUNTER,
	 .help = "Events that left the ring, delivered or dead"},
	{"retries_total", "retries_total", PIPELINE(ring.retried), COUNTER,
	 .help = "Times that an event went back to wait for another attempt"},
	{"full_total", "full_total", PIPELINE(ring.full_count), COUNTER,
	 .help = "Times that the ring was full and the source had to stop reading"},
	{"lag_seconds", "lag_seconds", PIPELINE(lag_us), GAUGE, SECONDS,
	 .help = "Age of the oldest change in the ring"},
	{"oldest_pending_seconds", "oldest_pending_seconds", PIPELINE(oldest_pending_us), GAUGE,
	 SECONDS, .help = "How long the oldest event has been in the ring"},
	{NULL, "priority", PIPELINE(priority), TEXT,
	 .help = "Who is read last when memory is short"},
	{"memory_stopped", "memory_stopped", PIPELINE(memory_stopped), GAUGE, BOOL,
	 .help = "Its source reads nothing for it, or little, until there is more memory"},
	{"parked", "parked", PIPELINE(parked.rows), GAUGE,
	 .help = "Events that wait in the database by retry_schedule, or behind one that does"},
	{"parked_keys", "parked_keys", PIPELINE(parked.keys), GAUGE,
	 .help = "Distinct keys of these"},
	{"parked_next_seconds", "parked_next_seconds", PIPELINE(parked_next_us), GAUGE, SECONDS,
	 .help = "Time until the next of these is tried; unknown while none waits"},
	{"parked_total", "parked_total", PIPELINE(parked.parked), COUNTER,
	 .help = "Events that were parked in the database"},
	{"unparked_total", "unparked_total", PIPELINE(parked.unparked), COUNTER,
	 .help = "Parked events that were delivered, or became dead letters"},
	{"parked_in_memory_total", "parked_in_memory_total", PIPELINE(parked.refused), COUNTER,
	 .help = "Waits by retry_schedule that were spent in memory: retry_parked_keys was "
		 "reached"},

	{"breaker", "breaker", WEBHOOK(stats.breaker.state), .kind = METRICS_STATE,
	 .label = METRICS_LABEL_BREAKER_STATE,
	 .help = "Closed: events are sent; open, half_open: an outage; disabled: nothing is sent "
		 "until "
		 "an operator enables it"},
	{"breaker_state_seconds", "breaker_state_seconds", WEBHOOK(state_us), GAUGE, SECONDS,
	 .help = "How long the breaker has been in its state"},
	{"breaker_opened_total", "breaker_opened_total", WEBHOOK(stats.breaker.opened_total),
	 COUNTER, .help = "Times that the breaker opened"},
	{"breaker_next_seconds", "breaker_next_seconds", WEBHOOK(next_us), GAUGE, SECONDS,
	 .help = "How long until the next probe, or the end of a pause that the receiver asked "
		 "for; "
		 "0: nothing is waited for"},
	{"retry_after_seconds", "retry_after_seconds", WEBHOOK(pause_us), GAUGE, SECONDS,
	 .help = "How long the receiver wants to be left alone, by Retry-After; 0: it does not"},
	{"failing_seconds", "failing_seconds", WEBHOOK(failing_us), GAUGE, SECONDS,
	 .help = "For how long attempts have failed without a delivery, restarts included; what "
		 "disable_after counts; 0 in the first minute"},
	{NULL, "validation", WEBHOOK(validation), TEXT,
	 .help = "Whether the receiver agrees to deliveries: wanted, asked, allowed, refused; off "
		 "without validate"},
	{"validation_refused", "validation_refused", WEBHOOK(is_refused), GAUGE, BOOL,
	 .help = "The receiver does not agree to deliveries; it is asked again"},
	{"validations_total", "validations_total", WEBHOOK(stats.handshake.asked_total), COUNTER,
	 .help = "Times that the receiver was asked whether it agrees"},
	{"allowed_rate", "allowed_rate_per_minute", WEBHOOK(stats.handshake.allowed_rate), GAUGE,
	 .help = "Requests a minute that the receiver agrees to; 0: as many as we like"},
	{NULL, "reason", WEBHOOK(reason), TEXT,
	 .help = "Why the breaker is not closed, or nothing is sent; empty while all is well"},
	{"failures_in_row", "failures_in_row", WEBHOOK(stats.breaker.failures_in_row), GAUGE,
	 .help = "Failed attempts since the last success"},
	{"in_flight", "in_flight", WEBHOOK(stats.in_flight), GAUGE,
	 .help = "Requests to the webhook that are under way"},
	{"max_in_flight", "max_in_flight", WEBHOOK(stats.max_in_flight), GAUGE,
	 .help = "Most requests that may be under way"},
	{"concurrency_limit", "concurrency_limit", WEBHOOK(stats.concurrency_limit), GAUGE,
	 .help = "Requests that may be under way now: max_in_flight, or fewer where concurrency is "
		 "adaptive"},
	{"rate_limited_total", "rate_limited_total", WEBHOOK(stats.pace.waits), COUNTER,
	 .help = "Times that events had to wait for rate_limit"},
	{"rate_limited_seconds_total", "rate_limited_seconds_total", WEBHOOK(stats.pace.waited_us),
	 COUNTER, SECONDS, .help = "Time in which events waited for rate_limit"},
	{"signing_secrets", "signing_secrets", WEBHOOK(stats.signing_secrets), GAUGE,
	 .help = "Secrets that each request is signed with; 0: it is not signed"},
	{"column_rules", "column_rules", WEBHOOK(stats.column_rules), GAUGE,
	 .help = "Patterns of columns that are chosen or masked; 0: rows are sent as they are"},
	{"tokens_total", "tokens_total", WEBHOOK(stats.auth.tokens.fetched), COUNTER,
	 .help = "Tokens that the token endpoint gave"},
	{"token_failures_total", "token_failures_total", WEBHOOK(stats.auth.tokens.failed), COUNTER,
	 .help = "Requests to the token endpoint that gave none"},
	{"tokens_refused_total", "tokens_refused_total", WEBHOOK(stats.auth.tokens.refused),
	 COUNTER,
	 .help = "Answers 401 after which the request was sent once more with another token"},
	{"token_expires_seconds", "token_expires_seconds", WEBHOOK(token_us), GAUGE, SECONDS,
	 .help = "Time until the token in use runs out; unknown without one"},
	{"certificate_expires_seconds", "certificate_expires_seconds", WEBHOOK(certificate_us),
	 GAUGE, SECONDS,
	 .help = "Time until the certificate of tls_cert runs out; 0: it has; unknown without one"},
	{"tls_files_taken_total", "tls_files_taken_total", WEBHOOK(stats.auth.tls.taken), COUNTER,
	 .help = "Times that changed files of tls_cert, tls_key and ca_file were taken up"},
	{"tls_files_refused_total", "tls_files_refused_total", WEBHOOK(stats.auth.tls.refused),
	 COUNTER,
	 .help = "Times that changed ones could not be used and those before stayed in use"},
	{"attempts_total", "attempts_total", WEBHOOK(stats.attempts), COUNTER,
	 .help = "Finished requests"},
	{"delivered_total", "delivered_total", WEBHOOK(stats.delivered), COUNTER,
	 .help = "Events delivered: answered 2xx"},
	{"retried_total", "retried_total", WEBHOOK(stats.retried), COUNTER,
	 .help = "Failed attempts that count and are repeated"},
	{"held_total", "held_total", WEBHOOK(stats.held), COUNTER,
	 .help = "Failed attempts in an outage of the receiver: repeated and not counted"},
	{NULL, "dead_total", WEBHOOK(dead), COUNTER,
	 .help = "Events given up: refused_total, exhausted_total and oversized_total"},
	{"refused_total", "refused_total", WEBHOOK(stats.refused), COUNTER,
	 .help = "Events that the receiver refused"},
	{"exhausted_total", "exhausted_total", WEBHOOK(stats.exhausted), COUNTER,
	 .help = "Events that used up their attempts"},
	{"oversized_total", "oversized_total", WEBHOOK(stats.oversized), COUNTER,
	 .help = "Events given up without an attempt: larger than max_body_bytes"},
	{"truncated_events_total", "truncated_events_total", WEBHOOK(stats.cut), COUNTER,
	 .help = "Events larger than max_body_bytes sent with texts cut, in every attempt"},
	{"key_only_events_total", "key_only_events_total", WEBHOOK(stats.key_only), COUNTER,
	 .help = "Events larger than max_body_bytes sent with the key alone, in every attempt"},
	{"sent_bytes_total", "sent_bytes_total", WEBHOOK(stats.bytes_sent), COUNTER, BYTES,
	 .help = "Bytes of request bodies as they were sent"},
	{"plain_bytes_total", "plain_bytes_total", WEBHOOK(stats.bytes_plain), COUNTER, BYTES,
	 .help = "Bytes of request bodies before compression"},
	{"compressed_total", "compressed_total", WEBHOOK(stats.compressed), COUNTER,
	 .help = "Finished requests with a compressed body"},
	{"batch_size", "batch_size", WEBHOOK(stats.batch_size), GAUGE,
	 .help = "Most events that a request may hold at present"},
	{"batches_total", "batches_total", WEBHOOK(stats.batches), COUNTER,
	 .help = "Finished requests with more than one event"},
	{"batch_events_total", "batch_events_total", WEBHOOK(stats.batch_events), COUNTER,
	 .help = "Events in requests with more than one"},
	{"batch_splits_total", "batch_splits_total", WEBHOOK(stats.split), COUNTER,
	 .help = "Requests with several events that were refused and go again in smaller ones"},
	{"answers_total", "answers", .scope = METRICS_WEBHOOK, COUNTER,
	 .offset = offsetof(struct metrics_webhook, stats.by_class), .size = sizeof(int64_t),
	 .label = METRICS_LABEL_CLASS, .help = "Finished requests by class of the answer"},
	{"failures_total", "failures", .scope = METRICS_WEBHOOK, COUNTER,
	 .offset = offsetof(struct metrics_webhook, stats.failures_by_phase),
	 .size = sizeof(int64_t), .label = METRICS_LABEL_PHASE,
	 .help = "Requests without an answer by the phase they died in"},
	{"latency_seconds", NULL, .scope = METRICS_WEBHOOK, .kind = METRICS_HISTOGRAM, SECONDS,
	 .help = "Time from the start of a request to its answer"},
	{NULL, "latency_ms.p50", WEBHOOK(latency.p50_us), GAUGE, MS,
	 .help = "Half of the requests were answered in this time"},
	{NULL, "latency_ms.p90", WEBHOOK(latency.p90_us), GAUGE, MS,
	 .help = "Nine tenths of the requests were answered in this time"},
	{NULL, "latency_ms.p99", WEBHOOK(latency.p99_us), GAUGE, MS,
	 .help = "Ninety-nine of a hundred requests were answered in this time"},
	{NULL, "last_error", WEBHOOK(stats.last_error), TEXT,
	 .help = "The last failed attempt, empty after a success"},
};

const size_t metrics_table_count = ARRAY_LEN(metrics_table);

/* What stands before the names of its rows. */
static const char *scope_prefix(enum metrics_scope scope)
{
	static const char *const prefix[METRICS_SCOPE_COUNT] = {
		[METRICS_GLOBAL] = "",
		[METRICS_SOURCE] = "source_",
		[METRICS_PIPELINE] = "pipeline_",
		[METRICS_WEBHOOK] = "webhook_",
	};

	assert(scope < METRICS_SCOPE_COUNT);
	return prefix[scope];
}

void metrics_row_name(const struct metrics_row *row, struct buf *out)
{
	assert(row->name);
	buf_add_str(out, "app_db_listener_");
	buf_add_str(out, scope_prefix(row->scope));
	buf_add_str(out, row->name);
}

int64_t metrics_row_value(const struct metrics_row *row, const void *base, size_t element)
{
	const char *at = (const char *)base + row->offset + element * row->size;
	int64_t v64;
	int32_t v32;
	uint8_t v8;

	switch (row->size) {
	case sizeof(v8): /* bool */
		memcpy(&v8, at, sizeof(v8));
		return v8;
	case sizeof(v32): /* int, enum */
		memcpy(&v32, at, sizeof(v32));
		return v32;
	default:
		/* int64_t, and size_t, whose values here are far below INT64_MAX */
		assert(row->size == sizeof(v64));
		memcpy(&v64, at, sizeof(v64));
		return v64;
	}
}
