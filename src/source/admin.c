/* SPDX-License-Identifier: MIT */
#include "source/admin.h"

#include "source/my_backfill.h"
#include "source/my_check.h"
#include "source/my_dead_letter.h"
#include "source/my_install.h"
#include "source/my_webhook.h"
#include "source/pg_backfill.h"
#include "source/pg_check.h"
#include "source/pg_dead_letter.h"
#include "source/pg_install.h"
#include "source/pg_webhook.h"

const struct source_admin_ops source_admin_postgres = {
	.type = "postgres",
	.install = pg_install,
	.uninstall = pg_uninstall,
	.check = pg_check,
	.status = pg_status,
	.standing_decide = pg_standing_decide,
	.dead_letter_list = pg_dead_letter_list,
	.dead_letter_replay = pg_dead_letter_replay,
	.dead_letter_purge = pg_dead_letter_purge,
	.backfill_create = pg_backfill_create,
	.backfill_list = pg_backfill_list,
	.backfill_decide = pg_backfill_decide,
};

const struct source_admin_ops source_admin_mysql = {
	.type = "mysql",
	.install = my_install,
	.uninstall = my_uninstall,
	.check = my_check,
	.status = my_status,
	.standing_decide = my_standing_decide,
	.dead_letter_list = my_dead_letter_list,
	.dead_letter_replay = my_dead_letter_replay,
	.dead_letter_purge = my_dead_letter_purge,
	.backfill_create = my_backfill_create,
	.backfill_list = my_backfill_list,
	.backfill_decide = my_backfill_decide,
};

enum finding_level source_admin_needs_parked(const struct settings *s, size_t source)
{
	size_t i;

	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].source == source && s->webhook_count &&
		    s->webhooks[s->pipelines[i].webhook].retry_schedule.count)
			return FINDING_FAIL;
	return FINDING_WARN;
}

enum finding_level source_admin_needs_delivered(const struct settings *s, size_t source)
{
	size_t i;

	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].source == source && s->pipelines[i].retain_us)
			return FINDING_FAIL;
	return FINDING_WARN;
}

bool source_admin_takes_events(const struct settings *s, size_t source)
{
	size_t i;

	for (i = 0; i < s->inlet_count; i++)
		if (s->inlets[i].source == source)
			return true;
	return false;
}

const struct source_admin_ops *source_admin_find(enum source_type type)
{
	switch (type) {
	case SOURCE_POSTGRES:
		return &source_admin_postgres;
	case SOURCE_MYSQL:
		return &source_admin_mysql;
	case SOURCE_SQLITE:
		return &source_admin_sqlite;
	case SOURCE_HTTP:
		return &source_admin_http;
	case SOURCE_FAKE:
		break;
	}
	return NULL;
}
