/* SPDX-License-Identifier: MIT */
#include "sink/webhook.h"

#include <assert.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/column_rules.h"
#include "sink/concurrency.h"
#include "sink/network.h"

#define WEBHOOK_OPEN_RATE 1000000
#define WEBHOOK_PROBE_MIN_US CLOCK_US_PER_S
/* Without a request for so long, a receiver is asked for its permission again. */
#define WEBHOOK_SILENCE_US (24 * 3600 * CLOCK_US_PER_S)
/* An outage is over, as far as disable_after goes, when nothing was even tried for so long. */
#define WEBHOOK_OUTAGE_GAP_US (24 * 3600 * CLOCK_US_PER_S)

struct webhook {
	const struct webhook_settings *settings;
	struct breaker *breaker;
	struct auth *auth; /* NULL: none */
	struct network_trail trail;
	struct batch_size batch_size;
	struct standing_box *standing;
	struct handshake *handshake; /* NULL: not validated */
	_Atomic size_t in_flight;    /* every worker asks on every round: no lock */
	_Atomic size_t limit;        /* of it: max_in_flight, or what concurrency found */
	_Atomic bool refused_some;
	struct pace pace;
	_Atomic int told_state; /* what webhook_breaker_moved last said */
	struct mutex lock;
	struct webhook_stats counts; /* those of settings and breaker are not kept here */
	struct concurrency concurrency;
};

const int64_t webhook_latency_bound_us[WEBHOOK_LATENCY_BUCKETS] = {
	100,     200,      500,      1000,     2000,     5000,      10000,
	20000,   50000,    100000,   200000,   500000,   1000000,   2000000,
	5000000, 10000000, 20000000, 30000000, 60000000, INT64_MAX,
};

static bool is_adaptive(const struct webhook *w)
{
	return w->settings->concurrency == WEBHOOK_CONCURRENCY_ADAPTIVE;
}

/* What a receiver agrees to when it is asked is a limit too: until it has, a rate that nobody
 * reaches stands for it. */
static void init_pace(struct webhook *w, const struct webhook_settings *s)
{
	static const struct rate open = {.count = WEBHOOK_OPEN_RATE, .period_us = CLOCK_US_PER_S};

	if (s->validate && !s->rate_limit.count)
		pace_init(&w->pace, &open, 1);
	else
		pace_init(&w->pace, &s->rate_limit, s->rate_limit_burst);
}

static ATTR_MUST_CHECK enum err_code make_handshake(struct webhook *w,
						    const struct webhook_settings *s, struct err *e)
{
	struct handshake_options o = {.origin = s->validation_origin,
				      .min_delay_us = WEBHOOK_PROBE_MIN_US,
				      .max_delay_us = s->breaker_max_delay_us,
				      .silence_us = WEBHOOK_SILENCE_US};

	if (!s->validate)
		return ERR_OK;
	if (o.min_delay_us > o.max_delay_us)
		o.min_delay_us = o.max_delay_us;
	return handshake_new(&o, &w->handshake, e);
}

enum err_code webhook_new(const struct webhook_settings *s, struct webhook **ret_w, struct err *e)
{
	struct breaker_options bo = {
		.failures = s->breaker_failures > INT_MAX ? INT_MAX : (int)s->breaker_failures,
		.min_delay_us = WEBHOOK_PROBE_MIN_US,
		.max_delay_us = s->breaker_max_delay_us,
	};
	struct webhook *w = mem_calloc(1, sizeof(*w));
	enum err_code code;

	if (!w)
		return err_set(e, ERR_NOMEM, "no memory for webhook %s", s->name);
	if (bo.min_delay_us > bo.max_delay_us)
		bo.min_delay_us = bo.max_delay_us;
	code = breaker_new(&bo, &w->breaker, e);
	if (code == ERR_OK)
		code = auth_new(s, clock_system(), &w->auth, e);
	if (code == ERR_OK)
		code = standing_box_new(s->name, s->disable_after_us,
					WEBHOOK_OUTAGE_GAP_US + s->retry_max_delay_us, &w->standing,
					e);
	if (code == ERR_OK)
		code = make_handshake(w, s, e);
	if (code != ERR_OK)
		goto out_webhook;
	mutex_init(&w->lock);
	batch_size_init(&w->batch_size, (size_t)s->batch_max_events);
	w->settings = s;
	init_pace(w, s);
	concurrency_init(&w->concurrency, (size_t)s->max_in_flight);
	atomic_store(&w->limit, is_adaptive(w) ? w->concurrency.limit : (size_t)s->max_in_flight);
	*ret_w = w;
	return ERR_OK;
out_webhook:
	standing_box_free(w->standing);
	auth_free(w->auth);
	breaker_free(w->breaker);
	mem_free(w);
	return code;
}

