/* SPDX-License-Identifier: MIT */
/*
 * Signatures against vectors that libcrypto's C interface had no part in: HMAC by Python's hmac
 * (the first is the one that the libraries of Standard Webhooks are tested with), ed25519 by
 * openssl(1) with the keys of RFC 8032, section 7.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sink/signer.h"

#define KNOWN "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define LONGEST                                                                                    \
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD" \
	"0+Pw=="
#define RFC_1 "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define RFC_2                                                                                      \
	"whsk_TM0Imyj/"                                                                            \
	"ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRm"             \
	"DA=="
#define LARGE_BYTES 100000

static const struct {
	const char *secrets, *id;
	int64_t timestamp_s;
	const char *body; /* NULL: LARGE_BYTES times x */
	const char *signatures;
} vectors[] = {
	{KNOWN, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
	 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	{LONGEST, "abc-7", 1700000000, "{\"a\":1}",
	 "v1,QM4x9FgGpNgwIYMc2Efd2wGGH8r9WBJ2F6BKhoBuH94="},
	{LONGEST, "abc-7", 1700000000, "", "v1,immItskNzFq8ljUFz8GQx0RbWG5B4Sl8Me7QUL031zQ="},
	{LONGEST, "abc-7", 1700000000, NULL, "v1,aaxZmFViQdq31mXRZPvNhF7vQXpgLffpRHkl4Rkg8Mc="},
	{RFC_1, "abc-7", 1700000000, "{\"a\":1}",
	 "v1a,1x7V5kE2jlEQMoOxw9RV2o9XuJ1dP4LREElBdpQIestef2IC+HmhRAhjU+eNRzwMeSWw7nU75StjWmZr0agG"
	 "Cw=="},
	{RFC_1, "abc-7", 1700000000, "",
	 "v1a,JiRIdnMPsL57U6lGZVmPv2EMgclkWHpZv5MddgVeLDQbPDLXSkCvB0dXGqQpcbfGwSrEb9VGs5nrD7A6SORq"
	 "BQ=="},
	{RFC_2, "abc-7", 1700000000, NULL,
	 "v1a,3/dEa8LG8osnwok7PWKV/Qb04OAUMgpfgCXPFmoLp5NSThRP482fIBPHe3c8+TsB1i42V9SKksckRUJkTRWH"
	 "Dw=="},
	{LONGEST " " RFC_1 " " RFC_2, "abc-7", 1700000000, "{\"a\":1}",
	 "v1,QM4x9FgGpNgwIYMc2Efd2wGGH8r9WBJ2F6BKhoBuH94= "
	 "v1a,1x7V5kE2jlEQMoOxw9RV2o9XuJ1dP4LREElBdpQIestef2IC+HmhRAhjU+eNRzwMeSWw7nU75StjWmZr0agG"
	 "Cw== "
	 "v1a,qDJYPypLLzh1cFdSf9CIIFVGpPw1kUvibNLw1JQfcrlqqDytcHFpD93qRluSHc5BTgVY0Kre/YzHDW3RLrQY"
	 "CA=="},
};

static struct signer *signer_of(const char *secrets)
{
	struct signing_keys keys = {NULL, 0};
	struct signer *s = NULL;

	assert_int_equal(signing_keys_add(&keys, text_of(secrets), NULL), ERR_OK);
	assert_int_equal(signer_new(&keys, &s, NULL), ERR_OK);
	signing_keys_done(&keys);
	return s;
}

static void check_vector(struct signer *s, size_t i)
{
	char *line = mem_alloc(signer_line_bytes(s)), *large = mem_alloc(LARGE_BYTES);
	struct signer_message m = {
		.id = vectors[i].id,
		.timestamp_s = vectors[i].timestamp_s,
		.body = {large, LARGE_BYTES},
	};

	assert_non_null(line);
	assert_non_null(large);
	memset(large, 'x', LARGE_BYTES);
	if (vectors[i].body)
		m.body = text_of(vectors[i].body);
	assert_int_equal(signer_line(s, &m, line, NULL), ERR_OK);
	assert_memory_equal(line, "webhook-signature: ", 19);
	assert_string_equal(line + 19, vectors[i].signatures);
	mem_free(large);
	mem_free(line);
}

static void signatures_are_those_of_others(void **state)
{
	struct signer *s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(vectors); i++) {
		s = signer_of(vectors[i].secrets);
		check_vector(s, i);
		signer_free(s);
	}
}

static void one_signer_signs_message_after_message(void **state)
{
	static const size_t order[] = {1, 2, 3, 1, 3, 3, 2, 1};
	struct signer *s = signer_of(LONGEST);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(order); i++)
		check_vector(s, order[i]);
	signer_free(s);
	s = signer_of(RFC_1);
	check_vector(s, 4);
	check_vector(s, 5);
	check_vector(s, 4);
	signer_free(s);
}

static void a_body_that_is_not_there_is_signed_as_empty(void **state)
{
	static const struct signer_message m = {"abc-7", 1700000000, {NULL, 0}};
	struct signer *s = signer_of(LONGEST);
	char line[200];

	(void)state;
	assert_true(signer_line_bytes(s) <= sizeof(line));
	assert_int_equal(signer_line(s, &m, line, NULL), ERR_OK);
	assert_string_equal(line + 19, vectors[2].signatures);
	signer_free(s);
}

static void an_id_without_end_is_an_error(void **state)
{
	char id[200], line[200];
	struct signer_message m = {id, 1, TEXT_LIT("")};
	struct signer *s = signer_of(LONGEST);

	(void)state;
	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(signer_line(s, &m, line, NULL), ERR_INTERNAL);
	signer_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_others),
		cmocka_unit_test(one_signer_signs_message_after_message),
		cmocka_unit_test(a_body_that_is_not_there_is_signed_as_empty),
		cmocka_unit_test(an_id_without_end_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
