/* SPDX-License-Identifier: MIT */
/*
 * Who may post, and how often: the tokens of the configuration with the rate limit of each. One
 * thread.
 */
#ifndef INGEST_TOKENS_H
#define INGEST_TOKENS_H

#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"

#define TOKENS_NONE SIZE_MAX

struct tokens;

/* s is a loan for the tokens' life. Errors: ERR_NOMEM. */
enum err_code tokens_new(const struct ingest_settings *s, struct tokens **ret_t,
			 struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. */
void tokens_free(struct tokens *t);

/* Which one an Authorization header (NULL: none) shows, TOKENS_NONE: none of them. All are looked
 * at whatever is found. */
size_t tokens_find(const struct tokens *t, const char *authorization);

const char *tokens_name(const struct tokens *t, size_t i);

/* Count a request of the i-th. 0: it may go on; else in how many microseconds the next may. After a
 * pause as many as the limit has may come at once; then they are spaced evenly. */
int64_t tokens_take(struct tokens *t, size_t i, int64_t now_us);

#endif
