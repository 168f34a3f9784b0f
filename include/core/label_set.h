/* SPDX-License-Identifier: MIT */
/*
 * Counters by a label whose values come from data: tables, tenants, tokens, ... Bounded: the first
 * max values get a place each, all further ones share one called "other", so that neither memory
 * nor what monitoring stores of it grows for ever.
 *
 *     label_add(label_set_find(set, table), TABLE_READ, 1);
 *
 * Values are never removed: a pointer to a label is good for as long as the set is, and may be kept
 * to save the look-up. Any thread may call any function but new and free at any time; finding a
 * value that is there takes no lock and writes nothing, and counting is one atomic addition. Values
 * that come at the same moment as the set becomes full may be counted as "other" and get their
 * place later, or not at all.
 */
#ifndef CORE_LABEL_SET_H
#define CORE_LABEL_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define LABEL_SET_MAX 10000   /* values told apart in one set, by default and at most */
#define LABEL_VALUE_BYTES 200 /* longer ones are "other" */
#define LABEL_COUNTERS_MAX 8
#define LABEL_OTHER "other"

struct label_set;
struct label;

struct label_set_options {
	size_t max_values; /* 1 to LABEL_SET_MAX; beside "other" */
	size_t counters;   /* of each value: 1 to LABEL_COUNTERS_MAX */
};

/* Errors: ERR_NOMEM. */
enum err_code label_set_new(const struct label_set_options *o, struct label_set **ret_s,
			    struct err *e) ATTR_MUST_CHECK;

/* Nobody uses it, or a label of it, any more. NULL is fine. */
void label_set_free(struct label_set *s);

/* The label of a value, made if need be; "other" when there is no place, no memory, or the value
 * is too long, empty, TEXT_NONE, or "other" itself. Never NULL but for a set that is NULL. */
struct label *label_set_find(struct label_set *s, struct text value);

/* Add n to a counter (< counters) of l. NULL is fine. */
void label_add(struct label *l, size_t counter, int64_t n);

/* "public.users"; ends with a NUL. */
const char *label_value(const struct label *l);
int64_t label_get(const struct label *l, size_t counter);

/* Call fn for every label that is there, in the order in which they came, "other" last when
 * anything was counted for it. Those that come meanwhile may or may not be among them. */
typedef void (*label_fn)(void *ctx, const struct label *l);
void label_set_each(const struct label_set *s, label_fn fn, void *ctx);

struct label_set_stats {
	size_t values; /* told apart */
	size_t max_values;
};

/* All zero for NULL. */
struct label_set_stats label_set_stats(const struct label_set *s);

#endif
