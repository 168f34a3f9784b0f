/* SPDX-License-Identifier: MIT */
/*
 * Two tables with open addressing and linear probing, at most 3/4 full, doubled when they would be
 * more: pages by (install, n / 64 Ki), lanes by their hash. A lane whose hash is equal to
 * another's would be taken for it: with 64 bits and 10 million lanes that has a chance of 3 in a
 * million.
 */
#include "ledger.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/mem.h"

#define PAGE_IDS 65536
#define FIRST_SLOTS 1024
#define ACCEPTED 0x80
#define ATTEMPTS 0x7F

struct page {
	uint64_t key; /* 0: free slot */
	uint8_t *ids; /* ACCEPTED | number of attempts */
};

struct lane {
	uint64_t key;     /* 0: free slot */
	int64_t last;     /* highest n accepted */
	int64_t busy;     /* n of the request being answered, the latest one */
	int32_t count;    /* requests being answered */
	uint64_t request; /* of the latest one */
};

struct ledger {
	struct page *pages;
	size_t page_slots;
	size_t page_count;
	struct page *last_page; /* ids mostly come in neighbours */
	struct lane *lanes;
	size_t lane_slots;
	struct ledger_stats stats;
	uint64_t requests;
};

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xD6E8FEB86659FD93ULL;
	h ^= h >> 32;
	return h ? h : 1;
}

enum err_code ledger_new(struct ledger **ret_l, struct err *e)
{
	struct ledger *l = mem_calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ERR_NOMEM, "no memory for the ledger");
	l->page_slots = l->lane_slots = FIRST_SLOTS;
	l->pages = mem_calloc(l->page_slots, sizeof(*l->pages));
	l->lanes = mem_calloc(l->lane_slots, sizeof(*l->lanes));
	if (!l->pages || !l->lanes) {
		ledger_free(l);
		return err_set(e, ERR_NOMEM, "no memory for the ledger");
	}
	*ret_l = l;
	return ERR_OK;
}

void ledger_free(struct ledger *l)
{
	size_t i;

	if (!l)
		return;
	for (i = 0; l->pages && i < l->page_slots; i++)
		mem_free(l->pages[i].ids);
	mem_free(l->pages);
	mem_free(l->lanes);
	mem_free(l);
}

static struct page *page_slot(struct page *pages, size_t slots, uint64_t key)
{
	size_t i = mix(key) & (slots - 1);

	while (pages[i].key && pages[i].key != key)
		i = (i + 1) & (slots - 1);
	return &pages[i];
}

static struct lane *lane_slot(struct lane *lanes, size_t slots, uint64_t key)
{
	size_t i = mix(key) & (slots - 1);

	while (lanes[i].key && lanes[i].key != key)
		i = (i + 1) & (slots - 1);
	return &lanes[i];
}

static ATTR_MUST_CHECK enum err_code pages_grow(struct ledger *l)
{
	size_t slots = l->page_slots * 2, i;
	struct page *pages;

	if ((l->page_count + 1) * 4 <= l->page_slots * 3)
		return ERR_OK;
	pages = mem_calloc(slots, sizeof(*pages));
	if (!pages)
		return ERR_NOMEM;
	for (i = 0; i < l->page_slots; i++)
		if (l->pages[i].key)
			*page_slot(pages, slots, l->pages[i].key) = l->pages[i];
	mem_free(l->pages);
	l->pages = pages;
	l->page_slots = slots;
	l->last_page = NULL;
	return ERR_OK;
}

/* Room for as many lanes as one event can add. */
static ATTR_MUST_CHECK enum err_code lanes_grow(struct ledger *l)
{
	size_t slots = l->lane_slots * 2, i;
	struct lane *lanes;

	if (((size_t)l->stats.lanes + NOTICE_LANES_MAX) * 4 <= l->lane_slots * 3)
		return ERR_OK;
	lanes = mem_calloc(slots, sizeof(*lanes));
	if (!lanes)
		return ERR_NOMEM;
	for (i = 0; i < l->lane_slots; i++)
		if (l->lanes[i].key)
			*lane_slot(lanes, slots, l->lanes[i].key) = l->lanes[i];
	mem_free(l->lanes);
	l->lanes = lanes;
	l->lane_slots = slots;
	return ERR_OK;
}

static uint64_t page_key(const struct ledger_entry *t)
{
	uint64_t key = mix(t->install) + (uint64_t)(t->n / PAGE_IDS) * 0x9E3779B97F4A7C15ULL;

	return key ? key : 1;
}

