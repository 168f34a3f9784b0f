/* SPDX-License-Identifier: MIT */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* Semantic versioning; also in the User-Agent, /metrics and the man pages. */
#define APP_NAME "app-db-listener"
#define APP_VERSION "0.1.0"

#endif
