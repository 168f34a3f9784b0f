/* SPDX-License-Identifier: MIT */
/*
 * libcrypto asks the terminal for the password of a key unless it is given a callback: it always
 * is. What fails is taken off the thread's queue of errors, which libcurl and libpq look at too.
 */
#include "config/certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#define US_PER_S 1000000LL

static BIO *bio_of(struct text t)
{
	return t.len <= INT_MAX ? BIO_new_mem_buf(t.s, (int)t.len) : NULL;
}

static ATTR_MUST_CHECK enum err_code no_memory(struct err *e)
{
	ERR_clear_error();
	return err_set(e, ERR_NOMEM, "no memory for a certificate");
}

static ATTR_MUST_CHECK enum err_code bad(struct err *e, const char *complaint)
{
	ERR_clear_error();
	return err_set(e, ERR_DATA, "%s", complaint);
}

static int give_password(char *out, int size, int writing, void *ctx)
{
	const char *password = ctx;
	size_t len = password ? strlen(password) : 0;

	(void)writing;
	if (!password || len > (size_t)size)
		return -1;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): libcrypto takes the length */
	memcpy(out, password, len);
	return (int)len;
}

static int64_t expires_wall_us(const X509 *x)
{
	struct tm at = {.tm_year = 0};

	if (!x || ASN1_TIME_to_tm(X509_get0_notAfter(x), &at) != 1)
		return 0;
	return (int64_t)timegm(&at) * US_PER_S;
}

/* The certificates that pem holds, and when the first of them runs out. */
static size_t count_certificates(STACK_OF(X509_INFO) * all, int64_t *ret_expires_wall_us)
{
	size_t n = 0;
	int i;

	for (i = 0; i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *info = sk_X509_INFO_value(all, i);

		if (info->x509 && !n++ && ret_expires_wall_us)
			*ret_expires_wall_us = expires_wall_us(info->x509);
	}
	return n;
}

enum err_code certificate_check(struct text pem, int64_t *ret_expires_wall_us, struct err *e)
{
	BIO *bio = bio_of(pem);
	STACK_OF(X509_INFO) *all = NULL;
	char none[] = "";
	size_t n = 0;

	if (!bio)
		return no_memory(e);
	/* keys beside the certificates stay closed: they are not wanted here */
	all = PEM_X509_INFO_read_bio(bio, NULL, give_password, none);
	BIO_free(bio);
	if (!all)
		return bad(e, "holds something broken: not PEM, or cut off");
	n = count_certificates(all, ret_expires_wall_us);
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	return n ? ERR_OK : bad(e, "holds no certificate");
}

static EVP_PKEY *key_read(struct text key, const char *password)
{
	BIO *bio = bio_of(key);
	/* the callback's argument is not const */
	union {
		const char *in;
		void *out;
	} argument = {password};
	EVP_PKEY *pkey =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, argument.out) : NULL;

	BIO_free(bio);
	return pkey;
}

enum err_code certificate_check_key(struct text pem, struct text key, const char *password,
				    struct err *e)
{
	BIO *bio = bio_of(pem);
	X509 *x = bio ? PEM_read_bio_X509_AUX(bio, NULL, give_password, NULL) : NULL;
	EVP_PKEY *pkey = NULL;
	enum err_code code = ERR_OK;

	BIO_free(bio);
	if (x)
		pkey = key_read(key, password);
	if (!x)
		code = bad(e, "the certificate cannot be read");
	else if (!pkey)
		code = bad(e, password ? "holds no private key that the password opens"
				       : "holds no private key, or one with a password");
	else if (X509_check_private_key(x, pkey) != 1)
		code = bad(e, "is not the key of the certificate");
	EVP_PKEY_free(pkey);
	X509_free(x);
	return code;
}
