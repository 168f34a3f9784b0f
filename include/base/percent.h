/* SPDX-License-Identifier: MIT */
/*
 * Percent-encoding (RFC 3986, 2.1) of values that come from a database and stand in a URL or in a
 * header. Neither can end what it stands in: spaces, line ends, quotes, control characters and all
 * that is not ASCII are encoded byte by byte, and "%" is, so that it can be undone.
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/buf.h"

/* As one segment of a path or one value of a query: letters, digits, "-", "_" and "~" stay. A point
 * does not: a segment of points alone would mean another place. */
void percent_add_url(struct buf *out, struct text t);

/* As a header's value: printable ASCII stays but for space, '"' and "%" (CloudEvents, HTTP binding
 * 1.0.2, 3.1.3.2). */
void percent_add_header(struct buf *out, struct text t);

#endif
