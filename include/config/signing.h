/* SPDX-License-Identifier: MIT */
/*
 * webhook.signing_secrets as a field of the key table: what config/field_type.h asks of a type.
 * Used by src/config alone; what a secret looks like is in config/signing_key.h.
 */
#ifndef CONFIG_SIGNING_H
#define CONFIG_SIGNING_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/keys.h"

enum err_code signing_set(const struct key *k, void *field, struct text v,
			  struct err *e) ATTR_MUST_CHECK;
enum err_code signing_add(const struct key *k, void *field, struct text v,
			  struct err *e) ATTR_MUST_CHECK;
void signing_done(void *field);
bool signing_is_given(const void *field);
/* One *** each. */
void signing_print(const struct key *k, const void *field, struct buf *out);
bool signing_is_equal(const void *a, const void *b);

#endif
