/* SPDX-License-Identifier: MIT */
/*
 * From a configuration file to settings, and back to text.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "config/env.h"
#include "config/settings.h"

/* Room for the mistakes of one file: what to give buf_init. */
#define CONFIG_MISTAKES_BYTES (256 * 1024)

/* Read file into *ret, which is written only on success and ended with settings_done. Every
 * mistake becomes a line in mistakes:
 *
 *     config.yaml:12:3: webhook.retry_cont: unknown key, did you mean retry_count?
 *
 * also when the file cannot be read. No secret ever stands in a line. Errors: ERR_CONFIG (at least
 * one mistake; e says how many), ERR_NOMEM. Blocks as long as reading files does. */
enum err_code config_load(const char *file, const struct config_env *env, struct settings *ret,
			  struct buf *mistakes, struct err *e) ATTR_MUST_CHECK;

/* The same from a text already read; name stands in front of mistakes. */
enum err_code config_parse(const char *name, struct text source, const struct config_env *env,
			   struct settings *ret, struct buf *mistakes,
			   struct err *e) ATTR_MUST_CHECK;

/* Append the settings in force as YAML in the long form, defaults included, secrets as ***. It
 * loads again (with *** for secrets). Errors stick to out. */
void config_print(const struct settings *s, struct buf *out);

/* Append what differs, one "key: old -> new" after the other with "; " between, secrets as ***:
 * "webhook.timeout: 30s -> 10s; listener.modes: [insert] -> [delete] (install)". Keys of sources,
 * webhooks and pipelines not called default carry the name: "webhook.timeout of crm: ...". Nothing
 * is appended when nothing differs. Returns how many of the differences need another install.
 * Errors stick to out. */
size_t config_diff(const struct settings *old, const struct settings *new, struct buf *out);

#endif
