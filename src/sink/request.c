/* SPDX-License-Identifier: MIT */
#include "sink/request.h"

#include <stdio.h>
#include <string.h>

#include "sink/encoding.h"
#include "sink/format.h"
#include "sink/request_event.h"

/* What stands around the values of one event of many, about: see REQUEST_FRAME_BYTES. */
#define REQUEST_BATCH_FRAME_BYTES 224

/* ---- arrays ---- */

bool request_is_batch(const struct webhook_settings *to)
{
	return to->batch_max_events > 1;
}

/* What stands in front of an element of an array. */
static void add_separator(struct http_request *r, bool is_first)
{
	if (r->to->encoding == WEBHOOK_ENCODING_JSON)
		buf_add_char(&r->body, is_first ? '[' : ',');
}

/* The end of an array; where its size stands in front, that too. */
static void close_array(struct http_request *r, size_t count)
{
	size_t len = r->body.len;
	struct buf head;

	if (r->to->encoding == WEBHOOK_ENCODING_JSON) {
		buf_add_char(&r->body, ']');
		return;
	}
	buf_init(&head, SIZE_MAX / 2);
	encoding_array(r->to->encoding, count, &head);
	buf_add_text(&r->body, buf_text(&head));
	if (buf_error(&head) != ERR_OK)
		r->body.error = buf_error(&head);
	if (buf_error(&r->body) == ERR_OK) {
		memmove(r->body.data + head.len, r->body.data, len);
		memcpy(r->body.data, head.data, head.len);
	}
	buf_done(&head);
}

const char *request_content_type(const struct webhook_settings *to)
{
	const struct format *format = format_get(to->format);
	const char *encoded = encoding_content_type(to->encoding);

	if (encoded)
		return encoded;
	return request_is_batch(to) ? format->batch_content_type : format->content_type;
}

enum err_code request_fill(const struct request_origin *o, const struct webhook_settings *to,
			   const struct event_fields *f, struct http_request *r)
{
	enum err_code code;

	r->to = to;
	(void)snprintf(r->id, sizeof(r->id), "%s-%lld", o->install_id,
		       (long long)event_public_id(f));
	if (!request_is_batch(to))
		return request_event_add(o, f, r);
	add_separator(r, true);
	code = request_event_add(o, f, r);
	close_array(r, 1);
	return code == ERR_OK ? buf_error(&r->body) : code;
}

enum err_code request_fill_record(const struct request_origin *o, const struct webhook_settings *to,
				  const struct event_fields *f, struct http_request *r)
{
	r->to = to;
	r->is_record = true;
	return request_event_add(o, f, r);
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
 * Generators", 2014): every bit of the number reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x += 0x9E3779B97F4A7C15ULL;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
	return x ^ (x >> 31);
}

/* All at once, but not half as much again of what a batch of small events needs. */
static ATTR_MUST_CHECK enum err_code reserve_all(const struct event *ev, size_t max,
						 struct buf *out)
{
	size_t bytes = 2 * REQUEST_FRAME_BYTES;

	for (; ev && bytes < max; ev = ev->also)
		bytes += REQUEST_BATCH_FRAME_BYTES + 2 * ev->f.key.len + ev->f.data.len +
			 ev->f.old_data.len;
	return buf_reserve(out, bytes);
}

/* Take the last event back out of r, of which `before` is left. */
static void undo(struct http_request *r, const struct http_request *before)
{
	buf_truncate(&r->body, before->body.len);
	r->cut_count = before->cut_count;
	r->key_only_count = before->key_only_count;
}

/* Append the list from first on, as much as fits; *ret_last is the last one in. */
static ATTR_MUST_CHECK enum err_code fill_list(const struct request_origin *o, struct event *first,
					       struct http_request *r, struct event **ret_last,
					       size_t *ret_count, uint64_t *ret_ids)
{
	const size_t max = (size_t)r->to->batch_max_bytes;
	struct http_request before;
	struct event *ev;
	enum err_code code;

	for (ev = first; ev; *ret_last = ev, ev = ev->also) {
		before = *r;
		add_separator(r, ev == first);
		code = request_event_add(o, &ev->f, r);
		if (ev != first &&
		    (code == ERR_DATA || (code == ERR_OK && r->body.len >= max))) { /* and the ] */
			undo(r, &before);
			return ERR_OK;
		}
		if (code != ERR_OK)
			return code;
		++*ret_count;
		*ret_ids += mix((uint64_t)event_public_id(&ev->f));
	}
	return ERR_OK;
}

enum err_code request_fill_batch(const struct request_origin *o, const struct webhook_settings *to,
				 struct event *first, struct http_request *r,
				 struct event **ret_rest)
{
	struct event *last = first;
	uint64_t ids = 0;
	size_t count = 0;
	enum err_code code = reserve_all(first, (size_t)to->batch_max_bytes, &r->body);

	r->to = to;
	if (code == ERR_OK)
		code = fill_list(o, first, r, &last, &count, &ids);
	if (code != ERR_OK && code != ERR_DATA)
		return code;
	*ret_rest = last->also;
	last->also = NULL;
	if (code != ERR_OK)
		return code;
	close_array(r, count);
	if (last == first)
		(void)snprintf(r->id, sizeof(r->id), "%s-%lld", o->install_id,
			       (long long)event_public_id(&first->f));
	else
		(void)snprintf(r->id, sizeof(r->id), "%s-b%016llx", o->install_id,
			       (unsigned long long)ids);
	return buf_error(&r->body);
}

size_t request_event_bytes(const struct http_request *r)
{
	bool is_array = request_is_batch(r->to) && r->to->encoding == WEBHOOK_ENCODING_JSON;

	return r->body.len - is_array;
}

void request_compress(struct http_request *r, struct compressor **c)
{
	static const char line[] = "Content-Encoding: gzip";
	const struct webhook_settings *to = r->to;
	size_t plain_bytes = r->body.len;

	if (to->compression == WEBHOOK_COMPRESSION_NONE ||
	    plain_bytes < (size_t)to->compression_min_bytes)
		return;
	if (!*c && compressor_new(c, NULL) != ERR_OK)
		return;
	/* first, since without this line the receiver could not read the body */
	if (buf_reserve(&r->lines, sizeof(line)) != ERR_OK) {
		r->lines.error = ERR_OK;
		return;
	}
	if (!compressor_gzip(*c, &r->body))
		return;
	r->plain_bytes = plain_bytes;
	buf_add(&r->lines, line, sizeof(line));
}
