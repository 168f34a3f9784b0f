/* SPDX-License-Identifier: MIT */
/*
 * Which row keys have rows that were left behind in the outbox, and whose those are: so that a
 * later row of the same key, which has come to another tenant, does not pass them. Approximate to
 * one side: it may take a key for one that was left behind, never the other way round. That costs a
 * tenant some waiting and nothing else.
 *
 *     key ──hash──► 4 cells of 2 bytes: nobody, the index of a tenant, or several
 *
 * A key was left behind by tenant T only if each of its cells says T or several. Of two
 * generations, each of GUARD_ROWS rows, the older is cleared when all its rows have been taken. Up
 * to that many one key in a hundred is mistaken; behind a million rows of one tenant, half of them.
 *
 * Not thread-safe; owned by the reader's thread.
 */
#ifndef CORE_TENANT_GUARD_H
#define CORE_TENANT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GUARD_SEVERAL UINT16_MAX
#define GUARD_ROWS 200000

struct tenant_guard;

/* 8 MB of addresses, which become memory as they are used. Errors: ERR_NOMEM. */
enum err_code tenant_guard_new(struct tenant_guard **ret_g, struct err *e) ATTR_MUST_CHECK;
void tenant_guard_free(struct tenant_guard *g);

/* A row of that key and tenant (1 ... GUARD_SEVERAL - 1) was left behind; left_from: no row with a
 * lower id is. */
void tenant_guard_add(struct tenant_guard *g, uint64_t key, uint16_t tenant, int64_t id,
		      int64_t left_from);

/* Whose rows of that key may have been left behind, beside the tenant's own: 0: nobody's,
 * GUARD_SEVERAL: it is not known. */
uint16_t tenant_guard_find(const struct tenant_guard *g, uint64_t key, uint16_t tenant);

/* Nothing is left behind. */
void tenant_guard_clear(struct tenant_guard *g);

#endif
