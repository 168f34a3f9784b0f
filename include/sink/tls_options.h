/* SPDX-License-Identifier: MIT */
/*
 * What curl is told of TLS to one webhook, but for what comes from files (sink/tls_files.h).
 */
#ifndef SINK_TLS_OPTIONS_H
#define SINK_TLS_OPTIONS_H

#include <curl/curl.h>

#include "config/settings.h"

/* Versions, verification, the key's password, and ca_file by its path, for a handle that follows no
 * files. `to` is copied from. Errors: curl's. */
CURLcode tls_options_set(CURL *easy, const struct webhook_settings *to);

/* The public keys that the receiver may have; a token endpoint has others. Errors: curl's. */
CURLcode tls_options_pin(CURL *easy, const struct webhook_settings *to);

#endif
