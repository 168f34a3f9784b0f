/* SPDX-License-Identifier: MIT */
/* The contract of sources that park, for MySQL and MariaDB; without a server it fails. */
#define TEST_ONLY LAB_MYSQL
#include "../contract/test_source_parked.c"
