/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a token endpoint's answer: what is taken for a token can stand in a header, and its
 * life is within bounds.
 */
#include <assert.h>
#include <stdint.h>

#include "sink/token_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct text body = {(const char *)bytes, size};
	const char *word = token_answer_error(body);
	int64_t lifetime_s = 0;
	struct buf out;
	size_t i;

	assert(word);
	buf_init(&out, TOKEN_BYTES_MAX);
	if (token_answer_read(body, &out, &lifetime_s, NULL) == ERR_OK) {
		assert(out.len > 0 && lifetime_s >= 1 && lifetime_s <= TOKEN_LIFETIME_MAX_S);
		for (i = 0; i < out.len; i++)
			assert(out.data[i] > 0x20 && out.data[i] < 0x7f);
	} else {
		assert(out.len == 0);
	}
	buf_done(&out);
	return 0;
}
