/* SPDX-License-Identifier: MIT */
/*
 * From the outbox's text to JSON. Triggers write objects whose names are JSON and whose values are
 * SQL literals as quote() makes them, because the application's SQLite may have no JSON functions,
 * and those there are refuse blobs, shorten numbers and write infinity as no JSON:
 *
 *     {"id":1,"name":'O''Hara',"blob":X'00FF',"nothing":NULL,"with NUL":T'410042'}
 *
 * T'..' is text in the file's encoding, as hexadecimal digits: quote() ends at a NUL.
 */
#ifndef SOURCE_SQLITE_VALUE_H
#define SOURCE_SQLITE_VALUE_H

#include "base/buf.h"
#include "base/text.h"

/* Append the JSON of literals to out: text as strings (invalid UTF-8 becomes U+FFFD), blobs as
 * strings of hexadecimal digits, infinities as "Infinity" and "-Infinity", numbers as they are.
 * What is JSON already, and what is neither, is copied, with invalid UTF-8 replaced.
 * utf16: as sqlite_conn_utf16. Errors stick to out. */
void sqlite_value_json(struct buf *out, struct text literals, int utf16);

#endif
