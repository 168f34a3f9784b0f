/* SPDX-License-Identifier: MIT */
/*
 * Dead letters on SQLite: as source/admin.h says. Each works in pages, so neither memory nor the
 * time that the write lock is held grows with their number.
 */
#ifndef SOURCE_SQLITE_DEAD_LETTER_H
#define SOURCE_SQLITE_DEAD_LETTER_H

#include "source/admin.h"

/* By pipeline, oldest change first. Errors: as sqlite_conn_exec; ERR_NOT_FOUND: no such pipeline,
 * or nothing installed. */
enum err_code sqlite_dead_letter_list(const struct settings *s, size_t source,
				      const struct dead_letter_filter *f, bool with_data,
				      dead_letter_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_dead_letter_replay(const struct settings *s, size_t source,
					const struct dead_letter_filter *f, bool in_front,
					struct dead_letter_counts *ret,
					struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_dead_letter_purge(const struct settings *s, size_t source,
				       const struct dead_letter_filter *f,
				       struct dead_letter_counts *ret,
				       struct err *e) ATTR_MUST_CHECK;

#endif
