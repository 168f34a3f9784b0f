/* SPDX-License-Identifier: MIT */
/*
 * Two arrays of pointers. `slots` is open addressing with linear probing, at most half full, from
 * which nothing is removed: a slot goes from NULL to a label once, by compare-and-swap, and a label
 * is whole before anybody can see it. `order` has the labels as they came, for label_set_each.
 *
 * A place is reserved before a label is made, so that there are never more than max; who then finds
 * that another thread made the same label gives the place back.
 */
#include "core/label_set.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/random.h"
#include "core/lanes.h"

struct label {
	uint64_t hash;
	atomic_llong *counters;
	size_t len;
	char value[]; /* NUL-terminated; the counters are behind it */
};

/* Holds a label for ever, once it does. */
struct place {
	_Atomic(struct label *) label;
};

struct label_set {
	uint64_t seed; /* nobody outside can make values collide */
	size_t max_values;
	size_t counters;
	size_t mask;
	atomic_size_t reserved; /* places, some of labels that are not there yet */
	atomic_size_t ordered;
	struct label *other;
	struct place *slots;
	struct place *order;
};

static struct label *label_new(const struct label_set *s, uint64_t hash, struct text value)
{
	size_t head = sizeof(struct label) + value.len + 1;
	size_t align = _Alignof(atomic_llong), i;
	struct label *l;

	head = (head + align - 1) / align * align;
	l = mem_calloc(1, head + s->counters * sizeof(*l->counters));
	if (!l)
		return NULL;
	l->hash = hash;
	l->len = value.len;
	memcpy(l->value, value.s, value.len);
	l->counters = (atomic_llong *)(void *)((char *)l + head);
	for (i = 0; i < s->counters; i++)
		atomic_init(&l->counters[i], 0);
	return l;
}

enum err_code label_set_new(const struct label_set_options *o, struct label_set **ret_s,
			    struct err *e)
{
	struct label_set *s = mem_calloc(1, sizeof(*s));
	struct random random;
	size_t size = 16;

	assert(o->max_values >= 1 && o->max_values <= LABEL_SET_MAX);
	assert(o->counters >= 1 && o->counters <= LABEL_COUNTERS_MAX);
	if (!s)
		return err_set(e, ERR_NOMEM, "no memory for a set of labels");
	while (size < 2 * o->max_values)
		size *= 2;
	s->max_values = o->max_values;
	s->counters = o->counters;
	s->mask = size - 1;
	random_init(&random);
	s->seed = random_u64(&random);
	s->slots = mem_calloc(size, sizeof(*s->slots));
	s->order = mem_calloc(o->max_values, sizeof(*s->order));
	s->other = label_new(s, 0, TEXT_LIT(LABEL_OTHER));
	if (!s->slots || !s->order || !s->other) {
		label_set_free(s);
		return err_set(e, ERR_NOMEM, "no memory for a set of labels");
	}
	*ret_s = s;
	return ERR_OK;
}

void label_set_free(struct label_set *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; s->order && i < s->max_values; i++)
		mem_free(atomic_load(&s->order[i].label));
	mem_free(s->slots);
	mem_free(s->order);
	mem_free(s->other);
	mem_free(s);
}

/* The label in its slot, or NULL and the slot where it would be. */
static struct label *look(const struct label_set *s, uint64_t hash, struct text value, size_t *at)
{
	struct label *l;

	for (;; *at = (*at + 1) & s->mask) {
		l = atomic_load_explicit(&s->slots[*at].label, memory_order_acquire);
		if (!l || (l->hash == hash && l->len == value.len &&
			   memcmp(l->value, value.s, value.len) == 0))
			return l;
	}
}

/* A new label for the slot at, or further on if that is taken meanwhile. Returns whoever has the
 * value then; NULL: there is no room. */
static struct label *make(struct label_set *s, uint64_t hash, struct text value, size_t at)
{
	struct label *mine, *there = NULL;

	if (atomic_fetch_add(&s->reserved, 1) >= s->max_values)
		goto out_release;
	mine = label_new(s, hash, value);
	if (!mine)
		goto out_release;
	do {
		struct label *none = NULL;

		there = look(s, hash, value, &at);
		if (!there && atomic_compare_exchange_strong_explicit(&s->slots[at].label, &none,
								      mine, memory_order_acq_rel,
								      memory_order_acquire)) {
			atomic_store_explicit(&s->order[atomic_fetch_add(&s->ordered, 1)].label,
					      mine, memory_order_release);
			return mine;
		}
	} while (!there);
	mem_free(mine);
out_release:
	(void)atomic_fetch_sub(&s->reserved, 1);
	return there;
}

struct label *label_set_find(struct label_set *s, struct text value)
{
	struct label *l;
	uint64_t hash;
	size_t at;

	if (!s || !value.s || !value.len || value.len > LABEL_VALUE_BYTES)
		return s ? s->other : NULL;
	/* a series of its own would have the same name */
	if (text_eq(value, TEXT_LIT(LABEL_OTHER)))
		return s->other;
	hash = lanes_hash(s->seed, value);
	at = hash & s->mask;
	l = look(s, hash, value, &at);
	/* once it is full, nobody writes to what all share */
	if (!l && atomic_load_explicit(&s->ordered, memory_order_relaxed) < s->max_values)
		l = make(s, hash, value, at);
	return l ? l : s->other;
}

void label_add(struct label *l, size_t counter, int64_t n)
{
	if (l)
		(void)atomic_fetch_add_explicit(&l->counters[counter], n, memory_order_relaxed);
}

const char *label_value(const struct label *l)
{
	return l->value;
}

int64_t label_get(const struct label *l, size_t counter)
{
	return atomic_load_explicit(&l->counters[counter], memory_order_relaxed);
}

void label_set_each(const struct label_set *s, label_fn fn, void *ctx)
{
	struct label *l;
	size_t i;

	if (!s)
		return;
	for (i = 0; i < atomic_load(&s->ordered); i++) {
		l = atomic_load_explicit(&s->order[i].label, memory_order_acquire);
		if (l) /* it may be on its way */
			fn(ctx, l);
	}
	for (i = 0; i < s->counters; i++) {
		if (label_get(s->other, i)) {
			fn(ctx, s->other);
			return;
		}
	}
}

struct label_set_stats label_set_stats(const struct label_set *s)
{
	struct label_set_stats st = {0};

	if (!s)
		return st;
	st.max_values = s->max_values;
	st.values = atomic_load(&s->ordered);
	return st;
}
