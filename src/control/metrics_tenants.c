/* SPDX-License-Identifier: MIT */
#include "control/metrics.h"
#include "control/metrics_label.h"

struct family {
	const char *name;
	const char *help;
	int64_t (*get)(const struct tenant_stats *st);
};

static int64_t get_taken(const struct tenant_stats *st)
{
	return st->taken;
}

static int64_t get_left(const struct tenant_stats *st)
{
	return st->left;
}

static int64_t get_inside(const struct tenant_stats *st)
{
	return st->inside;
}

/* Gauges all: who is among the first changes, and with it the sum of the others. */
static const struct family families[] = {
	{"app_db_listener_tenant_events", "Events taken into the ring since the tenant is known",
	 get_taken},
	{"app_db_listener_tenant_rows_deferred",
	 "Times that a row of the tenant was left behind for its quota since it is known",
	 get_left},
	{"app_db_listener_tenant_queue_size", "Events in the ring", get_inside},
};

static void add_line(struct buf *out, const struct family *f, const struct metrics_pipeline *p,
		     const struct tenant_stats *st)
{
	buf_add_fmt(out, "%s{pipeline=\"%s\",tenant=\"", f->name, p->name);
	metrics_label_escape(out, st->name, true);
	buf_add_str(out, "\"} ");
	buf_add_i64(out, f->get(st));
	buf_add_char(out, '\n');
}

static void add_pipeline(struct buf *out, const struct family *f, const struct metrics_pipeline *p)
{
	const struct tenants_stats *t = &p->tenants.tenants;
	size_t i;

	for (i = 0; i < t->told; i++)
		add_line(out, f, p, &t->tenants[i]);
	add_line(out, f, p, &t->others);
}

static bool has_any(const struct metrics_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].has_tenants)
			return true;
	return false;
}

void metrics_render_tenants(const struct metrics_snapshot *s, struct buf *out)
{
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(families) && has_any(s); i++) {
		buf_add_fmt(out, "# HELP %s %s\n# TYPE %s gauge\n", families[i].name,
			    families[i].help, families[i].name);
		for (k = 0; k < s->pipeline_count; k++)
			if (s->pipelines[k].has_tenants)
				add_pipeline(out, &families[i], &s->pipelines[k]);
	}
}
