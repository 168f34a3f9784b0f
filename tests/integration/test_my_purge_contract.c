/* SPDX-License-Identifier: MIT */
/* How old dead letters are removed, from MySQL and MariaDB; without a server it fails. */
#define TEST_ONLY LAB_MYSQL
#include "../contract/test_source_purge.c"
