/* SPDX-License-Identifier: MIT */
/*
 * The header fields of an answer that has arrived: libcurl-headers(3).
 */
#ifndef SINK_RESPONSE_H
#define SINK_RESPONSE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

/* What its Retry-After asks for: sink/retry_after.h. */
int64_t response_retry_after_s(CURL *easy, int64_t wall_us);

/* Whether it has the field "NAME: VALUE", among others of that name or in a list with commas; in
 * any case of letters. */
bool response_has(CURL *easy, const char *field);

/* The value of the only field of that name; NULL: there is none, or several. A loan until the
 * handle's next transfer. */
const char *response_only(CURL *easy, const char *name);

#endif
