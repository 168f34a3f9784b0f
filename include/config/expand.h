/* SPDX-License-Identifier: MIT */
/*
 * Environment variables inside configuration values, after YAML has been parsed (so that a value
 * can never become structure):
 *
 *     ${NAME}            the variable; a mistake when it is not set
 *     ${NAME:-default}   the text behind :- when it is not set or empty
 *     $${                a literal ${
 *
 * Any other $ stands for itself. What a variable holds is not expanded again.
 */
#ifndef CONFIG_EXPAND_H
#define CONFIG_EXPAND_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "config/env.h"

/* Append in, expanded, to out. Errors: ERR_DATA (a message that names the variable), ERR_NOMEM,
 * ERR_FULL (out's bound). */
enum err_code expand_text(const struct config_env *env, struct text in, struct buf *out,
			  struct err *e) ATTR_MUST_CHECK;

/* Append t so that expand_text gives it back: "${" becomes "$${". Errors stick to out. */
void expand_escape(struct text t, struct buf *out);

#endif
