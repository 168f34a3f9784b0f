/* SPDX-License-Identifier: MIT */
#include "config/operations.h"

#include <string.h>

#include "config/field_type.h"
#include "config/suggest.h"
#include "config/value.h"

enum err_code operations_add(const struct key *k, void *field, struct text v, struct err *e)
{
	bool *operations = field;
	struct suggest s;
	enum op op;
	char quoted[VALUE_QUOTE_BYTES];

	(void)k;
	if (op_parse(value_trim(v), &op) && op != OP_READ) {
		if (operations[op])
			return err_set(e, ERR_DATA, "%s is given twice", op_name(op));
		operations[op] = true;
		return ERR_OK;
	}
	suggest_init(&s, value_trim(v));
	for (op = 0; op < OP_READ; op++)
		suggest_add(&s, op_name(op));
	value_quote(value_trim(v), quoted);
	if (suggest_best(&s))
		return err_set(e, ERR_DATA, "%s is not an operation, did you mean %s?", quoted,
			       suggest_best(&s));
	return err_set(e, ERR_DATA, "%s is not an operation (insert, update, delete or truncate)",
		       quoted);
}

void operations_done(void *field)
{
	memset(field, 0, sizeof(bool[OP_COUNT]));
}

enum err_code operations_set(const struct key *k, void *field, struct text v, struct err *e)
{
	bool fresh[OP_COUNT] = {false};
	enum err_code code = field_add_parts(k, fresh, v, e);

	if (code == ERR_OK)
		memcpy(field, fresh, sizeof(fresh));
	else
		((bool *)field)[OP_TRUNCATE] = false; /* of the default: nobody asked for it */
	return code;
}

void operations_print(const struct key *k, const void *field, struct buf *out)
{
	const bool *operations = field;
	const char *comma = "";
	enum op op;

	(void)k;
	buf_add_char(out, '[');
	for (op = 0; op < OP_COUNT; op++) {
		if (!operations[op])
			continue;
		buf_add_fmt(out, "%s%s", comma, op_name(op));
		comma = ", ";
	}
	buf_add_char(out, ']');
}

bool operations_is_equal(const void *a, const void *b)
{
	return !memcmp(a, b, sizeof(bool[OP_COUNT]));
}
