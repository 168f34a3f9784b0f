/* SPDX-License-Identifier: MIT */
/*
 * A record as an archive needs it: one line, and a JSON object whatever the database gave for one.
 */
#ifndef SINK_ARCHIVE_RECORD_H
#define SINK_ARCHIVE_RECORD_H

#include "base/buf.h"

/* Line ends in record, which can only be white space between values, become spaces; bytes that are
 * not UTF-8 become U+FFFD; and what is no JSON object all the same becomes
 * {"unreadable":"<the text>"}. Errors stick to record. */
void archive_record_clean(struct buf *record);

#endif
