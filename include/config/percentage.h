/* SPDX-License-Identifier: MIT */
/*
 * Parts of a whole, as "5%" or "0.25%": the field type KEY_PERCENT, in hundredths of a per cent.
 */
#ifndef CONFIG_PERCENTAGE_H
#define CONFIG_PERCENTAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "config/keys.h"

/* Errors: ERR_DATA with a message. */
enum err_code percentage_parse(struct text v, int64_t *ret, struct err *e) ATTR_MUST_CHECK;

enum err_code percentage_set(const struct key *k, void *field, struct text v,
			     struct err *e) ATTR_MUST_CHECK;
void percentage_print(const struct key *k, const void *field, struct buf *out);

void percentage_add(struct buf *out, int64_t hundredths);

#endif
