/* SPDX-License-Identifier: MIT */
/* How old dead letters are removed, from PostgreSQL; without a server it fails. */
#define TEST_ONLY LAB_POSTGRES
#include "../contract/test_source_purge.c"
