/* SPDX-License-Identifier: MIT */
#include "ingest/refusal.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"

static const struct {
	const char *name;
	unsigned status;
	int64_t retry_after_s;
} reasons[REFUSAL_REASON_COUNT] = {
	[REFUSAL_NONE] = {"none", 202, 0}, /* taken */
	[REFUSAL_FRAMING] = {"framing", 400, 0},
	[REFUSAL_PATH] = {"path", 404, 0},
	[REFUSAL_METHOD] = {"method", 405, 0},
	[REFUSAL_TOKEN] = {"token", 401, 0},
	[REFUSAL_SOURCE] = {"source", 404, 0},
	[REFUSAL_KEY] = {"key", 400, 0},
	[REFUSAL_STOPPING] = {"stopping", 503, 5},
	[REFUSAL_BUSY] = {"busy", 503, 1},
	[REFUSAL_RATE] = {"rate", 429, 1},
	[REFUSAL_TYPE] = {"type", 415, 0},
	[REFUSAL_SIZE] = {"size", 413, 0},
	[REFUSAL_MEMORY] = {"memory", 503, 1},
	[REFUSAL_DISK] = {"disk", 507, 30},
	[REFUSAL_TIMEOUT] = {"timeout", 408, 0},
	[REFUSAL_SYNTAX] = {"syntax", 400, 0},
	[REFUSAL_EVENT] = {"event", 422, 0},
	[REFUSAL_EVENT_SIZE] = {"event_size", 413, 0},
	[REFUSAL_CONFLICT] = {"conflict", 422, 0},
	[REFUSAL_STORE] = {"store", 503, 2},
	[REFUSAL_INTERNAL] = {"internal", 500, 0},
};

void refusal_init(struct refusal *r)
{
	*r = (struct refusal){.reason = REFUSAL_NONE, .index = -1};
}

void refusal_set(struct refusal *r, enum refusal_reason reason, const char *fmt, ...)
{
	va_list args;

	refusal_init(r);
	r->reason = reason;
	va_start(args, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, args);
	va_end(args);
}

const char *refusal_name(enum refusal_reason reason)
{
	return reasons[reason].name;
}

unsigned refusal_status(enum refusal_reason reason)
{
	return reasons[reason].status;
}

int64_t refusal_retry_after_s(const struct refusal *r)
{
	if (r->retry_after_us > 0)
		return (r->retry_after_us + CLOCK_US_PER_S - 1) / CLOCK_US_PER_S;
	return reasons[r->reason].retry_after_s;
}

void refusal_write(const struct refusal *r, struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_str(&j, "error", r->why);
	if (r->index >= 0)
		json_i64(&j, "index", r->index);
	if (r->field[0])
		json_str(&j, "field", r->field);
	if (r->line)
		json_i64(&j, "line", r->line);
	if (r->column)
		json_i64(&j, "column", r->column);
	json_end(&j);
	buf_add_char(out, '\n');
}

bool refusal_format(const struct refusal *r, char out[static REFUSAL_HTTP_BYTES])
{
	char retry[48] = "";
	int64_t after_s = refusal_retry_after_s(r);
	unsigned status = refusal_status(r->reason);
	struct buf body;
	int n = -1;

	buf_init(&body, REFUSAL_HTTP_BYTES);
	refusal_write(r, &body);
	if (after_s)
		(void)snprintf(retry, sizeof(retry), "Retry-After: %lld\r\n", (long long)after_s);
	if (buf_error(&body) == ERR_OK)
		n = snprintf(out, REFUSAL_HTTP_BYTES,
			     "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
			     "Cache-Control: no-store\r\n%sConnection: close\r\n"
			     "Content-Length: %zu\r\n\r\n%s",
			     status, MHD_get_reason_phrase_for(status), retry, body.len,
			     buf_str(&body));
	buf_done(&body);
	return n > 0 && n < REFUSAL_HTTP_BYTES;
}

void refusal_send(const struct refusal *r, int fd)
{
	char out[REFUSAL_HTTP_BYTES];

	if (refusal_format(r, out))
		(void)send(fd, out, strlen(out), MSG_NOSIGNAL | MSG_DONTWAIT);
}
