/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean": the candidate nearest to a mistyped word, by edit distance (insert, drop, change
 * a letter, or swap two neighbours).
 *
 *     struct suggest s;
 *     suggest_init(&s, "retry_cont");
 *     suggest_add(&s, "retry_count");   // each candidate
 *     suggest_best(&s);                 // "retry_count", or NULL when none is near
 */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

#include "base/text.h"

struct suggest {
	struct text word;
	const char *best;
	size_t distance;
};

/* word is a loan until the last call. */
void suggest_init(struct suggest *s, struct text word);

/* candidate is a loan until the last call; the first of equally near ones wins. */
void suggest_add(struct suggest *s, const char *candidate);

/* The nearest candidate, NULL when more than about a third of the word would change. */
const char *suggest_best(const struct suggest *s);

/* The distance between a and b; words over 63 bytes are SIZE_MAX from everything. */
size_t suggest_distance(struct text a, struct text b);

#endif
