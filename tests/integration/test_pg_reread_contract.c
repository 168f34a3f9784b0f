/* SPDX-License-Identifier: MIT */
/* Rows that are left and read again, from PostgreSQL; without a server it fails. */
#define TEST_ONLY LAB_POSTGRES
#include "../contract/test_source_reread.c"
