/* SPDX-License-Identifier: MIT */
/*
 * A circular buffer with room for what is in it and what is promised. What is promised is bounded
 * by the rings whose events it is for, and with it the buffer; it shrinks as acks are taken.
 */
#include "core/acks.h"

#include <assert.h>
#include <stdbool.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/thread.h"

#define ACKS_SIZE_MIN 64
#define ACKS_SHRINK 8

struct acks {
	int wake_fd;
	size_t batch;

	struct mutex lock; /* all below */
	struct ack *slots;
	size_t size; /* of slots: 0 or a power of two */
	size_t first;
	size_t count;
	size_t promised; /* pushes to come that rely on a slot */
};

enum err_code acks_new(int wake_fd, size_t batch, struct acks **ret_acks, struct err *e)
{
	struct acks *a;

	assert(batch >= 1);
	a = mem_calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for an acknowledgement queue");
	a->wake_fd = wake_fd;
	a->batch = batch;
	mutex_init(&a->lock);
	*ret_acks = a;
	return ERR_OK;
}

static struct ack *acks_slot_locked(const struct acks *a, size_t i)
{
	return &a->slots[(a->first + i) & (a->size - 1)];
}

void acks_free(struct acks *a)
{
	size_t i;

	if (!a)
		return;
	for (i = 0; i < a->count; i++)
		mem_free(acks_slot_locked(a, i)->reason);
	mem_free(a->slots);
	mutex_done(&a->lock);
	mem_free(a);
}

static ATTR_MUST_CHECK enum err_code acks_resize_locked(struct acks *a, size_t size)
{
	struct ack *slots = mem_calloc(size, sizeof(*slots));
	size_t i;

	if (!slots)
		return ERR_NOMEM;
	for (i = 0; i < a->count; i++)
		slots[i] = *acks_slot_locked(a, i);
	mem_free(a->slots);
	a->slots = slots;
	a->size = size;
	a->first = 0;
	return ERR_OK;
}

enum err_code acks_reserve(struct acks *a, size_t n, struct err *e)
{
	enum err_code rc = ERR_OK;
	size_t need, size;

	mutex_lock(&a->lock);
	need = a->count + a->promised + n;
	size = a->size ? a->size : ACKS_SIZE_MIN;
	while (size < need)
		size *= 2;
	if (size != a->size)
		rc = acks_resize_locked(a, size);
	if (rc == ERR_OK)
		a->promised += n;
	mutex_unlock(&a->lock);
	if (rc != ERR_OK)
		return err_set(e, rc, "no memory for %zu acknowledgements", need);
	return ERR_OK;
}

void acks_unreserve(struct acks *a, size_t n)
{
	mutex_lock(&a->lock);
	assert(a->promised >= n);
	a->promised -= n;
	mutex_unlock(&a->lock);
}

void acks_push(struct acks *a, const struct ack *ack)
{
	bool wake;

	mutex_lock(&a->lock);
	assert(a->promised > 0);
	a->promised--;
	*acks_slot_locked(a, a->count) = *ack;
	a->count++;
	wake = a->count == 1 || a->count == a->batch;
	mutex_unlock(&a->lock);
	if (wake)
		fd_wake(a->wake_fd);
}

static void acks_trim_locked(struct acks *a)
{
	enum err_code rc;

	if (a->size <= ACKS_SIZE_MIN || (a->count + a->promised) * ACKS_SHRINK >= a->size)
		return;
	rc = acks_resize_locked(a, a->size / 2);
	(void)rc; /* without memory it stays as large as it is */
}

size_t acks_take(struct acks *a, struct ack *out, size_t max)
{
	size_t n, i;

	mutex_lock(&a->lock);
	n = a->count < max ? a->count : max;
	for (i = 0; i < n; i++)
		out[i] = *acks_slot_locked(a, i);
	a->first += n;
	a->count -= n;
	acks_trim_locked(a);
	mutex_unlock(&a->lock);
	return n;
}

size_t acks_count(struct acks *a)
{
	size_t n;

	mutex_lock(&a->lock);
	n = a->count;
	mutex_unlock(&a->lock);
	return n;
}
