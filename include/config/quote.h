/* SPDX-License-Identifier: MIT */
/*
 * Text as a YAML scalar.
 */
#ifndef CONFIG_QUOTE_H
#define CONFIG_QUOTE_H

#include "base/buf.h"
#include "base/text.h"

/* Append t in double quotes so that config_load reads it back as t: escaped for YAML, and ${ for
 * the expansion of variables. Errors stick to out. */
void quote_text(struct text t, struct buf *out);

#endif
