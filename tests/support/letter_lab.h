/* SPDX-License-Identifier: MIT */
/*
 * The same dead letters in every database, and what each filter finds of them.
 */
#ifndef SUPPORT_LETTER_LAB_H
#define SUPPORT_LETTER_LAB_H

#include "source/admin.h"

/* The statement that puts them, six of pipeline "default", into the table. schema: "" where there
 * is none. before, after: an SQL expression of the time a number of minutes ago, around the number.
 * changed_at: an SQL expression. A loan until the next call. */
const char *letter_lab_insert(const char *table, const char *schema, const char *before,
			      const char *after, const char *changed_at);

/* The ids that list finds, "1 2 3"; those that are superseded in brackets. A loan until the next
 * call. Fails the test when it fails. */
const char *letter_lab_list(const struct source_admin_ops *ops, const struct settings *s,
			    const struct dead_letter_filter *f);

/* Every filter finds what it should: cmocka assertions. */
void letter_lab_filters(const struct source_admin_ops *ops, const struct settings *s);

#endif
