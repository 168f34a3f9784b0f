/* SPDX-License-Identifier: MIT */
/* The contract of sources that park, for PostgreSQL; without a server it fails. */
#define TEST_ONLY LAB_POSTGRES
#include "../contract/test_source_parked.c"
