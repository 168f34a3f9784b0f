/* SPDX-License-Identifier: MIT */
/*
 * Points in time as people write them on a command line.
 *
 *     2026-03-01T12:00:00Z   2026-03-01 12:00:00.5+01:00    RFC 3339
 *     2026-03-01                                             its begin, UTC
 *     2h   30d                                               that long ago
 */
#ifndef CONFIG_MOMENT_H
#define CONFIG_MOMENT_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* Microseconds since 1970, UTC, above 0. now_wall_us: what a duration counts back from. Errors:
 * ERR_DATA with a message fit to stand behind "--since: ". */
enum err_code moment_parse(struct text t, int64_t now_wall_us, int64_t *ret_wall_us,
			   struct err *e) ATTR_MUST_CHECK;

#endif
