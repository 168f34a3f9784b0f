/* SPDX-License-Identifier: MIT */
/*
 * From the options of `dead-letters` to a filter.
 */
#ifndef DAEMON_LETTER_OPTIONS_H
#define DAEMON_LETTER_OPTIONS_H

#include "daemon/options.h"
#include "source/admin.h"
#include "source/letter_key.h"

/* id_word: the argument behind the action, an id or an event id whose last part it is; NULL: none.
 * now_wall_us: what durations count back from. ret->key is the caller's: letter_key_free. The texts
 * are loans from o. Errors: ERR_USAGE, naming the option; ERR_NOMEM. Nothing to free then. */
enum err_code letter_options_filter(const struct options *o, const char *id_word,
				    int64_t now_wall_us, struct dead_letter_filter *ret,
				    struct letter_key **ret_key, struct err *e) ATTR_MUST_CHECK;

/* Does any field of f narrow? */
bool letter_options_narrow(const struct dead_letter_filter *f);

#endif
