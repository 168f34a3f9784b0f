/* SPDX-License-Identifier: MIT */
/*
 * Certificates for tests, made when they run, and a receiver with TLS on top of loopback.h.
 * Whatever fails in here ends the test's process.
 */
#ifndef SUPPORT_CERTS_H
#define SUPPORT_CERTS_H

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/thread.h"
#include "loopback.h"

struct cert {
	EVP_PKEY *key;
	X509 *x;
};

/* One for 127.0.0.1 that runs out in so many days, signed by issuer (NULL: by itself, and a CA). */
struct cert cert_new(const char *name, const struct cert *issuer, int days);
void cert_free(struct cert *c);

/* Append PEM; password NULL: the key stays open. */
void cert_print(const struct cert *c, struct buf *out);
void cert_print_key(const struct cert *c, const char *password, struct buf *out);
/* "sha256//BASE64" of the public key. */
void cert_pin(const struct cert *c, char out[static 64]);

/* Replace the file at path; NULL: no such part. */
void cert_write(const struct cert *c, const char *path, const char *key_path, const char *password);

/* p->ctx of a peer that serves with tls_serve and has greet set. */
struct tls_server {
	SSL_CTX *ssl;
	struct mutex lock;
	char client[64]; /* who the last request's certificate named; "" without one */
	int requests;
	int handshakes;
};

/* Show own; client_ca NULL: nobody has to show one. max_version 0: any. */
void tls_server_open(struct tls_server *s, const struct cert *own, const struct cert *client_ca,
		     int max_version);
void tls_server_close(struct tls_server *s);
bool tls_serve(struct peer *p, struct peer_request *r);
/* Start p, at https://127.0.0.1:PORT/hook. */
bool tls_peer_start(struct peer *p, struct tls_server *s);

#endif
