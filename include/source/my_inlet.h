/* SPDX-License-Identifier: MIT */
/*
 * Pushed events in MySQL or MariaDB: the table of idempotency keys, in databases that events are
 * pushed into.
 */
#ifndef SOURCE_MY_INLET_H
#define SOURCE_MY_INLET_H

#include "base/buf.h"
#include "source/my_schema.h"

#define MY_INGEST_KEY MY_PREFIX "ingest_key"

/* CREATE TABLE IF NOT EXISTS ..., as the builders of source/my_schema.h. */
void my_inlet_create(struct buf *out, const char *database);

#endif
