/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include "base/attr.h"

size_t utf8_length(const char *text, size_t left)
{
	static const struct {
		unsigned char lo, hi, second_lo, second_hi;
		size_t len;
	} forms[] = {
		{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
		{0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
		{0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
		{0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
	};
	const unsigned char *s = (const unsigned char *)text;
	size_t i, k;

	if (s[0] < 0x80)
		return 1;
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		if (s[0] < forms[i].lo || s[0] > forms[i].hi)
			continue;
		if (left < forms[i].len || s[1] < forms[i].second_lo || s[1] > forms[i].second_hi)
			return 0;
		for (k = 2; k < forms[i].len; k++)
			if ((s[k] & 0xC0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

size_t utf8_write(char out[static UTF8_BYTES_MAX], uint32_t p)
{
	static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t len, i;

	if (p >= 0xd800 && p < 0xe000)
		p = 0xfffd;
	if (p < 0x80) {
		out[0] = (char)p;
		return 1;
	}
	len = p < 0x800 ? 2 : p < 0x10000 ? 3 : 4;
	for (i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (p & 0x3f));
		p >>= 6;
	}
	out[0] = (char)(leads[len] | p);
	return len;
}
