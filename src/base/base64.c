/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t len, char *out)
{
	const uint8_t *in = bytes;
	uint32_t group;
	size_t n, i;

	for (; len; in += n, len -= n) {
		n = len < 3 ? len : 3;
		group = (uint32_t)in[0] << 16;
		group |= n > 1 ? (uint32_t)in[1] << 8 : 0;
		group |= n > 2 ? in[2] : 0;
		for (i = 0; i < 4; i++)
			out[i] = alphabet[group >> (18 - 6 * i) & 63];
		for (i = n + 1; i < 4; i++)
			out[i] = '=';
		out += 4;
	}
	*out = '\0';
}

/* 64: not in the alphabet. Without a table or a branch on the character: it may be a secret's. */
static uint32_t value_of(char c)
{
	uint32_t v = 64, i;

	for (i = 0; i < 64; i++)
		v ^= (v ^ i) & (0U - (uint32_t)(alphabet[i] == c));
	return v;
}

enum err_code base64_decode(struct text t, uint8_t *out, size_t max, size_t *ret_len)
{
	size_t pad = 0, len, i, at = 0;
	uint32_t group = 0, v;

	if (t.len % 4)
		return ERR_DATA;
	while (pad < 2 && pad < t.len && t.s[t.len - 1 - pad] == '=')
		pad++;
	len = t.len / 4 * 3 - pad;
	for (i = 0; i < t.len; i++) {
		v = i < t.len - pad ? value_of(t.s[i]) : 0;
		if (v > 63)
			return ERR_DATA;
		group = group << 6 | v;
		if (i % 4 != 3)
			continue;
		for (v = 0; v < 3 && at < len; v++) {
			if (at == max)
				return ERR_FULL;
			out[at++] = (uint8_t)(group >> (16 - 8 * v));
		}
	}
	*ret_len = len;
	return ERR_OK;
}
