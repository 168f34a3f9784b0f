/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for jitter and for choosing probes: fast, seeded, not for secrets.
 * A plain value: one per owner, so no lock is needed and a test can give the seed.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;
};

/* Seeded from the system (getrandom); never fails: falls back to address and clock bits. */
void random_init(struct random *r);

/* Seeded by seed: the same sequence each time. */
void random_init_seed(struct random *r, uint64_t seed);

uint64_t random_u64(struct random *r);

/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t random_below(struct random *r, uint64_t bound);

#endif
