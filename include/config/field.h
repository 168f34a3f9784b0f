/* SPDX-License-Identifier: MIT */
/*
 * One field of a settings struct, handled as its row of the key table says: parsed from text,
 * printed, compared, freed. The types with a shape of their own (tables, headers, references)
 * are not fields in this sense: field_is_plain tells.
 */
#ifndef CONFIG_FIELD_H
#define CONFIG_FIELD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/keys.h"

/* Whether the functions below serve k. */
bool field_is_plain(const struct key *k);

/* Whether k takes several values: a YAML list, or text with commas between. */
bool field_is_list(const struct key *k);

/* Set k's field in base from text; the old value is freed. The field is unchanged on an error.
 * Errors: ERR_DATA with a message fit to stand behind "key: ", ERR_NOMEM. */
enum err_code field_set(const struct key *k, void *base, struct text value,
			struct err *e) ATTR_MUST_CHECK;

/* Make the field empty, zero. */
void field_clear(const struct key *k, void *base);

/* For list fields: add one value. Errors as field_set. */
enum err_code field_add(const struct key *k, void *base, struct text value,
			struct err *e) ATTR_MUST_CHECK;

/* Set all fields of target in base, which is zeroed, to their defaults. Errors: ERR_NOMEM. */
enum err_code field_set_defaults(enum key_target target, void *base, struct err *e) ATTR_MUST_CHECK;

/* Free all fields of target in base and wipe secrets; they are zero then. */
void field_done_all(enum key_target target, void *base);

/* Whether the field has a value worth printing: a text that is not NULL, a list that is not
 * empty; numbers and words always. */
bool field_is_given(const struct key *k, const void *base);

/* Append the value as YAML: quoted text, [a, b] for lists, *** for secrets. Errors stick to out. */
void field_print(const struct key *k, const void *base, struct buf *out);

bool field_is_equal(const struct key *k, const void *a, const void *b);

/* Free all strings of l. */
void string_list_done(struct string_list *l);

/* Append a copy of t; NULL-terminates. Errors: ERR_NOMEM; l is unchanged then. */
enum err_code string_list_add(struct string_list *l, struct text t) ATTR_MUST_CHECK;

/* Whether l holds s. */
bool string_list_has(const struct string_list *l, const char *s);

#endif
