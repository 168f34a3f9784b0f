/* SPDX-License-Identifier: MIT */
/*
 * What happened to a row, and the names users see: configuration, outbox, webhook body.
 */
#ifndef BASE_OP_H
#define BASE_OP_H

#include <stdbool.h>

#include "base/text.h"

/* OP_READ is a row that was there already: a backfill (source/backfill.h) tells it, no trigger
 * captures it, and no configuration names it. It looks like an insert. */
enum op { OP_INSERT, OP_UPDATE, OP_DELETE, OP_TRUNCATE, OP_READ, OP_COUNT };

/* "insert", "update", "delete", "truncate", "read". Never NULL. */
const char *op_name(enum op op);

/* The op called name (exactly, lower case) in *ret_op; false when there is none. */
bool op_parse(struct text name, enum op *ret_op);

/* Is there a row before it: old_data? */
bool op_has_old(enum op op);

#endif
