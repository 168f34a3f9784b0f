/* SPDX-License-Identifier: MIT */
#include "source/inlet.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "source/inlet_store.h"
#include "source/sqlite_inlet.h"

#define RETRY_US CLOCK_US_PER_S       /* between attempts to connect */
#define PURGE_US (5 * CLOCK_US_PER_S) /* between steps that remove old keys */

struct inlet {
	struct inlet_options options;
	struct inlet_env env;
	const struct inlet_store_ops *ops;
	struct inlet_store *store; /* NULL: not connected */
	bool is_open;              /* a transaction is */
	bool has_request;          /* one is begun, and not complete */
	bool has_claim;            /* ... with a key */
	struct inlet_claim claim;
	size_t requests;    /* in the transaction */
	int64_t events;     /* of the request */
	int64_t all_events; /* in the transaction */
	int64_t purge_us;   /* when next */
	int64_t retry_us;   /* not connected: when to try again */
	struct err failed;  /* and why it failed */
	struct buf key;     /* of the event at hand */
	size_t charged_bytes;
	char warning[INLET_WARNING_BYTES];
};

static int64_t now_us(const struct inlet *in)
{
	return clock_now_us(in->options.clock);
}

/* ---- open and close ---- */

static const struct inlet_store_ops *store_find(enum source_type type)
{
	switch (type) {
	case SOURCE_POSTGRES:
		return &inlet_store_postgres;
	case SOURCE_MYSQL:
		return &inlet_store_mysql;
	case SOURCE_SQLITE:
	case SOURCE_HTTP:
		return &inlet_store_sqlite;
	case SOURCE_FAKE:
		break;
	}
	return NULL;
}

enum err_code inlet_open(const struct inlet_options *o, struct inlet **ret_in, struct err *e)
{
	const struct settings *s = o->settings;
	const struct inlet_settings *own = &s->inlets[o->inlet];
	const struct inlet_store_ops *ops = store_find(s->sources[own->source].type);
	struct inlet *in;
	size_t i;

	if (!ops)
		return err_set(e, ERR_CONFIG, "source %s: nothing can be pushed into %s", own->name,
			       source_type_name(s->sources[own->source].type));
	in = mem_calloc(1, sizeof(*in));
	if (!in)
		return err_set(e, ERR_NOMEM, "no memory for a way in");
	in->options = *o;
	in->env = (struct inlet_env){.source = &s->sources[own->source],
				     .name = own->name,
				     .clock = o->clock,
				     .interrupt_fd = o->interrupt_fd};
	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].pushed && s->pipelines[i].inlet == o->inlet)
			in->env.pipelines[in->env.pipeline_count++] = s->pipelines[i].name;
	in->ops = ops;
	buf_init(&in->key, INLET_ROW_KEY_BYTES_MAX);
	*ret_in = in;
	return ERR_OK;
}

/* The budget knows what the store holds. */
static void settle_budget(struct inlet *in)
{
	size_t held = in->store ? in->store->held_bytes : 0;

	if (held > in->charged_bytes)
		budget_charge(in->options.budget, BUDGET_INGEST, held - in->charged_bytes);
	else
		budget_release(in->options.budget, BUDGET_INGEST, in->charged_bytes - held);
	in->charged_bytes = held;
}

static void forget(struct inlet *in)
{
	in->is_open = in->has_request = in->has_claim = false;
	in->requests = 0;
	in->events = in->all_events = 0;
}

static void disconnect(struct inlet *in)
{
	if (in->store)
		in->ops->close(in->store);
	in->store = NULL;
	settle_budget(in);
	forget(in);
}

void inlet_close(struct inlet *in)
{
	if (!in)
		return;
	inlet_rollback(in);
	disconnect(in);
	buf_done(&in->key);
	mem_free(in);
}

void inlet_rollback(struct inlet *in)
{
	if (in->is_open)
		in->ops->rollback(in->store);
	if (in->store && in->store->is_stuck)
		disconnect(in);
	settle_budget(in);
	forget(in);
}

/* Nothing of the transaction is left. A lock that could not be had says nothing about the
 * connection; after all else it is made anew, with all that is prepared on it. */
static ATTR_MUST_CHECK enum err_code failure(struct inlet *in, enum err_code code)
{
	inlet_rollback(in);
	if (code != ERR_TIMEOUT && code != ERR_BUSY)
		disconnect(in);
	return code;
}

static ATTR_MUST_CHECK enum err_code connect_store(struct inlet *in, struct err *e)
{
	enum err_code code;

	if (in->store)
		return ERR_OK;
	if (now_us(in) < in->retry_us) {
		if (e)
			*e = in->failed;
		return in->failed.code;
	}
	code = in->ops->open(&in->env, &in->store, &in->failed);
	if (code == ERR_OK) {
		(void)snprintf(in->warning, sizeof(in->warning), "%s", in->store->warning);
		return ERR_OK;
	}
	in->store = NULL;
	in->failed.code = code;
	in->retry_us = now_us(in) + RETRY_US;
	if (e)
		*e = in->failed;
	return code;
}

