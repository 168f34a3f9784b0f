/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "sink/compressor.h"

/* len bytes of which about `noise` of 256 are random. */
static void fill(struct buf *b, size_t len, unsigned noise, struct random *r)
{
	size_t i;

	buf_init(b, SIZE_MAX / 2);
	assert_int_equal(buf_reserve(b, len), ERR_OK);
	for (i = 0; i < len; i++)
		b->data[i] = random_below(r, 256) < noise ? (char)random_below(r, 256)
							  : "{\"a\":12,"[i % 8];
	b->data[len] = '\0';
	b->len = len;
}

static void assert_inflates(const struct buf *gzip, const struct buf *want)
{
	z_stream z = {.next_in = (Bytef *)gzip->data, .avail_in = (uInt)gzip->len};
	char *out = mem_calloc(1, want->len + 1);

	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)want->len + 1;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, want->len);
	assert_int_equal(z.avail_in, 0);
	assert_memory_equal(out, want->data, want->len);
	(void)inflateEnd(&z);
	mem_free(out);
}

static void check_one(struct compressor *c, size_t len, unsigned noise, struct random *r)
{
	struct buf body, plain;
	bool done;

	fill(&plain, len, noise, r);
	buf_init(&body, SIZE_MAX / 2);
	buf_add(&body, plain.data, plain.len);
	done = compressor_gzip(c, &body);
	assert_int_equal(buf_error(&body), ERR_OK);
	assert_int_equal(body.max_bytes, SIZE_MAX / 2);
	if (done) {
		assert_true(body.len <= len - len / 10);
		assert_inflates(&body, &plain);
	} else {
		assert_int_equal(body.len, len);
		assert_memory_equal(body.data, plain.data, len);
	}
	if (noise == 0 && len >= 1000 && len <= COMPRESSOR_MAX_BYTES)
		assert_true(done);
	if (noise == 256 || len > COMPRESSOR_MAX_BYTES)
		assert_false(done);
	buf_done(&plain);
	buf_done(&body);
}

static void what_was_compressed_is_the_same_again_and_what_is_not_worth_it_stays(void **state)
{
	static const size_t sizes[] = {0,
				       1,
				       2,
				       17,
				       1000,
				       10240,
				       70000,
				       1 << 20,
				       COMPRESSOR_MAX_BYTES,
				       COMPRESSOR_MAX_BYTES + 1};
	static const unsigned noises[] = {0, 20, 200, 230, 240, 256};
	struct compressor *c;
	struct random r;
	size_t i, k;

	(void)state;
	random_init(&r);
	assert_int_equal(compressor_new(&c, NULL), ERR_OK);
	/* one state for all, used after a success and after giving up */
	for (i = 0; i < ARRAY_LEN(sizes); i++)
		for (k = 0; k < ARRAY_LEN(noises); k++)
			check_one(c, sizes[i], noises[k], &r);
	compressor_free(c);
}

static void one_that_was_never_used_is_freed(void **state)
{
	struct compressor *c;

	(void)state;
	assert_int_equal(compressor_new(&c, NULL), ERR_OK);
	compressor_free(c);
	compressor_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_compressed_is_the_same_again_and_what_is_not_worth_it_stays),
		cmocka_unit_test(one_that_was_never_used_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
