/* SPDX-License-Identifier: MIT */
/*
 * One entry of webhook.network_deny or network_allow: a word for a class of addresses, an address,
 * or a block of them in CIDR notation (RFC 4632, RFC 4291 section 2.3).
 *
 * Addresses are 16 bytes; one of IPv4 is kept as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that both
 * spellings are the same.
 */
#ifndef CONFIG_NETWORK_RULE_H
#define CONFIG_NETWORK_RULE_H

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_ADDRESS_BYTES 16

struct network_address {
	uint8_t bytes[NETWORK_ADDRESS_BYTES];
};

/* The addresses whose first bits are those of start. */
struct network_block {
	struct network_address start;
	unsigned bits; /* 0 to 128 */
};

enum network_class {
	NETWORK_PRIVATE,     /* not routed on the internet: RFC 1918, 6598, 4193 and the like */
	NETWORK_LOOPBACK,    /* this host, which 0.0.0.0 and :: reach as well */
	NETWORK_LINK_LOCAL,  /* RFC 3927, RFC 4291 section 2.5.6 */
	NETWORK_METADATA,    /* where clouds serve credentials to their machines */
	NETWORK_UNSPECIFIED, /* 0.0.0.0/8 and :: */
	NETWORK_MULTICAST,   /* and broadcast, and reserved ones */
	NETWORK_CLASS_COUNT
};

struct network_rule {
	enum {
		NETWORK_RULE_NONE,
		NETWORK_RULE_LITERAL,
		NETWORK_RULE_CLASS,
		NETWORK_RULE_BLOCK,
		NETWORK_RULE_REBOUND
	} kind;
	enum network_class class;   /* of NETWORK_RULE_CLASS */
	struct network_block block; /* of NETWORK_RULE_BLOCK */
};

/* The rule that text spells; a complaint, fit to stand behind "key: ", or NULL. */
const char *network_rule_parse(const char *text, struct network_rule *ret_rule);

/* For the key table: what network_deny and what network_allow take. */
const char *check_network_deny(const char *text);
const char *check_network_allow(const char *text);

/* An address as text, without brackets; a zone behind % is left out. False when it is none. */
bool network_address_read(const char *text, struct network_address *ret_address);

/* The text of a; IPv4 as a.b.c.d. */
void network_address_print(const struct network_address *a, char out[static 46]);

/* Whether a is in b. */
bool network_block_has(const struct network_block *b, const struct network_address *a);

#endif
