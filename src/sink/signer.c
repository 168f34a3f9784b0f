/* SPDX-License-Identifier: MIT */
/*
 * libcrypto's HMAC is fed piece by piece and keeps its key from message to message. Its ed25519
 * takes a message in one piece only (RFC 8032: it is read twice), so id, time and body are put
 * together once for all such keys.
 *
 * libcurl shares the thread's queue of libcrypto's errors: what fails here is taken off it.
 */
#include "sink/signer.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"

#define SIGNER_NAME "webhook-signature:"
#define SIGNER_HEAD_BYTES 128 /* "ID.TIMESTAMP." */
#define SIGNER_MAC_BYTES 32
#define SIGNER_ED25519_BYTES 64
/* A message's memory larger than this is not kept for the next. */
#define SIGNER_KEEP_BYTES 8192

struct signer_key {
	EVP_MAC_CTX *mac; /* HMAC, or */
	EVP_PKEY *pkey;   /* ed25519 */
};

struct signer {
	EVP_MAC *hmac;
	EVP_MD_CTX *digest;
	struct buf message;
	size_t count;
	struct signer_key keys[SIGNING_KEYS_MAX];
};

static ATTR_MUST_CHECK enum err_code hmac_open(struct signer *s, const struct signing_key *k,
					       struct signer_key *out, struct err *e)
{
	char sha256[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};

	if (!s->hmac)
		s->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!s->hmac)
		return err_set(e, ERR_CONFIG, "libcrypto offers no HMAC to sign with");
	out->mac = EVP_MAC_CTX_new(s->hmac);
	if (!out->mac)
		return err_set(e, ERR_NOMEM, "no memory to sign with");
	if (EVP_MAC_init(out->mac, k->bytes, k->len, params) != 1)
		return err_set(e, ERR_CONFIG, "libcrypto refuses the secret for HMAC-SHA256");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code ed25519_open(struct signer *s, const struct signing_key *k,
						  struct signer_key *out, struct err *e)
{
	if (!s->digest)
		s->digest = EVP_MD_CTX_new();
	if (!s->digest)
		return err_set(e, ERR_NOMEM, "no memory to sign with");
	out->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->bytes, k->len);
	if (!out->pkey)
		return err_set(e, ERR_CONFIG, "libcrypto offers no ed25519 to sign with");
	return ERR_OK;
}

enum err_code signer_new(const struct signing_keys *keys, struct signer **ret_s, struct err *e)
{
	struct signer *s = mem_calloc(1, sizeof(*s));
	enum err_code code = ERR_OK;
	const struct signing_key *k;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory to sign with");
	buf_init(&s->message, SIZE_MAX / 2);
	while (code == ERR_OK && s->count < keys->count) {
		k = &keys->items[s->count];
		if (k->kind == SIGNING_KEY_HMAC)
			code = hmac_open(s, k, &s->keys[s->count], e);
		else
			code = ed25519_open(s, k, &s->keys[s->count], e);
		s->count++;
	}
	if (code != ERR_OK) {
		ERR_clear_error();
		signer_free(s);
		return code;
	}
	*ret_s = s;
	return ERR_OK;
}

void signer_free(struct signer *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->count; i++) {
		EVP_MAC_CTX_free(s->keys[i].mac);
		EVP_PKEY_free(s->keys[i].pkey);
	}
	EVP_MAC_free(s->hmac);
	EVP_MD_CTX_free(s->digest);
	buf_done(&s->message);
	mem_free(s);
}

size_t signer_line_bytes(const struct signer *s)
{
	return sizeof(SIGNER_NAME) +
	       s->count * (sizeof(" v1a,") + BASE64_CHARS((size_t)SIGNER_ED25519_BYTES));
}

static int hmac_sign(EVP_MAC_CTX *mac, struct text head, struct text body, uint8_t *out)
{
	size_t len = 0;

	/* without a key it begins anew with the one it has: EVP_MAC(3) */
	return EVP_MAC_init(mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(mac, (const uint8_t *)head.s, head.len) == 1 &&
	       EVP_MAC_update(mac, (const uint8_t *)body.s, body.len) == 1 &&
	       EVP_MAC_final(mac, out, &len, SIGNER_MAC_BYTES) == 1 && len == SIGNER_MAC_BYTES;
}

static int ed25519_sign(EVP_MD_CTX *digest, EVP_PKEY *pkey, struct text message, uint8_t *out)
{
	size_t len = SIGNER_ED25519_BYTES;

	return EVP_MD_CTX_reset(digest) == 1 &&
	       EVP_DigestSignInit(digest, NULL, NULL, NULL, pkey) == 1 &&
	       EVP_DigestSign(digest, out, &len, (const uint8_t *)message.s, message.len) == 1 &&
	       len == SIGNER_ED25519_BYTES;
}

/* What is signed, in one piece; only where a key asks for it. */
static ATTR_MUST_CHECK enum err_code message_join(struct signer *s, struct text head,
						  struct text body)
{
	enum err_code code;

	if (!s->digest)
		return ERR_OK;
	buf_reset(&s->message);
	code = buf_reserve(&s->message, head.len + body.len);
	buf_add_text(&s->message, head);
	buf_add_text(&s->message, body);
	return code;
}

/* Append " v1,..." at line. */
static size_t signature_add(struct signer *s, const struct signer_key *k, struct text head,
			    struct text body, char *line)
{
	uint8_t bytes[SIGNER_ED25519_BYTES];
	const struct text version = k->mac ? TEXT_LIT(" v1,") : TEXT_LIT(" v1a,");
	const size_t len = k->mac ? SIGNER_MAC_BYTES : SIGNER_ED25519_BYTES;
	int good;

	if (k->mac)
		good = hmac_sign(k->mac, head, body, bytes);
	else
		good = ed25519_sign(s->digest, k->pkey, buf_text(&s->message), bytes);
	if (!good)
		return 0;
	memcpy(line, version.s, version.len);
	base64_encode(bytes, len, line + version.len);
	return version.len + BASE64_CHARS(len);
}

enum err_code signer_line(struct signer *s, const struct signer_message *m, char *line,
			  struct err *e)
{
	char head[SIGNER_HEAD_BYTES];
	const int n = snprintf(head, sizeof(head), "%s.%lld.", m->id, (long long)m->timestamp_s);
	struct text first = {head, (size_t)n}, body = {m->body.s ? m->body.s : "", m->body.len};
	enum err_code code = ERR_OK;
	size_t i, used = sizeof(SIGNER_NAME) - 1, added;

	if (n < 0 || (size_t)n >= sizeof(head))
		return err_set(e, ERR_INTERNAL, "an id too long to sign");
	memcpy(line, SIGNER_NAME, sizeof(SIGNER_NAME));
	code = message_join(s, first, body);
	for (i = 0; code == ERR_OK && i < s->count; i++) {
		added = signature_add(s, &s->keys[i], first, body, line + used);
		code = added ? ERR_OK : ERR_NOMEM;
		used += added;
	}
	if (s->message.cap > SIGNER_KEEP_BYTES)
		buf_done(&s->message);
	if (code == ERR_OK)
		return ERR_OK;
	ERR_clear_error();
	return err_set(e, ERR_NOMEM, "no memory to sign a request");
}
