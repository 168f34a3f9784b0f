/* SPDX-License-Identifier: MIT */
#include "control/metrics.h"
#include "control/metrics_label.h"

#define NAME "app_db_listener_table_events_total"

static void line_add(void *ctx, const struct label *l)
{
	struct buf *out = ctx;

	buf_add_str(out, NAME "{table=\"");
	metrics_label_escape(out, label_value(l), true);
	buf_add_str(out, "\"} ");
	buf_add_i64(out, label_get(l, RUNNER_TABLE_READ));
	buf_add_char(out, '\n');
}

void metrics_render_tables(const struct label_set *tables, struct buf *out)
{
	buf_add_str(out, "# HELP " NAME " Events read from the outbox, by table\n"
			 "# TYPE " NAME " counter\n");
	label_set_each(tables, line_add, out);
}

enum err_code metrics_tables_new(struct label_set **ret_s, struct err *e)
{
	const struct label_set_options o = {.max_values = LABEL_SET_MAX,
					    .counters = RUNNER_TABLE_COUNTERS};

	return label_set_new(&o, ret_s, e);
}
