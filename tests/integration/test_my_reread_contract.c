/* SPDX-License-Identifier: MIT */
/* Rows that are left and read again, from MySQL and MariaDB; without a server it fails. */
#define TEST_ONLY LAB_MYSQL
#include "../contract/test_source_reread.c"
