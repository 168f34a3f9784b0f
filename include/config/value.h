/* SPDX-License-Identifier: MIT */
/*
 * The values people write in a configuration: whole numbers, switches, durations, sizes.
 *
 *     duration   2 (seconds)  0.5  500us  500ms  2s  5m  5min  1h  1d
 *     size       4096 (bytes)  512B  10kB  64MB  1GiB      k, M, G, T count in 1024s, with or
 *                                                          without B or iB, in any case
 *
 * Decimals are exact: what does not come out as whole microseconds or bytes is refused. All
 * parsers take the whole text, allow spaces around it and before the unit, and fail with
 * ERR_DATA and a message fit to stand behind "key: ".
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

/* Decimal digits with an optional minus sign, within int64_t. */
enum err_code value_int(struct text t, int64_t *ret, struct err *e) ATTR_MUST_CHECK;

/* true yes on, false no off; in any case. */
enum err_code value_bool(struct text t, bool *ret, struct err *e) ATTR_MUST_CHECK;

/* Microseconds, 0 to INT64_MAX. */
enum err_code value_duration_us(struct text t, int64_t *ret, struct err *e) ATTR_MUST_CHECK;

/* Bytes, 0 to INT64_MAX. */
enum err_code value_size_bytes(struct text t, int64_t *ret, struct err *e) ATTR_MUST_CHECK;

/* Append v >= 0 with the largest unit that keeps it whole: "90s", "2m", "64MB". What is printed
 * parses to v again. Errors stick to out. */
void value_print_duration(struct buf *out, int64_t us);
void value_print_size(struct buf *out, int64_t bytes);

#define VALUE_QUOTE_BYTES 64

/* t in double quotes for a message, cut with "..." when it is long, bytes below space as '?'. out
 * is terminated; returns out. */
const char *value_quote(struct text t, char out[static VALUE_QUOTE_BYTES]);

/* t without the spaces and tabs around it. */
struct text value_trim(struct text t);

#endif
