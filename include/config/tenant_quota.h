/* SPDX-License-Identifier: MIT */
/*
 * What part of a pipeline's ring each tenant may have.
 */
#ifndef CONFIG_TENANT_QUOTA_H
#define CONFIG_TENANT_QUOTA_H

#include "base/err.h"
#include "config/settings.h"

#define TENANT_QUOTA_WHOLE 10000 /* quotas are in hundredths of a per cent */
#define TENANTS_NAMED_MAX 1000

/* value of a tenant: a tier of p, or a quota. Errors: ERR_DATA with a message; *ret_near is then
 * the tier that may be meant, or NULL. */
enum err_code tenant_quota_of(const struct pipeline_settings *p, const char *value, int64_t *ret,
			      const char **ret_near, struct err *e) ATTR_MUST_CHECK;

#endif
