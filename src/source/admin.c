/* SPDX-License-Identifier: MIT */
#include "source/admin.h"

#include "source/pg_check.h"
#include "source/pg_dead_letter.h"
#include "source/pg_install.h"

const struct source_admin_ops source_admin_postgres = {
	.type = "postgres",
	.install = pg_install,
	.uninstall = pg_uninstall,
	.check = pg_check,
	.status = pg_status,
	.dead_letter_list = pg_dead_letter_list,
	.dead_letter_replay = pg_dead_letter_replay,
	.dead_letter_purge = pg_dead_letter_purge,
};

const struct source_admin_ops *source_admin_find(enum source_type type)
{
	switch (type) {
	case SOURCE_POSTGRES:
		return &source_admin_postgres;
	case SOURCE_SQLITE:
		return &source_admin_sqlite;
	case SOURCE_MYSQL:
	case SOURCE_FAKE:
		break;
	}
	return NULL;
}
