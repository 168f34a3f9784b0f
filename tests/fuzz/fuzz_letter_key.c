/* SPDX-License-Identifier: MIT */
/*
 * Any line as what an operator names a key by, and any bytes behind it as a key. An object finds
 * itself, whatever is in it; and the same line as a time never gives one before time began.
 */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "config/moment.h"
#include "source/letter_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *end = memchr(bytes, '\n', len);
	size_t word_len = end ? (size_t)(end - (const char *)bytes) : len;
	char *word = mem_strndup((const char *)bytes, word_len);
	const char *const words[] = {word};
	struct text key = {(const char *)bytes + word_len, len - word_len};
	struct letter_key *k = NULL;
	int64_t wall_us;
	bool match;

	assert(word);
	if (letter_key_new(words, 1, &k, NULL) == ERR_OK) {
		assert(letter_key_match(k, key, &match, NULL) == ERR_OK);
		assert(letter_key_match(k, text_of(word), &match, NULL) == ERR_OK);
		assert(match || *word != '{');
		letter_key_free(k);
	}
	if (moment_parse(text_of(word), 1, &wall_us, NULL) == ERR_OK)
		assert(wall_us > 0);
	mem_free(word);
	return 0;
}
