/* SPDX-License-Identifier: MIT */
/*
 * The tree is composed here from libyaml's events: its own loader (0.2.5) leaks, and forgets to
 * report, when an allocation fails half way.
 *
 * While a list or mapping is open, the ids of what it holds so far wait on a stack; when it ends
 * they become its run of children.
 */
#include "config/document.h"

#include <yaml.h>

#include "base/mem.h"
#include "config/document_inside.h"
#include "config/yaml_problem.h"

#define DOCUMENT_FIRST_NODES 64
#define BOM "\xef\xbb\xbf"
#define BOM_LEN (sizeof(BOM) - 1)

/* A document while it is being read. */
struct compose {
	struct document *doc;
	struct mistakes *m;
	int documents;
	int depth;                         /* of lists and mappings open now */
	int open[DOCUMENT_DEPTH_MAX + 1];  /* their ids; [0] is not used */
	size_t at[DOCUMENT_DEPTH_MAX + 1]; /* where their children begin in waiting */
	struct ids waiting;
	bool too_deep;
	bool no_memory;
};

static ATTR_MUST_CHECK enum err_code out_of_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory to parse the configuration");
}

static void note(struct mistakes *m, yaml_mark_t at, const char *what)
{
	mistakes_add(m, (int)at.line + 1, (int)at.column + 1, "", "%s", what);
}

static bool ids_add(struct ids *ids, int id)
{
	size_t cap = ids->cap ? ids->cap * 2 : DOCUMENT_FIRST_NODES;
	int *items;

	if (ids->count == ids->cap) {
		items = mem_realloc(ids->items, cap * sizeof(*items));
		if (!items)
			return false;
		ids->items = items;
		ids->cap = cap;
	}
	ids->items[ids->count++] = id;
	return true;
}

/* The next node, zeroed; NULL without memory. */
static struct document_node *node_add(struct document *doc)
{
	size_t cap = doc->cap ? doc->cap * 2 : DOCUMENT_FIRST_NODES;
	struct document_node *nodes;

	if (doc->count == doc->cap) {
		nodes = mem_realloc(doc->nodes, cap * sizeof(*nodes));
		if (!nodes)
			return NULL;
		doc->nodes = nodes;
		doc->cap = cap;
	}
	doc->nodes[doc->count] = (struct document_node){.kind = NODE_NULL};
	return &doc->nodes[doc->count++];
}

/* A node begins: it is a child of what is open. */
static struct document_node *compose_node(struct compose *c, const yaml_event_t *ev,
					  enum node_kind kind)
{
	struct document_node *n = node_add(c->doc);
	size_t most = DOCUMENT_ENTRIES_MAX;

	if (!n || (c->depth && !ids_add(&c->waiting, (int)c->doc->count))) {
		c->no_memory = true;
		return NULL;
	}
	n->kind = kind;
	n->line = (int)ev->start_mark.line + 1;
	n->column = (int)ev->start_mark.column + 1;
	if (!c->depth)
		return n;
	if (c->doc->nodes[c->open[c->depth] - 1].kind == NODE_MAPPING)
		most *= 2; /* key and value are a node each */
	if (c->waiting.count - c->at[c->depth] == most + 1)
		note(c->m, ev->start_mark, "too many entries: at most 1000 are allowed");
	return n;
}

static void compose_open(struct compose *c, const yaml_event_t *ev, enum node_kind kind)
{
	if (!compose_node(c, ev, kind))
		return;
	if (c->depth == DOCUMENT_DEPTH_MAX) {
		note(c->m, ev->start_mark, "nested too deeply: at most 32 levels are allowed");
		c->too_deep = true;
		return;
	}
	c->depth++;
	c->open[c->depth] = (int)c->doc->count;
	c->at[c->depth] = c->waiting.count;
}

static void compose_close(struct compose *c)
{
	struct document_node *n = &c->doc->nodes[c->open[c->depth] - 1];
	size_t i;

	n->first = c->doc->children.count;
	n->count = c->waiting.count - c->at[c->depth];
	for (i = c->at[c->depth]; i < c->waiting.count; i++) {
		if (!ids_add(&c->doc->children, c->waiting.items[i]))
			c->no_memory = true;
	}
	c->waiting.count = c->at[c->depth];
	c->depth--;
}

/* The core schema's nulls: YAML 1.2, 10.3.2. */
static bool is_null(struct text t)
{
	return !t.len || text_eq(t, TEXT_LIT("~")) || text_eq(t, TEXT_LIT("null"));
}

static void compose_scalar(struct compose *c, const yaml_event_t *ev)
{
	struct text t = {(const char *)ev->data.scalar.value, ev->data.scalar.length};
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct document_node *n =
		compose_node(c, ev, plain && is_null(t) ? NODE_NULL : NODE_SCALAR);

	if (!n)
		return;
	n->text = mem_strndup(t.s, t.len);
	n->len = t.len;
	if (!n->text)
		c->no_memory = true;
}

static void check_properties(struct compose *c, const yaml_event_t *ev, const yaml_char_t *anchor,
			     const yaml_char_t *tag)
{
	if (anchor)
		note(c->m, ev->start_mark, "anchors (&) are not supported: write the value out");
	if (tag)
		note(c->m, ev->start_mark, "tags (!) are not supported: write the value alone");
}

