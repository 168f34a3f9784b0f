/* SPDX-License-Identifier: MIT */
#include "sink/request_event.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>

#include "base/percent.h"
#include "config/check.h"
#include "core/packed.h"
#include "sink/encoding.h"
#include "sink/format.h"
#include "sink/mask.h"
#include "sink/oversize.h"

/* What the body of f may take, about. */
static size_t frame_bytes(const struct event_fields *f)
{
	return REQUEST_FRAME_BYTES + 2 * f->key.len + f->old_key.len + f->data.len +
	       f->old_data.len + 4 * (f->schema.len + f->table.len);
}

static ATTR_MUST_CHECK enum err_code fill_body(const struct format *format,
					       const struct format_event *ev, struct buf *out)
{
	struct json j;
	/* once, so that a large row is not copied again and again while the body grows */
	enum err_code code = buf_reserve(out, frame_bytes(ev->f));

	if (code != ERR_OK)
		return code;
	json_begin(&j, out);
	format->body(ev, &j);
	return buf_error(out);
}

/* The same behind start, in place of what stands there. Errors: also ERR_DATA (too large). */
static ATTR_MUST_CHECK enum err_code refill_body(const struct format *format,
						 const struct format_event *ev, size_t start,
						 struct http_request *r)
{
	enum err_code code;

	buf_truncate(&r->body, start);
	code = fill_body(format, ev, &r->body);
	if (code != ERR_OK)
		return code;
	return r->body.len - start > (size_t)r->to->max_body_bytes ? ERR_DATA : ERR_OK;
}

static ATTR_MUST_CHECK enum err_code fill_cut(const struct format *format,
					      const struct format_event *ev, size_t start,
					      struct http_request *r)
{
	const size_t excess = r->body.len - start - (size_t)r->to->max_body_bytes;
	struct event_fields f = *ev->f;
	struct format_event less = *ev;
	struct buf room;
	enum err_code code;

	less.f = &f;
	buf_init(&room, SIZE_MAX / 2);
	code = oversize_truncate(&f, excess, &room, &less.cut_columns);
	if (code == ERR_OK)
		code = refill_body(format, &less, start, r);
	buf_done(&room);
	r->cut_count += code == ERR_OK;
	return code;
}

static ATTR_MUST_CHECK enum err_code fill_key_only(const struct format *format,
						   const struct format_event *ev, size_t start,
						   struct http_request *r)
{
	struct event_fields f = *ev->f;
	struct format_event less = *ev;
	enum err_code code;

	less.f = &f;
	oversize_key_only(&f);
	code = refill_body(format, &less, start, r);
	r->key_only_count += code == ERR_OK;
	return code;
}

/* The body as large as it may be. Errors: also ERR_DATA (it would still be larger). */
static ATTR_MUST_CHECK enum err_code
fill_bounded(const struct format *format, const struct format_event *ev, struct http_request *r)
{
	const struct webhook_settings *to = r->to;
	const size_t start = r->body.len;
	enum err_code code = fill_body(format, ev, &r->body);

	if (code != ERR_OK || !to->max_body_bytes ||
	    r->body.len - start <= (size_t)to->max_body_bytes)
		return code;
	code = ERR_DATA;
	if (to->oversized == WEBHOOK_OVERSIZED_TRUNCATE)
		code = fill_cut(format, ev, start, r);
	if (code == ERR_DATA && to->oversized != WEBHOOK_OVERSIZED_DEAD_LETTER)
		code = fill_key_only(format, ev, start, r);
	return code;
}

static void add_header(const struct webhook_header *h, const struct format_event *ev,
		       struct buf *out)
{
	size_t start = out->len, value;

	buf_add_str(out, h->name);
	buf_add_str(out, ": ");
	value = out->len;
	template_write(h->value.value, ev->values, buf_add_text, percent_add_header, out);
	if (out->len == value && buf_error(out) == ERR_OK) {
		/* how curl is told of a header without a value: CURLOPT_HTTPHEADER(3) */
		buf_truncate(out, start);
		buf_add_str(out, h->name);
		buf_add_char(out, ';');
	}
	buf_add_char(out, '\0');
}

static void add_url(const char *url, const struct format_event *ev, struct buf *out)
{
	size_t front = check_url_front(url);

	buf_add(out, url, front);
	template_write(url + front, ev->values, buf_add_text, percent_add_url, out);
}

/* A partition truncated by itself: data and old_data are its name and schema as JSON strings. */
static bool is_partition(const struct event_fields *f)
{
	return f->op == OP_TRUNCATE && f->data.s;
}

/* The string that json is in *ret_tree, to be freed, and its text in *t. */
static ATTR_MUST_CHECK enum err_code decode(struct text json, json_t **ret_tree, struct text *t)
{
	json_error_t e;

	*ret_tree =
		json.s ? json_loadb(json.s, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e) : NULL;
	if (json.s && !*ret_tree && json_error_code(&e) == json_error_out_of_memory)
		return ERR_NOMEM;
	*t = json_is_string(*ret_tree)
		     ? (struct text){json_string_value(*ret_tree), json_string_length(*ret_tree)}
		     : json;
	return ERR_OK;
}

