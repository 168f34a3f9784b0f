/* SPDX-License-Identifier: MIT */
/*
 * ingest.tokens as a field of the key table: what config/field_type.h asks of a type. Used by
 * src/config alone.
 */
#ifndef CONFIG_INGEST_TOKENS_H
#define CONFIG_INGEST_TOKENS_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/keys.h"

#define INGEST_TOKENS_MAX 1000

/* Always ERR_DATA: it is no single value. */
enum err_code ingest_tokens_set(const struct key *k, void *field, struct text v,
				struct err *e) ATTR_MUST_CHECK;
void ingest_tokens_done(void *field);
bool ingest_tokens_is_given(const void *field);
/* The names, and *** each. */
void ingest_tokens_print(const struct key *k, const void *field, struct buf *out);
bool ingest_tokens_is_equal(const void *a, const void *b);

#endif
