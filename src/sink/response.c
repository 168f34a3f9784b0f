/* SPDX-License-Identifier: MIT */
#include "sink/response.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sink/retry_after.h"

#define RESPONSE_NAME_BYTES 256

static const char *field_at(CURL *easy, const char *name, size_t index, size_t *ret_count)
{
	struct curl_header *h;

	if (curl_easy_header(easy, name, index, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	*ret_count = h->amount;
	return h->value;
}

int64_t response_retry_after_s(CURL *easy, int64_t wall_us)
{
	size_t count;
	const char *value = field_at(easy, "Retry-After", 0, &count);

	return value ? retry_after_s(value, field_at(easy, "Date", 0, &count), wall_us) : -1;
}

static bool member_is(const char *member, size_t len, const char *wanted)
{
	while (len && strchr(" \t", *member)) {
		member++;
		len--;
	}
	while (len && strchr(" \t", member[len - 1]))
		len--;
	return strlen(wanted) == len && strncasecmp(member, wanted, len) == 0;
}

static bool list_has(const char *list, const char *wanted)
{
	size_t len;

	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (member_is(list, len, wanted))
			return true;
		if (!list[len])
			return false;
	}
}

bool response_has(CURL *easy, const char *field)
{
	const char *colon = strchr(field, ':'), *wanted, *value;
	char name[RESPONSE_NAME_BYTES];
	size_t i, count = 1;

	if (!colon)
		return false;
	wanted = colon + 1 + strspn(colon + 1, " \t");
	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - field), field);
	for (i = 0; i < count; i++) {
		value = field_at(easy, name, i, &count);
		if (!value)
			return false;
		if (list_has(value, wanted) || strcasecmp(value, wanted) == 0)
			return true;
	}
	return false;
}

const char *response_only(CURL *easy, const char *name)
{
	size_t count = 0;
	const char *value = field_at(easy, name, 0, &count);

	return count == 1 ? value : NULL;
}