static void compose_event(struct compose *c, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++c->documents == 2)
			note(c->m, ev->start_mark, "a second document: only one is read");
		break;
	case YAML_ALIAS_EVENT:
		note(c->m, ev->start_mark, "aliases (*) are not supported: write the value out");
		(void)compose_node(c, ev, NODE_NULL);
		break;
	case YAML_SCALAR_EVENT:
		check_properties(c, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
		compose_scalar(c, ev);
		break;
	case YAML_SEQUENCE_START_EVENT:
		check_properties(c, ev, ev->data.sequence_start.anchor,
				 ev->data.sequence_start.tag);
		compose_open(c, ev, NODE_LIST);
		break;
	case YAML_MAPPING_START_EVENT:
		check_properties(c, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		compose_open(c, ev, NODE_MAPPING);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		compose_close(c);
		break;
	default:
		break;
	}
}

/* All events of source, until the end or something that makes the rest pointless. */
static ATTR_MUST_CHECK enum err_code compose(struct compose *c, struct text source, struct err *e)
{
	yaml_parser_t p;
	yaml_event_t ev;
	bool more = true;
	enum err_code code = ERR_OK;

	if (!yaml_parser_initialize(&p))
		return out_of_memory(e);
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	/* a byte order mark, which some editors write: YAML 1.2, 5.2 */
	if (source.len >= BOM_LEN && memcmp(source.s, BOM, BOM_LEN) == 0)
		source = (struct text){source.s + BOM_LEN, source.len - BOM_LEN};
	yaml_parser_set_input_string(&p, (const unsigned char *)source.s, source.len);
	while (more) {
		if (!yaml_parser_parse(&p, &ev)) {
			code = yaml_problem(&p, source, c->m, e);
			break;
		}
		compose_event(c, &ev);
		more = ev.type != YAML_STREAM_END_EVENT && c->documents < 2 && !c->no_memory &&
		       !c->too_deep;
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&p);
	if (c->no_memory || c->m->error)
		return out_of_memory(e);
	if (code == ERR_OK && mistakes_any(c->m))
		code = err_set(e, ERR_CONFIG, "not a configuration");
	return code;
}

enum err_code document_parse(struct text source, struct document **ret_doc, struct mistakes *m,
			     struct err *e)
{
	struct compose c = {.doc = mem_calloc(1, sizeof(*c.doc)), .m = m};
	enum err_code code;

	if (!c.doc)
		return out_of_memory(e);
	code = compose(&c, source, e);
	mem_free(c.waiting.items);
	if (code == ERR_OK)
		*ret_doc = c.doc;
	else
		document_free(c.doc);
	return code;
}

void document_free(struct document *doc)
{
	size_t i;

	if (!doc)
		return;
	for (i = 0; i < doc->count; i++) {
		/* any of them may be a secret */
		if (doc->nodes[i].text)
			mem_wipe(doc->nodes[i].text, doc->nodes[i].len);
		mem_free(doc->nodes[i].text);
	}
	mem_free(doc->nodes);
	mem_free(doc->children.items);
	mem_free(doc);
}

struct node document_root(const struct document *doc)
{
	return (struct node){doc, doc->count ? 1 : 0};
}

/* ---- groups ---- */

static bool can_open(struct node value)
{
	size_t i;

	if (node_kind(value) != NODE_MAPPING)
		return false;
	for (i = 0; i < node_count(value); i++) {
		if (node_kind(node_key(value, i)) != NODE_SCALAR)
			return false;
	}
	return i > 0;
}

/* Make the key `name` "GROUP_name". */
static ATTR_MUST_CHECK bool prefix_key(struct document *doc, struct text group, struct node key)
{
	struct document_node *d = &doc->nodes[key.id - 1];
	char *text = mem_calloc(1, group.len + d->len + 2);

	if (!text)
		return false;
	memcpy(text, group.s, group.len);
	text[group.len] = '_';
	memcpy(text + group.len + 1, d->text, d->len);
	mem_free(d->text);
	d->text = text;
	d->len += group.len + 1;
	return true;
}

/* Append the pairs of value, of the group key, to the run that grows. */
static ATTR_MUST_CHECK bool open_group(struct document *doc, struct node key, struct node value)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < node_count(value) && ok; i++)
		ok = prefix_key(doc, node_text(key), node_key(value, i)) &&
		     ids_add(&doc->children, node_key(value, i).id) &&
		     ids_add(&doc->children, node_value(value, i).id);
	return ok;
}

enum err_code document_ungroup(struct document *doc, struct node n, document_group_fn is_group,
			       const void *ctx, struct err *e)
{
	size_t first = doc->children.count, i;
	struct node key, value;
	bool ok = true;

	for (i = 0; i < node_count(n) && ok; i++) {
		key = node_key(n, i);
		value = node_value(n, i);
		if (node_kind(key) == NODE_SCALAR && can_open(value) &&
		    is_group(ctx, node_text(key)))
			ok = open_group(doc, key, value);
		else
			ok = ids_add(&doc->children, key.id) && ids_add(&doc->children, value.id);
	}
	if (!ok)
		return out_of_memory(e);
	doc->nodes[n.id - 1].first = first;
	doc->nodes[n.id - 1].count = doc->children.count - first;
	return ERR_OK;
}
