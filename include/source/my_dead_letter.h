/* SPDX-License-Identifier: MIT */
/*
 * Dead letters on MySQL and MariaDB: list, replay, purge.
 */
#ifndef SOURCE_MY_DEAD_LETTER_H
#define SOURCE_MY_DEAD_LETTER_H

#include "source/admin.h"

enum err_code my_dead_letter_list(const struct settings *s, size_t source,
				  const struct dead_letter_filter *f, bool with_data,
				  dead_letter_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;
enum err_code my_dead_letter_replay(const struct settings *s, size_t source,
				    const struct dead_letter_filter *f, bool in_front,
				    struct dead_letter_counts *ret, struct err *e) ATTR_MUST_CHECK;
enum err_code my_dead_letter_purge(const struct settings *s, size_t source,
				   const struct dead_letter_filter *f,
				   struct dead_letter_counts *ret, struct err *e) ATTR_MUST_CHECK;

#endif
