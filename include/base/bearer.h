/* SPDX-License-Identifier: MIT */
/*
 * The bearer token of a request (RFC 6750, 2.1), and whether it is the one that is wanted.
 */
#ifndef BASE_BEARER_H
#define BASE_BEARER_H

#include <stdbool.h>

/* The token of an Authorization header's value: a loan of it; NULL: there is none (authorization
 * may be NULL). */
const char *bearer_find(const char *authorization);

/* Equal, in a time that depends on the length of given only. */
bool bearer_is_equal(const char *token, const char *given);

#endif
