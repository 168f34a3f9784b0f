/* SPDX-License-Identifier: MIT */
#include "ingest/posted.h"

#include <stdio.h>
#include <string.h>

#include "base/json_check.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "ingest/posted_columns.h"

#define CHUNK_BYTES ((size_t)64 * 1024)

enum phase {
	AT_START,
	AT_ITEM_OR_END, /* behind [ */
	BEHIND_ITEM,
	BEHIND_LINE,
	AT_TAIL, /* behind the one event or the array */
	AT_END
};

enum field { FIELD_TABLE, FIELD_OPERATION, FIELD_SCHEMA, FIELD_KEY, FIELD_DATA, FIELD_OLD, FIELDS };

static const char *const field_names[FIELDS] = {"table", "operation", "schema",
						"key",   "data",      "old_data"};

struct posted {
	struct posted_options o;
	enum phase phase;
	char *chunk; /* of the body */
	size_t at, len;
	bool ended; /* there is no chunk behind this one */
	struct json_place place, began;
	int64_t count;
	struct buf event;         /* the object, without white space between tokens */
	struct buf texts[FIELDS]; /* names that had escapes */
	struct posted_columns columns;
};

enum err_code posted_new(const struct posted_options *o, struct posted **ret_p, struct err *e)
{
	struct posted *p = mem_calloc(1, sizeof(*p));
	size_t i;

	if (!p)
		return err_set(e, ERR_NOMEM, "no memory to read a body");
	p->o = *o;
	p->place = (struct json_place){1, 1};
	buf_init(&p->event, o->max_event_bytes);
	for (i = 0; i < FIELDS; i++)
		buf_init(&p->texts[i], o->max_event_bytes);
	p->chunk = mem_alloc(CHUNK_BYTES);
	if (posted_columns_init(&p->columns, o->max_event_bytes) != ERR_OK || !p->chunk) {
		posted_free(p);
		return err_set(e, ERR_NOMEM, "no memory to read a body");
	}
	*ret_p = p;
	return ERR_OK;
}

void posted_free(struct posted *p)
{
	size_t i;

	if (!p)
		return;
	buf_done(&p->event);
	for (i = 0; i < FIELDS; i++)
		buf_done(&p->texts[i]);
	mem_free(p->chunk);
	posted_columns_done(&p->columns);
	mem_free(p);
}

int64_t posted_count(const struct posted *p)
{
	return p->count;
}

size_t posted_bytes(const struct posted *p)
{
	size_t sum = CHUNK_BYTES + p->event.cap + posted_columns_bytes(&p->columns);
	size_t i;

	for (i = 0; i < FIELDS; i++)
		sum += p->texts[i].cap;
	return sum;
}

/* ---- the body ---- */

/* Have bytes at p->at, unless the body has ended. */
static ATTR_MUST_CHECK enum err_code refill(struct posted *p, struct err *e)
{
	enum err_code code;

	if (p->at < p->len || p->ended)
		return ERR_OK;
	p->at = 0;
	p->len = 0;
	code = p->o.read(p->o.ctx, p->chunk, CHUNK_BYTES, &p->len, e);
	p->ended = code == ERR_OK && p->len == 0;
	return code;
}

/* Step over white space. *ret_byte is what follows and is not taken, -1: the body's end. */
static ATTR_MUST_CHECK enum err_code peek(struct posted *p, int *ret_byte, struct err *e)
{
	enum err_code code;

	for (;;) {
		code = refill(p, e);
		if (code != ERR_OK)
			return code;
		if (p->ended) {
			*ret_byte = -1;
			return ERR_OK;
		}
		*ret_byte = (unsigned char)p->chunk[p->at];
		if (!*ret_byte || !strchr(" \t\r\n", *ret_byte))
			return ERR_OK;
		json_place_pass(&p->place, (unsigned char)p->chunk[p->at]);
		p->at++;
	}
}

/* Take what peek saw. */
static void take(struct posted *p)
{
	json_place_pass(&p->place, (unsigned char)p->chunk[p->at]);
	p->at++;
}

static enum posted_step syntax(const struct posted *p, const char *why, struct refusal *r)
{
	refusal_set(r, REFUSAL_SYNTAX, "not JSON: %s", why);
	r->line = p->place.line;
	r->column = p->place.column;
	return POSTED_REFUSED;
}

/* ---- one event ---- */

/* The event that comes next is wrong in this field; "": as a whole. */
static void wrong(const struct posted *p, const char *field, const char *why, struct refusal *r)
{
	refusal_set(r, REFUSAL_EVENT, "%s", why);
	(void)snprintf(r->field, sizeof(r->field), "%s", field);
	r->index = p->count;
	r->line = p->began.line;
}

static enum posted_step too_large(const struct posted *p, struct refusal *r)
{
	wrong(p, "", "", r);
	r->reason = REFUSAL_EVENT_SIZE;
	(void)snprintf(r->why, sizeof(r->why), "the event is over %zu bytes (max_event_bytes)",
		       p->o.max_event_bytes);
	return POSTED_REFUSED;
}

