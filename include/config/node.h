/* SPDX-License-Identifier: MIT */
/*
 * One place in a document (config/document.h): a plain value, good as long as the document. Every
 * node knows its line and column.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct document;

/* id 0: nothing there. */
struct node {
	const struct document *doc;
	int id;
};

enum node_kind {
	NODE_NONE, /* no such node */
	NODE_NULL, /* nothing, ~ or null without quotes */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAPPING
};

enum node_kind node_kind(struct node n);

/* "a list", "a mapping", "a single value", "nothing": for messages. */
const char *node_kind_name(enum node_kind kind);

/* From 1; both are 1 for NODE_NONE. */
int node_line(struct node n);
int node_column(struct node n);

/* The content of a scalar, "" of any other. A loan. */
struct text node_text(struct node n);

/* Entries of a list or a mapping; 0 of any other. */
size_t node_count(struct node n);

/* The i-th of a list, i < node_count. */
struct node node_item(struct node n, size_t i);

/* The i-th pair of a mapping, i < node_count. */
struct node node_key(struct node n, size_t i);
struct node node_value(struct node n, size_t i);

/* The value of the first pair whose key is the scalar name; NODE_NONE when there is none. */
struct node node_find(struct node n, const char *name);

/* The key node of that pair. */
struct node node_find_key(struct node n, const char *name);

static inline bool node_is_given(struct node n)
{
	return n.id != 0;
}

#endif