void webhook_free(struct webhook *w)
{
	if (!w)
		return;
	assert(atomic_load(&w->in_flight) == 0);
	auth_free(w->auth);
	breaker_free(w->breaker);
	standing_box_free(w->standing);
	pace_done(&w->pace);
	handshake_free(w->handshake);
	mutex_done(&w->lock);
	batch_size_done(&w->batch_size);
	mem_free(w);
}

const struct webhook_settings *webhook_settings(const struct webhook *w)
{
	return w->settings;
}

struct breaker *webhook_breaker(struct webhook *w)
{
	return w->breaker;
}

struct auth *webhook_auth(struct webhook *w)
{
	return w->auth;
}

struct network_trail *webhook_trail(struct webhook *w)
{
	return &w->trail;
}

struct standing_box *webhook_standing(struct webhook *w)
{
	return w->standing;
}

struct handshake *webhook_handshake(struct webhook *w)
{
	return w->handshake;
}

struct batch_size *webhook_batch_size(struct webhook *w)
{
	return &w->batch_size;
}

size_t webhook_room(const struct webhook *w)
{
	size_t now = atomic_load(&w->in_flight);
	size_t max = atomic_load(&w->limit);

	return now < max ? max - now : 0;
}

static size_t reserve(struct webhook *w, size_t want)
{
	size_t max = atomic_load(&w->limit);
	size_t now = atomic_load(&w->in_flight);
	size_t n;

	do {
		n = now < max ? max - now : 0;
		if (n > want)
			n = want;
	} while (n && !atomic_compare_exchange_weak(&w->in_flight, &now, now + n));
	return n;
}

static size_t admit_once(struct webhook *w, int64_t now_us, size_t want)
{
	size_t may, n;

	if (!webhook_is_paced(w))
		return reserve(w, want);
	/* what waits for an answer does not wait for the rate limit */
	may = webhook_room(w) ? pace_take(&w->pace, now_us, want) : 0;
	n = may ? reserve(w, may) : 0;
	if (n < may)
		pace_give_back(&w->pace, may - n);
	return n;
}

/* Who got some asks again when they were not enough: only who got none waits for others. */
size_t webhook_admit(struct webhook *w, int64_t now_us, size_t want)
{
	size_t n = admit_once(w, now_us, want);

	if (n)
		return n;
	/* once more after the flag is up: what was given back in between has not seen it */
	atomic_store(&w->refused_some, true);
	return admit_once(w, now_us, want);
}

bool webhook_leave(struct webhook *w, size_t n)
{
	size_t before = atomic_fetch_sub(&w->in_flight, n);

	assert(before >= n);
	(void)before;
	return atomic_load(&w->refused_some) && atomic_exchange(&w->refused_some, false);
}

bool webhook_give_back(struct webhook *w, size_t n)
{
	if (webhook_is_paced(w))
		pace_give_back(&w->pace, n);
	return webhook_leave(w, n);
}

void webhook_unsent(struct webhook *w)
{
	if (webhook_is_paced(w))
		pace_give_back(&w->pace, 1);
}

bool webhook_is_paced(const struct webhook *w)
{
	return pace_is_limited(&w->pace);
}

void webhook_allow(struct webhook *w, int64_t per_minute)
{
	pace_allow(&w->pace, per_minute);
}

int64_t webhook_next_us(struct webhook *w)
{
	return pace_next_us(&w->pace);
}

static size_t latency_bucket(int64_t us)
{
	size_t i = 0;

	while (us > webhook_latency_bound_us[i])
		i++;
	return i;
}

static void count_result_locked(struct webhook_stats *c, const struct webhook_attempt *a)
{
	int class = a->status / 100;

	c->attempts++;
	if (a->events > 1) {
		c->batches++;
		c->batch_events += (int64_t)a->events;
	}
	c->bytes_sent += (int64_t)a->bytes;
	c->bytes_plain += (int64_t)(a->plain_bytes ? a->plain_bytes : a->bytes);
	c->compressed += a->plain_bytes > 0;
	c->cut += (int64_t)a->cut;
	c->key_only += (int64_t)a->key_only;
	c->by_class[class >= 1 && class <= 5 ? class : a->status ? 5 : 0]++;
	if (a->status) {
		c->latency_count[latency_bucket(a->elapsed_us)]++;
		c->latency_sum_us += a->elapsed_us;
	} else {
		c->failures_by_phase[a->phase]++;
	}
}

static int64_t *outcome_counter(struct webhook_stats *c, enum webhook_outcome outcome)
{
	switch (outcome) {
	case WEBHOOK_DELIVERED:
		return &c->delivered;
	case WEBHOOK_RETRIED:
		return &c->retried;
	case WEBHOOK_HELD:
		return &c->held;
	case WEBHOOK_REFUSED:
		return &c->refused;
	case WEBHOOK_SPLIT:
		return &c->split;
	case WEBHOOK_OVERSIZED:
		return &c->oversized;
	case WEBHOOK_EXHAUSTED:
		break;
	}
	return &c->exhausted;
}

