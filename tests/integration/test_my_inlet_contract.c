/* SPDX-License-Identifier: MIT */
/* What an inlet does, into MariaDB; without a server it fails. */
#define TEST_ONLY LAB_MYSQL
#include "../contract/test_inlet.c"