/* The object at p->at into p->event. */
static enum posted_step read_object(struct posted *p, struct refusal *r, struct err *e)
{
	struct json_check c;
	enum json_check_step step = JSON_CHECK_MORE;
	size_t used;

	buf_reset(&p->event);
	p->began = p->place;
	json_check_init(&c, p->place);
	while (step == JSON_CHECK_MORE) {
		if (refill(p, e) != ERR_OK)
			return POSTED_FAILED;
		if (p->ended) {
			p->place = c.place;
			return syntax(p, "the body ends within an event", r);
		}
		step = json_check_feed(&c, p->chunk + p->at, p->len - p->at, &used, &p->event);
		p->at += used;
		p->place = c.place;
		if (step == JSON_CHECK_BAD)
			return syntax(p, c.why, r);
		if (buf_error(&p->event) == ERR_FULL)
			return too_large(p, r);
		if (buf_error(&p->event) != ERR_OK) {
			(void)err_set(e, ERR_NOMEM, "no memory for an event");
			return POSTED_FAILED;
		}
	}
	return POSTED_EVENT;
}

/* The text of a field whose value is value, null included, in *ret. */
static ATTR_MUST_CHECK enum err_code take_text(struct posted *p, enum field f, struct text value,
					       struct text *ret, struct refusal *r, struct err *e)
{
	struct text inside = {value.s + 1, value.len - 2};

	if (value.s[0] != '"') {
		wrong(p, field_names[f], "must be text", r);
		return ERR_OK;
	}
	if (!inside.len) {
		wrong(p, field_names[f], "must not be empty", r);
		return ERR_OK;
	}
	*ret = inside;
	if (!memchr(inside.s, '\\', inside.len))
		return ERR_OK;
	buf_reset(&p->texts[f]);
	json_scan_unescape(&p->texts[f], inside);
	*ret = buf_text(&p->texts[f]);
	return buf_error(&p->texts[f]) == ERR_OK ? ERR_OK
						 : err_set(e, ERR_NOMEM, "no memory for a name");
}

static ATTR_MUST_CHECK enum err_code take_object(struct posted *p, enum field f, struct text value,
						 struct text *ret, struct refusal *r, struct err *e)
{
	char why[REFUSAL_WHY_BYTES];
	enum err_code code;

	if (value.s[0] != '{') {
		wrong(p, field_names[f], "must be an object or null", r);
		return ERR_OK;
	}
	*ret = value;
	code = posted_columns_check(&p->columns, value, why, e);
	if (code == ERR_OK && why[0])
		wrong(p, field_names[f], why, r);
	return code;
}

/* Which field is called name; FIELDS: none. */
static int field_find(struct text name)
{
	int f = 0;

	while (f < FIELDS && !text_eq(name, text_of(field_names[f])))
		f++;
	return f;
}

static void unknown_field(const struct posted *p, struct text name, struct refusal *r)
{
	char shown[REFUSAL_FIELD_BYTES];

	(void)snprintf(shown, sizeof(shown), "%.*s",
		       (int)json_scan_cut(name, REFUSAL_FIELD_BYTES - 8), name.s);
	wrong(p, shown, "unknown field", r);
}

/* The members of p->event into v: TEXT_NONE for what is null or does not stand. */
static ATTR_MUST_CHECK enum err_code take_fields(struct posted *p, struct text v[static FIELDS],
						 struct refusal *r, struct err *e)
{
	bool seen[FIELDS] = {false};
	struct json_scan s;
	struct json_member m;
	enum err_code code = ERR_OK;
	int f;

	json_scan_open(&s, buf_text(&p->event));
	while (code == ERR_OK && r->reason == REFUSAL_NONE &&
	       json_scan_next(&s, &m) == JSON_STEP_MEMBER) {
		f = field_find(m.name);
		if (f == FIELDS) {
			unknown_field(p, m.name, r);
			continue;
		}
		if (seen[f])
			wrong(p, field_names[f], "stands twice", r);
		seen[f] = true;
		if (r->reason != REFUSAL_NONE || text_eq(m.value, TEXT_LIT("null")))
			continue;
		if (f < (int)FIELD_KEY)
			code = take_text(p, (enum field)f, m.value, &v[f], r, e);
		else
			code = take_object(p, (enum field)f, m.value, &v[f], r, e);
	}
	return code;
}

/* ---- what an operation needs ---- */

/* Whether the fields fit the operation; else the refusal says what does not. */
static bool check_operation(const struct posted *p, const struct inlet_event *ev, struct refusal *r)
{
	bool is_delete = ev->op == OP_DELETE;

	if (!is_delete && !ev->data.s)
		wrong(p, "data", "required: the row as it is now", r);
	else if (is_delete && ev->data.s)
		wrong(p, "data", "not with delete: the row as it was is old_data", r);
	else if (is_delete && !ev->key.s && !ev->old_data.s)
		wrong(p, "key", "required with delete, or old_data", r);
	else if (!op_has_old(ev->op) && ev->old_data.s)
		wrong(p, "old_data", "only with update and delete", r);
	return r->reason == REFUSAL_NONE;
}

