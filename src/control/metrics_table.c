/* SPDX-License-Identifier: MIT */
#include "control/metrics_table.h"

#include "control/metrics_rows.h"

static const struct metrics_rows *const tables[] = {
	&metrics_rows_of_daemon,
	&metrics_rows_of_source,
	&metrics_rows_of_pipeline,
	&metrics_rows_of_webhook,
};

const struct metrics_row *metrics_row_at(size_t i)
{
	size_t t;

	for (t = 0; t < ARRAY_LEN(tables); t++) {
		if (i < tables[t]->count)
			return &tables[t]->rows[i];
		i -= tables[t]->count;
	}
	return NULL;
}
