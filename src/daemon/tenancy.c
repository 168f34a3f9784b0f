/* SPDX-License-Identifier: MIT */
#include "daemon/tenancy.h"

#include "base/mem.h"
#include "config/tenant_quota.h"

#define APART 3000 /* tenants without a quota of their own that are told apart at one time */

static ATTR_MUST_CHECK enum err_code read_named(const struct pipeline_settings *p,
						struct tenant_quota *named, struct err *e)
{
	const char *near;
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && 2 * i < p->tenants.count; i++) {
		named[i].name = p->tenants.items[2 * i];
		code = tenant_quota_of(p, p->tenants.items[2 * i + 1], &named[i].quota, &near, e);
	}
	return code;
}

enum err_code tenancy_new(const struct pipeline_settings *p, const struct ring_options *ring,
			  struct deferral **ret_d, struct err *e)
{
	size_t count = p->tenants.count / 2;
	struct tenant_quota *named = mem_calloc(count + 1, sizeof(*named));
	struct deferral_options o = {.tenants = {.capacity = ring->capacity,
						 .max_bytes = ring->max_bytes,
						 .quota = p->tenant_quota,
						 .named = named,
						 .named_count = count,
						 .max = APART},
				     .column = p->tenant,
				     .ordering = p->ordering};
	enum err_code code;

	if (!named)
		return err_set(e, ERR_NOMEM, "no memory for tenants");
	code = read_named(p, named, e);
	if (code == ERR_OK)
		code = deferral_new(&o, ret_d, e);
	mem_free(named);
	return code;
}
