/* SPDX-License-Identifier: MIT */
#include "source/runner_batch.h"

#include "base/mem.h"

enum err_code runner_batch_init(struct runner_batch *b, size_t max, struct err *e)
{
	b->max = max;
	b->acks = mem_calloc(max, sizeof(*b->acks));
	if (!b->acks)
		return err_set(e, ERR_NOMEM, "no memory for acknowledgements");
	return ERR_OK;
}

static void forget(struct runner_batch *b)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		mem_free(b->acks[i].reason);
	b->count = 0;
}

void runner_batch_done(struct runner_batch *b)
{
	forget(b);
	mem_free(b->acks);
}

size_t runner_batch_left(const struct runner_batch *b)
{
	return b->count + acks_count(b->queue);
}

bool runner_batch_is_due(struct runner_batch *b, int64_t now_us, int64_t delay_us)
{
	size_t left = runner_batch_left(b);

	if (!left)
		b->since_us = 0;
	else if (!b->since_us)
		b->since_us = now_us;
	return left >= b->max || (left && now_us - b->since_us >= delay_us);
}

int64_t runner_batch_due_us(const struct runner_batch *b, int64_t delay_us)
{
	return b->since_us ? b->since_us + delay_us : INT64_MAX;
}

enum err_code runner_batch_give(struct runner_batch *b, struct source *s, size_t *ret_count,
				size_t *ret_dead, struct err *e)
{
	enum err_code code;
	size_t i;

	*ret_count = *ret_dead = 0;
	if (!b->count)
		b->count = acks_take(b->queue, b->acks, b->max);
	b->since_us = 0;
	if (!b->count)
		return ERR_OK;
	code = s->ops->acknowledge(s, b->acks, b->count, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < b->count; i++)
		*ret_dead += b->acks[i].outcome == ACK_DEAD;
	*ret_count = b->count;
	forget(b);
	return ERR_OK;
}

void runner_batch_drop(struct runner_batch *b)
{
	do {
		forget(b);
		b->count = acks_take(b->queue, b->acks, b->max);
	} while (b->count);
	b->since_us = 0;
}
