/* SPDX-License-Identifier: MIT */
/*
 * What a reload changes. Sources, webhooks and pipelines are matched by name; one that is only on
 * one side is a difference of its own.
 */
#include "config/field.h"
#include "config/load.h"

/* One comparison under way. */
struct diff {
	const struct settings *old, *new;
	struct buf *out;
	size_t start;    /* of what is appended */
	size_t installs; /* differences that need one */
};

/* Something that has a name, of either side. */
struct diff_kind {
	const char *what; /* "source" */
	enum key_target target;
	size_t (*count)(const struct settings *s);
	const void *(*item)(const struct settings *s, size_t i);
	const char *(*name)(const void *item);
	/* compares what is not in plain fields; NULL: nothing */
	void (*rest)(struct diff *d, const void *old, const void *new, const char *name);
};

static void begin(struct diff *d, const char *key, const char *name)
{
	if (d->out->len > d->start)
		buf_add_str(d->out, "; ");
	buf_add_str(d->out, key);
	if (name && strcmp(name, "default") != 0)
		buf_add_fmt(d->out, " of %s", name);
	buf_add_str(d->out, ": ");
}

static void end(struct diff *d, bool installs)
{
	if (!installs)
		return;
	buf_add_str(d->out, " (install)");
	d->installs++;
}

static void print_value(struct diff *d, const struct key *k, const void *base)
{
	const struct source_settings *s = base;
	bool fits = k->target != KEY_IN_SOURCE || key_fits(k, s->type);

	if (fits && field_is_given(k, base))
		field_print(k, base, d->out);
	else
		buf_add_str(d->out, "none");
}

static void diff_fields(struct diff *d, enum key_target target, const void *old, const void *new,
			const char *name)
{
	const struct key *k;
	size_t i;

	for (i = 0; (k = key_at(i)); i++) {
		if (k->target != target || k->alias || !field_is_plain(k) ||
		    field_is_equal(k, old, new))
			continue;
		begin(d, k->name, name);
		print_value(d, k, old);
		buf_add_str(d->out, " -> ");
		print_value(d, k, new);
		end(d, k->installs);
	}
}

/* A key without plain field: only that it changed. */
static void diff_other(struct diff *d, const char *key, const char *name)
{
	const char *point = strchr(key, '.');
	const struct key *k = key_find("pipelines", text_of(point + 1));

	if (!strncmp(key, "webhook.", 8))
		k = key_find("webhook", text_of(point + 1));
	begin(d, key, name);
	buf_add_str(d->out, "changed");
	end(d, k->installs);
}

static void rest_of_webhook(struct diff *d, const void *old, const void *new, const char *name)
{
	const struct webhook_settings *a = old, *b = new;
	bool same = a->header_count == b->header_count;
	size_t i;

	for (i = 0; same && i < a->header_count; i++)
		same = !strcmp(a->headers[i].name, b->headers[i].name) &&
		       !strcmp(a->headers[i].value.value, b->headers[i].value.value);
	if (!same)
		diff_other(d, "webhook.headers", name);
}

static bool is_same_text(const char *a, const char *b)
{
	return text_eq(text_of(a), text_of(b));
}

static bool is_same_table(const struct table_settings *a, const struct table_settings *b)
{
	const struct key *k;
	enum op op;
	size_t i;

	if (!is_same_text(a->schema, b->schema) || !is_same_text(a->table, b->table))
		return false;
	for (op = 0; op < OP_COUNT; op++) {
		if (!is_same_text(a->where[op], b->where[op]))
			return false;
	}
	for (i = 0; (k = key_at(i)); i++) {
		if (k->target == KEY_IN_TABLE && field_is_plain(k) && !field_is_equal(k, a, b))
			return false;
	}
	return true;
}

static void rest_of_pipeline(struct diff *d, const void *old, const void *new, const char *name)
{
	const struct pipeline_settings *a = old, *b = new;
	bool same = a->table_count == b->table_count;
	size_t i;

	for (i = 0; same && i < a->table_count; i++)
		same = is_same_table(&a->tables[i], &b->tables[i]);
	if (!same)
		diff_other(d, "pipelines.tables", name);
	if (strcmp(pipeline_source_name(d->old, a), pipeline_source_name(d->new, b)) != 0)
		diff_other(d, "pipelines.source", name);
	if (strcmp(d->old->webhooks[a->webhook].name, d->new->webhooks[b->webhook].name) != 0)
		diff_other(d, "pipelines.webhook", name);
}

