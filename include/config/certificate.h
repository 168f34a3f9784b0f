/* SPDX-License-Identifier: MIT */
/*
 * Certificates and keys as PEM text (RFC 7468): whether what a configuration names, or what a file
 * holds by now, can be used. Stateless: any thread.
 */
#ifndef CONFIG_CERTIFICATE_H
#define CONFIG_CERTIFICATE_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* Files with more are refused: the CAs of a whole system are 300 KB. */
#define CERTIFICATE_BYTES_MAX (4UL << 20)

/* Check that pem holds certificates and nothing broken. *ret_expires_wall_us, NULL: not wanted, is
 * when the first one, the daemon's own in front of its chain, runs out. Errors: ERR_DATA with a
 * message fit to stand behind the file's name, ERR_NOMEM. */
enum err_code certificate_check(struct text pem, int64_t *ret_expires_wall_us,
				struct err *e) ATTR_MUST_CHECK;

/* Check that key is a private key, which password opens (NULL: it needs none), and that of pem's
 * first certificate. The password never stands in a message. Errors: as above. */
enum err_code certificate_check_key(struct text pem, struct text key, const char *password,
				    struct err *e) ATTR_MUST_CHECK;

#endif
