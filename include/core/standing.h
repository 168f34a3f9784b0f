/* SPDX-License-Identifier: MIT */
/*
 * What of a webhook has to outlive the daemon: whether it is disabled, and since when nothing was
 * delivered to it. It is kept in every database whose changes the webhook gets, once for each
 * pipeline; source and sink, which are blind to each other, share a box for it:
 *
 *     sink    ──failed, delivered, decide──►  ┌─────┐ ──get───►  source: writes it down
 *             ◄───────on_told───────────────  │ box │ ◄──tell──  source: what it has read
 *                                             └─────┘
 *
 * Of two that differ the one that was decided later is right: the other may be of a daemon that was
 * active before, or of a database that could not be reached when an operator decided.
 */
#ifndef CORE_STANDING_H
#define CORE_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define STANDING_NAME_BYTES 48
#define STANDING_REASON_BYTES 200
#define STANDING_BY_OPERATOR "disabled by an operator"

struct standing {
	char webhook[STANDING_NAME_BYTES]; /* whose it is */
	bool disabled;
	int64_t since_wall_us;   /* when that was decided; 0: never */
	int64_t failing_wall_us; /* attempts fail and nothing is delivered; 0: all is well */
	char reason[STANDING_REASON_BYTES]; /* why it is disabled, ASCII; "" */
};

/* All but whose they are. */
bool standing_is_equal(const struct standing *a, const struct standing *b);

/* kept, which a database has, put together with mine: disabled or not as was decided later; what is
 * of another webhook, as its pipeline had another one, says nothing. news: mine has what was never
 * written there, so that it also knows better what fails. */
struct standing standing_merge(const struct standing *kept, const struct standing *mine, bool news);

/* Make s, which an operator decides, later than what a database has, whatever the clocks say. */
void standing_supersede(struct standing *s, const struct standing *kept);

struct standing_box;

/* Of the webhook called name. limit_us: so long an outage is too long, 0: none is; gap_us:
 * core/outage.h. Errors: ERR_NOMEM. */
enum err_code standing_box_new(const char *name, int64_t limit_us, int64_t gap_us,
			       struct standing_box **ret_box, struct err *e) ATTR_MUST_CHECK;
void standing_box_free(struct standing_box *box);

typedef void (*standing_fn)(void *ctx);

/* Both before any other thread knows of box. Called without a lock, by the thread that made a
 * change: on_changed after each, on_told after those that a database told of, before on_changed. */
void standing_box_on_changed(struct standing_box *box, standing_fn fn, void *ctx);
void standing_box_on_told(struct standing_box *box, standing_fn fn, void *ctx);

/* The rest from any thread. */

/* An attempt failed. Returns whether the outage is too long now. */
bool standing_box_failed(struct standing_box *box, int64_t now_us, int64_t wall_us);
/* ... or was delivered: cheap while all is well. */
void standing_box_delivered(struct standing_box *box);

/* It is disabled, or enabled, from wall_us on; reason is NULL when it is enabled. What failed
 * before counts no more. */
void standing_box_decide(struct standing_box *box, bool disabled, int64_t wall_us,
			 const char *reason);

/* The present value; returns its version, which differs after each change. 0: nobody has said
 * anything yet. */
uint64_t standing_box_get(struct standing_box *box, struct standing *ret_s);

/* The version alone; cheap. */
uint64_t standing_box_version(const struct standing_box *box);

struct standing_told {
	struct standing standing;
	uint64_t version; /* of the box when the database was asked */
	int64_t now_us;
	int64_t wall_us;
};

/* A database knows better: the value from now on, unless it changed meanwhile. Returns the version
 * after that, 0 when it was not taken. */
uint64_t standing_box_tell(struct standing_box *box, const struct standing_told *t);

#endif