static size_t source_count(const struct settings *s)
{
	return s->source_count;
}

static const void *source_item(const struct settings *s, size_t i)
{
	return &s->sources[i];
}

static const char *source_name(const void *item)
{
	return ((const struct source_settings *)item)->name;
}

static size_t webhook_count(const struct settings *s)
{
	return s->webhook_count;
}

static const void *webhook_item(const struct settings *s, size_t i)
{
	return &s->webhooks[i];
}

static const char *webhook_name(const void *item)
{
	return ((const struct webhook_settings *)item)->name;
}

static size_t pipeline_count(const struct settings *s)
{
	return s->pipeline_count;
}

static const void *pipeline_item(const struct settings *s, size_t i)
{
	return &s->pipelines[i];
}

static const char *pipeline_name(const void *item)
{
	return ((const struct pipeline_settings *)item)->name;
}

static const struct diff_kind diff_kinds[] = {
	{"source", KEY_IN_SOURCE, source_count, source_item, source_name, NULL},
	{"webhook", KEY_IN_WEBHOOK, webhook_count, webhook_item, webhook_name, rest_of_webhook},
	{"pipeline", KEY_IN_PIPELINE, pipeline_count, pipeline_item, pipeline_name,
	 rest_of_pipeline},
};

static const void *item_find(const struct diff_kind *kind, const struct settings *s,
			     const char *name)
{
	size_t i;

	for (i = 0; i < kind->count(s); i++) {
		if (!strcmp(kind->name(kind->item(s, i)), name))
			return kind->item(s, i);
	}
	return NULL;
}

static void diff_presence(struct diff *d, const struct diff_kind *kind, const char *name,
			  const char *what)
{
	begin(d, kind->what, NULL);
	buf_add_fmt(d->out, "%s %s", name, what);
	end(d, strcmp(kind->what, "pipeline") == 0);
}

static void diff_items(struct diff *d, const struct diff_kind *kind)
{
	const void *item, *other;
	size_t i;

	for (i = 0; i < kind->count(d->old); i++) {
		item = kind->item(d->old, i);
		other = item_find(kind, d->new, kind->name(item));
		if (!other) {
			diff_presence(d, kind, kind->name(item), "removed");
			continue;
		}
		diff_fields(d, kind->target, item, other, kind->name(item));
		if (kind->rest)
			kind->rest(d, item, other, kind->name(item));
	}
	for (i = 0; i < kind->count(d->new); i++) {
		item = kind->item(d->new, i);
		if (!item_find(kind, d->old, kind->name(item)))
			diff_presence(d, kind, kind->name(item), "added");
	}
}

/* Sources of type http that have a store: what else they say is the store's. */
static void diff_inlets(struct diff *d, const struct settings *from, const struct settings *to,
			const char *what)
{
	const struct inlet_settings *in;
	size_t i, k;

	for (i = 0; i < from->inlet_count; i++) {
		in = &from->inlets[i];
		for (k = 0; k < to->inlet_count; k++)
			if (!strcmp(in->name, to->inlets[k].name) &&
			    !strcmp(from->sources[in->source].name,
				    to->sources[to->inlets[k].source].name))
				break;
		if (in->is_own || k < to->inlet_count)
			continue;
		begin(d, "source", NULL);
		buf_add_fmt(d->out, "%s with store %s %s", in->name, from->sources[in->source].name,
			    what);
		end(d, true);
	}
}

size_t config_diff(const struct settings *old, const struct settings *new, struct buf *out)
{
	struct diff d = {.old = old, .new = new, .out = out, .start = out->len};
	size_t i;

	for (i = 0; i < ARRAY_LEN(diff_kinds); i++)
		diff_items(&d, &diff_kinds[i]);
	diff_inlets(&d, old, new, "removed");
	diff_inlets(&d, new, old, "added");
	diff_fields(&d, KEY_IN_SETTINGS, old, new, NULL);
	return d.installs;
}
