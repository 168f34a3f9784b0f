/* SPDX-License-Identifier: MIT */
/*
 * A list of durations as a field of the key table: what config/field_type.h asks of a type. Each is
 * within the range of its row. Used by src/config alone.
 */
#ifndef CONFIG_DURATIONS_H
#define CONFIG_DURATIONS_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/keys.h"

enum err_code durations_set(const struct key *k, void *field, struct text v,
			    struct err *e) ATTR_MUST_CHECK;
enum err_code durations_add(const struct key *k, void *field, struct text v,
			    struct err *e) ATTR_MUST_CHECK;
void durations_done(void *field);
bool durations_is_given(const void *field);
void durations_print(const struct key *k, const void *field, struct buf *out);
bool durations_is_equal(const void *a, const void *b);

#define DURATIONS_FIELD                                                                            \
	{                                                                                          \
		durations_set, durations_add, durations_done, durations_is_given, durations_print, \
			durations_is_equal                                                         \
	}

#endif
