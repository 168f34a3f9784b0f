/* SPDX-License-Identifier: MIT */
/*
 * Rules for the form of text values, named by the key table. Each returns NULL when value is fine,
 * or the complaint, fit to stand behind "key: ". Complaints never repeat the value: it may be
 * secret.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stddef.h>

#include "base/buf.h"

typedef const char *(*check_fn)(const char *value);

/* Not empty, no control characters. */
const char *check_text(const char *value);

/* No control characters; may be empty. */
const char *check_printable(const char *value);

/* [a-z0-9_]{1,40} */
const char *check_name(const char *value);

/* A path of an SQLite database: what check_text wants, and no database in memory. */
const char *check_path(const char *value);

/* NAME or SCHEMA.NAME, each of letters, digits, _, $, - and what is not ASCII, up to 64 bytes: what
 * may stand between backticks as it is (MySQL Reference Manual 9.2, Schema Object Names). */
const char *check_audit_table(const char *value);

/* http:// or https:// with a host (RFC 3986, 3.2); userinfo, port, path and query as wanted, the
 * last two as a template (config/template.h). */
const char *check_url(const char *value);

/* A URL as check_url wants it, without userinfo, fragment and braces: RFC 6749, 3.2. */
const char *check_token_url(const char *value);

/* Visible ASCII without spaces: what a header can carry, and a little more than RFC 6750, 2.1. */
const char *check_bearer_token(const char *value);

/* Not empty, no control characters and no colon: RFC 7617, 2. */
const char *check_basic_user(const char *value);

/* "sha256//" and base64 of 32 bytes: CURLOPT_PINNEDPUBLICKEY(3). */
const char *check_tls_pin(const char *value);

/* The bytes of a URL that passed check_url in front of its path and query. */
size_t check_url_front(const char *url);

/* A template (config/template.h) that is not empty, without control characters. */
const char *check_template(const char *value);

/* "off", ADDRESS:PORT or [IPv6]:PORT */
const char *check_listen(const char *value);

/* A header's name: a token (RFC 9110, 5.6.2), and none that the daemon or HTTP itself sets. */
const char *check_header_name(const char *value);

/* A DNS name: letters, digits, points, hyphens and underscores. */
const char *check_origin(const char *value);

/* NAME: VALUE of an answer, the name a token, the value not empty and without commas. */
const char *check_header_field(const char *value);

/* A header's value: no control characters but tab (RFC 9110, 5.5). */
const char *check_header_value(const char *value);

/* A proxy as libcurl has it: empty, or HOST[:PORT] with a scheme and userinfo in front if wanted;
 * CURLOPT_PROXY(3). */
const char *check_proxy(const char *value);

/* Append a URL that passed check_url or check_proxy without what may be secret in it: userinfo,
 * query and fragment become ***. */
void check_print_url(struct buf *out, const char *url);

#endif
