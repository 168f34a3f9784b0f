/* SPDX-License-Identifier: MIT */
/*
 * Whether a request may come in, by its head alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ingest/front_inside.h"

#define PATH "/v1/events"

static const char *header(const struct upload *u, const char *name)
{
	return MHD_lookup_connection_value(u->connection, MHD_HEADER_KIND, name);
}

struct framing {
	int lengths, codings;
	bool is_known;
};

/* MHD_KeyValueIterator */
static enum MHD_Result framing_add(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct framing *f = cls;

	(void)kind;
	if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0)
		f->lengths++;
	if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
		f->codings++;
		f->is_known &= value && strcasecmp(value, "chunked") == 0;
	}
	return MHD_YES;
}

typedef void (*check_fn)(struct upload *u, const char *url, const char *method);

/* A proxy that takes the other of two lengths sees another request behind this one, and may let it
 * through as its own client's: RFC 9112, 6.3 and 11.2. One that speaks HTTP/1.0 knows no chunks,
 * and may hand on what it did not understand: 6.1. */
static void check_framing(struct upload *u, const char *url, const char *method)
{
	struct framing f = {.is_known = true};

	(void)url;
	(void)method;
	(void)MHD_get_connection_values(u->connection, MHD_HEADER_KIND, framing_add, &f);
	if (f.lengths + f.codings > 1)
		refusal_set(&u->refusal, REFUSAL_FRAMING,
			    "one Content-Length or one Transfer-Encoding, not more");
	else if (f.codings && u->is_1_0)
		refusal_set(&u->refusal, REFUSAL_FRAMING, "HTTP/1.0 has no Transfer-Encoding");
	else if (!f.is_known)
		refusal_set(&u->refusal, REFUSAL_FRAMING, "Transfer-Encoding must be chunked");
}

static void check_path(struct upload *u, const char *url, const char *method)
{
	(void)method;
	if (strcmp(url, PATH) != 0)
		refusal_set(&u->refusal, REFUSAL_PATH, "no such page; there is " PATH);
}

static void check_method(struct upload *u, const char *url, const char *method)
{
	(void)url;
	if (strcmp(method, "POST") != 0)
		refusal_set(&u->refusal, REFUSAL_METHOD, "method not allowed, only POST");
}

static void check_token(struct upload *u, const char *url, const char *method)
{
	(void)url;
	(void)method;
	u->token = tokens_find(u->front->tokens, header(u, MHD_HTTP_HEADER_AUTHORIZATION));
	if (u->token == TOKENS_NONE)
		refusal_set(&u->refusal, REFUSAL_TOKEN,
			    "wanted: Authorization: Bearer with one of ingest.tokens");
	else
		u->job.request.token = text_of(tokens_name(u->front->tokens, u->token));
}

static void check_room(struct upload *u, const char *url, const char *method)
{
	struct front *f = u->front;

	(void)url;
	(void)method;
	if (f->stopping)
		refusal_set(&u->refusal, REFUSAL_STOPPING, "the daemon is stopping");
	else if (f->o.tally->in_progress >= f->settings->max_concurrent || !u->guest)
		refusal_set(&u->refusal, REFUSAL_BUSY, "server busy, please retry");
	else if (budget_level(f->o.budget) == BUDGET_CRITICAL)
		refusal_set(&u->refusal, REFUSAL_MEMORY,
			    "server busy, please retry: the memory budget is used up");
}

static void check_rate(struct upload *u, const char *url, const char *method)
{
	int64_t wait_us = tokens_take(u->front->tokens, u->token, upload_now_us(u));

	(void)url;
	(void)method;
	if (!wait_us)
		return;
	refusal_set(&u->refusal, REFUSAL_RATE, "more requests with this token than rate_limit");
	u->refusal.retry_after_us = wait_us;
}

/* Whether the media type in front of parameters is type: RFC 9110, 8.3.1. */
static bool is_type(const char *value, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(value, type, len) == 0 && strchr("; \t", value[len]) != NULL;
}

static void check_type(struct upload *u, const char *url, const char *method)
{
	const char *type = header(u, MHD_HTTP_HEADER_CONTENT_TYPE);
	const char *coding = header(u, MHD_HTTP_HEADER_CONTENT_ENCODING);

	(void)url;
	(void)method;
	if (type && is_type(type, "application/x-ndjson"))
		u->job.format = POSTED_NDJSON;
	else if (!type || !is_type(type, "application/json"))
		refusal_set(&u->refusal, REFUSAL_TYPE,
			    "Content-Type must be application/json or application/x-ndjson");
	if (coding && strcasecmp(coding, "identity") != 0)
		refusal_set(&u->refusal, REFUSAL_TYPE, "no Content-Encoding is known here");
}

void upload_too_large(struct upload *u)
{
	refusal_set(&u->refusal, REFUSAL_SIZE, "the body is over %lld bytes (max_body)",
		    (long long)u->front->settings->max_body_bytes);
}

static void check_length(struct upload *u, const char *url, const char *method)
{
	const char *length = header(u, MHD_HTTP_HEADER_CONTENT_LENGTH);
	long long bytes;

	(void)url;
	(void)method;
	if (!length)
		return;
	errno = 0;
	bytes = strtoll(length, NULL, 10);
	if (errno || bytes > u->front->settings->max_body_bytes)
		upload_too_large(u);
}

static void check_key(struct upload *u, const char *url, const char *method)
{
	const char *key = header(u, "Idempotency-Key");
	size_t len = key ? strlen(key) : 0;

	(void)url;
	(void)method;
	if (!key)
		return;
	if (!len || len > INLET_KEY_BYTES_MAX) {
		refusal_set(&u->refusal, REFUSAL_KEY, "an Idempotency-Key has 1 to %d bytes",
			    INLET_KEY_BYTES_MAX);
		return;
	}
	memcpy(u->key, key, len + 1);
	u->job.request.key = text_of(u->key);
	u->job.request.window_us = u->front->settings->idempotency_window_us;
}

static void check_source(struct upload *u, const char *url, const char *method)
{
	const struct settings *s = u->front->o.settings;
	const char *name =
		MHD_lookup_connection_value(u->connection, MHD_GET_ARGUMENT_KIND, "source");
	size_t i;

	(void)url;
	(void)method;
	for (i = 0; i < s->inlet_count; i++) {
		if (name ? strcmp(s->inlets[i].name, name) == 0 : s->inlet_count == 1) {
			u->inlet = i;
			return;
		}
	}
	refusal_set(&u->refusal, REFUSAL_SOURCE,
		    name ? "no source of type http has this name"
			 : "there are several sources: say which, " PATH "?source=NAME");
}

/* In this order: a stranger learns nothing, and a request that is too much costs little. */
static const check_fn checks[] = {
	check_framing, check_path, check_method, check_token,  check_room,
	check_rate,    check_type, check_length, check_source, check_key,
};

void upload_admit(struct upload *u, const char *url, const char *method)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(checks) && u->refusal.reason == REFUSAL_NONE; i++)
		checks[i](u, url, method);
}
