/* SPDX-License-Identifier: MIT */
/*
 * The receiver as a token endpoint, and as one that wants its tokens. POST /_token gives
 * "Fetched-5b1e7c-1", "Fetched-5b1e7c-2", ...; set by GET /_control?NAME=VALUE&...
 *
 *   token_expires=S    how long the next ones are good (3600)
 *   token_status=N     what the endpoint answers (200)
 *   token_wanted=1     events without a good token are answered 401, whatever the mode; 0: not
 *   token_revoke=1     those given so far are no longer good
 */
#ifndef SUPPORT_TOKENS_H
#define SUPPORT_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

struct tokens {
	int64_t expires_s;
	int64_t status;
	int64_t given;
	int64_t revoked; /* up to this one */
	int64_t asked;
	int64_t refused; /* events */
	bool wanted;
};

void tokens_init(struct tokens *t);

/* What of query is for it. */
void tokens_set(struct tokens *t, struct text query);

/* Answer a request for a token: its body into out. Returns the status. */
int tokens_give(struct tokens *t, struct buf *out);

/* Whether an event with this head may come in. */
bool tokens_allow(struct tokens *t, struct text head);

void tokens_write(const struct tokens *t, struct json *j);

#endif
