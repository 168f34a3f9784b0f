/* SPDX-License-Identifier: MIT */
/*
 * Dead letters on MySQL and MariaDB: list, replay, purge.
 */
#ifndef SOURCE_MY_DEAD_LETTER_H
#define SOURCE_MY_DEAD_LETTER_H

#include "source/letters.h"
#include "source/my_admin.h"

enum err_code my_dead_letter_list(const struct settings *s, size_t source,
				  const struct dead_letter_filter *f, bool with_data,
				  dead_letter_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;
enum err_code my_dead_letter_replay(const struct settings *s, size_t source,
				    const struct dead_letter_filter *f, bool in_front,
				    struct dead_letter_counts *ret, struct err *e) ATTR_MUST_CHECK;
enum err_code my_dead_letter_purge(const struct settings *s, size_t source,
				   const struct dead_letter_filter *f,
				   struct dead_letter_counts *ret, struct err *e) ATTR_MUST_CHECK;

/* ---- my_letter_table.c ---- */

/* Append the table that the page is of, with a column `pipeline`. */
void my_letter_table(struct buf *out, const struct my_admin *a, const struct letters_page *p);
/* Is it there? A pipeline that is gone may have left letters and no outbox. */
enum err_code my_letter_table_find(struct my_admin *a, const struct letters_page *p, bool *ret_has,
				   struct err *e) ATTR_MUST_CHECK;

#endif
