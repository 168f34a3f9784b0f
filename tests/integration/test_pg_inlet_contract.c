/* SPDX-License-Identifier: MIT */
/* What an inlet does, into PostgreSQL; without a server it fails. */
#define TEST_ONLY LAB_POSTGRES
#include "../contract/test_inlet.c"
