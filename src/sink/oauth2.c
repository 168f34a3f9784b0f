/* SPDX-License-Identifier: MIT */
#include "sink/oauth2.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/secret.h"

/* libcurl and OpenSSL are in it */
#define OAUTH2_STACK_BYTES (512UL * 1024)

struct oauth2 {
	struct oauth2_options o;
	struct thread thread;
	struct mutex lock; /* all below */
	struct cond work;  /* for the thread: somebody asked, or stopping */
	struct cond quiet; /* notify has returned */
	bool stopping;
	bool notifying;
	oauth2_notify_fn notify;
	void *notify_ctx;
	struct token_cache cache;
	struct oauth2_stats counts;
};

static void tell(const struct oauth2 *a, bool has_token, bool failed_before, const char *reason)
{
	if (!has_token && !failed_before)
		log_warn("no token from the token endpoint, asking again",
			 LOG_S("webhook", a->o.webhook), LOG_S("reason", reason));
	else if (has_token && failed_before)
		log_info("the token endpoint gives tokens again", LOG_S("webhook", a->o.webhook));
	else
		log_debug("asked the token endpoint", LOG_S("webhook", a->o.webhook),
			  LOG_S("result", has_token ? "a token" : reason));
}

/* Returns whether it is worth a line, and whether the fetch before had failed. */
static bool take_outcome(struct oauth2 *a, struct token_outcome *out, int64_t begun_us,
			 bool *ret_failed_before)
{
	const int64_t now_us = clock_now_us(a->o.clock);
	bool stopping;

	if (out->token.len && now_us - begun_us >= out->lifetime_s * CLOCK_US_PER_S / 10 * 9) {
		secret_buf_done(&out->token);
		(void)snprintf(out->reason, sizeof(out->reason), "it had run out when it arrived");
	}
	mutex_lock(&a->lock);
	stopping = a->stopping;
	*ret_failed_before = a->cache.failed_in_row > 0;
	if (out->token.len) {
		token_cache_store(&a->cache, &out->token, out->lifetime_s, begun_us);
		a->counts.fetched++;
	} else {
		token_cache_fail(&a->cache, out->reason, out->retry_after_s, a->o.max_wait_us,
				 now_us);
		a->counts.failed++;
	}
	mutex_unlock(&a->lock);
	return !stopping;
}

static void notify(struct oauth2 *a)
{
	oauth2_notify_fn fn;
	void *ctx;

	mutex_lock(&a->lock);
	fn = a->notify;
	ctx = a->notify_ctx;
	a->notifying = fn != NULL;
	mutex_unlock(&a->lock);
	if (!fn)
		return;
	fn(ctx);
	mutex_lock(&a->lock);
	a->notifying = false;
	cond_broadcast(&a->quiet);
	mutex_unlock(&a->lock);
}

static void fetch(struct oauth2 *a)
{
	struct token_outcome out;
	const int64_t begun_us = clock_now_us(a->o.clock);
	bool has_token, failed_before;

	a->o.fetch(a->o.ctx, &out);
	has_token = out.token.len > 0;
	if (take_outcome(a, &out, begun_us, &failed_before))
		tell(a, has_token, failed_before, out.reason);
	secret_buf_done(&out.token);
	notify(a);
}

/* Wait until a fetch is due; false: stop. */
static bool wait_for_work(struct oauth2 *a)
{
	int64_t now_us, due_us;
	bool go;

	mutex_lock(&a->lock);
	for (;;) {
		now_us = clock_now_us(a->o.clock);
		due_us = token_cache_due_us(&a->cache, now_us);
		if (a->stopping || due_us <= now_us)
			break;
		cond_wait_until(&a->work, &a->lock, due_us);
	}
	go = !a->stopping;
	if (go)
		token_cache_begin(&a->cache);
	mutex_unlock(&a->lock);
	return go;
}

static void oauth2_main(void *arg)
{
	struct oauth2 *a = arg;

	while (wait_for_work(a))
		fetch(a);
}

enum err_code oauth2_new(const struct oauth2_options *o, struct oauth2 **ret_a, struct err *e)
{
	struct oauth2 *a = mem_calloc(1, sizeof(*a));
	enum err_code code;

	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for tokens");
	a->o = *o;
	token_cache_init(&a->cache);
	mutex_init(&a->lock);
	cond_init(&a->work);
	cond_init(&a->quiet);
	code = thread_start(&a->thread, "oauth2", OAUTH2_STACK_BYTES, oauth2_main, a, e);
	if (code != ERR_OK) {
		oauth2_free(a);
		return code;
	}
	*ret_a = a;
	return ERR_OK;
}

void oauth2_free(struct oauth2 *a)
{
	if (!a)
		return;
	mutex_lock(&a->lock);
	a->stopping = true;
	cond_signal(&a->work);
	mutex_unlock(&a->lock);
	a->o.cancel(a->o.ctx);
	thread_join(&a->thread);
	token_cache_done(&a->cache);
	cond_done(&a->work);
	cond_done(&a->quiet);
	mutex_done(&a->lock);
	mem_free(a);
}

void oauth2_bind(struct oauth2 *a, oauth2_notify_fn fn, void *ctx)
{
	mutex_lock(&a->lock);
	while (a->notifying)
		cond_wait_until(&a->quiet, &a->lock, INT64_MAX);
	a->notify = fn;
	a->notify_ctx = ctx;
	mutex_unlock(&a->lock);
}

enum token_state oauth2_ask(struct oauth2 *a, struct token_ticket *t, struct buf *out,
			    struct oauth2_failure *ret_failure)
{
	enum token_state state;
	bool used_before;

	mutex_lock(&a->lock);
	used_before = a->cache.used;
	state = token_cache_ask(&a->cache, t, clock_now_us(a->o.clock));
	switch (state) {
	case TOKEN_READY:
		/* only a token in use is replaced: the thread has to know when */
		if (!used_before)
			cond_signal(&a->work);
		buf_add_text(out, buf_text(&a->cache.token));
		break;
	case TOKEN_PENDING:
		cond_signal(&a->work);
		break;
	case TOKEN_FAILED:
		memcpy(ret_failure->reason, a->cache.reason, sizeof(ret_failure->reason));
		ret_failure->retry_after_s = a->cache.retry_after_s;
		break;
	}
	mutex_unlock(&a->lock);
	return state;
}

bool oauth2_refuse(struct oauth2 *a, struct token_ticket *t)
{
	bool again;

	mutex_lock(&a->lock);
	again = token_cache_refuse(&a->cache, t, clock_now_us(a->o.clock));
	a->counts.refused += again;
	mutex_unlock(&a->lock);
	return again;
}

struct oauth2_stats oauth2_stats(struct oauth2 *a)
{
	struct oauth2_stats s;

	mutex_lock(&a->lock);
	s = a->counts;
	s.expires_us = a->cache.good ? a->cache.expires_us : 0;
	mutex_unlock(&a->lock);
	return s;
}
