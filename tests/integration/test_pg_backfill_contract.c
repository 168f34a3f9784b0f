/* SPDX-License-Identifier: MIT */
/* How rows that are there already are read, from PostgreSQL; without a server it fails. */
#define TEST_ONLY SOURCE_POSTGRES
#include "../contract/test_source_backfill.c"
