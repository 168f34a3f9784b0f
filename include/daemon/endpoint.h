/* SPDX-License-Identifier: MIT */
/*
 * A running daemon's admin endpoint (control/admin.h), as other commands on the same machine see
 * it.
 */
#ifndef DAEMON_ENDPOINT_H
#define DAEMON_ENDPOINT_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/settings.h"

/* GET path, or POST it with the token when change is set; the answer's body is appended to body.
 * Returns its status, 0: nobody answered in two seconds, or there is no endpoint. */
int endpoint_ask(const struct settings *s, const char *path, bool change, struct buf *body);

#endif
