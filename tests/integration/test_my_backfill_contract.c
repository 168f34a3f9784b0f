/* SPDX-License-Identifier: MIT */
/* How rows that are there already are read, from MySQL and MariaDB; without a server it fails. */
#define TEST_ONLY SOURCE_MYSQL
#include "../contract/test_source_backfill.c"