static enum posted_step make_event(struct posted *p, struct inlet_event *ret_ev, struct refusal *r,
				   struct err *e)
{
	struct text v[FIELDS] = {{NULL, 0}};
	struct inlet_event ev = {.op = OP_COUNT};

	if (take_fields(p, v, r, e) != ERR_OK)
		return POSTED_FAILED;
	if (r->reason != REFUSAL_NONE)
		return POSTED_REFUSED;
	if (!v[FIELD_TABLE].s || !v[FIELD_OPERATION].s) {
		wrong(p, field_names[v[FIELD_TABLE].s ? FIELD_OPERATION : FIELD_TABLE], "required",
		      r);
		return POSTED_REFUSED;
	}
	if (!op_parse(v[FIELD_OPERATION], &ev.op) || ev.op == OP_TRUNCATE) {
		wrong(p, "operation", "must be insert, update, delete or read", r);
		return POSTED_REFUSED;
	}
	ev.schema = v[FIELD_SCHEMA];
	ev.table = v[FIELD_TABLE];
	ev.key = v[FIELD_KEY];
	ev.data = v[FIELD_DATA];
	ev.old_data = v[FIELD_OLD];
	if (!check_operation(p, &ev, r))
		return POSTED_REFUSED;
	p->count++;
	*ret_ev = ev;
	return POSTED_EVENT;
}

static enum posted_step next_event(struct posted *p, enum phase then, struct inlet_event *ret_ev,
				   struct refusal *r, struct err *e)
{
	enum posted_step step = read_object(p, r, e);

	if (step != POSTED_EVENT)
		return step;
	p->phase = then;
	if (then == BEHIND_LINE && p->place.line != p->began.line)
		return syntax(p, "with x-ndjson an event is one line", r);
	return make_event(p, ret_ev, r, e);
}

/* ---- between events ---- */

static enum posted_step at_start(struct posted *p, int byte, struct inlet_event *ev,
				 struct refusal *r, struct err *e)
{
	bool lines = p->o.format == POSTED_NDJSON;

	if (byte == -1)
		return syntax(p, "the body is empty", r);
	if (byte == '[' && !lines) {
		take(p);
		p->phase = AT_ITEM_OR_END;
		return posted_next(p, ev, r, e);
	}
	if (byte != '{')
		return syntax(p, lines ? "expected {" : "expected { or [", r);
	return next_event(p, lines ? BEHIND_LINE : AT_TAIL, ev, r, e);
}

static enum posted_step at_item_or_end(struct posted *p, int byte, struct inlet_event *ev,
				       struct refusal *r, struct err *e)
{
	if (byte != ']')
		return next_event(p, BEHIND_ITEM, ev, r, e);
	refusal_set(r, REFUSAL_EVENT, "the array holds no event");
	return POSTED_REFUSED;
}

static enum posted_step behind_item(struct posted *p, int byte, struct inlet_event *ev,
				    struct refusal *r, struct err *e)
{
	if (byte == ']') {
		take(p);
		p->phase = AT_TAIL;
		return posted_next(p, ev, r, e);
	}
	if (byte != ',')
		return syntax(p, byte == -1 ? "the body ends within the array" : "expected , or ]",
			      r);
	take(p);
	if (peek(p, &byte, e) != ERR_OK)
		return POSTED_FAILED;
	return next_event(p, BEHIND_ITEM, ev, r, e);
}

static enum posted_step behind_line(struct posted *p, int byte, struct inlet_event *ev,
				    struct refusal *r, struct err *e)
{
	if (byte == -1)
		return POSTED_END;
	if (p->place.line == p->began.line)
		return syntax(p, "with x-ndjson each event has a line of its own", r);
	return next_event(p, BEHIND_LINE, ev, r, e);
}

static enum posted_step at_tail(struct posted *p, int byte, struct inlet_event *ev,
				struct refusal *r, struct err *e)
{
	(void)ev;
	(void)e;
	return byte == -1 ? POSTED_END : syntax(p, "something follows", r);
}

enum posted_step posted_next(struct posted *p, struct inlet_event *ret_ev, struct refusal *ret_r,
			     struct err *e)
{
	static enum posted_step (*const phases[])(struct posted * p, int byte,
						  struct inlet_event *ev, struct refusal *r,
						  struct err *e) = {
		[AT_START] = at_start,       [AT_ITEM_OR_END] = at_item_or_end,
		[BEHIND_ITEM] = behind_item, [BEHIND_LINE] = behind_line,
		[AT_TAIL] = at_tail,
	};
	enum posted_step step;
	int byte;

	refusal_init(ret_r);
	if (p->phase == AT_END)
		return POSTED_END;
	if (peek(p, &byte, e) != ERR_OK) {
		p->phase = AT_END;
		return POSTED_FAILED;
	}
	step = phases[p->phase](p, byte, ret_ev, ret_r, e);
	if (step != POSTED_EVENT)
		p->phase = AT_END;
	return step;
}

void posted_refuse(const struct posted *p, enum refusal_reason reason, const char *why,
		   struct refusal *ret_r)
{
	refusal_set(ret_r, reason, "%s", why);
	ret_r->index = p->count - 1;
	ret_r->line = p->began.line;
}
