/* SPDX-License-Identifier: MIT */
/*
 * The log: one line per event, rendered on the caller's stack, put into a bounded queue, written by
 * one thread. A caller never blocks: when the queue is full the line is counted, and the writer
 * later says "dropped N lines".
 *
 *     log_info("connected", LOG_S("host", host), LOG_I("port", port));
 *
 *     text:    2026-03-01T12:00:00.123456Z info  source=shop msg="connected" host=db1 port=5432
 *     json:    {"time":"...","level":"info","source":"shop","msg":"connected","host":"db1",...}
 *     journal: <6>source=shop msg="connected" host=db1 port=5432       (sd-daemon(3) prefixes)
 *
 * A value is cut at 1024 bytes and a line at 2048; a line that lost something ends in cut=true.
 * When the file cannot be written (disk full, ...) the log keeps its queue, tries again every
 * second, and says so on stderr when that begins and when it is over.
 *
 * Before log_start and after log_stop lines go to stderr at once. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_options {
	const char *file; /* path; NULL, "", "stderr" or "/dev/stderr": standard error */
	enum log_level level;
	enum log_format format;
	bool journal_prefix;  /* "<6>" in front, no time, on stderr: when that is the journal */
	int64_t rotate_bytes; /* a file that would grow past this is rotated; 0: never */
	int rotate_keep;      /* rotated files kept: FILE.1 is the newest */
	size_t queue_lines;   /* bound of the queue, >= 1; its bytes: 256 a line, 64 KiB to 8 MiB */
	const struct clock *clock; /* of the lines and the hour; NULL: the system's; a loan until
				    * log_stop */
};

struct log_field {
	const char *key; /* [a-z0-9_]+, a literal */
	enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_FLOAT } kind;
	struct text text; /* s == NULL prints null (JSON) or - (text) */
	int64_t num;
	double real;
};

#define LOG_S(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = text_of(v)})
#define LOG_T(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = (v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .num = (int64_t)(v)})
#define LOG_F(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_FLOAT, .real = (v)})
/* An error: its message under "error". */
#define LOG_E(e) LOG_S("error", (e)->msg)

/* Open the file (created with mode 0640; not through a symbolic link) and start the writer thread.
 * The strings of o are copied. Not while it is started already.
 * Errors: ERR_DENIED, ERR_NOT_FOUND, ERR_IO (the file cannot be opened), ERR_NOMEM. */
enum err_code log_start(const struct log_options *o, struct err *e) ATTR_MUST_CHECK;

/* Write what is queued (at most 5 s), stop the thread, close the file. */
void log_stop(void);

/* Ask the writer to close and reopen its file: after logrotate moved it. Async-signal-safe is not
 * promised: call it from the thread that handles signals. */
void log_reopen(void);

/* Change the level at once. */
void log_set_level(enum log_level level);

bool log_is_enabled(enum log_level level);

/* Put "key=value" in front of every line of this thread: "source=shop". Cut at 63 bytes; NULL
 * clears it. */
void log_set_context(const char *key, const char *value);

/* One line; use the macros below. n fields. */
void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t n);

#define LOG_AT(level, msg, ...)                                                                    \
	do {                                                                                       \
		if (log_is_enabled(level)) {                                                       \
			const struct log_field log_fields_[] = {{.key = NULL}, ##__VA_ARGS__};     \
			log_write((level), (msg), log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);    \
		}                                                                                  \
	} while (0)
#define log_error(msg, ...) LOG_AT(LOG_LEVEL_ERROR, msg, ##__VA_ARGS__)
#define log_warn(msg, ...) LOG_AT(LOG_LEVEL_WARN, msg, ##__VA_ARGS__)
#define log_info(msg, ...) LOG_AT(LOG_LEVEL_INFO, msg, ##__VA_ARGS__)
#define log_debug(msg, ...) LOG_AT(LOG_LEVEL_DEBUG, msg, ##__VA_ARGS__)

/* Counts since log_start. */
struct log_stats {
	int64_t lines_written;
	int64_t lines_dropped; /* the queue was full, or the file could not be written */
	int64_t errors_logged; /* lines of level error, written or dropped */
	int64_t warnings_logged;
	int64_t errors_last_hour; /* sliding, in minutes */
	int64_t write_failures;   /* failed writes to the file (disk full, ...) */
	int64_t file_bytes;       /* size of the current file; 0 for stderr */
	size_t queue_lines;
	size_t queue_capacity;
};

struct log_stats log_stats(void);

#endif