enum err_code inlet_make_store(const struct settings *s, size_t inlet, struct err *e)
{
	if (!s->inlets[inlet].is_own)
		return ERR_OK;
	return sqlite_inlet_make(s, s->inlets[inlet].source, e);
}

const char *inlet_warning(const struct inlet *in)
{
	return in->warning;
}

/* ---- requests ---- */

static bool is_ascii(struct text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		if (t.s[i] < 0x20 || t.s[i] >= 0x7f)
			return false;
	return true;
}

static ATTR_MUST_CHECK enum err_code check_request(const struct inlet_request *r, struct err *e)
{
	if (r->token.len > INLET_TOKEN_BYTES_MAX)
		return err_set(e, ERR_DATA, "the name of the token is longer than %d bytes",
			       INLET_TOKEN_BYTES_MAX);
	if (!r->key.s)
		return ERR_OK;
	if (!r->key.len || r->key.len > INLET_KEY_BYTES_MAX || !is_ascii(r->key))
		return err_set(e, ERR_DATA,
			       "an idempotency key is 1 to %d ASCII characters, none of them a "
			       "control one",
			       INLET_KEY_BYTES_MAX);
	return ERR_OK;
}

static void take_claim(struct inlet *in, const struct inlet_request *r)
{
	static const char digits[] = "0123456789abcdef";
	struct inlet_claim *c = &in->claim;
	size_t i;

	in->has_claim = r->key.s;
	if (!in->has_claim)
		return;
	(void)snprintf(c->token, sizeof(c->token), "%.*s", (int)r->token.len,
		       r->token.s ? r->token.s : "");
	(void)snprintf(c->key, sizeof(c->key), "%.*s", (int)r->key.len, r->key.s);
	for (i = 0; i < INLET_DIGEST_BYTES; i++) {
		c->digest[2 * i] = digits[r->digest[i] >> 4];
		c->digest[2 * i + 1] = digits[r->digest[i] & 15];
	}
	c->digest[2 * i] = '\0';
	c->now_wall_us = clock_wall_us(in->options.clock);
	c->expired_wall_us = c->now_wall_us - r->window_us;
}

/* Old keys go a few at a time, and only while new ones come; while there are more of them, with
 * every transaction. */
static ATTR_MUST_CHECK enum err_code purge_due(struct inlet *in, struct err *e)
{
	bool has_more = in->store->purged_count >= INLET_PURGE_ROWS;
	int64_t now = now_us(in);

	if (in->is_open || !in->has_claim || (now < in->purge_us && !has_more))
		return ERR_OK;
	in->purge_us = now + PURGE_US;
	in->store->purged_count = 0;
	return in->ops->purge(in->store, in->claim.expired_wall_us, e);
}

/* The request that is begun is whole. */
static ATTR_MUST_CHECK enum err_code complete(struct inlet *in, struct err *e)
{
	enum err_code code = ERR_OK;

	if (in->has_request && in->has_claim)
		code = in->ops->count(in->store, &in->claim, in->events, e);
	in->has_request = in->has_claim = false;
	in->events = 0;
	return code;
}

/* Where the request begins that is about to: at a mark, or with the transaction. */
static ATTR_MUST_CHECK enum err_code begin_part(struct inlet *in, struct err *e)
{
	enum err_code code;

	if (in->is_open)
		return in->ops->mark(in->store, e);
	code = in->ops->begin(in->store, e);
	in->is_open = true; /* rolled back also after a failure */
	return code;
}

