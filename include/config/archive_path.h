/* SPDX-License-Identifier: MIT */
/*
 * Where a webhook's archive is: webhook.archive_path, or webhook.url when that is file:///PATH (RFC
 * 8089), which then is all of the webhook. Either may have {pipeline}.
 */
#ifndef CONFIG_ARCHIVE_PATH_H
#define CONFIG_ARCHIVE_PATH_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/settings.h"

/* Rules as in config/check.h. */
const char *check_archive_path(const char *value);
/* file:///PATH, or what check_url wants. */
const char *check_webhook_url(const char *value);

/* Nothing is sent, url is a file. */
bool archive_path_is_all(const struct webhook_settings *w);
/* There is an archive, be it all. */
bool archive_path_is_given(const struct webhook_settings *w);
/* Append the path of pipeline's archive. Errors stick to out. */
void archive_path_write(const struct webhook_settings *w, const char *pipeline, struct buf *out);

/* Whether its file is an array of JSON: as archive_format says, or the name. */
bool archive_path_is_json(const struct webhook_settings *w);

#endif
