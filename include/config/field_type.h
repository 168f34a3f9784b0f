/* SPDX-License-Identifier: MIT */
/*
 * How the fields of each key type are handled: the table behind config/field.h, used by it alone.
 */
#ifndef CONFIG_FIELD_TYPE_H
#define CONFIG_FIELD_TYPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/keys.h"

struct field_type {
	/* NULL for the types that are no plain fields */
	enum err_code (*set)(const struct key *k, void *field, struct text v, struct err *e);
	/* only for lists */
	enum err_code (*add)(const struct key *k, void *field, struct text v, struct err *e);
	void (*done)(void *field);
	bool (*is_given)(const void *field);
	void (*print)(const struct key *k, const void *field, struct buf *out);
	bool (*is_equal)(const void *a, const void *b);
};

/* Give each of the parts of v, which have commas between, to k's add. Errors as field_set. */
enum err_code field_add_parts(const struct key *k, void *field, struct text v,
			      struct err *e) ATTR_MUST_CHECK;

extern const struct field_type field_types[KEY_TYPE_COUNT];

#endif
