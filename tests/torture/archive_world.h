/* SPDX-License-Identifier: MIT */
/*
 * For the torture of archives: a directory for each life, and what its files hold.
 */
#ifndef TORTURE_ARCHIVE_WORLD_H
#define TORTURE_ARCHIVE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_case.h"
#include "base/log.h"
#include "core/budget.h"
#include "sink/archive_names.h"
#include "sink/archive_read.h"
#include "torture.h"
#include "torture_calls.h"

#define RECORDS 3 /* of a write */
#define ROTATE_BYTES 160

struct lab {
	struct archive_case *files;
	struct budget *budget;
	enum torture_kind kind;
	bool json;
	int64_t keep;
	int acked; /* records that are acknowledged: 1, 2, ... */
	int descriptors;
};

static inline int setup(void **state)
{
	const struct budget_options b = {.max_bytes = (size_t)64 << 20};
	struct lab *l = calloc(1, sizeof(*l));
	void *files;

	assert_non_null(l);
	assert_int_equal(archive_case_setup(&files), 0);
	l->files = files;
	assert_int_equal(budget_new(&b, &l->budget, NULL), ERR_OK);
	*state = l;
	return 0;
}

/* Between two lives. */
static inline void clear(struct lab *l)
{
	void *files = l->files;

	assert_int_equal(archive_case_teardown(&files), 0);
	assert_int_equal(archive_case_setup(&files), 0);
	l->files = files;
}

static inline int teardown(void **state)
{
	struct lab *l = *state;
	void *files = l->files;

	budget_free(l->budget);
	free(l);
	return archive_case_teardown(&files);
}

/* ---- what the files hold ---- */

static inline const char *rotated_name(const struct lab *l, int64_t number, const char *suffix)
{
	static char name[192];

	(void)snprintf(name, sizeof(name), "%s.%06lld%s", l->files->path, (long long)number,
		       suffix);
	return name;
}

/* Each of the files parses by itself, whatever reads it. */
static inline void files_parse(const struct lab *l)
{
	struct archive_names n;
	size_t i;

	assert_int_equal(archive_names_list(l->files->path, &n, NULL), ERR_OK);
	for (i = 0; i < n.count; i++)
		if (n.items[i].plain)
			(void)archive_case_ids(rotated_name(l, n.items[i].number, ""), l->json);
	archive_names_done(&n);
	if (access(l->files->path, F_OK) == 0)
		(void)archive_case_ids(l->files->path, l->json);
}

static inline void refuse_torn(void *ctx, const char *file, int64_t line, bool at_end)
{
	(void)ctx;
	fail_msg("%s, line %lld%s is no record", file, (long long)line,
		 at_end ? " at its end" : "");
}

/* The records, oldest first: from first (1, but what was removed for its age) all up to `last` in
 * order, and at most one write behind them that was not acknowledged. */
static inline void files_hold(const struct lab *l, int first_at_most, int last)
{
	struct archive_read *r;
	struct text record;
	struct err e = {.code = ERR_OK};
	int want = 0, id;

	if (!last && access(l->files->path, F_OK) != 0)
		return;
	if (archive_read_open(l->files->path, refuse_torn, NULL, &r, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	for (;;) {
		if (archive_read_next(r, &record, &e) != ERR_OK)
			fail_msg("%s", e.msg);
		if (!record.s)
			break;
		assert_int_equal(sscanf(record.s, "{\"id\":%d", &id), 1);
		if (want ? id != want : id > first_at_most)
			fail_msg("record %d in place of %d", id, want ? want : first_at_most);
		want = id + 1;
	}
	archive_read_close(r);
	if ((want ? want - 1 : 0) < last || want - 1 > last + RECORDS)
		fail_msg("%d records are acknowledged, the last there is %d", last, want - 1);
}

/* What fn returns of a failed call, which is no more its concern. */
static inline enum err_code judged(const struct lab *l, enum err_code code)
{
	return l->kind == TORTURE_ERROR ? ERR_OK : code;
}

#endif
