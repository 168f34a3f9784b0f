/* SPDX-License-Identifier: MIT */
#include "core/tenants.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "core/lanes.h"

#define OTHER "other"
#define BUCKETS 8192UL
#define LOOKED_AT_MAX 64 /* for a place to give away */
/* Quotas of small rings are at least this, or a quarter. */
#define EVENTS_MIN 16UL
#define BYTES_MIN 65536UL

struct tenants {
	size_t capacity;
	size_t max_bytes;
	int64_t quota;
	uint64_t seed;
	size_t max; /* of places, `other` not counted */
	size_t used;
	struct share all;
	struct tenant *places; /* [0] is `other` */
	struct tenant *buckets[BUCKETS];
	struct tenant *newest;
	struct tenant *oldest;

	struct mutex lock; /* of names, for tenants_stats, and of what follows */
	int64_t gone_taken;
	int64_t gone_left;
};

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- quotas ---- */

static size_t part(size_t whole, int64_t quota, size_t least)
{
	size_t floor = max_size(min_size(least, whole / 4), 1);

	return max_size(whole / TENANT_QUOTA_WHOLE * (size_t)quota +
				whole % TENANT_QUOTA_WHOLE * (size_t)quota / TENANT_QUOTA_WHOLE,
			floor);
}

static void set_quota(const struct tenants *t, struct tenant *one, int64_t quota)
{
	one->quota_events = part(t->capacity, quota, EVENTS_MIN);
	one->quota_bytes = part(t->max_bytes, quota, BYTES_MIN);
	one->share.step = TENANT_QUOTA_WHOLE * 100 / quota;
}

size_t tenants_half_events(const struct tenants *t)
{
	return t->capacity / 2;
}

size_t tenants_half_bytes(const struct tenants *t)
{
	return t->max_bytes / 2;
}

struct share *tenants_all(struct tenants *t)
{
	return &t->all;
}

/* ---- names ---- */

static uint64_t hash_name(const struct tenants *t, struct text name)
{
	return lanes_hash(t->seed, name);
}

/* The most recently used one stands in front. */
static void use_unlink(struct tenants *t, struct tenant *one)
{
	if (one->newer)
		one->newer->older = one->older;
	else
		t->newest = one->older;
	if (one->older)
		one->older->newer = one->newer;
	else
		t->oldest = one->newer;
	one->newer = one->older = NULL;
}

static void use_front(struct tenants *t, struct tenant *one)
{
	one->newer = NULL;
	one->older = t->newest;
	if (t->newest)
		t->newest->newer = one;
	else
		t->oldest = one;
	t->newest = one;
}

static void unchain(struct tenants *t, const struct tenant *one)
{
	struct tenant **at = &t->buckets[one->hash % BUCKETS];

	while (*at != one)
		at = &(*at)->chain;
	*at = one->chain;
}

/* How much of name may be kept: whole characters. */
static size_t name_cut(struct text name)
{
	size_t len = 0, n;

	while (len < name.len) {
		n = utf8_length(name.s + len, name.len - len);
		if (!n || len + n > TENANT_NAME_BYTES)
			break;
		len += n;
	}
	return len;
}

/* Give one to a tenant of that name; it has nothing inside and nothing left behind. */
static void settle_in(struct tenants *t, struct tenant *one, struct text name, uint64_t hash,
		      int64_t quota)
{
	size_t len = name_cut(name);

	mutex_lock(&t->lock);
	t->gone_taken += atomic_exchange(&one->taken, 0);
	t->gone_left += atomic_exchange(&one->left, 0);
	if (len && name.s)
		memcpy(one->name, name.s, len);
	one->name[len] = '\0';
	one->hash = hash;
	mutex_unlock(&t->lock);
	one->share.all = &t->all;
	one->share.turn = 0;
	set_quota(t, one, quota);
	one->chain = t->buckets[hash % BUCKETS];
	t->buckets[hash % BUCKETS] = one;
	use_front(t, one);
}

static bool is_idle(struct tenant *one)
{
	return !one->is_named && !one->from && atomic_load(&one->share.events) == 0;
}

/* A place that nobody needs; NULL: there is none. */
static struct tenant *find_place(struct tenants *t)
{
	struct tenant *one;
	size_t looked = 0;

	if (t->used < t->max) {
		mutex_lock(&t->lock);
		one = &t->places[++t->used];
		one->index = (uint16_t)(t->used + 1);
		mutex_unlock(&t->lock);
		return one;
	}
	for (one = t->oldest; one && looked < LOOKED_AT_MAX; one = one->newer, looked++) {
		if (!is_idle(one))
			continue;
		use_unlink(t, one);
		unchain(t, one);
		return one;
	}
	return NULL;
}

