/* SPDX-License-Identifier: MIT */
/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
#include "base/random.h"

#include <sys/random.h>

#include "base/clock.h"

void random_init_seed(struct random *r, uint64_t seed)
{
	r->state = seed;
}

void random_init(struct random *r)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed = (uint64_t)clock_now_us(clock_system()) ^ (uint64_t)(uintptr_t)r;
	random_init_seed(r, seed);
}

uint64_t random_u64(struct random *r)
{
	uint64_t z = (r->state += 0x9E3779B97F4A7C15ULL);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

uint64_t random_below(struct random *r, uint64_t bound)
{
	/* the modulo bias is below 2^-40 for every bound a delay can have */
	return bound ? random_u64(r) % bound : 0;
}
