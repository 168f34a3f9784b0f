/* SPDX-License-Identifier: MIT */
#include "config/signing_key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

static const struct {
	const char *prefix;
	enum signing_key_kind kind;
} prefixes[] = {{"whsec_", SIGNING_KEY_HMAC}, {"whsk_", SIGNING_KEY_ED25519}};

static bool begins(struct text t, const char *with)
{
	return t.len >= strlen(with) && !memcmp(t.s, with, strlen(with));
}

/* Whether k's second half is the public key of its first; ERR_DATA when not. */
static ATTR_MUST_CHECK enum err_code pair_check(const struct signing_key *k, struct err *e)
{
	const size_t half = SIGNING_KEY_ED25519_BYTES;
	uint8_t public[SIGNING_KEY_ED25519_BYTES];
	size_t len = sizeof(public);
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->bytes, half);
	int good = pkey && EVP_PKEY_get_raw_public_key(pkey, public, &len) == 1;

	EVP_PKEY_free(pkey);
	if (!good) {
		ERR_clear_error();
		return err_set(e, ERR_NOMEM, "no memory for a signing secret");
	}
	if (len != half || CRYPTO_memcmp(public, k->bytes + half, half) != 0)
		return err_set(e, ERR_DATA,
			       "the second half of a whsk_ secret of 64 bytes must be the public "
			       "key of the first");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code length_check(struct signing_key *k, struct err *e)
{
	enum err_code code;

	if (k->kind == SIGNING_KEY_HMAC) {
		if (k->len >= SIGNING_KEY_BYTES_MIN)
			return ERR_OK;
		return err_set(e, ERR_DATA, "whsec_ and base64 of %zu bytes: 24 to 64 are needed",
			       k->len);
	}
	if (k->len == SIGNING_KEY_ED25519_BYTES)
		return ERR_OK;
	if (k->len != 2L * SIGNING_KEY_ED25519_BYTES)
		return err_set(e, ERR_DATA,
			       "whsk_ and base64 of %zu bytes: an ed25519 private key has 32, or "
			       "64 with its public key",
			       k->len);
	code = pair_check(k, e);
	k->len = SIGNING_KEY_ED25519_BYTES;
	return code;
}

static ATTR_MUST_CHECK enum err_code key_decode(struct text t, size_t i, struct signing_key *k,
						struct err *e)
{
	const size_t skip = strlen(prefixes[i].prefix);
	const struct text chars = {t.s + skip, t.len - skip};

	k->kind = prefixes[i].kind;
	switch (base64_decode(chars, k->bytes, sizeof(k->bytes), &k->len)) {
	case ERR_OK:
		return length_check(k, e);
	case ERR_FULL:
		return err_set(e, ERR_DATA, "%s and base64 of more than 64 bytes",
			       prefixes[i].prefix);
	default:
		return err_set(e, ERR_DATA, "what stands behind %s is not base64",
			       prefixes[i].prefix);
	}
}

enum err_code signing_key_parse(struct text t, struct signing_key *ret_key, struct err *e)
{
	struct signing_key k;
	enum err_code code;
	size_t i = 0;

	if (begins(t, "whpk_"))
		return err_set(e, ERR_DATA,
			       "whpk_ is the public key, for the receiver: the secret one, whsk_, "
			       "is needed here");
	while (i < ARRAY_LEN(prefixes) && !begins(t, prefixes[i].prefix))
		i++;
	if (i == ARRAY_LEN(prefixes))
		return err_set(e, ERR_DATA,
			       "a signing secret begins with whsec_ (HMAC-SHA256) or whsk_ "
			       "(ed25519)");
	memset(&k, 0, sizeof(k));
	code = key_decode(t, i, &k, e);
	if (code == ERR_OK)
		*ret_key = k;
	mem_wipe(&k, sizeof(k));
	return code;
}

static bool has_key(const struct signing_keys *keys, const struct signing_key *k)
{
	size_t i;

	for (i = 0; i < keys->count; i++) {
		if (keys->items[i].kind == k->kind && keys->items[i].len == k->len &&
		    CRYPTO_memcmp(keys->items[i].bytes, k->bytes, k->len) == 0)
			return true;
	}
	return false;
}

static ATTR_MUST_CHECK enum err_code add_one(struct signing_keys *keys, struct text t,
					     struct err *e)
{
	struct signing_key k = {.len = 0};
	enum err_code code = signing_key_parse(t, &k, e);

	if (code != ERR_OK)
		return code;
	if (has_key(keys, &k))
		code = err_set(e, ERR_DATA, "a secret is given twice");
	else if (keys->count == SIGNING_KEYS_MAX)
		code = err_set(e, ERR_DATA, "more than %d secrets", SIGNING_KEYS_MAX);
	else
		keys->items[keys->count++] = k;
	mem_wipe(&k, sizeof(k));
	return code;
}

enum err_code signing_keys_add(struct signing_keys *keys, struct text t, struct err *e)
{
	static const char between[] = ", \t\r\n";
	enum err_code code = ERR_OK;
	size_t len, count = keys->count;

	/* all at once: growing would leave copies behind in memory that was freed */
	if (!keys->items)
		keys->items = mem_calloc(SIGNING_KEYS_MAX, sizeof(*keys->items));
	if (!keys->items)
		return err_set(e, ERR_NOMEM, "no memory for a signing secret");
	while (code == ERR_OK && t.len) {
		for (len = 0; len < t.len && !memchr(between, t.s[len], sizeof(between) - 1);)
			len++;
		if (len)
			code = add_one(keys, (struct text){t.s, len}, e);
		len += len < t.len;
		t = (struct text){t.s + len, t.len - len};
	}
	if (code == ERR_OK && keys->count == count)
		return err_set(e, ERR_DATA, "must not be empty");
	return code;
}

void signing_keys_done(struct signing_keys *keys)
{
	if (keys->items)
		mem_wipe(keys->items, SIGNING_KEYS_MAX * sizeof(*keys->items));
	mem_free(keys->items);
	*keys = (struct signing_keys){NULL, 0};
}
