/* SPDX-License-Identifier: MIT */
#include "base/log_queue.h"

#include <assert.h>
#include <string.h>

#include "base/log_format.h"
#include "base/mem.h"

/* A typical line has 100 to 200 bytes; pages that no line ever reached cost nothing. */
#define TYPICAL_LINE_BYTES 256
#define HALF_BYTES_MIN (32UL * 1024)
#define HALF_BYTES_MAX (4UL * 1024 * 1024)

static size_t half_bytes(size_t max_lines)
{
	size_t bytes = HALF_BYTES_MAX;

	if (max_lines < HALF_BYTES_MAX / TYPICAL_LINE_BYTES * 2)
		bytes = max_lines * TYPICAL_LINE_BYTES / 2;
	return bytes < HALF_BYTES_MIN ? HALF_BYTES_MIN : bytes;
}

size_t log_queue_bytes(size_t max_lines)
{
	return 2 * half_bytes(max_lines);
}

enum err_code log_queue_init(struct log_queue *q, size_t max_lines, struct err *e)
{
	size_t bytes = half_bytes(max_lines);
	int i;

	assert(max_lines >= 1);
	*q = (struct log_queue){.max_lines = max_lines, .max_bytes = bytes};
	for (i = 0; i < 2; i++) {
		q->half[i].bytes = mem_alloc(bytes + LOG_LINE_BYTES);
		if (!q->half[i].bytes) {
			log_queue_done(q);
			return err_set(e, ERR_NOMEM, "no memory for the log queue");
		}
	}
	q->fill = &q->half[0];
	q->drain = &q->half[1];
	return ERR_OK;
}

void log_queue_done(struct log_queue *q)
{
	mem_free(q->half[0].bytes);
	mem_free(q->half[1].bytes);
	*q = (struct log_queue){.fill = NULL};
}

static void half_add(struct log_half *h, const char *line, size_t len)
{
	memcpy(h->bytes + h->len, line, len);
	h->len += len;
	h->lines++;
}

bool log_queue_push(struct log_queue *q, const char *line, size_t len)
{
	if (log_queue_lines(q) >= q->max_lines || len > q->max_bytes - q->fill->len)
		return false;
	half_add(q->fill, line, len);
	return true;
}

size_t log_queue_lines(const struct log_queue *q)
{
	return q->fill ? q->fill->lines + q->drain->lines : 0;
}

bool log_queue_is_busy(const struct log_queue *q)
{
	return q->fill->lines >= (q->max_lines + 1) / 2 || q->fill->len >= q->max_bytes / 2;
}

void log_queue_swap(struct log_queue *q)
{
	struct log_half *emptied = q->drain;

	assert(emptied->at == emptied->len);
	*emptied = (struct log_half){.bytes = emptied->bytes};
	q->drain = q->fill;
	q->fill = emptied;
}

void log_queue_append(struct log_queue *q, const char *line, size_t len)
{
	assert(len <= q->max_bytes + LOG_LINE_BYTES - q->drain->len);
	half_add(q->drain, line, len);
}

size_t log_queue_wrote(struct log_queue *q, size_t n)
{
	struct log_half *h = q->drain;
	const char *at = h->bytes + h->at, *stop = at + n;
	size_t lines = 0;

	assert(n <= h->len - h->at);
	while ((at = memchr(at, '\n', (size_t)(stop - at))) != NULL) {
		at++;
		lines++;
	}
	h->at += n;
	h->lines -= lines;
	return lines;
}

void log_queue_rewind(struct log_queue *q)
{
	struct log_half *h = q->drain;

	while (h->at > 0 && h->bytes[h->at - 1] != '\n')
		h->at--;
}
