/* SPDX-License-Identifier: MIT */
/*
 * Why libyaml gave up, as a mistake at the place where an operator has to look.
 */
#ifndef CONFIG_YAML_PROBLEM_H
#define CONFIG_YAML_PROBLEM_H

#include <yaml.h>

#include "base/err.h"
#include "base/text.h"
#include "config/mistakes.h"

/* Tell into m what is wrong with source, of which yaml_parser_parse(p) failed. Errors, and it never
 * succeeds: ERR_CONFIG, ERR_NOMEM (libyaml had none; nothing is told). */
enum err_code yaml_problem(const yaml_parser_t *p, struct text source, struct mistakes *m,
			   struct err *e) ATTR_MUST_CHECK;

#endif
