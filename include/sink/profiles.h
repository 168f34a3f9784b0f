/* SPDX-License-Identifier: MIT */
/*
 * Handles of curl that are not in use, per webhook, for its next requests. Internal to the HTTP
 * engine; used by its thread only.
 */
#ifndef SINK_PROFILES_H
#define SINK_PROFILES_H

#include "core/budget.h"
#include "sink/transfer.h"

/* What is charged for one handle: it, and what curl holds to read the answer. */
#define PROFILE_TRANSFER_BYTES (sizeof(struct transfer) + 16 * 1024)

struct profile;

/* sockets is to be set before the first get; budget may be. */
struct profiles {
	struct profile *first;
	struct transfer_sockets sockets;
	struct budget *budget; /* a loan; NULL: none */
};

/* A handle for webhook to, a loan until profiles_done. Errors: ERR_NOMEM, ERR_CONFIG. */
enum err_code profiles_get(struct profiles *p, const struct webhook_settings *to,
			   struct transfer **ret_t, struct err *e) ATTR_MUST_CHECK;
void profiles_put(struct transfer *t);

/* Free those that were not needed since this was last called. */
void profiles_trim(struct profiles *p);
/* All were put back. */
void profiles_done(struct profiles *p);

#endif
