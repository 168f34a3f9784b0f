/* SPDX-License-Identifier: MIT */
/*
 * Optimal string alignment: the Levenshtein table by rows, with the row before the last kept for
 * swaps. Letters compare without case.
 */
#include "config/suggest.h"

#include <ctype.h>
#include <stdint.h>

#define SUGGEST_WORD_MAX 63

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(struct text t, size_t i)
{
	return tolower((unsigned char)t.s[i]);
}

size_t suggest_distance(struct text a, struct text b)
{
	size_t rows[3][SUGGEST_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2], *spare;
	size_t i, j;

	if (a.len > SUGGEST_WORD_MAX || b.len > SUGGEST_WORD_MAX)
		return SIZE_MAX;
	for (j = 0; j <= b.len; j++)
		last[j] = before[j] = j;
	for (i = 1; i <= a.len; i++) {
		now[0] = i;
		for (j = 1; j <= b.len; j++) {
			int same = lower(a, i - 1) == lower(b, j - 1);

			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a, i - 1) == lower(b, j - 2) &&
			    lower(a, i - 2) == lower(b, j - 1))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b.len];
}

void suggest_init(struct suggest *s, struct text word)
{
	*s = (struct suggest){.word = word, .distance = SIZE_MAX};
}

void suggest_add(struct suggest *s, const char *candidate)
{
	size_t distance = suggest_distance(s->word, text_of(candidate));

	if (distance < s->distance) {
		s->distance = distance;
		s->best = candidate;
	}
}

const char *suggest_best(const struct suggest *s)
{
	size_t allowed = (s->word.len + 2) / 3;

	return s->best && s->distance <= allowed && s->distance < s->word.len ? s->best : NULL;
}
