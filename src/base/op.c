/* SPDX-License-Identifier: MIT */
#include "base/op.h"

#include <assert.h>

static const char *const op_names[OP_COUNT] = {
	[OP_INSERT] = "insert",     [OP_UPDATE] = "update", [OP_DELETE] = "delete",
	[OP_TRUNCATE] = "truncate", [OP_READ] = "read",
};

const char *op_name(enum op op)
{
	assert(op < OP_COUNT);
	return op_names[op];
}

bool op_parse(struct text name, enum op *ret_op)
{
	enum op op;

	for (op = 0; op < OP_COUNT; op++) {
		if (text_eq(name, text_of(op_names[op]))) {
			*ret_op = op;
			return true;
		}
	}
	return false;
}

bool op_has_old(enum op op)
{
	return op == OP_UPDATE || op == OP_DELETE;
}
