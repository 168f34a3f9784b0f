/* SPDX-License-Identifier: MIT */
/*
 * A mapping of names to short texts: the field type KEY_PAIRS, kept as a list of names and values
 * by turns.
 */
#ifndef CONFIG_PAIRS_H
#define CONFIG_PAIRS_H

#include "base/buf.h"
#include "base/err.h"
#include "config/keys.h"

/* Always ERR_DATA: it is no single text. See pairs_read of config/loading.h. */
enum err_code pairs_set(const struct key *k, void *field, struct text v,
			struct err *e) ATTR_MUST_CHECK;
void pairs_print(const struct key *k, const void *field, struct buf *out);

/* The value of name; NULL: there is none. */
const char *pairs_find(const struct string_list *pairs, const char *name);

#endif
