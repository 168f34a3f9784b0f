/* SPDX-License-Identifier: MIT */
/*
 * `export WHAT`: one row for each kind of record that can be written out. A row's function prints
 * to what --output names in the form that --format names (export_out.h), and keeps no more than a
 * page or two in memory.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/command.h"
#include "daemon/export_archive.h"

struct exported {
	const char *name;
	command_fn fn;  /* its arguments are those behind the name */
	unsigned taken; /* the options that mean something to it */
};

/* Its own command knows how. */
static int export_dead_letters(const struct command_call *call)
{
	const char *const args[] = {"export", call->arg_count ? call->args[0] : NULL};
	const struct command_call same = {
		.options = call->options, .args = args, .arg_count = 1 + call->arg_count};

	return command_dead_letters(&same);
}

#define EXPORT_OPTIONS                                                                             \
	(OPTION_CONFIG | OPTION_SOURCE | OPTION_PIPELINE | OPTION_TABLE | OPTION_OPERATION |       \
	 OPTION_KEYS | OPTION_SINCE | OPTION_UNTIL | OPTION_LIMIT | OPTION_FORMAT | OPTION_OUTPUT)

static const struct exported exported_table[] = {
	{"outbox", command_export_outbox, EXPORT_OPTIONS},
	{"archive", export_archive, EXPORT_OPTIONS | OPTION_ID},
	{"dead-letters", export_dead_letters,
	 EXPORT_OPTIONS | OPTION_OLDER_THAN | OPTION_ID | OPTION_STATUS | OPTION_ERROR},
};

static const struct exported *exported_find(const char *name)
{
	size_t i;

	for (i = 0; name && i < ARRAY_LEN(exported_table); i++)
		if (strcmp(exported_table[i].name, name) == 0)
			return &exported_table[i];
	return NULL;
}

static ATTR_MUST_CHECK enum err_code refuse_unknown(struct err *e)
{
	char names[128] = "";
	size_t i, len = 0;

	for (i = 0; i < ARRAY_LEN(exported_table) && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
					exported_table[i].name);
	return err_set(e, ERR_USAGE, "export needs one of: %s", names);
}

int command_export(const struct command_call *call)
{
	const struct exported *x = exported_find(call->arg_count ? call->args[0] : NULL);
	struct command_call rest = *call;
	char what[32];
	struct err e;

	if (!x) {
		if (refuse_unknown(&e) != ERR_OK)
			return command_fail(&e);
		return 0;
	}
	(void)snprintf(what, sizeof(what), "export %s", x->name);
	if (options_only(call->options, x->taken, what, &e) != ERR_OK)
		return command_fail(&e);
	rest.args++;
	rest.arg_count--;
	return x->fn(&rest);
}
