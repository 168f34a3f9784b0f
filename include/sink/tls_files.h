/* SPDX-License-Identifier: MIT */
/*
 * What TLS to one webhook reads from files: the daemon's own certificate and key (tls_cert,
 * tls_key) and the CAs of the other side (ca_file). Files that are replaced while the daemon runs
 * are taken up within a second, by the next request; what is broken or does not belong together,
 * half of a pair that is being written for example, is told in the log and the files before stay in
 * use.
 *
 *     files ──look, once a second──► material 1 ◄── handle, handle
 *                                    material 2 ◄── handle, later requests
 *
 * curl gets the content and not the path: it neither reads a file at a bad moment, nor takes a
 * connection that was opened with other content (it compares both), nor keeps CAs by their path for
 * a day. Thread-safe.
 */
#ifndef SINK_TLS_FILES_H
#define SINK_TLS_FILES_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"

struct tls_files;
/* What the files held at one time; the key is wiped with it. */
struct tls_material;

/* Whether a webhook needs any. */
bool tls_files_are_named(const struct webhook_settings *to);

/* Read them. `to` is a loan. Errors: ERR_NOMEM, ERR_CONFIG (a file cannot be used). Blocks as long
 * as reading does. */
enum err_code tls_files_new(const struct webhook_settings *to, struct tls_files **ret_f,
			    struct err *e) ATTR_MUST_CHECK;
/* Handles may hold material longer. NULL is fine. */
void tls_files_free(struct tls_files *f);

/* Look whether the files have changed, when the last look was a second ago. */
void tls_files_look(struct tls_files *f, int64_t now_us);

/* Look, then have easy use what the files hold now. *held, NULL at first, is what easy uses: the
 * caller gives it back with tls_material_drop after easy's end. Errors: ERR_NOMEM, ERR_CONFIG (curl
 * refuses an option). */
enum err_code tls_files_follow(struct tls_files *f, int64_t now_us, CURL *easy,
			       struct tls_material **held, struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. */
void tls_material_drop(struct tls_material *m);

struct tls_files_stats {
	int64_t taken;           /* times that changed files were taken up */
	int64_t refused;         /* times that they could not be used */
	int64_t expires_wall_us; /* of the certificate in use; 0: none */
};

struct tls_files_stats tls_files_stats(struct tls_files *f);

#endif
