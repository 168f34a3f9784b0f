/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/hmac.h"

static void assert_hmac(struct text key, struct text message, const char *want)
{
	char hex[HMAC_HEX_BYTES];
	struct hmac *h = NULL;

	assert_int_equal(hmac_new(key, &h, NULL), ERR_OK);
	assert_int_equal(hmac_hex(h, message, hex), ERR_OK);
	assert_string_equal(hex, want);
	/* the same once more: nothing of the first is left */
	assert_int_equal(hmac_hex(h, message, hex), ERR_OK);
	assert_string_equal(hex, want);
	hmac_free(h);
}

/* RFC 4231, 4.2 to 4.4 and 4.7 */
static void the_vectors_of_the_rfc(void **state)
{
	char key[131];

	(void)state;
	assert_hmac(TEXT_LIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
			     "\x0b\x0b\x0b"),
		    TEXT_LIT("Hi There"),
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_hmac(TEXT_LIT("Jefe"), TEXT_LIT("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	assert_hmac((struct text){key, sizeof(key)},
		    TEXT_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* printf '' | openssl dgst -sha256 -hmac key */
static void an_empty_message_has_one_too(void **state)
{
	(void)state;
	assert_hmac(TEXT_LIT("key"), TEXT_LIT(""),
		    "5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc),
		cmocka_unit_test(an_empty_message_has_one_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
