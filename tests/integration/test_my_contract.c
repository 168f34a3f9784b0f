/* SPDX-License-Identifier: MIT */
/* The contract of sources, for MySQL and MariaDB; without a server it fails. */
#define TEST_ONLY LAB_MYSQL
#include "../contract/test_source.c"
