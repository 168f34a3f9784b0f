/* SPDX-License-Identifier: MIT */
/*
 * Where an event belongs among those parked: hashes of names and keys, which are kept in the
 * database and so never change, on no machine and in no version.
 */
#ifndef CORE_PARKED_PLACE_H
#define CORE_PARKED_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"

struct parked_place {
	uint64_t row[2]; /* schema, table, key; and the old key when it differs, else 0. A TRUNCATE
			    has none. No key at all is a key as well. */
	uint64_t table;  /* schema, table; never 0 */
	bool truncate;
};

struct parked_place parked_place_of(const struct event_fields *f);

#endif
