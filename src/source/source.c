/* SPDX-License-Identifier: MIT */
#include "source/source.h"

const struct source_status source_status_unknown = {
	.outbox_rows = -1, .dead_rows = -1, .dead_letters = -1, .parked = -1};

const struct source_ops *source_find(enum source_type type)
{
	switch (type) {
	case SOURCE_POSTGRES:
		return &source_postgres;
	case SOURCE_MYSQL:
		return &source_mysql;
	case SOURCE_FAKE:
		return &source_fake;
	case SOURCE_SQLITE:
	case SOURCE_HTTP:
		return &source_sqlite;
	}
	return NULL;
}
