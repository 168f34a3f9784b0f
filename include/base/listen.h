/* SPDX-License-Identifier: MIT */
/* A listening TCP socket for "host:port". */
#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H

#include "base/err.h"

#define LISTEN_ADDRESS_BYTES 80

/* Open, bind and listen: non-blocking, close-on-exec. address is HOST:PORT, an IPv6 host in
 * brackets; port 0 lets the system choose. ret_bound gets the address it has in the same form.
 * May block while a name is looked up. Errors: ERR_CONFIG (not of that form), ERR_UNAVAILABLE
 * (taken, unknown, not this host's), ERR_DENIED (privileged port), ERR_IO. */
enum err_code listen_open(const char *address, int *ret_fd,
			  char ret_bound[static LISTEN_ADDRESS_BYTES],
			  struct err *e) ATTR_MUST_CHECK;

#endif
