/* SPDX-License-Identifier: MIT */
/*
 * One request, from its head to its answer:
 *
 *     HEAD ──► BODY ──► STORING (suspended; with the committer) ──► ANSWERED
 *       │        │                                                    ▲
 *       └────────┴──────────── refused ───────────────────────────────┘
 *
 * libmicrohttpd calls upload_handle once when the head is there, for each piece of the body, when
 * that is whole, and again when the request is resumed. An answer can be queued for the first of
 * these, which then ends the reading, and behind the body; in the middle of it the refusal is sent
 * past the server, or, over TLS, kept until the body is whole.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/front_inside.h"

#define LOG_EVERY_US CLOCK_US_PER_S

/* ---- refusals ---- */

static const char *token_name(const struct upload *u)
{
	return u->token == TOKENS_NONE ? NULL : tokens_name(u->front->tokens, u->token);
}

static void refusal_count(struct upload *u, enum refusal_reason reason, const char *why)
{
	struct refusal_log *l = &u->front->log;
	int64_t now_us = upload_now_us(u);

	u->front->o.tally->refused[reason]++;
	if (now_us < l->next_us) {
		l->unsaid++;
		return;
	}
	log_info("posted request refused", LOG_I("status", refusal_status(reason)),
		 LOG_S("reason", refusal_name(reason)), LOG_S("error", why),
		 LOG_S("token", token_name(u)), LOG_I("others", l->unsaid));
	*l = (struct refusal_log){.next_us = now_us + LOG_EVERY_US};
}

/* ---- answers ---- */

static void stored_write(const struct upload *u, struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_i64(&j, "stored", u->job.events);
	json_end(&j);
	buf_add_char(out, '\n');
}

static void page_free(void *page)
{
	mem_free(page);
}

/* *ret_response with the body that out has, which moves there. */
static struct MHD_Response *response_new(struct buf *out)
{
	size_t len = out->len;
	char *page = buf_take(out);
	struct MHD_Response *response;

	if (!page)
		return NULL;
	response = MHD_create_response_from_buffer_with_free_callback(len, page, page_free);
	if (!response)
		mem_free(page);
	return response;
}

static void response_add_headers(const struct upload *u, struct MHD_Response *response)
{
	const struct refusal *r = &u->refusal;
	int64_t after_s = refusal_retry_after_s(r);
	char text[24];

	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (r->reason == REFUSAL_FRAMING)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (r->reason == REFUSAL_METHOD)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
	if (r->reason == REFUSAL_TOKEN)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (r->reason == REFUSAL_NONE && u->job.duplicate)
		(void)MHD_add_response_header(response, "Idempotent-Replayed", "true");
	if (after_s) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)after_s);
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
	}
}

/* Queue what u's refusal says. */
static enum MHD_Result answer(struct upload *u)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	struct buf out;

	buf_init(&out, REFUSAL_HTTP_BYTES);
	if (u->refusal.reason == REFUSAL_NONE)
		stored_write(u, &out);
	else
		refusal_write(&u->refusal, &out);
	response = response_new(&out);
	buf_done(&out);
	if (!response)
		return MHD_NO;
	response_add_headers(u, response);
	result = MHD_queue_response(u->connection, refusal_status(u->refusal.reason), response);
	MHD_destroy_response(response);
	if (u->refusal.reason == REFUSAL_NONE)
		u->front->o.tally->accepted++;
	else if (!u->said)
		refusal_count(u, u->refusal.reason, u->refusal.why);
	if (u->phase == STORING)
		u->phase = ANSWERED;
	return result;
}

/* ---- the head ---- */

static void job_done(struct job *j)
{
	struct upload *u = (struct upload *)((char *)j - offsetof(struct upload, job));

	MHD_resume_connection(u->connection);
}

static void body_begin(struct upload *u)
{
	const struct front *f = u->front;
	int64_t now_us = upload_now_us(u);
	struct err e;

	if (body_init(&u->body, f->settings->spill_dir, f->o.budget, u->job.request.key.s != NULL,
		      &e) != ERR_OK) {
		refusal_set(&u->refusal, REFUSAL_MEMORY, "server busy, please retry");
		return;
	}
	u->guest->next_us = now_us + f->settings->idle_timeout_us;
	u->guest->receiving = true;
	u->phase = BODY;
}

static struct guest *guest_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result upload_begin(struct front *f, struct MHD_Connection *connection,
				    const char *url, const char *method, const char *version,
				    void **state)
{
	struct upload *u = mem_calloc(1, sizeof(*u));

	if (!u)
		return MHD_NO;
	u->front = f;
	u->connection = connection;
	u->guest = guest_of(connection);
	u->is_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	u->token = TOKENS_NONE;
	u->job = (struct job){.body = &u->body, .format = POSTED_JSON, .done = job_done};
	refusal_init(&u->refusal);
	*state = u;
	upload_admit(u, url, method);
	if (u->refusal.reason == REFUSAL_NONE)
		body_begin(u);
	if (u->refusal.reason != REFUSAL_NONE)
		return answer(u);
	f->o.tally->in_progress++;
	u->counted = true;
	return MHD_YES;
}