/* A file has no headers. */
static const struct format *format_of(const struct http_request *r)
{
	if (r->is_record && r->to->format == WEBHOOK_FORMAT_CLOUDEVENTS_BINARY)
		return format_get(WEBHOOK_FORMAT_CLOUDEVENTS);
	return format_get(r->to->format);
}

static ATTR_MUST_CHECK enum err_code fill_all(const struct format_event *ev, struct http_request *r)
{
	const struct webhook_settings *to = r->to;
	const struct format *format = format_of(r);
	enum err_code code = fill_bounded(format, ev, r);
	size_t i;

	if (code != ERR_OK || r->is_record || request_is_batch(to))
		return code;
	if (format->lines)
		format->lines(ev, &r->lines);
	for (i = 0; i < to->header_count; i++)
		if (to->headers[i].is_template)
			add_header(&to->headers[i], ev, &r->lines);
	if (to->url_is_template)
		add_url(to->url.value, ev, &r->url);
	code = buf_error(&r->lines);
	return code == ERR_OK ? buf_error(&r->url) : code;
}

static ATTR_MUST_CHECK enum err_code fill_event(const struct request_origin *o,
						const struct event_fields *f,
						const struct event_fields *root,
						struct http_request *r)
{
	char id[sizeof(r->id)];
	int id_len =
		snprintf(id, sizeof(id), "%s-%lld", o->install_id, (long long)event_public_id(f));
	const struct format_event ev = {
		.f = f,
		.root = root,
		.quote_big = r->to->big_numbers == WEBHOOK_BIG_NUMBERS_STRING,
		.pipeline = o->pipeline,
		.source = o->source,
		.type = r->to->type ? r->to->type : format_of(r)->type,
		.values =
			{
				[TEMPLATE_PIPELINE] = text_of(o->pipeline),
				[TEMPLATE_SCHEMA] = f->schema,
				[TEMPLATE_TABLE] = f->table,
				[TEMPLATE_OPERATION] = text_of(op_name(f->op)),
				[TEMPLATE_ID] = {id, (size_t)id_len},
			},
	};

	assert(id_len > 0 && (size_t)id_len < sizeof(id));
	return fill_all(&ev, r);
}

/* The same of f as its webhook's rules let it be seen. */
static ATTR_MUST_CHECK enum err_code
fill_masked(const struct request_origin *o, const struct event_fields *f, struct http_request *r)
{
	struct event_fields masked = *f;
	struct buf room;
	enum err_code code;

	buf_init(&room, SIZE_MAX / 2);
	code = mask_event(r->to->column_rules, o->source ? o->source->type : SOURCE_FAKE, &masked,
			  &room);
	if (code == ERR_OK)
		code = fill_event(o, &masked, NULL, r);
	buf_done(&room);
	return code;
}

/* A receiver that knows nothing of partitions must not take the truncation of one for that of the
 * whole: everywhere it is the table. */
static ATTR_MUST_CHECK enum err_code fill_partition(const struct request_origin *o,
						    const struct event_fields *root,
						    struct http_request *r)
{
	struct event_fields f = *root;
	json_t *schema = NULL, *table = NULL;
	enum err_code code;

	f.data = f.old_data = TEXT_NONE;
	code = decode(root->old_data, &schema, &f.schema);
	if (code == ERR_OK)
		code = decode(root->data, &table, &f.table);
	if (code == ERR_OK)
		code = fill_event(o, &f, root, r);
	json_decref(schema);
	json_decref(table);
	return code;
}

/* What was filled in from start on, which is JSON, in the encoding. Errors: also ERR_DATA. */
static ATTR_MUST_CHECK enum err_code encode(struct http_request *r, size_t start)
{
	struct text json = {r->body.data + start, r->body.len - start};
	struct buf out;
	enum err_code code;

	buf_init(&out, SIZE_MAX / 2);
	code = buf_reserve(&out, json.len);
	if (code == ERR_OK)
		code = encoding_write(r->to->encoding, json, &out);
	if (code == ERR_OK) {
		buf_truncate(&r->body, start);
		buf_add_text(&r->body, buf_text(&out));
	}
	buf_done(&out);
	return code;
}

static ATTR_MUST_CHECK enum err_code
fill_plain(const struct request_origin *o, const struct event_fields *f, struct http_request *r)
{
	if (is_partition(f))
		return fill_partition(o, f, r);
	return r->to->column_rules ? fill_masked(o, f, r) : fill_event(o, f, NULL, r);
}

static ATTR_MUST_CHECK enum err_code
fill_packed(const struct request_origin *o, const struct event_fields *f, struct http_request *r)
{
	struct event_fields plain;
	struct buf room;
	enum err_code code;

	buf_init(&room, SIZE_MAX / 2);
	code = packed_open(f, &plain, &room);
	if (code == ERR_OK)
		code = fill_plain(o, &plain, r);
	buf_done(&room);
	return code;
}

enum err_code request_event_add(const struct request_origin *o, const struct event_fields *f,
				struct http_request *r)
{
	const size_t start = r->body.len;
	enum err_code code = packed_is(f) ? fill_packed(o, f, r) : fill_plain(o, f, r);

	if (code == ERR_OK && !r->is_record && r->to->encoding != WEBHOOK_ENCODING_JSON)
		code = encode(r, start);
	return code;
}
