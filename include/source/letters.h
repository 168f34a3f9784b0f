/* SPDX-License-Identifier: MIT */
/*
 * Dead letters, and the delivered events that are kept, as far as it is the same in every database:
 * pages, filters that are no SQL, limits. A kind of database fills struct letters_db; commands come
 * here through source/admin.h.
 *
 * Pages along the primary key, one pipeline after the other: no transaction is open between two of
 * them, so neither memory nor locks grow with the number of letters, nor with the time that
 * somebody reads a list in a pager. A letter is moved in the one transaction of its page, so no
 * crash loses or doubles one.
 */
#ifndef SOURCE_LETTERS_H
#define SOURCE_LETTERS_H

#include "base/clock.h"
#include "config/field.h"
#include "source/admin.h"

#define LETTERS_PAGE_ROWS 1000
/* data and old_data of one page may have so many bytes together; a larger row is one alone. */
#define LETTERS_PAGE_BYTES (4LL << 20)

enum letters_move {
	LETTERS_PURGE,
	LETTERS_TO_END,   /* of the outbox, under new ids; origin_id tells the old ones */
	LETTERS_AGAIN,    /* as TO_END, but copied, and of the delivered events */
	LETTERS_TO_FRONT, /* into the outbox under the ids that they have */
};

/* Which letters one page is of; in all: of this pipeline, with higher ids than after_id. */
struct letters_page {
	const struct dead_letter_filter
		*filter; /* all but pipeline, limit, key, error, operations */
	const char *pipeline;
	int64_t after_id;
	int64_t rows;
	bool with_data;
};

struct letters_db {
	void *ctx;
	const struct clock *clock;
	/* Names of the pipelines, in order, into l. */
	enum err_code (*pipelines)(void *ctx, struct string_list *l, struct err *e);
	/* Call fn for each letter of the page, by id; with_data at most LETTERS_PAGE_BYTES. None:
	 * it is the end. filter->skip_superseded: tell which are. */
	enum err_code (*page)(void *ctx, const struct letters_page *p, dead_letter_fn fn,
			      void *fn_ctx, struct err *e);
	/* In one transaction those of the ids that are still there, by id. */
	enum err_code (*move)(void *ctx, enum letters_move how, const char *pipeline,
			      const int64_t *ids, size_t n, int64_t *ret_count, struct err *e);
};

/* Asked for delivered events where there is no table of them. */
#define LETTERS_NONE_KEPT                                                                          \
	"there is no table of delivered events here: the version that installed did not have it; " \
	"run install, and set retain"

/* How a replay of what f means is done. */
enum letters_move letters_replay(const struct dead_letter_filter *f, bool in_front);

/* The column that tells when, and those of a failure: attempts, status, error. As d.COLUMN. */
const char *letters_time(const struct dead_letter_filter *f);
const char *letters_failure(const struct dead_letter_filter *f);

/* What receivers know it by. */
const char *letters_public_id(const struct dead_letter_filter *f);

/* As dead_letter_list of source/admin.h. */
enum err_code letters_list(const struct letters_db *db, const struct dead_letter_filter *f,
			   bool with_data, dead_letter_fn fn, void *ctx,
			   struct err *e) ATTR_MUST_CHECK;

/* As dead_letter_replay and dead_letter_purge. Only those are taken that had died when the call
 * began, so that letters which die again meanwhile are not chased for ever. */
enum err_code letters_move(const struct letters_db *db, enum letters_move how,
			   const struct dead_letter_filter *f, struct dead_letter_counts *ret,
			   struct err *e) ATTR_MUST_CHECK;

/* Append "1, 2, 3". */
void letters_ids(struct buf *out, const int64_t *ids, size_t n);

#endif
