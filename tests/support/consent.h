/* SPDX-License-Identifier: MIT */
/*
 * The receiver asked by OPTIONS whether it may be sent to: CloudEvents' "HTTP 1.1 Web Hooks for
 * Event Delivery" 1.0.1, section 4. Set by GET /_control?NAME=VALUE&... (behaviour.h):
 *
 *   allow_origin=TEXT  200 with WebHook-Allowed-Origin: TEXT; without one 405
 *   allow_rate=TEXT    ... and with WebHook-Allowed-Rate: TEXT
 */
#ifndef SUPPORT_CONSENT_H
#define SUPPORT_CONSENT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "behaviour.h"

struct consent {
	int64_t asked;
	int64_t refused;  /* of those, by 405 */
	char origin[128]; /* WebHook-Request-Origin of the last one; "" */
	char rate[32];    /* WebHook-Request-Rate; "" */
};

/* Answer a request with this head: lines of the answer's head into out. Returns the status. */
int consent_give(struct consent *c, const struct behaviour *b, struct text head, struct buf *out);

void consent_write(const struct consent *c, struct json *j);

#endif
