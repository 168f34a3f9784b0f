/* SPDX-License-Identifier: MIT */
/*
 * Numbered files: FILE is written, FILE.1 is the newest of those before it, FILE.keep the oldest.
 * With size as the bound of one file, all of them together stay within size * (keep + 1), and
 * one record more where a single record is larger than size.
 *
 *     shift:   FILE.2 -> FILE.3    FILE.1 -> FILE.2    FILE -> FILE.1
 *
 * Nothing has a name that a crash could leave behind: a crash between two renames, or an unshift,
 * leaves a gap in the numbers, which the next shift closes. No state, no lock: the caller's matter.
 */
#ifndef BASE_ROTATION_H
#define BASE_ROTATION_H

#include "base/err.h"

#define ROTATION_KEEP_MAX 1000

/* Make room for a new file at path: each file before the first free number gets the next number;
 * the oldest goes when none of keep is free. With keep 0 path itself is removed. Files with higher
 * numbers, which a larger keep of before left behind, are removed as far as they follow each other.
 * Oldest first: a failure half way has overwritten nothing but the oldest. Errors: ERR_DENIED,
 * ERR_NOT_FOUND (the directory), ERR_IO. */
enum err_code rotation_shift(const char *path, int keep, struct err *e) ATTR_MUST_CHECK;

/* The new file could not be made after all: what was shifted last gets its name again, if it can.
 * However often a shift is followed by this, no more than one shift's oldest is lost. */
void rotation_unshift(const char *path, int keep);

#endif
