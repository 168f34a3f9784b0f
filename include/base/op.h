/* SPDX-License-Identifier: MIT */
/*
 * What happened to a row, and the names users see: configuration, outbox, webhook body.
 */
#ifndef BASE_OP_H
#define BASE_OP_H

#include <stdbool.h>

#include "base/text.h"

enum op { OP_INSERT, OP_UPDATE, OP_DELETE, OP_TRUNCATE, OP_COUNT };

/* "insert", "update", "delete", "truncate". Never NULL. */
const char *op_name(enum op op);

/* The op called name (exactly, lower case) in *ret_op; false when there is none. */
bool op_parse(struct text name, enum op *ret_op);

#endif
