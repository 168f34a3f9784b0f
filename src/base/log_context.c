/* SPDX-License-Identifier: MIT */
#include "base/log_context.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"

#define LOG_CONTEXT_BYTES 64

static _Thread_local struct {
	size_t value_at; /* 0: no context */
	char text[LOG_CONTEXT_BYTES + 1];
} context;

void log_set_context(const char *key, const char *value)
{
	size_t room = LOG_CONTEXT_BYTES - 1, n;

	context.value_at = 0;
	if (!key || !value)
		return;
	n = strlen(key);
	assert(n && n < room);
	memcpy(context.text, key, n + 1); /* the NUL stands for the "=" */
	context.value_at = n + 1;
	room -= context.value_at;
	n = strnlen(value, room + 1);
	if (n > room) /* do not tear a UTF-8 sequence */
		for (n = room; n && ((unsigned char)value[n] & 0xC0) == 0x80; n--)
			;
	memcpy(context.text + context.value_at, value, n);
	context.text[context.value_at + n] = '\0';
}

struct log_context log_context_get(void)
{
	return (struct log_context){.key = context.value_at ? context.text : NULL,
				    .value = context.text + context.value_at};
}
