/* SPDX-License-Identifier: MIT */
#include "config/node.h"

#include <assert.h>

#include "config/document_inside.h"

static const struct document_node *node_get(struct node n)
{
	return n.id ? &n.doc->nodes[n.id - 1] : NULL;
}

enum node_kind node_kind(struct node n)
{
	const struct document_node *d = node_get(n);

	return d ? d->kind : NODE_NONE;
}

const char *node_kind_name(enum node_kind kind)
{
	switch (kind) {
	case NODE_LIST:
		return "a list";
	case NODE_MAPPING:
		return "a mapping";
	case NODE_SCALAR:
		return "a single value";
	default:
		return "nothing";
	}
}

int node_line(struct node n)
{
	const struct document_node *d = node_get(n);

	return d ? d->line : 1;
}

int node_column(struct node n)
{
	const struct document_node *d = node_get(n);

	return d ? d->column : 1;
}

struct text node_text(struct node n)
{
	const struct document_node *d = node_get(n);

	return d && d->text ? (struct text){d->text, d->len} : TEXT_LIT("");
}

size_t node_count(struct node n)
{
	const struct document_node *d = node_get(n);

	if (!d)
		return 0;
	return d->kind == NODE_MAPPING ? d->count / 2 : d->count;
}

static struct node node_child(struct node n, size_t i)
{
	const struct document_node *d = node_get(n);

	assert(d && i < d->count);
	return (struct node){n.doc, n.doc->children.items[d->first + i]};
}

struct node node_item(struct node n, size_t i)
{
	assert(node_kind(n) == NODE_LIST);
	return node_child(n, i);
}

struct node node_key(struct node n, size_t i)
{
	assert(node_kind(n) == NODE_MAPPING);
	return node_child(n, i * 2);
}

struct node node_value(struct node n, size_t i)
{
	assert(node_kind(n) == NODE_MAPPING);
	return node_child(n, i * 2 + 1);
}

static struct node find(struct node n, const char *name, bool want_key)
{
	size_t i;

	for (i = 0; node_kind(n) == NODE_MAPPING && i < node_count(n); i++) {
		if (text_eq(node_text(node_key(n, i)), text_of(name)))
			return want_key ? node_key(n, i) : node_value(n, i);
	}
	return (struct node){n.doc, 0};
}

struct node node_find(struct node n, const char *name)
{
	return find(n, name, false);
}

struct node node_find_key(struct node n, const char *name)
{
	return find(n, name, true);
}
