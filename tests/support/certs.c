/* SPDX-License-Identifier: MIT */
#include "certs.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>

#include "base/base64.h"
#include "base/mem.h"

#define DAY_S (24 * 60 * 60L)

static void extension_add(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);

	assert(extension && X509_add_ext(x, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

struct cert cert_new(const char *name, const struct cert *issuer, int days)
{
	static long serial;
	struct cert c = {.key = EVP_EC_gen("P-256"), .x = X509_new()};
	X509_NAME *subject;
	int done;

	assert(c.key && c.x);
	subject = X509_get_subject_name(c.x);
	done = X509_set_version(c.x, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(c.x), ++serial) &&
	       X509_gmtime_adj(X509_getm_notBefore(c.x), -DAY_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(c.x), days * DAY_S) &&
	       X509_set_pubkey(c.x, c.key) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1,
					  -1, 0) &&
	       X509_set_issuer_name(c.x, issuer ? X509_get_subject_name(issuer->x) : subject);
	assert(done);
	extension_add(c.x, NID_subject_alt_name, "IP:127.0.0.1");
	extension_add(c.x, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
	done = X509_sign(c.x, issuer ? issuer->key : c.key, EVP_sha256());
	assert(done > 0);
	return c;
}

void cert_free(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x);
	*c = (struct cert){NULL, NULL};
}

static void bio_take(BIO *bio, int good, struct buf *out)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);

	assert(good == 1 && len > 0);
	buf_add(out, text, (size_t)len);
	BIO_free(bio);
	assert(buf_error(out) == ERR_OK);
}

void cert_print(const struct cert *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	bio_take(bio, PEM_write_bio_X509(bio, c->x), out);
}

void cert_print_key(const struct cert *c, const char *password, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	bio_take(bio,
		 PEM_write_bio_PKCS8PrivateKey(bio, c->key, password ? EVP_aes_256_cbc() : NULL,
					       password, password ? (int)strlen(password) : 0, NULL,
					       NULL),
		 out);
}

void cert_pin(const struct cert *c, char out[static 64])
{
	uint8_t hash[32];
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x), &der);

	assert(len > 0 && EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
	memcpy(out, "sha256//", 8);
	base64_encode(hash, sizeof(hash), out + 8);
}

static void replace(const char *path, struct buf *content)
{
	enum err_code code = fd_write_file(path, buf_text(content), 0600, true, NULL);

	assert(code == ERR_OK);
	(void)code;
	buf_done(content);
}

void cert_write(const struct cert *c, const char *path, const char *key_path, const char *password)
{
	struct buf text;

	buf_init(&text, 65536);
	if (path) {
		cert_print(c, &text);
		replace(path, &text);
	}
	buf_init(&text, 65536);
	if (key_path) {
		cert_print_key(c, password, &text);
		replace(key_path, &text);
	}
}

void tls_server_open(struct tls_server *s, const struct cert *own, const struct cert *client_ca,
		     int max_version)
{
	int done;

	*s = (struct tls_server){.ssl = SSL_CTX_new(TLS_server_method())};
	mutex_init(&s->lock);
	assert(s->ssl);
	done = SSL_CTX_use_certificate(s->ssl, own->x) == 1 &&
	       SSL_CTX_use_PrivateKey(s->ssl, own->key) == 1;
	if (max_version)
		done = done && SSL_CTX_set_max_proto_version(s->ssl, max_version) == 1;
	if (client_ca) {
		SSL_CTX_set_verify(s->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		done = done &&
		       X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ssl), client_ca->x) == 1;
	}
	assert(done);
	(void)done;
}

void tls_server_close(struct tls_server *s)
{
	SSL_CTX_free(s->ssl);
	mutex_done(&s->lock);
}

/* A head and a body that comes with it; false at the end. */
static bool read_request(SSL *ssl)
{
	char head[PEER_HEAD_BYTES];
	size_t len = 0;
	const char *end, *length;
	int n;

	for (;;) {
		n = SSL_read(ssl, head + len, (int)(sizeof(head) - 1 - len));
		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
		end = strstr(head, "\r\n\r\n");
		length = strcasestr(head, "Content-Length:");
		if (end &&
		    (!length || len >= (size_t)(end + 4 - head) + strtoul(length + 15, NULL, 10)))
			return true;
	}
}

static void note_client(struct tls_server *s, SSL *ssl)
{
	X509 *x = SSL_get1_peer_certificate(ssl);

	mutex_lock(&s->lock);
	s->requests++;
	s->client[0] = '\0';
	if (x)
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, s->client,
						sizeof(s->client));
	mutex_unlock(&s->lock);
	X509_free(x);
}

bool tls_serve(struct peer *p, struct peer_request *r)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct tls_server *s = p->ctx;
	SSL *ssl = SSL_new(s->ssl);

	assert(ssl && SSL_set_fd(ssl, r->fd) == 1);
	if (SSL_accept(ssl) == 1) {
		mutex_lock(&s->lock);
		s->handshakes++;
		mutex_unlock(&s->lock);
		while (read_request(ssl)) {
			note_client(s, ssl);
			if (SSL_write(ssl, answer, (int)sizeof(answer) - 1) <= 0)
				break;
		}
	}
	SSL_free(ssl);
	return false;
}

bool tls_peer_start(struct peer *p, struct tls_server *s)
{
	/* SSL_write has no MSG_NOSIGNAL */
	(void)signal(SIGPIPE, SIG_IGN);
	if (!peer_open(p, tls_serve, s))
		return false;
	p->greet = true;
	(void)snprintf(p->url, sizeof(p->url), "https://127.0.0.1:%d/hook", p->port);
	return peer_go(p);
}
