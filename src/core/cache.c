/* SPDX-License-Identifier: MIT */
/*
 * A hash table whose entries stand in two queues: by last use and by age. Both ends that matter are
 * at hand, so nothing is searched for.
 */
#include "core/cache.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "core/lanes.h"

#define HASH_SEED 0x63616368
#define SLOTS_MAX 65536
/* Of each of the queues, in one call: the rest waits for the next. */
#define TIDY_MAX 16

enum queue { QUEUE_USE, QUEUE_AGE, QUEUE_COUNT };

struct link {
	struct entry *older;
	struct entry *newer;
};

struct entry {
	struct entry *next; /* in its slot */
	struct link links[QUEUE_COUNT];
	uint64_t hash;
	int64_t put_us;
	int64_t used_us;
	size_t key_len;
	size_t size;
	char bytes[]; /* key, value */
};

struct cache {
	struct mutex lock;
	struct cache_options o;
	struct entry **slots;
	size_t slot_count; /* a power of two */
	struct entry *oldest[QUEUE_COUNT];
	struct entry *newest[QUEUE_COUNT];
	struct cache_stats stats;
};

enum err_code cache_new(const struct cache_options *o, struct cache **ret_c, struct err *e)
{
	struct cache *c = mem_calloc(1, sizeof(*c));

	assert(o->max_entries && o->ttl_us > 0 && o->idle_us > 0);
	if (!c)
		return err_set(e, ERR_NOMEM, "no memory for a cache");
	c->o = *o;
	for (c->slot_count = 16; c->slot_count < o->max_entries && c->slot_count < SLOTS_MAX;)
		c->slot_count *= 2;
	c->slots = mem_calloc(c->slot_count, sizeof(struct entry *));
	if (!c->slots) {
		mem_free(c);
		return err_set(e, ERR_NOMEM, "no memory for a cache");
	}
	mutex_init(&c->lock);
	*ret_c = c;
	return ERR_OK;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	cache_clear(c);
	mutex_done(&c->lock);
	mem_free(c->slots);
	mem_free(c);
}

/* ---- the two queues ---- */

static void queue_add(struct cache *c, enum queue q, struct entry *n)
{
	n->links[q] = (struct link){c->newest[q], NULL};
	if (c->newest[q])
		c->newest[q]->links[q].newer = n;
	else
		c->oldest[q] = n;
	c->newest[q] = n;
}

static void queue_remove(struct cache *c, enum queue q, const struct entry *n)
{
	const struct link *l = &n->links[q];

	if (l->older)
		l->older->links[q].newer = l->newer;
	else
		c->oldest[q] = l->newer;
	if (l->newer)
		l->newer->links[q].older = l->older;
	else
		c->newest[q] = l->older;
}

/* ---- entries ---- */

static size_t cost(size_t key_len, size_t size)
{
	return sizeof(struct entry) + key_len + size;
}

static struct entry **find_locked(struct cache *c, struct text key, uint64_t hash)
{
	struct entry **at = &c->slots[hash & (c->slot_count - 1)];

	while (*at && ((*at)->hash != hash || (*at)->key_len != key.len ||
		       memcmp((*at)->bytes, key.s, key.len) != 0))
		at = &(*at)->next;
	return at;
}

/* Take n out and free it; *counter tells why. */
static void remove_locked(struct cache *c, struct entry *n, int64_t *counter)
{
	struct entry **at = &c->slots[n->hash & (c->slot_count - 1)];
	size_t bytes = cost(n->key_len, n->size);

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	queue_remove(c, QUEUE_USE, n);
	queue_remove(c, QUEUE_AGE, n);
	c->stats.entries--;
	c->stats.bytes -= (int64_t)bytes;
	budget_release(c->o.budget, BUDGET_CACHE, bytes);
	if (counter)
		++*counter;
	mem_free(n);
}

static void clear_locked(struct cache *c)
{
	while (c->oldest[QUEUE_AGE])
		remove_locked(c, c->oldest[QUEUE_AGE], &c->stats.cleared);
}

