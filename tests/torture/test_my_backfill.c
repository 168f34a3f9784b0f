/* SPDX-License-Identifier: MIT */
/* A backfill on MySQL and MariaDB without memory. Runs under tests/support/with-mariadb. */
#define KIND SOURCE_MYSQL
#include "test_sqlite_backfill.c"
