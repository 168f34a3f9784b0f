/* SPDX-License-Identifier: MIT */
/*
 * Which columns a webhook is sent, and how: columns_include, columns_exclude, mask_redact and
 * mask_hash, each a list of patterns.
 *
 *     email              the column of every table
 *     users.email        of every table called users, whatever its schema
 *     shop.users.email   of one table
 *     *.e*mail           * is any run of characters within a part
 *     "odd.name*"        a part in double quotes is taken as it is; a quote in it is doubled
 */
#ifndef CONFIG_COLUMN_RULES_H
#define CONFIG_COLUMN_RULES_H

#include "base/hmac.h"
#include "config/settings.h"

struct column_rules;

/* A pattern is well formed (check_fn). */
const char *check_column_pattern(const char *value);

/* A key for masking is long enough not to be guessed (check_fn). */
const char *check_mask_key(const char *value);

/* From the most to the least that is kept from the receiver: the first one that a rule asks for
 * counts. */
enum column_action { COLUMN_DROP, COLUMN_REDACT, COLUMN_HASH, COLUMN_SEND };

/* A column, and how its database compares names. */
struct column_name {
	struct text schema; /* TEXT_NONE: the database has none */
	struct text table;
	struct text column;
	enum source_type type;
};

/* The rules of w's lists, every pattern of which has passed check_column_pattern; NULL when it has
 * none. w is needed no more afterwards. Errors: ERR_NOMEM, ERR_CONFIG (no HMAC). */
enum err_code column_rules_new(const struct webhook_settings *w, struct column_rules **ret_rules,
			       struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. */
void column_rules_free(struct column_rules *rules);

/* What becomes of a column. Any thread. */
enum column_action column_rules_find(const struct column_rules *rules,
				     const struct column_name *name);

/* For COLUMN_HASH; a loan for the rules' life. NULL: no rule hashes. */
const struct hmac *column_rules_hmac(const struct column_rules *rules);

/* The patterns, for telling which of them finds nothing. */
size_t column_rules_count(const struct column_rules *rules);
/* The i-th as it is written, and the key that it stands in: "mask_hash". */
const char *column_rules_pattern(const struct column_rules *rules, size_t i, const char **ret_key);
/* Whether the i-th means this column. */
bool column_rules_match(const struct column_rules *rules, size_t i, const struct column_name *name);

#endif
