/* SPDX-License-Identifier: MIT */
/* The contract of sources, for PostgreSQL; without a server it fails. */
#define TEST_POSTGRES_ONLY
#include "../contract/test_source.c"
