/* SPDX-License-Identifier: MIT */
#include "sink/profiles.h"

#include <assert.h>

#include "base/mem.h"

/* One webhook's handles. */
struct profile {
	struct transfer_parts parts;
	struct transfer *free;
	size_t free_count;
	size_t free_min; /* since the last trim: so many are not needed */
	struct profile *next;
};

void profiles_put(struct transfer *t)
{
	struct profile *p = t->profile;

	t->request = NULL;
	t->next = p->free;
	p->free = t;
	p->free_count++;
}

static struct transfer *pop(struct profile *p)
{
	struct transfer *t = p->free;

	p->free = t->next;
	p->free_count--;
	if (p->free_min > p->free_count)
		p->free_min = p->free_count;
	return t;
}

static void free_one(struct profiles *all, struct profile *p)
{
	transfer_free(pop(p));
	budget_release(all->budget, BUDGET_ANSWER, PROFILE_TRANSFER_BYTES);
}

static void profile_free(struct profiles *all, struct profile *p)
{
	while (p->free)
		free_one(all, p);
	transfer_parts_close(&p->parts);
	mem_free(p);
}

void profiles_done(struct profiles *all)
{
	struct profile *p;

	while ((p = all->first)) {
		all->first = p->next;
		profile_free(all, p);
	}
}

static ATTR_MUST_CHECK enum err_code find(struct profiles *all, const struct webhook_settings *to,
					  struct profile **ret_p, struct err *e)
{
	struct profile *p;
	enum err_code code;

	for (p = all->first; p; p = p->next) {
		if (p->parts.to == to) {
			*ret_p = p;
			return ERR_OK;
		}
	}
	p = mem_calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for a webhook's handles");
	p->parts.sockets = all->sockets;
	code = transfer_parts_open(&p->parts, to, e);
	if (code != ERR_OK) {
		profile_free(all, p);
		return code;
	}
	p->next = all->first;
	all->first = p;
	*ret_p = p;
	return ERR_OK;
}

enum err_code profiles_get(struct profiles *all, const struct webhook_settings *to,
			   struct transfer **ret_t, struct err *e)
{
	struct profile *p = NULL;
	enum err_code code = find(all, to, &p, e);

	if (code != ERR_OK)
		return code;
	assert(p);
	if (p->free) {
		*ret_t = pop(p);
		return ERR_OK;
	}
	code = transfer_new(&p->parts, ret_t, e);
	if (code != ERR_OK)
		return code;
	budget_charge(all->budget, BUDGET_ANSWER, PROFILE_TRANSFER_BYTES);
	(*ret_t)->profile = p;
	return ERR_OK;
}

void profiles_trim(struct profiles *all)
{
	struct profile *p;
	size_t spare;

	/* popping lowers free_min too: it must not count the loop */
	for (p = all->first; p; p = p->next) {
		for (spare = p->free_min; spare; spare--)
			free_one(all, p);
		p->free_min = p->free_count;
	}
}
