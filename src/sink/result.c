/* SPDX-License-Identifier: MIT */
/*
 * From curl's code to a result. A final status with its whole header section is the answer,
 * whatever becomes of the body: the receiver has decided, and asking again after a 2xx would only
 * deliver twice.
 *
 * Without an answer, the phase is the first one whose end curl has no time for.
 */
#include <stdio.h>
#include <string.h>

#include "sink/reason.h"
#include "sink/response.h"
#include "sink/scrub.h"
#include "sink/transfer.h"

static curl_off_t info_off(CURL *easy, CURLINFO info)
{
	curl_off_t v = 0;

	(void)curl_easy_getinfo(easy, info, &v);
	return v;
}

/* curl's connect time includes the TLS handshake; the socket's own port is there before. */
static bool has_local_port(CURL *easy)
{
	long port = 0;

	return curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK && port > 0;
}

static enum answer_phase phase_of_times(const struct transfer *t)
{
	CURL *easy = t->easy;
	bool tls = strncmp(t->to->url.value, "https:", 6) == 0;

	if (t->header_bytes)
		return ANSWER_PHASE_BODY;
	if (info_off(easy, CURLINFO_NAMELOOKUP_TIME_T) == 0)
		return ANSWER_PHASE_LOOKUP;
	if (info_off(easy, CURLINFO_CONNECT_TIME_T) == 0 && !has_local_port(easy))
		return ANSWER_PHASE_CONNECT;
	if (tls && info_off(easy, CURLINFO_APPCONNECT_TIME_T) == 0)
		return ANSWER_PHASE_TLS;
	if (info_off(easy, CURLINFO_SIZE_UPLOAD_T) < (curl_off_t)t->request->body.len)
		return ANSWER_PHASE_SEND;
	return ANSWER_PHASE_FIRST_BYTE;
}

static enum answer_phase phase_of_code(const struct transfer *t, CURLcode code)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
		return ANSWER_PHASE_LOOKUP;
	case CURLE_COULDNT_CONNECT:
		return ANSWER_PHASE_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return ANSWER_PHASE_TLS;
	case CURLE_SEND_ERROR:
		return ANSWER_PHASE_SEND;
	default:
		return phase_of_times(t);
	}
}

static const char *words(const struct transfer *t, CURLcode code)
{
	if (t->header_bytes > TRANSFER_HEADER_MAX_BYTES)
		return "the header section has no end";
	/* curl takes a connection that is closed there for the end of the answer */
	if (code == CURLE_OK)
		return "the header section was cut off";
	return t->error[0] ? t->error : curl_easy_strerror(code);
}

static void fill_failure(const struct transfer *t, CURLcode code, struct http_result *out)
{
	const struct webhook_settings *to = t->to;
	int64_t limit_us = to->timeout_us;

	if (t->denied[0] && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK)) {
		out->phase = ANSWER_PHASE_DENIED;
		reason_of_failure(out->phase, t->denied, out->reason, sizeof(out->reason));
		return;
	}
	out->phase = phase_of_code(t, code);
	if (code == CURLE_OPERATION_TIMEDOUT) {
		if (out->phase <= ANSWER_PHASE_TLS && to->connect_timeout_us < limit_us)
			limit_us = to->connect_timeout_us;
		reason_of_timeout(out->phase, limit_us, out->reason, sizeof(out->reason));
		return;
	}
	reason_of_failure(out->phase, words(t, code), out->reason, sizeof(out->reason));
}

void transfer_result(struct transfer *t, CURLcode code, int64_t wall_us, struct http_result *out)
{
	long status = 0;

	*out = (struct http_result){.request = t->request, .retry_after_s = -1};
	if (!t->answered) {
		fill_failure(t, code, out);
		return;
	}
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	out->status = (int)status;
	out->disable = t->to->disable_header && response_has(t->easy, t->to->disable_header);
	if (out->disable)
		(void)snprintf(out->reason, sizeof(out->reason), "HTTP %ld with \"%.100s\"", status,
			       t->to->disable_header);
	if (t->request->asks) {
		out->allowed_origin = response_only(t->easy, "WebHook-Allowed-Origin");
		out->allowed_rate = response_only(t->easy, "WebHook-Allowed-Rate");
	}
	/* the hot path needs no words */
	if (status >= 200 && status <= 299)
		return;
	out->retry_after_s = response_retry_after_s(t->easy, wall_us);
	if (out->disable)
		return;
	scrub_answer(t->request, t->headers, t->snippet, t->snippet_len);
	reason_of_status(out->status, (struct text){t->snippet, t->snippet_len}, out->reason,
			 sizeof(out->reason));
}
