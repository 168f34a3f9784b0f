/* SPDX-License-Identifier: MIT */
/* What `check` tells of a webhook's rules for columns once the tables are known. */
#ifndef SOURCE_COLUMN_CHECK_H
#define SOURCE_COLUMN_CHECK_H

#include "source/admin.h"
#include "source/tables.h"

/* Tell, through o, of each pattern that means no column of the tables of its webhook, and of each
 * key column that is not sent. t is all tables of the source. Of a webhook that other sources use
 * too, patterns are not told: theirs they may be. */
void column_check(const struct settings *s, size_t source, const struct tables *t,
		  const struct install_options *o);

#endif
