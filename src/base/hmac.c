/* SPDX-License-Identifier: MIT */
#include "base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>

#include "base/mem.h"

struct hmac {
	EVP_MAC_CTX *keyed; /* only ever copied */
};

static ATTR_MUST_CHECK enum err_code keyed_new(struct text key, EVP_MAC_CTX **ret, struct err *e)
{
	char sha256[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *keyed;

	if (!mac)
		return err_set(e, ERR_CONFIG, "libcrypto offers no HMAC");
	keyed = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (!keyed)
		return err_set(e, ERR_NOMEM, "no memory for an HMAC");
	if (EVP_MAC_init(keyed, (const uint8_t *)key.s, key.len, params) != 1) {
		EVP_MAC_CTX_free(keyed);
		return err_set(e, ERR_CONFIG, "libcrypto refuses the key for HMAC-SHA256");
	}
	*ret = keyed;
	return ERR_OK;
}

enum err_code hmac_new(struct text key, struct hmac **ret_h, struct err *e)
{
	struct hmac *h = mem_calloc(1, sizeof(*h));
	enum err_code code;

	if (!h)
		return err_set(e, ERR_NOMEM, "no memory for an HMAC");
	code = keyed_new(key, &h->keyed, e);
	if (code != ERR_OK) {
		ERR_clear_error();
		mem_free(h);
		return code;
	}
	*ret_h = h;
	return ERR_OK;
}

void hmac_free(struct hmac *h)
{
	if (!h)
		return;
	EVP_MAC_CTX_free(h->keyed);
	mem_free(h);
}

enum err_code hmac_hex(const struct hmac *h, struct text message, char out[static HMAC_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(h->keyed);
	uint8_t bytes[HMAC_BYTES];
	size_t len = 0, i;
	bool good = mac && EVP_MAC_update(mac, (const uint8_t *)message.s, message.len) == 1 &&
		    EVP_MAC_final(mac, bytes, &len, sizeof(bytes)) == 1 && len == sizeof(bytes);

	EVP_MAC_CTX_free(mac);
	if (!good) {
		/* libcurl shares the thread's queue of libcrypto's errors */
		ERR_clear_error();
		return ERR_NOMEM;
	}
	for (i = 0; i < sizeof(bytes); i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * sizeof(bytes)] = '\0';
	return ERR_OK;
}
