/* SPDX-License-Identifier: MIT */
/*
 * The header lines that every request to one webhook carries, as curl wants them: what identifies
 * the format, what is configured, secrets among them. Internal to the HTTP engine.
 */
#ifndef SINK_TRANSFER_HEADERS_H
#define SINK_TRANSFER_HEADERS_H

#include <curl/curl.h>

#include "base/err.h"
#include "config/settings.h"

/* Errors: ERR_NOMEM, ERR_CONFIG (a line break in a header or in a secret). */
enum err_code transfer_headers_new(const struct webhook_settings *to, struct curl_slist **ret_list,
				   struct err *e) ATTR_MUST_CHECK;

/* Wipes them first. list may be NULL. */
void transfer_headers_free(struct curl_slist *list);

#endif
