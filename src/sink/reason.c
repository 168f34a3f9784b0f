/* SPDX-License-Identifier: MIT */
#include "sink/reason.h"

#include <assert.h>
#include <stdio.h>

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

/* The length of the UTF-8 character at s (RFC 3629: no surrogates, nothing overlong), 0 when it is
 * none or is cut off by the end. */
static size_t utf8_char_len(const unsigned char *s, size_t left)
{
	static const struct {
		unsigned char lo, hi, second_lo, second_hi, len;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	size_t i, k;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].lo || s[0] > forms[i].hi)
			continue;
		if (forms[i].len > left)
			return 0;
		if (forms[i].len > 1 && (s[1] < forms[i].second_lo || s[1] > forms[i].second_hi))
			return 0;
		for (k = 2; k < forms[i].len; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

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
		n = utf8_char_len(s + i, text.len - i);
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
