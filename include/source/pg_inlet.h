/* SPDX-License-Identifier: MIT */
/*
 * Pushed events in PostgreSQL: the table of idempotency keys beside the outbox. Every installation
 * has it, and so the grants on it.
 */
#ifndef SOURCE_PG_INLET_H
#define SOURCE_PG_INLET_H

#include "source/pg_conn.h"

#define PG_INGEST_KEY PG_SCHEMA ".ingest_key"

/* CREATE TABLE IF NOT EXISTS ... */
extern const char pg_inlet_create_sql[];

#endif
