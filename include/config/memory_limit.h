/* SPDX-License-Identifier: MIT */
/*
 * How much memory the process may have: what its control group allows it (systemd's MemoryMax, a
 * container's limit), or what the machine has.
 */
#ifndef CONFIG_MEMORY_LIMIT_H
#define CONFIG_MEMORY_LIMIT_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "config/env.h"

/* The least of memory.max (version 2) or memory.limit_in_bytes (version 1) of the process's group
 * and those above it, in bytes; 0: no limit, or unknown. Linux, Documentation/admin-guide/
 * cgroup-v2.rst, "Memory Interface Files", and cgroup-v1/memory.rst. */
int64_t memory_limit_of_group(const struct config_env *env);

/* MemTotal of /proc/meminfo (proc(5)), in bytes; 0: unknown. */
int64_t memory_limit_of_machine(const struct config_env *env);

/* "64MB", or "25%" of what is allowed, 1 to 90; *ret_percent is 0 with a size. Errors: ERR_DATA. */
enum err_code memory_limit_read(struct text t, int64_t *ret_bytes, int64_t *ret_percent,
				struct err *e) ATTR_MUST_CHECK;

#endif
