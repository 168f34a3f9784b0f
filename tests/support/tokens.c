/* SPDX-License-Identifier: MIT */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define BEGIN "\r\nAuthorization: Bearer Fetched-5b1e7c-"

void tokens_init(struct tokens *t)
{
	*t = (struct tokens){.expires_s = 3600, .status = 200};
}

static void set_one(struct text query, const char *name, int64_t *value)
{
	char text[32];

	if (wire_query_get(query, name, text, sizeof(text)))
		*value = strtoll(text, NULL, 10);
}

void tokens_set(struct tokens *t, struct text query)
{
	int64_t wanted = t->wanted, revoke = 0;

	set_one(query, "token_expires", &t->expires_s);
	set_one(query, "token_status", &t->status);
	set_one(query, "token_wanted", &wanted);
	set_one(query, "token_revoke", &revoke);
	t->wanted = wanted != 0;
	if (revoke)
		t->revoked = t->given;
}

int tokens_give(struct tokens *t, struct buf *out)
{
	struct json j;

	t->asked++;
	json_begin(&j, out);
	json_open_object(&j, NULL);
	if (t->status != 200) {
		json_str(&j, "error", "invalid_client");
	} else {
		buf_add_fmt(out, "\"access_token\":\"Fetched-5b1e7c-%lld\",",
			    (long long)++t->given);
		json_str(&j, "token_type", "Bearer");
		json_i64(&j, "expires_in", t->expires_s);
	}
	json_end(&j);
	return (int)t->status;
}

bool tokens_allow(struct tokens *t, struct text head)
{
	const char *at = memmem(head.s, head.len, BEGIN, sizeof(BEGIN) - 1);
	int64_t number = at ? strtoll(at + sizeof(BEGIN) - 1, NULL, 10) : 0;

	if (!t->wanted || (number > t->revoked && number <= t->given))
		return true;
	t->refused++;
	return false;
}

void tokens_write(const struct tokens *t, struct json *j)
{
	json_i64(j, "asked", t->asked);
	json_i64(j, "given", t->given);
	json_i64(j, "refused", t->refused);
}