static void tidy_locked(struct cache *c, int64_t now_us, size_t most)
{
	struct entry *n;
	size_t i;

	if (budget_pauses(c->o.budget))
		clear_locked(c);
	for (i = 0; i < most && (n = c->oldest[QUEUE_AGE]) && now_us - n->put_us >= c->o.ttl_us;
	     i++)
		remove_locked(c, n, &c->stats.expired);
	for (i = 0; i < most && (n = c->oldest[QUEUE_USE]) && now_us - n->used_us >= c->o.idle_us;
	     i++)
		remove_locked(c, n, &c->stats.idled);
}

/* ---- the calls ---- */

bool cache_get(struct cache *c, struct text key, int64_t now_us, void *value, size_t size)
{
	uint64_t hash = lanes_hash(HASH_SEED, key);
	struct entry *n;
	bool found = false;

	mutex_lock(&c->lock);
	tidy_locked(c, now_us, TIDY_MAX);
	n = *find_locked(c, key, hash);
	if (n && now_us - n->put_us >= c->o.ttl_us)
		remove_locked(c, n, &c->stats.expired);
	else if (n && now_us - n->used_us >= c->o.idle_us)
		remove_locked(c, n, &c->stats.idled);
	else if (n && n->size == size)
		found = true;
	if (found) {
		memcpy(value, n->bytes + n->key_len, size);
		n->used_us = now_us;
		queue_remove(c, QUEUE_USE, n);
		queue_add(c, QUEUE_USE, n);
	}
	c->stats.hits += found;
	c->stats.misses += !found;
	mutex_unlock(&c->lock);
	return found;
}

static struct entry *entry_new(struct text key, const void *value, size_t size)
{
	struct entry *n = mem_alloc(cost(key.len, size));

	if (!n)
		return NULL;
	n->key_len = key.len;
	n->size = size;
	memcpy(n->bytes, key.s, key.len);
	memcpy(n->bytes + key.len, value, size);
	return n;
}

static void add_locked(struct cache *c, struct entry *n, int64_t now_us)
{
	struct entry **slot = &c->slots[n->hash & (c->slot_count - 1)];

	n->put_us = n->used_us = now_us;
	n->next = *slot;
	*slot = n;
	queue_add(c, QUEUE_USE, n);
	queue_add(c, QUEUE_AGE, n);
	c->stats.entries++;
	c->stats.bytes += (int64_t)cost(n->key_len, n->size);
}

void cache_put(struct cache *c, struct text key, const void *value, size_t size, int64_t now_us)
{
	const size_t bytes = cost(key.len, size);
	struct entry *n, *old;

	mutex_lock(&c->lock);
	tidy_locked(c, now_us, TIDY_MAX);
	old = *find_locked(c, key, lanes_hash(HASH_SEED, key));
	if (old)
		remove_locked(c, old, NULL);
	while (c->oldest[QUEUE_USE] && (c->stats.entries >= (int64_t)c->o.max_entries ||
					(size_t)c->stats.bytes + bytes > c->o.max_bytes))
		remove_locked(c, c->oldest[QUEUE_USE], &c->stats.evicted);
	if (bytes <= c->o.max_bytes && !budget_pauses(c->o.budget) &&
	    budget_take(c->o.budget, BUDGET_CACHE, bytes)) {
		n = entry_new(key, value, size);
		if (n) {
			n->hash = lanes_hash(HASH_SEED, key);
			add_locked(c, n, now_us);
		} else {
			budget_release(c->o.budget, BUDGET_CACHE, bytes);
		}
	}
	mutex_unlock(&c->lock);
}

void cache_clear(struct cache *c)
{
	mutex_lock(&c->lock);
	clear_locked(c);
	mutex_unlock(&c->lock);
}

void cache_tidy(struct cache *c, int64_t now_us)
{
	mutex_lock(&c->lock);
	tidy_locked(c, now_us, SIZE_MAX);
	mutex_unlock(&c->lock);
}

struct cache_stats cache_stats(struct cache *c)
{
	struct cache_stats s;

	mutex_lock(&c->lock);
	s = c->stats;
	mutex_unlock(&c->lock);
	return s;
}
