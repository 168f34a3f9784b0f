/* SPDX-License-Identifier: MIT */
/*
 * memory.max and what has to fit into it. All that is held for one event at one time, and the
 * factor of each:
 *
 *     the row as the client library has it ─► the event ─► the body ─► the part that curl has
 * copied 1                                1            1           1
 *
 * max_event_bytes is a bound of the row before a change, and of the row after it. An update has
 * both.
 */
#include <string.h>

#include "base/log_queue.h"
#include "base/mem.h"
#include "config/loading.h"
#include "config/memory_limit.h"
#include "config/value.h"

#define COPIES 4
#define ROWS 2        /* before and after */
#define READ_COPIES 3 /* of a row while it is read: two of the client library's, and the event */
#define RESERVE_PERCENT 5
/* Without memory.max no more than this part of a control group's limit is taken. */
#define GROUP_SHARE 2
/* What a worker holds to compress: COMPRESSOR_BYTES of sink/compressor.h. */
#define COMPRESSOR_BYTES (332LL * 1024)
#define TEXT_BYTES 512

static struct path path_in(const char *section, const char *name)
{
	struct path parent = path_of(section);

	return path_key(&parent, text_of(name));
}

/* Where to point at for section.name: its value, or the whole. */
static struct node place_of(const struct loading *l, const char *section, const char *name)
{
	struct node n = node_find(node_find(l->root, section), name);

	return node_is_given(n) ? n : l->root;
}

/* ---- how much there is ---- */

static int64_t share_of_limit(struct loading *l, int64_t percent)
{
	struct path path = path_in("memory", "max");
	int64_t limit = memory_limit_of_group(l->env);

	if (!limit)
		limit = memory_limit_of_machine(l->env);
	if (!limit)
		loading_mistake(l, place_of(l, "memory", "max"), &path,
				"a share, but neither a control group nor /proc/meminfo tells of "
				"how much: give a size");
	return limit / 100 * percent + limit % 100 * percent / 100;
}

static void check_limit(struct loading *l)
{
	struct path path = path_in("memory", "max");
	int64_t group = memory_limit_of_group(l->env);
	int64_t limit = group ? group : memory_limit_of_machine(l->env);
	struct buf text;

	if (!limit || l->settings.memory.max_bytes < limit)
		return;
	buf_init(&text, TEXT_BYTES);
	value_print_size(&text, l->settings.memory.max_bytes);
	buf_add_fmt(&text, " is not less than what %s: ",
		    group ? "the control group allows the process" : "the machine has");
	value_print_size(&text, limit);
	loading_mistake(l, place_of(l, "memory", "max"), &path, "%s", buf_str(&text));
	buf_done(&text);
}

/* memory.max in bytes; false: it is refused. */
static bool max_read(struct loading *l)
{
	struct settings *s = &l->settings;
	struct node given = node_find(node_find(l->root, "memory"), "max");
	struct path path = path_in("memory", "max");
	size_t before = loading_mistake_count(l);
	int64_t percent, limit;
	struct err e;

	if (!s->memory.max || !loading_note(l, given, &path,
					    memory_limit_read(text_of(s->memory.max),
							      &s->memory.max_bytes, &percent, &e),
					    &e))
		return false;
	if (percent) {
		s->memory.max_bytes = share_of_limit(l, percent);
	} else if (!node_is_given(given)) {
		limit = memory_limit_of_group(l->env);
		if (limit && limit / GROUP_SHARE < s->memory.max_bytes)
			s->memory.max_bytes = limit / GROUP_SHARE;
	} else {
		check_limit(l);
	}
	return loading_mistake_count(l) == before;
}

/* ---- what has to fit ---- */

/* "memory.max: SIZE WHY: TEXT", pointing at where it is given, or at at. */
static void too_small(struct loading *l, struct node at, const char *why, const struct buf *sum)
{
	struct path path = path_in("memory", "max");
	struct node given = node_find(node_find(l->root, "memory"), "max");
	struct buf text;

	buf_init(&text, TEXT_BYTES);
	value_print_size(&text, l->settings.memory.max_bytes);
	buf_add_fmt(&text, " %s: %s", why, buf_str(sum));
	loading_mistake(l, node_is_given(given) ? given : at, &path, "%s", buf_str(&text));
	buf_done(&text);
}

/* "4 x NAME SIZE = SIZE" */
static void add_product(struct buf *out, int64_t n, const char *name, int64_t bytes)
{
	buf_add_fmt(out, "%lld x %s ", (long long)n, name);
	value_print_size(out, bytes);
	buf_add_str(out, " = ");
	value_print_size(out, n * bytes);
}

static void check_events(struct loading *l)
{
	const struct settings *s = &l->settings;
	int64_t log = (int64_t)log_queue_bytes((size_t)s->logging.queue_lines);
	struct buf sum;
	size_t i;

	for (i = 0; i < s->source_count; i++) {
		const struct source_settings *from = &s->sources[i];

		if (COPIES * ROWS * from->max_event_bytes + log <= s->memory.max_bytes)
			continue;
		buf_init(&sum, TEXT_BYTES);
		add_product(&sum, COPIES * ROWS, "max_event_bytes", from->max_event_bytes);
		buf_add_fmt(&sum, " (source %s; %d times the row before and after), and the log's ",
			    from->name, COPIES);
		value_print_size(&sum, log);
		too_small(l, place_of(l, "listener", "max_event_bytes"),
			  "is less than one event may need", &sum);
		buf_done(&sum);
	}
}

