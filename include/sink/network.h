/* SPDX-License-Identifier: MIT */
/*
 * Which addresses a webhook may be connected to: webhook.network_deny and network_allow. What is
 * judged is the address of the peer, never its name or how the URL spells it, so that neither an
 * odd spelling nor a name that resolves elsewhere the second time gets around it.
 *
 * An address of IPv6 that carries one of IPv4 (mapped, compatible, 6to4, NAT64, Teredo, ISATAP) is
 * denied for either. Any thread.
 */
#ifndef SINK_NETWORK_H
#define SINK_NETWORK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "config/network_rule.h"
#include "config/settings.h"

struct network_policy;

/* Where the first address that was let through lay: to be shared by all that connect for one
 * webhook. Zeroed: nowhere yet. */
struct network_trail {
	_Atomic int first;
};

/* Errors: ERR_NOMEM, ERR_CONFIG (a rule that config would have refused). */
enum err_code network_policy_new(const struct webhook_settings *to, struct network_policy **ret_p,
				 struct err *e) ATTR_MUST_CHECK;
void network_policy_free(struct network_policy *p);

/* The rule that denies the address, as the configuration writes it, a loan for the policy's life;
 * NULL: it is allowed. The rule `rebound` needs a trail, NULL: it denies nothing; what is allowed
 * by a rule leaves no trail. */
const char *network_denied_by(const struct network_policy *p, struct network_trail *trail,
			      const struct network_address *a);

/* The address of a socket; false when it is neither of IPv4 nor of IPv6. */
bool network_address_of(const struct sockaddr *sa, struct network_address *ret_address);

#endif