static ATTR_MUST_CHECK enum err_code drop_part(struct inlet *in, struct err *e)
{
	if (in->requests)
		return in->ops->go_back(in->store, e);
	inlet_rollback(in);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code claim_and_begin(struct inlet *in, struct inlet_begun *ret_b,
						     struct err *e)
{
	enum err_code code = begin_part(in, e);

	if (code == ERR_OK && in->has_claim)
		code = in->ops->claim(in->store, &in->claim, ret_b, e);
	if (code != ERR_OK)
		return code;
	if (ret_b->outcome != INLET_STORED) {
		in->has_claim = false;
		return drop_part(in, e);
	}
	in->has_request = true;
	in->requests++;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code try_begin(struct inlet *in, const struct inlet_request *r,
					       struct inlet_begun *ret_b, struct err *e)
{
	struct inlet_begun b = {.outcome = INLET_STORED};
	enum err_code code = connect_store(in, e);

	if (code != ERR_OK)
		return code;
	code = complete(in, e);
	if (code == ERR_OK) {
		take_claim(in, r);
		code = purge_due(in, e);
	}
	if (code == ERR_OK)
		code = claim_and_begin(in, &b, e);
	settle_budget(in);
	if (code != ERR_OK)
		return failure(in, code);
	*ret_b = b;
	return ERR_OK;
}

/* A connection that nobody used for a while may be gone: servers and what is between end those that
 * are idle. Nothing of a transaction was committed then, and it can begin on a new one. */
enum err_code inlet_begin(struct inlet *in, const struct inlet_request *r,
			  struct inlet_begun *ret_b, struct err *e)
{
	bool was_idle = in->store && !in->is_open;
	enum err_code code = check_request(r, e);

	if (code != ERR_OK)
		return code;
	code = try_begin(in, r, ret_b, e);
	if (code == ERR_UNAVAILABLE && was_idle && connect_store(in, NULL) == ERR_OK)
		code = try_begin(in, r, ret_b, e);
	return code;
}

enum err_code inlet_cancel(struct inlet *in, struct err *e)
{
	enum err_code code;

	if (!in->has_request)
		return ERR_OK;
	in->requests--;
	in->all_events -= in->events;
	in->events = 0;
	in->has_request = in->has_claim = false;
	code = drop_part(in, e);
	return code == ERR_OK ? code : failure(in, code);
}

enum err_code inlet_commit(struct inlet *in, struct err *e)
{
	bool tell = in->all_events > 0;
	enum err_code code;

	if (!in->is_open)
		return ERR_OK;
	code = complete(in, e);
	if (code == ERR_OK)
		code = in->ops->commit(in->store, tell, e);
	if (code != ERR_OK)
		return failure(in, code);
	settle_budget(in);
	forget(in);
	if (in->store->is_bloated)
		disconnect(in);
	if (tell && in->options.on_commit)
		in->options.on_commit(in->options.on_commit_ctx);
	return ERR_OK;
}

/* ---- events ---- */

static bool is_utf8(struct text t)
{
	size_t at, n;

	for (at = 0; at < t.len; at += n) {
		n = utf8_length(t.s + at, t.len - at);
		if (!n)
			return false;
	}
	return true;
}

static ATTR_MUST_CHECK enum err_code check_name(struct text name, const char *what, struct err *e)
{
	size_t chars = 0, i;

	for (i = 0; i < name.len; i++) {
		if ((unsigned char)name.s[i] < 0x20 || name.s[i] == 0x7f)
			return err_set(e, ERR_DATA, "the name of the %s has a control character",
				       what);
		chars += ((unsigned char)name.s[i] & 0xc0) != 0x80;
	}
	if (!chars || chars > INLET_NAME_CHARS_MAX)
		return err_set(e, ERR_DATA, "the name of the %s is not of 1 to %d characters", what,
			       INLET_NAME_CHARS_MAX);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_event(const struct inlet *in,
						 const struct inlet_event *ev, struct err *e)
{
	enum source_type type = in->env.source->type;
	enum err_code code = check_name(ev->table, "table", e);

	if (code == ERR_OK && ev->schema.s)
		code = check_name(ev->schema, "schema", e);
	if (code != ERR_OK)
		return code;
	if (ev->schema.s && (type == SOURCE_SQLITE || type == SOURCE_HTTP))
		return err_set(e, ERR_DATA,
			       "the event has a schema, and is kept in SQLite, which has none");
	if (ev->op == OP_TRUNCATE)
		return err_set(e, ERR_DATA, "a truncate cannot be pushed");
	if (!is_utf8(ev->schema) || !is_utf8(ev->table) || !is_utf8(ev->key) ||
	    !is_utf8(ev->data) || !is_utf8(ev->old_data))
		return err_set(e, ERR_DATA, "the event is no UTF-8");
	return ERR_OK;
}

/* Triggers leave the values of a large row out: it can be looked up. A pushed event cannot. */
static ATTR_MUST_CHECK enum err_code check_size(const struct inlet *in,
						const struct inlet_event *ev, struct err *e)
{
	size_t most = (size_t)in->env.source->max_event_bytes;
	size_t largest = ev->data.len > ev->old_data.len ? ev->data.len : ev->old_data.len;

	if (largest <= most)
		return ERR_OK;
	return err_set(e, ERR_FULL, "the event has %zu bytes, max_event_bytes allows %zu", largest,
		       most);
}

enum err_code inlet_add(struct inlet *in, const struct inlet_event *ev, struct err *e)
{
	struct inlet_row row = {.operation = op_name(ev->op),
				.schema = ev->schema.s ? ev->schema : TEXT_LIT(""),
				.table = ev->table,
				.data = ev->data,
				.old_data = ev->old_data};
	enum err_code code;

	assert(in->has_request);
	code = check_event(in, ev, e);
	if (code == ERR_OK)
		code = check_size(in, ev, e);
	buf_reset(&in->key);
	if (code == ERR_OK && ev->key.s)
		code = inlet_key_write(&in->key, ev->key, e);
	if (code == ERR_DATA || code == ERR_FULL)
		return code;
	if (code == ERR_OK) {
		row.key = ev->key.s ? buf_text(&in->key) : TEXT_NONE;
		row.bytes = (int64_t)(row.key.len + row.data.len + row.old_data.len);
		code = in->ops->add(in->store, &row, e);
		settle_budget(in);
	}
	if (code == ERR_DATA || code == ERR_FULL)
		return code;
	if (code != ERR_OK)
		return failure(in, code);
	in->events++;
	in->all_events++;
	return ERR_OK;
}