struct tenant *tenants_find(struct tenants *t, struct text name)
{
	uint64_t hash = hash_name(t, name);
	struct tenant *one = t->buckets[hash % BUCKETS];

	while (one && one->hash != hash)
		one = one->chain;
	if (one) {
		use_unlink(t, one);
		use_front(t, one);
		return one;
	}
	one = t->places[0].from ? NULL : find_place(t);
	if (!one)
		return &t->places[0];
	settle_in(t, one, name, hash, t->quota);
	return one;
}

struct tenant *tenants_at(struct tenants *t, uint16_t index)
{
	return index >= 1 && index <= t->used + 1 ? &t->places[index - 1] : NULL;
}

/* ---- new and free ---- */

static ATTR_MUST_CHECK enum err_code make_places(struct tenants *t, const struct tenants_options *o,
						 struct err *e)
{
	struct tenant *one;
	size_t i;

	t->places = mem_calloc(t->max + 1, sizeof(*t->places));
	if (!t->places)
		return err_set(e, ERR_NOMEM, "no memory for tenants");
	one = &t->places[0];
	one->index = 1;
	one->share.all = &t->all;
	set_quota(t, one, t->quota);
	for (i = 0; i < o->named_count; i++) {
		struct text name = text_of(o->named[i].name);

		one = find_place(t);
		assert(one);
		settle_in(t, one, name, hash_name(t, name), o->named[i].quota);
		one->is_named = true;
	}
	return ERR_OK;
}

enum err_code tenants_new(const struct tenants_options *o, struct tenants **ret_t, struct err *e)
{
	struct tenants *t = mem_calloc(1, sizeof(*t));
	struct random random;
	enum err_code code;

	assert(o->quota >= 1 && o->named_count <= TENANTS_MAX);
	if (!t)
		return err_set(e, ERR_NOMEM, "no memory for tenants");
	random_init(&random);
	mutex_init(&t->lock);
	t->seed = random_u64(&random);
	t->capacity = o->capacity;
	t->max_bytes = o->max_bytes;
	t->quota = o->quota;
	t->max = min_size(o->max + o->named_count, TENANTS_MAX);
	code = make_places(t, o, e);
	if (code != ERR_OK) {
		tenants_free(t);
		return code;
	}
	*ret_t = t;
	return ERR_OK;
}

void tenants_free(struct tenants *t)
{
	if (!t)
		return;
	mem_free(t->places);
	mutex_done(&t->lock);
	mem_free(t);
}

/* ---- statistics ---- */

static struct tenant_stats stats_of(struct tenant *one)
{
	struct tenant_stats st = {.taken = atomic_load(&one->taken),
				  .left = atomic_load(&one->left),
				  .inside = (int64_t)atomic_load(&one->share.events)};

	(void)memcpy(st.name, one->name, sizeof(st.name));
	return st;
}

static int64_t use_of(const struct tenant_stats *st)
{
	return st->taken + st->left;
}

static void add_up(struct tenant_stats *sum, const struct tenant_stats *st)
{
	sum->taken += st->taken;
	sum->left += st->left;
	sum->inside += st->inside;
}

/* Into the list of the first few, or what falls out of it into the sum of others. */
static void tell(struct tenants_stats *ret_st, struct tenant_stats st)
{
	size_t i;

	if (strcmp(st.name, OTHER) == 0) { /* somebody is really called so */
		add_up(&ret_st->others, &st);
		return;
	}
	for (i = 0; i < ret_st->told; i++) {
		struct tenant_stats here = ret_st->tenants[i];

		if (use_of(&st) <= use_of(&here))
			continue;
		ret_st->tenants[i] = st;
		st = here;
	}
	if (ret_st->told < TENANTS_TOLD)
		ret_st->tenants[ret_st->told++] = st;
	else
		add_up(&ret_st->others, &st);
}

void tenants_stats(struct tenants *t, struct tenants_stats *ret_st)
{
	size_t i;

	memset(ret_st, 0, sizeof(*ret_st));
	mutex_lock(&t->lock);
	ret_st->known = t->used;
	ret_st->others = stats_of(&t->places[0]);
	(void)memcpy(ret_st->others.name, OTHER, sizeof(OTHER));
	ret_st->others.taken += t->gone_taken;
	ret_st->others.left += t->gone_left;
	for (i = 1; i <= t->used; i++)
		tell(ret_st, stats_of(&t->places[i]));
	mutex_unlock(&t->lock);
}
