/* SPDX-License-Identifier: MIT */
/*
 * System calls that fail at every point (torture.h: TORTURE_ERROR, TORTURE_SHORT, TORTURE_EINTR),
 * for the tests that the Makefile names. Libraries that it takes from their archives have theirs
 * fail too.
 */
#ifndef SUPPORT_TORTURE_CALLS_H
#define SUPPORT_TORTURE_CALLS_H

/* How many descriptors are open, but those of files whose path begins so (NULL: of all): none may
 * be left behind. SQLite keeps some of a file that the same process has open elsewhere. */
int torture_descriptors(const char *but);

#endif
