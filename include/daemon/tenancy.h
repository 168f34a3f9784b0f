/* SPDX-License-Identifier: MIT */
/*
 * The tenants of a pipeline as its settings have them.
 */
#ifndef DAEMON_TENANCY_H
#define DAEMON_TENANCY_H

#include "config/settings.h"
#include "core/deferral.h"
#include "core/ring.h"

/* p has tenants, and a ring of these options. Errors: ERR_NOMEM. */
enum err_code tenancy_new(const struct pipeline_settings *p, const struct ring_options *ring,
			  struct deferral **ret_d, struct err *e) ATTR_MUST_CHECK;

#endif