/* What an attempt says about how much the receiver can take. */
static int kind_of_sample(const struct webhook_attempt *a)
{
	struct answer answer;

	if (!a->status && (a->phase == ANSWER_PHASE_LOOKUP || a->phase == ANSWER_PHASE_DENIED ||
			   a->phase == ANSWER_PHASE_TOKEN))
		return CONCURRENCY_OTHER; /* it was never asked */
	answer = a->status ? answer_of_status(a->status) : answer_of_failure(a->phase);
	if (answer.verdict == ANSWER_DELIVERED)
		return CONCURRENCY_ANSWERED;
	return answer.verdict == ANSWER_RETRY && answer.blame == ANSWER_BLAME_RECEIVER
		       ? CONCURRENCY_OVERLOADED
		       : CONCURRENCY_OTHER;
}

static void learn_locked(struct webhook *w, const struct webhook_attempt *a)
{
	struct concurrency_sample s = {
		.sent_us = a->sent_us,
		.now_us = a->sent_us + a->elapsed_us,
		.in_flight = atomic_load(&w->in_flight),
	};

	s.kind = kind_of_sample(a);
	atomic_store(&w->limit, concurrency_note(&w->concurrency, &s));
}

void webhook_record(struct webhook *w, const struct webhook_attempt *a)
{
	struct webhook_stats *c = &w->counts;

	assert(a->phase < ANSWER_PHASE_COUNT);
	mutex_lock(&w->lock);
	if (a->outcome != WEBHOOK_OVERSIZED)
		count_result_locked(c, a);
	*outcome_counter(c, a->outcome) += a->outcome == WEBHOOK_DELIVERED ? (int64_t)a->events : 1;
	if (a->outcome == WEBHOOK_DELIVERED)
		c->last_error[0] = '\0';
	else
		(void)snprintf(c->last_error, sizeof(c->last_error), "%s", a->reason);
	if (is_adaptive(w) && a->outcome != WEBHOOK_OVERSIZED)
		learn_locked(w, a);
	mutex_unlock(&w->lock);
}

void webhook_note_written(struct webhook *w, size_t events)
{
	mutex_lock(&w->lock);
	w->counts.delivered += (int64_t)events;
	mutex_unlock(&w->lock);
}

bool webhook_breaker_moved(struct webhook *w, enum breaker_state *ret_state)
{
	enum breaker_state state = breaker_stats(w->breaker).state;

	if (state == BREAKER_HALF_OPEN)
		state = BREAKER_OPEN;
	if (atomic_exchange(&w->told_state, (int)state) == (int)state)
		return false;
	*ret_state = state;
	return true;
}

struct webhook_stats webhook_stats(struct webhook *w)
{
	struct webhook_stats s;

	mutex_lock(&w->lock);
	s = w->counts;
	mutex_unlock(&w->lock);
	s.in_flight = atomic_load(&w->in_flight);
	s.max_in_flight = (size_t)w->settings->max_in_flight;
	s.concurrency_limit = atomic_load(&w->limit);
	s.pace = pace_stats(&w->pace);
	s.signing_secrets = w->settings->signing_keys.count;
	s.batch_size = batch_size_get(&w->batch_size);
	s.column_rules = column_rules_count(w->settings->column_rules);
	s.breaker = breaker_stats(w->breaker);
	s.auth = auth_stats(w->auth);
	(void)standing_box_get(w->standing, &s.standing);
	s.validates = w->handshake != NULL;
	if (w->handshake)
		s.handshake = handshake_stats(w->handshake);
	return s;
}

int64_t webhook_latency_quantile_us(const int64_t count[static WEBHOOK_LATENCY_BUCKETS], double q)
{
	int64_t total = 0, lo = 0, hi;
	double rank, below = 0;
	size_t i;

	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++)
		total += count[i];
	rank = q * (double)total;
	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++) {
		hi = webhook_latency_bound_us[i];
		if (count[i] && below + (double)count[i] >= rank) {
			/* the last bucket has no end to interpolate to */
			if (hi == INT64_MAX)
				return lo;
			return lo +
			       (int64_t)((double)(hi - lo) * (rank - below) / (double)count[i]);
		}
		below += (double)count[i];
		if (hi != INT64_MAX)
			lo = hi;
	}
	return 0;
}

void webhook_url_redact(const char *url, char *out, size_t size)
{
	const char *authority = strstr(url, "://");
	size_t end = strcspn(url, "?#");
	size_t host, i;

	assert(size > 0);
	/* a "://" behind the first slash is path or query, not the scheme's */
	if (authority && (size_t)(authority - url) < strcspn(url, "/?#"))
		authority += 3;
	else
		authority = url;
	host = (size_t)(authority - url);
	for (i = host; i < end && url[i] != '/'; i++)
		if (url[i] == '@')
			host = i + 1;
	(void)snprintf(out, size, "%.*s%.*s", (int)(authority - url), url, (int)(end - host),
		       url + host);
}
