/* SPDX-License-Identifier: MIT */
/* The contract of sources, for PostgreSQL; without a server it fails. */
#define TEST_ONLY LAB_POSTGRES
#include "../contract/test_source.c"