/* The byte of t's id; NULL when there is no memory for its page. */
static uint8_t *id_byte(struct ledger *l, const struct ledger_entry *t)
{
	uint64_t key = page_key(t);
	struct page *p = l->last_page;

	if (!p || p->key != key) {
		if (pages_grow(l) != ERR_OK)
			return NULL;
		p = page_slot(l->pages, l->page_slots, key);
		if (!p->key) {
			p->ids = mem_calloc(PAGE_IDS, 1);
			if (!p->ids)
				return NULL;
			p->key = key;
			l->page_count++;
		}
		l->last_page = p;
	}
	return &p->ids[t->n % PAGE_IDS];
}

static struct lane *lane_find(struct ledger *l, uint64_t key)
{
	struct lane *lane;

	key = key ? key : 1;
	lane = lane_slot(l->lanes, l->lane_slots, key);
	if (!lane->key) {
		lane->key = key;
		lane->last = -1;
		l->stats.lanes++;
	}
	return lane;
}

uint64_t ledger_request(struct ledger *l)
{
	return ++l->requests;
}

void ledger_entry_init(struct ledger_entry *t, struct text id, const struct notice *n)
{
	size_t at = id.len;
	int64_t number = 0, unit = 1;

	*t = (struct ledger_entry){.n = -1};
	t->lane_count = notice_lanes(n, t->lane);
	while (at && isdigit((unsigned char)id.s[at - 1]) && id.len - at < 18) {
		number += (id.s[--at] - '0') * unit;
		unit *= 10;
	}
	if (at < 2 || at == id.len || id.s[at - 1] != '-')
		return;
	t->n = number;
	for (t->install = 0; at; at--)
		t->install = t->install * 0x100000001B3ULL + (unsigned char)id.s[at - 1] + 1;
	/* what another installation numbers is not to be compared */
	t->lane[0] ^= t->install;
	t->lane[1] ^= t->install;
}

enum err_code ledger_begin(struct ledger *l, struct ledger_entry *t, struct err *e)
{
	uint8_t *byte;
	struct lane *lane;
	int i, busy = 0;

	if (t->n < 0)
		return ERR_OK;
	byte = id_byte(l, t);
	if (!byte || lanes_grow(l) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for one more id");
	if (!*byte)
		l->stats.seen++;
	else if (!(*byte & ACCEPTED))
		l->stats.retries++;
	if ((*byte & ATTEMPTS) < ATTEMPTS)
		++*byte;
	t->attempt = *byte & ATTEMPTS;
	for (i = 0; i < t->lane_count; i++) {
		lane = lane_find(l, t->lane[i]);
		busy |= lane->count > 0 && lane->busy != t->n &&
			(!t->request || lane->request != t->request);
		lane->busy = t->n;
		lane->request = t->request;
		lane->count++;
	}
	l->stats.overlaps += busy;
	return ERR_OK;
}

enum ledger_verdict ledger_end(struct ledger *l, const struct ledger_entry *t, bool accepted)
{
	struct lane *lane;
	uint8_t *byte;
	bool first, behind = false;
	int i;

	if (t->n < 0) {
		l->stats.unknown += accepted;
		return accepted ? LEDGER_UNKNOWN : LEDGER_FAILED;
	}
	byte = id_byte(l, t);
	assert(byte && *byte); /* ledger_begin made it */
	first = accepted && !(*byte & ACCEPTED);
	for (i = 0; i < t->lane_count; i++) {
		lane = lane_find(l, t->lane[i]);
		assert(lane->count > 0);
		lane->count--;
		behind |= t->n < lane->last;
		if (first && t->n > lane->last)
			lane->last = t->n;
	}
	if (!accepted)
		return LEDGER_FAILED;
	*byte |= ACCEPTED;
	l->stats.duplicates += !first;
	l->stats.distinct += first;
	l->stats.out_of_order += first && behind;
	if (!first)
		return LEDGER_DUPLICATE;
	return behind ? LEDGER_DISORDER : LEDGER_FIRST;
}

const char *ledger_verdict_name(enum ledger_verdict v)
{
	static const char *const names[] = {"failed", "first", "duplicate", "disorder", "unknown"};

	return names[v];
}

struct ledger_stats ledger_stats(const struct ledger *l)
{
	return l->stats;
}
