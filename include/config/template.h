/* SPDX-License-Identifier: MIT */
/*
 * Text with places for what an event is: webhook.type, webhook.url and the values of
 * webhook.headers.
 *
 *     https://hooks.example.com/{pipeline}/{table}?op={operation}      {{ and }} are braces
 *
 * Checked when the configuration is loaded; then read again for each event, which costs less than
 * to keep its pieces.
 */
#ifndef CONFIG_TEMPLATE_H
#define CONFIG_TEMPLATE_H

#include <stdbool.h>

#include "base/buf.h"

enum template_name {
	TEMPLATE_PIPELINE,
	TEMPLATE_SCHEMA,
	TEMPLATE_TABLE,
	TEMPLATE_OPERATION,
	TEMPLATE_ID,
	TEMPLATE_NAME_COUNT
};

/* Appends one piece, encoded as its place wants it; t.s is NULL for a value that there is not. */
typedef void (*template_put_fn)(struct buf *out, struct text t);

/* NULL when value is well formed, or the complaint, which does not repeat it (check_fn). */
const char *template_check(const char *value);

/* Whether value has braces: otherwise it is its own text. */
bool template_has_braces(const char *value);

/* Append value, which passed template_check: literal text by put_text, values by put_value. Errors
 * stick to out. */
void template_write(const char *value, const struct text values[static TEMPLATE_NAME_COUNT],
		    template_put_fn put_text, template_put_fn put_value, struct buf *out);

#endif
