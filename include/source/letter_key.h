/* SPDX-License-Identifier: MIT */
/*
 * The primary key that an operator names, compared with keys of events as JSON values: 42 is 42.0
 * and 4.2e1, members have no order, "\u0041" is "A". Numbers of any length are compared exactly.
 *
 * A word is a JSON object of columns, {"id": 42}, or NAME=VALUE. The columns that it names have to
 * be equal; those it does not name may be anything. VALUE is JSON where it can be read so, and also
 * means the string of these characters: id=42 finds 42 and "42".
 */
#ifndef SOURCE_LETTER_KEY_H
#define SOURCE_LETTER_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

struct letter_key;

/* All n words hold. Errors: ERR_USAGE: a word is neither form; ERR_NOMEM. */
enum err_code letter_key_new(const char *const *words, size_t n, struct letter_key **ret_k,
			     struct err *e) ATTR_MUST_CHECK;
void letter_key_free(struct letter_key *k);

/* Is it this key? Not when key is none, or no JSON object. Errors: ERR_NOMEM. */
enum err_code letter_key_match(const struct letter_key *k, struct text key, bool *ret_match,
			       struct err *e) ATTR_MUST_CHECK;

#endif
