/* SPDX-License-Identifier: MIT */
#include "config/network_rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#define V4_BITS 96 /* in front of an IPv4 address */

static const struct {
	const char *word;
	struct network_rule rule;
} words[] = {
	{"none", {.kind = NETWORK_RULE_NONE}},
	{"literal", {.kind = NETWORK_RULE_LITERAL}},
	{"private", {.kind = NETWORK_RULE_CLASS, .class = NETWORK_PRIVATE}},
	{"loopback", {.kind = NETWORK_RULE_CLASS, .class = NETWORK_LOOPBACK}},
	{"link_local", {.kind = NETWORK_RULE_CLASS, .class = NETWORK_LINK_LOCAL}},
	{"metadata", {.kind = NETWORK_RULE_CLASS, .class = NETWORK_METADATA}},
	{"unspecified", {.kind = NETWORK_RULE_CLASS, .class = NETWORK_UNSPECIFIED}},
	{"multicast", {.kind = NETWORK_RULE_CLASS, .class = NETWORK_MULTICAST}},
	{"rebound", {.kind = NETWORK_RULE_REBOUND}},
};

bool network_address_read(const char *text, struct network_address *ret_address)
{
	struct network_address a = {{[10] = 0xff, [11] = 0xff}};
	char copy[INET6_ADDRSTRLEN];
	const size_t len = strcspn(text, "%");

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, a.bytes + V4_BITS / 8) != 1 &&
	    inet_pton(AF_INET6, copy, a.bytes) != 1)
		return false;
	*ret_address = a;
	return true;
}

void network_address_print(const struct network_address *a, char out[static INET6_ADDRSTRLEN])
{
	static const uint8_t mapped[V4_BITS / 8] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(a->bytes, mapped, sizeof(mapped)) != 0)
		(void)inet_ntop(AF_INET6, a->bytes, out, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET, a->bytes + sizeof(mapped), out, INET6_ADDRSTRLEN);
}

/* Whether the first bits of a and b are the same. */
static bool is_same_start(const struct network_address *a, const struct network_address *b,
			  unsigned bits)
{
	const unsigned whole = bits / 8;
	const unsigned rest = 0xff00U >> (bits % 8) & 0xffU;

	return !memcmp(a->bytes, b->bytes, whole) &&
	       (bits % 8 == 0 || !((a->bytes[whole] ^ b->bytes[whole]) & rest));
}

bool network_block_has(const struct network_block *b, const struct network_address *a)
{
	return is_same_start(&b->start, a, b->bits);
}

/* The number of a decimal of up to three digits without leading zeros; 999: none. */
static unsigned read_bits(const char *s)
{
	const size_t len = strlen(s);
	unsigned n = 0;

	if (!len || len > 3 || (len > 1 && *s == '0'))
		return 999;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return 999;
		n = n * 10 + (unsigned)(*s - '0');
	}
	return n;
}

static bool has_bits_behind(const struct network_block *b)
{
	unsigned i;

	for (i = b->bits; i < 8U * NETWORK_ADDRESS_BYTES; i++)
		if (b->start.bytes[i / 8] & (0x80U >> (i % 8)))
			return true;
	return false;
}

static const char *block_parse(const char *text, struct network_block *b)
{
	const size_t len = strcspn(text, "/");
	const unsigned skip = memchr(text, ':', len) ? 0 : V4_BITS;
	char address[INET6_ADDRSTRLEN];
	unsigned bits = 8U * NETWORK_ADDRESS_BYTES - skip;

	(void)snprintf(address, sizeof(address), "%.*s", (int)len, text);
	if (len >= sizeof(address) || strchr(address, '%') ||
	    !network_address_read(address, &b->start))
		return "is neither a word of the list nor an address nor a block as 10.0.0.0/8";
	if (text[len])
		bits = read_bits(text + len + 1);
	if (bits > 8U * NETWORK_ADDRESS_BYTES - skip)
		return skip ? "must have 0 to 32 behind the /" : "must have 0 to 128 behind the /";
	b->bits = bits + skip;
	return has_bits_behind(b) ? "has bits set behind its prefix" : NULL;
}

const char *network_rule_parse(const char *text, struct network_rule *ret_rule)
{
	struct network_rule rule = {.kind = NETWORK_RULE_BLOCK};
	const char *complaint;
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(words[i].word, text)) {
			*ret_rule = words[i].rule;
			return NULL;
		}
	}
	complaint = block_parse(text, &rule.block);
	if (!complaint)
		*ret_rule = rule;
	return complaint;
}

const char *check_network_deny(const char *text)
{
	struct network_rule rule;
	const char *complaint = network_rule_parse(text, &rule);

	if (!complaint && rule.kind == NETWORK_RULE_LITERAL)
		complaint = "literal is a word of network_allow";
	return complaint;
}

const char *check_network_allow(const char *text)
{
	struct network_rule rule;
	const char *complaint = network_rule_parse(text, &rule);

	if (!complaint && (rule.kind == NETWORK_RULE_CLASS || rule.kind == NETWORK_RULE_REBOUND))
		complaint = "a class is denied or not: only literal, none, addresses and blocks "
			    "are allowed";
	return complaint;
}
