/* SPDX-License-Identifier: MIT */
/*
 * The file that a source of type http keeps its events in, when it has a path: the daemon makes it
 * when it starts, and the operator's commands know that it may not be there yet.
 */
#ifndef SOURCE_SQLITE_INLET_H
#define SOURCE_SQLITE_INLET_H

#include "source/admin.h"

/* Make the file of settings.sources[source], or bring it up to date. Errors: as
 * inlet_make_store. */
enum err_code sqlite_inlet_make(const struct settings *s, size_t source,
				struct err *e) ATTR_MUST_CHECK;

#endif
