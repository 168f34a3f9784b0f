/* SPDX-License-Identifier: MIT */
/*
 * Watches every allocation of the process, whoever makes it, libraries included, that is as large
 * as payload, and compares the sum of those with what the memory budget has charged, at each of
 * them. For tests that prove that nothing holds payload outside the budget.
 *
 * Under a sanitizer by its hooks; otherwise the malloc in here takes the place of libc's. So this
 * is all in a header, for the one file of a test that wants it. Nothing in here may allocate. Who
 * was counted stands in a table, because what was allocated before the start may be freed after it.
 */
#ifndef SUPPORT_PAYLOAD_WATCH_H
#define SUPPORT_PAYLOAD_WATCH_H

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/budget.h"

struct payload_watch_stats {
	int64_t samples;      /* allocations looked at */
	size_t now_bytes;     /* allocated since the start and not freed */
	size_t peak_bytes;    /* the most of that */
	size_t excess_bytes;  /* the most that was allocated beyond what was charged */
	size_t charged_bytes; /* what was charged then */
	size_t size_bytes;    /* of the allocation that made it so */
};

/* a power of 2, and many more than there are large blocks at one time */
#define PAYLOAD_SLOTS 65536
#define PAYLOAD_GONE 1

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PAYLOAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PAYLOAD_SANITIZED 1
#endif

static struct {
	uintptr_t p;
	size_t size;
} payload_slots[PAYLOAD_SLOTS];
static atomic_flag payload_locked = ATOMIC_FLAG_INIT;
static atomic_bool payload_watching;
static atomic_size_t payload_least;
static const struct budget *payload_budget;
static struct payload_watch_stats payload_stats;

static void payload_lock(void)
{
	while (atomic_flag_test_and_set_explicit(&payload_locked, memory_order_acquire))
		;
}

static void payload_unlock(void)
{
	atomic_flag_clear_explicit(&payload_locked, memory_order_release);
}

static size_t payload_slot_of(uintptr_t p)
{
	return (size_t)((p >> 4) * 0x9e3779b97f4a7c15ULL >> 32) % PAYLOAD_SLOTS;
}

static void payload_note_locked(uintptr_t p, size_t size)
{
	size_t i = payload_slot_of(p), tried, charged;

	for (tried = 0; payload_slots[i].p && payload_slots[i].p != PAYLOAD_GONE;
	     i = (i + 1) % PAYLOAD_SLOTS)
		assert(++tried < PAYLOAD_SLOTS);
	payload_slots[i].p = p;
	payload_slots[i].size = size;
	payload_stats.samples++;
	payload_stats.now_bytes += size;
	if (payload_stats.now_bytes > payload_stats.peak_bytes)
		payload_stats.peak_bytes = payload_stats.now_bytes;
	charged = budget_stats(payload_budget).used_bytes;
	if (payload_stats.now_bytes > charged &&
	    payload_stats.now_bytes - charged > payload_stats.excess_bytes) {
		payload_stats.excess_bytes = payload_stats.now_bytes - charged;
		payload_stats.charged_bytes = charged;
		payload_stats.size_bytes = size;
	}
}

static void payload_forget_locked(uintptr_t p)
{
	size_t i = payload_slot_of(p), tried;

	for (tried = 0; payload_slots[i].p && tried < PAYLOAD_SLOTS;
	     tried++, i = (i + 1) % PAYLOAD_SLOTS) {
		if (payload_slots[i].p != p)
			continue;
		payload_stats.now_bytes -= payload_slots[i].size;
		payload_slots[i].p = PAYLOAD_GONE;
		return;
	}
}

static void payload_on_malloc(const volatile void *p, size_t size)
{
	if (!atomic_load(&payload_watching) || !p || size < atomic_load(&payload_least))
		return;
	payload_lock();
	payload_note_locked((uintptr_t)p, size);
	payload_unlock();
}

static void payload_on_free(const volatile void *p)
{
	if (!atomic_load(&payload_watching) || !p)
		return;
	payload_lock();
	payload_forget_locked((uintptr_t)p);
	payload_unlock();
}

#ifdef PAYLOAD_SANITIZED

/* sanitizer/allocator_interface.h */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
					      void (*free_hook)(const volatile void *));

static void payload_install(void)
{
	static bool done;

	if (!done)
		assert(__sanitizer_install_malloc_and_free_hooks(payload_on_malloc,
								 payload_on_free) > 0);
	done = true;
}

#else

/* glibc, malloc/malloc.c: what its malloc is an alias of. Replacing all of them is allowed: glibc
 * manual, "Replacing malloc". */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

void *malloc(size_t size)
{
	void *p = __libc_malloc(size);

	payload_on_malloc(p, size);
	return p;
}

void *calloc(size_t count, size_t size)
{
	void *p = __libc_calloc(count, size);

	payload_on_malloc(p, count * size);
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p;

	payload_on_free(old);
	p = __libc_realloc(old, size);
	payload_on_malloc(p, size);
	return p;
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
	void *p = __libc_memalign(alignment, size);

	payload_on_malloc(p, size);
	return p;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret_p, size_t alignment, size_t size)
{
	*ret_p = memalign(alignment, size);
	return *ret_p ? 0 : ENOMEM;
}

void free(void *p)
{
	payload_on_free(p);
	__libc_free(p);
}

static void payload_install(void)
{
}

#endif

/* From now on, allocations of at least least_bytes; one watch at a time. b is a loan. */
static inline void payload_watch_start(const struct budget *b, size_t least_bytes)
{
	assert(!atomic_load(&payload_watching));
	payload_install();
	memset(payload_slots, 0, sizeof(payload_slots));
	payload_stats = (struct payload_watch_stats){0};
	payload_budget = b;
	atomic_store(&payload_least, least_bytes);
	atomic_store(&payload_watching, true);
}

static inline struct payload_watch_stats payload_watch_stop(void)
{
	struct payload_watch_stats s;

	atomic_store(&payload_watching, false);
	payload_lock();
	s = payload_stats;
	payload_unlock();
	return s;
}

#endif
