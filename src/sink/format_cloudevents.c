/* SPDX-License-Identifier: MIT */
/*
 * CloudEvents 1.0.2: the JSON format, and the binary mode of the HTTP binding. Both carry the same
 * attributes, written by one function through `put`, which escapes for JSON or for a header.
 *
 *     id            <install_id>-<outbox id>, unique by itself
 *     source        /app-db-listener/<pipeline>
 *     type          webhook.type
 *     subject       the table
 *     time          when the row changed
 *     partitionkey  the row: what has the same one comes in order ("Partitioning" extension)
 *     sequence      the outbox id with leading zeros, since it must be in order as text
 *                   ("Sequence" extension; its type "Integer" is for 32 bits)
 */
#include <stdio.h>

#include "base/percent.h"
#include "base/utf8.h"
#include "sink/format.h"

/* A longer key is left out of the partition key: header sections have bounds. Then all such rows
 * of the table share one, which keeps more order than there is, not less. */
#define KEY_BYTES_MAX 1024
#define SEQUENCE_BYTES 24

/* The length of the character at s when an attribute can hold it: no U+0000 to U+001F and U+007F to
 * U+009F (CloudEvents 1.0.2, "Type system", String). 0: it cannot. */
static size_t clean_length(struct text t)
{
	const unsigned char *s = (const unsigned char *)t.s;
	size_t n = utf8_length(t.s, t.len);

	if (n == 1 && (s[0] < 0x20 || s[0] == 0x7f))
		return 0;
	return n == 2 && s[0] == 0xc2 && s[1] < 0xa0 ? 0 : n;
}

/* put t, with U+FFFD for what an attribute cannot hold: a name may have a line end in it. */
static void put_clean(template_put_fn put, struct buf *out, struct text t)
{
	size_t at = 0, plain = 0, n;

	while (at < t.len) {
		n = clean_length((struct text){t.s + at, t.len - at});
		if (n) {
			at += n;
			continue;
		}
		put(out, (struct text){t.s + plain, at - plain});
		put(out, TEXT_LIT(UTF8_REPLACEMENT));
		/* a control character of two bytes is one */
		at += utf8_length(t.s + at, t.len - at) == 2 ? 2 : 1;
		plain = at;
	}
	put(out, (struct text){t.s + plain, at - plain});
}

static void put_json(struct buf *out, struct text t)
{
	put_clean(json_escape, out, t);
}

static void put_header(struct buf *out, struct text t)
{
	put_clean(percent_add_header, out, t);
}

static void put_source(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	put(out, TEXT_LIT("/app-db-listener/"));
	put(out, text_of(ev->pipeline));
}

static void put_type(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	template_write(ev->type, ev->values, put, put, out);
}

static void put_time(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	put(out, ev->f->changed_at);
}

static void put_partition_key(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	format_table(ev, put, out);
	if (ev->f->key.s && ev->f->key.len <= KEY_BYTES_MAX) {
		put(out, TEXT_LIT(":"));
		put(out, ev->f->key);
	}
}

static void put_sequence(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	char digits[SEQUENCE_BYTES];

	(void)snprintf(digits, sizeof(digits), "%020lld", (long long)event_public_id(ev->f));
	put(out, text_of(digits));
}

static void put_id(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	put(out, ev->values[TEMPLATE_ID]);
}

static void put_version(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	(void)ev;
	put(out, TEXT_LIT("1.0"));
}

static const struct attribute {
	const char *name;
	void (*put)(const struct format_event *ev, template_put_fn put, struct buf *out);
} attributes[] = {
	{"specversion", put_version}, {"id", put_id},
	{"source", put_source},       {"type", put_type},
	{"subject", format_table},    {"time", put_time},
	{"sequence", put_sequence},   {"partitionkey", put_partition_key},
};

static bool is_absent(const struct format_event *ev, const struct attribute *a)
{
	return a->put == put_time && !ev->f->changed_at.len;
}

void format_cloudevents_body(const struct format_event *ev, struct json *j)
{
	size_t i;

	json_open_object(j, NULL);
	for (i = 0; i < ARRAY_LEN(attributes); i++) {
		if (is_absent(ev, &attributes[i]))
			continue;
		json_open_string(j, attributes[i].name);
		attributes[i].put(ev, put_json, j->out);
		json_end(j);
	}
	json_str(j, "datacontenttype", "application/json");
	format_native(ev, j, "data");
	json_end(j);
}

void format_cloudevents_lines(const struct format_event *ev, struct buf *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(attributes); i++) {
		if (is_absent(ev, &attributes[i]))
			continue;
		buf_add_str(out, "ce-");
		buf_add_str(out, attributes[i].name);
		buf_add_str(out, ": ");
		attributes[i].put(ev, put_header, out);
		buf_add_char(out, '\0');
	}
}
