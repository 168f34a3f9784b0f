/* SPDX-License-Identifier: MIT */
/*
 * How a document is kept. Internal to document.c, which makes it, and node.c, which reads it.
 *
 * Nodes are kept in the order they begin, the children of each list or mapping as one run of ids in
 * `children`. An id is one more than the place in `nodes`.
 */
#ifndef CONFIG_DOCUMENT_INSIDE_H
#define CONFIG_DOCUMENT_INSIDE_H

#include "config/node.h"

struct document_node {
	enum node_kind kind;
	int line, column;
	char *text; /* of scalars; NUL-terminated behind len bytes */
	size_t len;
	size_t first; /* of its run in children */
	size_t count; /* of its run: a pair counts twice */
};

struct ids {
	int *items;
	size_t count, cap;
};

struct document {
	struct document_node *nodes;
	size_t count, cap;
	struct ids children;
};

#endif