static void check_batches(struct loading *l)
{
	const struct settings *s = &l->settings;
	struct buf sum;
	size_t i;

	for (i = 0; i < s->webhook_count; i++) {
		const struct webhook_settings *to = &s->webhooks[i];

		if (to->batch_max_events == 1 ||
		    to->batch_max_bytes <= s->memory.max_bytes / COPIES)
			continue;
		buf_init(&sum, TEXT_BYTES);
		add_product(&sum, COPIES, "batch_max_bytes", to->batch_max_bytes);
		buf_add_fmt(&sum, " (webhook %s)", to->name);
		too_small(l, place_of(l, "webhook", "batch_max_bytes"),
			  "is less than one batch may need", &sum);
		buf_done(&sum);
	}
}

/* What the workers hold without an event. */
static void check_workers(struct loading *l)
{
	const struct settings *s = &l->settings;
	bool compresses = false;
	struct buf sum;
	size_t i;

	for (i = 0; i < s->webhook_count; i++)
		compresses |= s->webhooks[i].compression != WEBHOOK_COMPRESSION_NONE;
	if (!compresses || s->worker.pool_size * COMPRESSOR_BYTES <= s->memory.max_bytes / 2)
		return;
	buf_init(&sum, TEXT_BYTES);
	add_product(&sum, s->worker.pool_size, "a compressor's", COMPRESSOR_BYTES);
	too_small(l, place_of(l, "worker", "pool_size"),
		  "is less than twice what the workers hold for compression", &sum);
	buf_done(&sum);
}

/* What critical pipelines have for themselves: RESERVE_PERCENT, but an event each at least. */
static void reserve_set(struct loading *l)
{
	struct settings *s = &l->settings;
	int64_t need = 0, least = s->memory.max_bytes / 100 * RESERVE_PERCENT;
	struct buf sum;
	size_t i;

	buf_init(&sum, TEXT_BYTES);
	for (i = 0; i < s->pipeline_count; i++) {
		const struct pipeline_settings *p = &s->pipelines[i];
		int64_t one = s->sources[p->source].max_event_bytes;

		if (p->priority != PRIORITY_CRITICAL)
			continue;
		if (need)
			buf_add_str(&sum, " + ");
		buf_add_fmt(&sum, "%s %d x ", p->name, COPIES);
		value_print_size(&sum, one);
		need += COPIES * one;
	}
	s->memory.reserve_bytes = need && need < least ? least : need;
	if (need > s->memory.max_bytes / 2) {
		buf_add_str(&sum, " = ");
		value_print_size(&sum, need);
		too_small(l, node_find_key(l->root, "pipelines"),
			  "is less than twice what critical pipelines have for themselves", &sum);
	}
	buf_done(&sum);
}

/* ---- the queue's part ---- */

/* Half of the budget, but so much less that the largest row can be read beside full queues: at
 * least one, or check_events has refused it. */
static int64_t queue_half(const struct settings *s)
{
	int64_t half = s->memory.max_bytes / 2, largest = 0, room;
	size_t i;

	for (i = 0; i < s->source_count; i++)
		if (s->sources[i].max_event_bytes > largest)
			largest = s->sources[i].max_event_bytes;
	room = s->memory.max_bytes - READ_COPIES * ROWS * largest -
	       (int64_t)log_queue_bytes((size_t)s->logging.queue_lines);
	return room < half ? room : half;
}

/* More than the half when pipelines ask for more, if there is. */
static int64_t queue_default(const struct settings *s)
{
	int64_t half = queue_half(s), asked = 0;
	size_t i, without = 0;

	for (i = 0; i < s->pipeline_count; i++) {
		asked += s->pipelines[i].max_bytes;
		without += s->pipelines[i].max_bytes == 0;
	}
	if (s->pipeline_count && asked)
		asked += half / (int64_t)s->pipeline_count * (int64_t)without;
	if (asked <= half)
		return half;
	return asked < s->memory.max_bytes ? asked : s->memory.max_bytes;
}

static void queue_set(struct loading *l)
{
	struct settings *s = &l->settings;
	struct path path = path_in("queue", "max_bytes");
	struct buf text;

	if (!s->queue.max_bytes) {
		s->queue.max_bytes = queue_default(s);
		return;
	}
	if (s->queue.max_bytes <= s->memory.max_bytes)
		return;
	buf_init(&text, TEXT_BYTES);
	value_print_size(&text, s->queue.max_bytes);
	buf_add_str(&text, " of events do not fit into memory.max: ");
	value_print_size(&text, s->memory.max_bytes);
	loading_mistake(l, place_of(l, "queue", "max_bytes"), &path, "%s", buf_str(&text));
	buf_done(&text);
}

void memory_check(struct loading *l)
{
	/* what is named by others may not be there after a mistake */
	if (!max_read(l) || mistakes_any(l->mistakes) || l->error)
		return;
	check_events(l);
	check_batches(l);
	check_workers(l);
	reserve_set(l);
	queue_set(l);
}
