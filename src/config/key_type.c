/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

const char *key_type_name(enum key_type type)
{
	static const char *const names[KEY_TYPE_COUNT] = {
		[KEY_INT] = "number",
		[KEY_BOOL] = "true or false",
		[KEY_DURATION] = "duration",
		[KEY_SIZE] = "size",
		[KEY_STRING] = "text",
		[KEY_CHOICE] = "word",
		[KEY_SECRET] = "secret",
		[KEY_URL] = "secret URL",
		[KEY_WORD] = "word",
		[KEY_LIST] = "list",
		[KEY_DURATIONS] = "list of durations",
		[KEY_OPS] = "list",
		[KEY_RATE] = "rate",
		[KEY_PERCENT] = "per cent",
		[KEY_PAIRS] = "mapping",
		[KEY_TOKENS] = "mapping of secrets",
		[KEY_TABLES] = "list of tables",
		[KEY_TABLE] = "table",
		[KEY_NAME_OF] = "table",
		[KEY_WHERE] = "SQL",
		[KEY_HEADERS] = "mapping of secrets",
		[KEY_SOURCE] = "name",
		[KEY_WEBHOOK] = "name",
		[KEY_SIGNING] = "list of secrets",
	};

	return names[type];
}