/* ---- the body ---- */

/* In the middle of it. */
static enum MHD_Result refuse_now(struct upload *u)
{
	u->guest->receiving = false;
	refusal_count(u, u->refusal.reason, u->refusal.why);
	u->said = true;
	if (u->front->is_tls)
		return MHD_YES; /* answered when the rest has come and was thrown away */
	refusal_send(&u->refusal, u->guest->fd);
	u->told = true;
	return MHD_NO;
}

static void refuse_add(struct upload *u, enum err_code code, const struct err *e)
{
	bool is_full = e->sys == ENOSPC || e->sys == EDQUOT || e->sys == EFBIG;

	if (code == ERR_FULL || code == ERR_NOMEM)
		refusal_set(&u->refusal, REFUSAL_MEMORY, "server busy, please retry: %s", e->msg);
	else
		refusal_set(&u->refusal, REFUSAL_DISK, "%s",
			    is_full ? "no room on the disk for a large body, please retry later"
				    : "a large body cannot be kept on the disk");
	if (code == ERR_IO && upload_now_us(u) >= u->front->log.next_us)
		log_warn("a posted body cannot be kept on the disk", LOG_E(e));
}

static enum MHD_Result body_take(struct upload *u, const char *data, size_t *size)
{
	struct front *f = u->front;
	size_t len = *size;
	enum err_code code;
	struct err e;

	*size = 0;
	f->o.tally->bytes += (int64_t)len;
	if (u->told)
		return MHD_NO;
	u->guest->next_us = upload_now_us(u) + f->settings->idle_timeout_us;
	if (u->refusal.reason != REFUSAL_NONE)
		return MHD_YES;
	if (u->body.bytes + (int64_t)len > f->settings->max_body_bytes) {
		upload_too_large(u);
		return refuse_now(u);
	}
	code = body_add(&u->body, data, len, &e);
	if (code == ERR_OK)
		return MHD_YES;
	refuse_add(u, code, &e);
	return refuse_now(u);
}

/* Nothing of the request is awaited any more. */
static void guest_rests(struct guest *g)
{
	g->receiving = false;
	g->next_us = INT64_MAX;
	g->whole_us = INT64_MAX;
}

static enum MHD_Result body_end(struct upload *u)
{
	struct front *f = u->front;
	struct err e;

	guest_rests(u->guest);
	if (u->refusal.reason != REFUSAL_NONE)
		return answer(u);
	if (u->job.request.key.s && body_digest(&u->body, u->job.request.digest, &e) != ERR_OK) {
		refusal_set(&u->refusal, REFUSAL_MEMORY, "server busy, please retry");
		return answer(u);
	}
	f->o.tally->spilled += body_is_spilled(&u->body);
	u->phase = STORING;
	MHD_suspend_connection(u->connection);
	committer_push(f->committers[u->inlet], &u->job);
	return MHD_YES;
}

enum MHD_Result upload_handle(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **state)
{
	struct upload *u = *state;

	if (!u)
		return upload_begin(cls, connection, url, method, version, state);
	if (*size)
		return body_take(u, data, size);
	if (u->phase == BODY)
		return body_end(u);
	if (u->phase == STORING) {
		u->refusal = u->job.refusal;
		return answer(u);
	}
	return MHD_YES;
}

/* ---- the end ---- */

/* Its client may still be sending: let it read the answer first. */
static void linger(struct upload *u)
{
	int fd = u->guest ? fcntl(u->guest->fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd >= 0)
		door_linger(u->front->door, fd);
}

static void count_end(struct upload *u, enum MHD_RequestTerminationCode code)
{
	enum refusal_reason ended = REFUSAL_NONE;

	if (u->phase != BODY || u->told || u->refusal.reason != REFUSAL_NONE)
		return;
	mutex_lock(&u->front->lock);
	ended = u->guest->ended;
	mutex_unlock(&u->front->lock);
	if (ended != REFUSAL_NONE)
		refusal_count(u, ended, refusal_name(ended));
	else if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		u->front->o.tally->cut++;
}

void upload_completed(void *cls, struct MHD_Connection *connection, void **state,
		      enum MHD_RequestTerminationCode code)
{
	struct upload *u = *state;
	struct front *f = cls;

	(void)connection;
	if (!u)
		return;
	*state = NULL;
	count_end(u, code);
	if (u->phase <= BODY && !f->stopping)
		linger(u);
	if (u->guest) {
		u->guest->receiving = false;
		u->guest->next_us = INT64_MAX;
		u->guest->whole_us = upload_now_us(u) + f->settings->idle_timeout_us +
				     f->settings->body_timeout_us;
	}
	body_done(&u->body);
	mutex_lock(&f->lock);
	f->o.tally->in_progress -= u->counted;
	cond_broadcast(&f->changed);
	mutex_unlock(&f->lock);
	mem_free(u);
}
