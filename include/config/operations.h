/* SPDX-License-Identifier: MIT */
/*
 * Which of insert, update, delete and truncate, as a field of the key table: what
 * config/field_type.h asks of a type. Used by src/config alone.
 */
#ifndef CONFIG_OPERATIONS_H
#define CONFIG_OPERATIONS_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/keys.h"

enum err_code operations_set(const struct key *k, void *field, struct text v,
			     struct err *e) ATTR_MUST_CHECK;
enum err_code operations_add(const struct key *k, void *field, struct text v,
			     struct err *e) ATTR_MUST_CHECK;
void operations_done(void *field);
void operations_print(const struct key *k, const void *field, struct buf *out);
bool operations_is_equal(const void *a, const void *b);

#endif
