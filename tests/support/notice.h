/* SPDX-License-Identifier: MIT */
/*
 * What one delivery says: the members of the default body, found without building a tree, and the
 * lanes in which it must keep its order.
 */
#ifndef SUPPORT_NOTICE_H
#define SUPPORT_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Loans of the body. Strings come without their quotes and with their escapes; key, data and
 * old_data are raw JSON. A member that is missing or null is TEXT_NONE. */
struct notice {
	struct text id;
	struct text pipeline;
	struct text operation;
	struct text schema;
	struct text table;
	struct text key;
	struct text changed_at;
	struct text data;
	struct text old_data;
};

#define NOTICE_LANES_MAX 2

/* Fill n from a body; false when it is not one JSON object. */
bool notice_parse(struct text body, struct notice *n);

/* Whether *rest is an array; then it begins behind the bracket. */
bool notice_array(struct text *rest);

/* The next element of that array, raw; false at its end. */
bool notice_element(struct text *rest, struct text *ret_item);

/* The lanes of n: a hash of pipeline, table and primary key; two when an update changed the key,
 * whose old values are those of old_data. Returns their number, 0 when there is no table. */
int notice_lanes(const struct notice *n, uint64_t lane[static NOTICE_LANES_MAX]);

/* The value of a member of a JSON object, raw; TEXT_NONE when it is not there. */
struct text notice_member(struct text object, struct text name);

#endif
