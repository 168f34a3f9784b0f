/* SPDX-License-Identifier: MIT */
#include "daemon/backfill_status.h"

#include <stdio.h>

#include "daemon/backfill_view.h"
#include "source/admin.h"

#define JOB_BYTES (128UL * 1024)

struct gathering {
	const char *source;
	json_t *jobs;
};

static ATTR_MUST_CHECK enum err_code add_job(void *ctx, const struct backfill_job *job,
					     struct err *e)
{
	const struct gathering *g = ctx;
	struct buf out;
	int failed = -1;

	if (job->progress.state == BACKFILL_DONE || job->progress.state == BACKFILL_CANCELLED)
		return ERR_OK;
	buf_init(&out, JOB_BYTES);
	backfill_view_json(&out, g->source, job);
	if (buf_error(&out) == ERR_OK)
		failed =
			json_array_append_new(g->jobs, json_loadb(buf_str(&out), out.len, 0, NULL));
	buf_done(&out);
	return failed ? err_set(e, ERR_NOMEM, "no memory for a job") : ERR_OK;
}

enum err_code backfill_status_add(const struct settings *s, size_t source, json_t *jobs,
				  struct err *e)
{
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);
	struct gathering g = {.source = s->sources[source].name, .jobs = jobs};
	enum err_code code;

	if (!ops || !ops->backfill_list)
		return ERR_OK;
	code = ops->backfill_list(s, source, 0, add_job, &g, e);
	return code == ERR_NOT_FOUND || code == ERR_DENIED ? ERR_OK : code;
}

void backfill_status_print(const json_t *jobs)
{
	const json_t *job, *estimate;
	const char *error;
	size_t i;

	if (json_array_size(jobs))
		(void)puts("backfills:");
	for (i = 0; i < json_array_size(jobs); i++) {
		job = json_array_get(jobs, i);
		estimate = json_object_get(job, "rows_estimate");
		error = json_string_value(json_object_get(job, "error"));
		(void)printf("  %-14s backfill %lld of %s is %s: %lld rows",
			     json_string_value(json_object_get(job, "pipeline")),
			     (long long)json_integer_value(json_object_get(job, "id")),
			     json_string_value(json_object_get(job, "table")),
			     json_string_value(json_object_get(job, "state")),
			     (long long)json_integer_value(json_object_get(job, "rows_done")));
		if (json_is_integer(estimate))
			(void)printf(" of about %lld", (long long)json_integer_value(estimate));
		(void)printf("%s%s\n", error ? ": " : "", error ? error : "");
	}
}
