/* SPDX-License-Identifier: MIT */
/* Which rows a backfill reads from PostgreSQL; without a server it fails. */
#define TEST_ONLY SOURCE_POSTGRES
#include "../contract/test_source_backfill_values.c"
