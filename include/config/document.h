/* SPDX-License-Identifier: MIT */
/*
 * A YAML file as a tree whose every node knows its line and column.
 *
 * Accepted is the part of YAML a configuration needs: one document of mappings, lists and scalars.
 * Anchors, aliases, tags, a second document, more than DOCUMENT_DEPTH_MAX levels or more than
 * DOCUMENT_ENTRIES_MAX entries in one mapping or list are refused with a sentence that says so.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "config/mistakes.h"
#include "config/node.h"

#define DOCUMENT_BYTES_MAX (1 << 20)
#define DOCUMENT_DEPTH_MAX 32
#define DOCUMENT_ENTRIES_MAX 1000

struct document;

/* Parse source. What is wrong with it as YAML goes to m, and the result is ERR_CONFIG.
 * Errors: ERR_CONFIG, ERR_NOMEM. */
enum err_code document_parse(struct text source, struct document **ret_doc, struct mistakes *m,
			     struct err *e) ATTR_MUST_CHECK;
void document_free(struct document *doc);

/* The outermost node; NODE_NONE for an empty file. */
struct node document_root(const struct document *doc);

/* Whether name is a group: a key behind which a mapping of further keys may stand. */
typedef bool (*document_group_fn)(const void *ctx, struct text name);

/* In the mapping n, put in place of each pair GROUP: {a: x, b: y} the pairs GROUP_a: x, GROUP_b: y,
 * each with its own line and column. A mapping that is empty or has a key that is no scalar stays.
 * Loans of keys end. Errors: ERR_NOMEM (doc is only fit to be freed then). */
enum err_code document_ungroup(struct document *doc, struct node n, document_group_fn is_group,
			       const void *ctx, struct err *e) ATTR_MUST_CHECK;

#endif
