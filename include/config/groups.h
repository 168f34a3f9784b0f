/* SPDX-License-Identifier: MIT */
/*
 * Keys whose names begin alike may be written as a group:
 *
 *     webhook:                              webhook:
 *       network_deny: [private]               network: {deny: [private], allow: [10.0.0.0/8]}
 *       network_allow: [10.0.0.0/8]
 *
 * The grouped form is turned into the other before anything is read.
 */
#ifndef CONFIG_GROUPS_H
#define CONFIG_GROUPS_H

#include "base/err.h"
#include "config/document.h"

/* Write out the groups in all sections of doc. Errors: ERR_NOMEM (doc is only fit to be freed). */
enum err_code groups_write_out(struct document *doc, struct err *e) ATTR_MUST_CHECK;

#endif
