/* SPDX-License-Identifier: MIT */
#include "sink/reason.h"

#include <assert.h>
#include <stdio.h>

#include "base/utf8.h"

static const char *const timeout_words[ANSWER_PHASE_COUNT] = {
	[ANSWER_PHASE_NONE] = "",
	[ANSWER_PHASE_LOOKUP] = "in the name lookup",
	[ANSWER_PHASE_CONNECT] = "connecting",
	[ANSWER_PHASE_TLS] = "in the TLS handshake",
	[ANSWER_PHASE_SEND] = "sending the request",
	[ANSWER_PHASE_FIRST_BYTE] = "waiting for the first byte",
	[ANSWER_PHASE_BODY] = "reading the answer",
	[ANSWER_PHASE_DENIED] = "",
};

/* Append text to out, which holds used bytes; runs of white space and control characters become one
 * space, and none at the end. */
static void append_clean(struct text text, char *out, size_t size, size_t used)
{
	const unsigned char *s = (const unsigned char *)text.s;
	size_t i = 0, n;
	int space = 0;

	while (i < text.len) {
		if (s[i] <= ' ' || s[i] == 0x7f) {
			space = 1;
			i++;
			continue;
		}
		n = utf8_length(text.s + i, text.len - i);
		if (used + (size_t)space + (n ? n : 1) >= size)
			break;
		if (space)
			out[used++] = ' ';
		space = 0;
		if (n)
			memcpy(out + used, s + i, n);
		else
			out[used] = '?';
		used += n ? n : 1;
		i += n ? n : 1;
	}
	out[used] = '\0';
}

void reason_of_status(int status, struct text body, char *out, size_t size)
{
	size_t used;

	assert(size >= 16);
	used = (size_t)snprintf(out, size, "HTTP %d", status);
	if (body.len == 0)
		return;
	out[used++] = ':';
	append_clean((struct text){" ", 1}, out, size, used);
	out[used++] = ' ';
	while (body.len && (unsigned char)*body.s <= ' ') {
		body.s++;
		body.len--;
	}
	append_clean(body, out, size, used);
	/* a body of nothing but white space says nothing */
	if (!out[used])
		out[used - 2] = '\0';
}

void reason_of_failure(enum answer_phase phase, const char *words, char *out, size_t size)
{
	int used = snprintf(out, size, "%s: ", answer_phase_name(phase));

	assert(used > 0 && (size_t)used < size);
	append_clean(text_of(words), out, size, (size_t)used);
}

void reason_of_timeout(enum answer_phase phase, int64_t limit_us, char *out, size_t size)
{
	assert(phase < ANSWER_PHASE_COUNT);
	(void)snprintf(out, size, "timeout after %g s %s", (double)limit_us / 1e6,
		       timeout_words[phase]);
}
