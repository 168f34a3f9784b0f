/* SPDX-License-Identifier: MIT */
#include "source/my_result.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

struct my_result {
	MYSQL_RES *res;
	MYSQL_ROW row;          /* NULL: before the first, behind the last */
	unsigned long *lengths; /* of its cells */
};

enum err_code my_result_new(MYSQL_RES *res, struct my_result **ret_r, struct err *e)
{
	struct my_result *r = mem_calloc(1, sizeof(*r));

	if (!r) {
		mysql_free_result(res);
		return err_set(e, ERR_NOMEM, "no memory for a result");
	}
	r->res = res;
	*ret_r = r;
	return ERR_OK;
}

void my_result_free(struct my_result *r)
{
	if (!r)
		return;
	mysql_free_result(r->res);
	mem_free(r);
}

size_t my_result_rows(const struct my_result *r)
{
	return (size_t)mysql_num_rows(r->res);
}

bool my_result_next(struct my_result *r)
{
	r->row = mysql_fetch_row(r->res);
	r->lengths = r->row ? mysql_fetch_lengths(r->res) : NULL;
	return r->row;
}

struct text my_result_text(const struct my_result *r, size_t column)
{
	if (!r->row || !r->row[column])
		return TEXT_NONE;
	return (struct text){r->row[column], r->lengths[column]};
}

const char *my_result_str(const struct my_result *r, size_t column)
{
	struct text t = my_result_text(r, column);

	return t.s ? t.s : "";
}

int64_t my_result_i64(const struct my_result *r, size_t column, int64_t absent)
{
	const char *s = my_result_str(r, column);
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	return end == s || *end || errno ? absent : v;
}
