/* SPDX-License-Identifier: MIT */
#include "config/yaml_problem.h"

#include <stdbool.h>
#include <string.h>

/* The byte at a mark, whose column counts characters. */
static char byte_at(struct text source, yaml_mark_t at)
{
	size_t i = 0, line, column;

	for (line = 0; line < at.line && i < source.len; i++)
		line += source.s[i] == '\n';
	for (column = 0; column < at.column && i < source.len; column++) {
		for (i++; i < source.len && ((unsigned char)source.s[i] & 0xc0) == 0x80;)
			i++;
	}
	return (char)(i < source.len ? source.s[i] : '\0');
}

/* Where in the file the byte offset is, in lines and characters. */
static yaml_mark_t mark_of(struct text source, size_t offset)
{
	yaml_mark_t at = {.index = offset};
	size_t i;

	for (i = 0; i < offset && i < source.len; i++) {
		if (source.s[i] == '\n') {
			at.line++;
			at.column = 0;
		} else if (((unsigned char)source.s[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* What ends too late or not at all, and is noticed far behind: where it began is where to look. */
static bool ends_late(const yaml_parser_t *p)
{
	return p->error == YAML_SCANNER_ERROR && p->context &&
	       (!strcmp(p->context, "while scanning a quoted scalar") ||
		!strcmp(p->context, "while scanning a simple key"));
}

enum err_code yaml_problem(const yaml_parser_t *p, struct text source, struct mistakes *m,
			   struct err *e)
{
	yaml_mark_t at = p->problem_mark;
	bool is_tab;

	/* libyaml 0.2.5 forgets to set the error where some of its allocations fail; whatever else
	 * goes wrong comes with a problem text */
	if (p->error == YAML_MEMORY_ERROR || !p->problem)
		return err_set(e, ERR_NOMEM, "no memory to parse the configuration");
	if (p->error == YAML_READER_ERROR)
		at = mark_of(source, p->problem_offset);
	is_tab = p->error == YAML_SCANNER_ERROR && byte_at(source, at) == '\t';
	if (!is_tab && ends_late(p))
		at = p->context_mark;
	if (is_tab)
		mistakes_add(m, (int)at.line + 1, (int)at.column + 1, "",
			     "a tab where only spaces may stand: indent with spaces");
	else
		mistakes_add(m, (int)at.line + 1, (int)at.column + 1, "", "not valid YAML: %s%s%s",
			     p->problem, p->context ? " " : "", p->context ? p->context : "");
	return err_set(e, ERR_CONFIG, "not valid YAML");
}
