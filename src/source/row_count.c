/* SPDX-License-Identifier: MIT */
#include "source/row_count.h"

int64_t row_count_about(const struct row_count *c, bool *ret_about)
{
	int64_t span = c->highest - c->lowest + 1;
	int64_t rows;

	*ret_about = c->rows > ROW_COUNT_EXACT;
	if (!*ret_about)
		return c->rows;
	/* divided first where it could overflow; the lowest and the highest are always hits */
	rows = span < INT64_MAX / ROW_COUNT_POINTS ? span * c->hits / ROW_COUNT_POINTS
						   : span / ROW_COUNT_POINTS * c->hits;
	return rows > c->rows ? rows : c->rows;
}
