/* SPDX-License-Identifier: MIT */
/*
 * The rows of the key table for the process as a whole.
 */
#include "config/key_rows.h"

static const struct key_word level_words[] = {
	{"error", LOG_LEVEL_ERROR}, {"warn", LOG_LEVEL_WARN},   {"warning", LOG_LEVEL_WARN},
	{"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG}, {NULL, 0},
};
static const struct key_word format_words[] = {
	{"text", LOG_FORMAT_TEXT},
	{"json", LOG_FORMAT_JSON},
	{NULL, 0},
};

/* A field that is a pointer to a struct has a pointer's size: that is what is meant. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
static const struct key rows[] = {
	{"worker.pool_size", KEY_INT, SETTINGS(worker.pool_size), .def = "10", RANGE(1, 256),
	 .help = "The number of threads that send; each serves many requests."},

	{"queue.capacity", KEY_INT, SETTINGS(queue.capacity), .def = "10000", RANGE(1, 10000000),
	 .help = "The most events in memory; the rest waits in the database."},
	{"queue.max_bytes", KEY_SIZE, SETTINGS(queue.max_bytes), RANGE(1 * MB, 64 * GB),
	 .help = "The most bytes of events in memory, a part of memory.max; half of it, or what "
		 "the pipelines ask for, when not given."},

	{"memory.max", KEY_STRING, SETTINGS(memory.max), .def = "64MB", .check = check_text,
	 .help = "The most bytes of payload in memory, whoever holds them: a size, or a share such "
		 "as 25% of what the control group or else the machine has. When not given, no "
		 "more than half of the control group's limit."},
	{"memory.alert_url", KEY_URL, SETTINGS(memory.alert_url), .check = check_token_url,
	 .help = "Where to POST a small JSON document when the level of the budget reaches alert "
		 "or critical, and when it is back."},

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

	{"metrics_history.file", KEY_STRING, SETTINGS(metrics_history.file), .check = check_text,
	 .help = "Path of the file; without it nothing is recorded."},
	{"metrics_history.interval", KEY_DURATION, SETTINGS(metrics_history.interval_us),
	 .def = "10s", RANGE(1 * S, DAY), .help = "How often a record is made."},
	{"metrics_history.max_records", KEY_INT, SETTINGS(metrics_history.max_records),
	 .def = "1000", RANGE(1, 1000),
	 .help = "The most records in memory; so many are written at once, and while the file "
		 "cannot be written the oldest of them are dropped."},
	{"metrics_history.flush_interval", KEY_DURATION,
	 SETTINGS(metrics_history.flush_interval_us), .def = "1m", RANGE(0, DAY),
	 .help = "How long a record may be in memory before it is written."},
	{"metrics_history.rotate_size", KEY_SIZE, SETTINGS(metrics_history.rotate_bytes),
	 .def = "50MB", RANGE(0, 64 * GB),
	 .help = "A file that would grow past this is rotated; 0: never."},
	{"metrics_history.rotate_keep", KEY_INT, SETTINGS(metrics_history.rotate_keep), .def = "10",
	 RANGE(0, 1000), .help = "How many rotated files are kept."},

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

const struct key_rows key_rows_of_daemon = {rows, ARRAY_LEN(rows)};
