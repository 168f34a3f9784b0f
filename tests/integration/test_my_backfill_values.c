/* SPDX-License-Identifier: MIT */
/* Which rows a backfill reads from MySQL and MariaDB; without a server it fails. */
#define TEST_ONLY SOURCE_MYSQL
#include "../contract/test_source_backfill_values.c"
