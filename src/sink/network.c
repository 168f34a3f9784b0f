/* SPDX-License-Identifier: MIT */
#include "sink/network.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* a.b.c.d/n */
#define V4(a, b, c, d, n)                                                                          \
	{                                                                                          \
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + (n)                 \
	}
/* p:q:r::x:y/n */
#define V6(p, q, r, x, y, n)                                                                       \
	{                                                                                          \
		{{(p) >> 8, (p)&255, (q) >> 8, (q)&255, (r) >> 8, (r)&255, 0, 0, 0, 0, 0, 0,       \
		  (x) >> 8, (x)&255, (y) >> 8, (y)&255}},                                          \
			n                                                                          \
	}

/* IANA's registries of special addresses (RFC 6890), and the addresses that the clouds document. */
static const struct {
	enum network_class class;
	struct network_block block;
} classes[] = {
	{NETWORK_PRIVATE, V4(10, 0, 0, 0, 8)},         /* RFC 1918 */
	{NETWORK_PRIVATE, V4(172, 16, 0, 0, 12)},      /* RFC 1918 */
	{NETWORK_PRIVATE, V4(192, 168, 0, 0, 16)},     /* RFC 1918 */
	{NETWORK_PRIVATE, V4(100, 64, 0, 0, 10)},      /* carriers' NAT: RFC 6598 */
	{NETWORK_PRIVATE, V4(192, 0, 0, 0, 24)},       /* protocol assignments: RFC 6890 */
	{NETWORK_PRIVATE, V4(198, 18, 0, 0, 15)},      /* benchmarks: RFC 2544 */
	{NETWORK_PRIVATE, V6(0xfc00, 0, 0, 0, 0, 7)},  /* unique local: RFC 4193 */
	{NETWORK_PRIVATE, V6(0xfec0, 0, 0, 0, 0, 10)}, /* site-local: RFC 3879 */
	{NETWORK_LOOPBACK, V4(127, 0, 0, 0, 8)},
	{NETWORK_LOOPBACK, V6(0, 0, 0, 0, 1, 128)},
	{NETWORK_LOOPBACK, V4(0, 0, 0, 0, 8)},
	{NETWORK_LOOPBACK, V6(0, 0, 0, 0, 0, 128)},
	{NETWORK_LINK_LOCAL, V4(169, 254, 0, 0, 16)},
	{NETWORK_LINK_LOCAL, V6(0xfe80, 0, 0, 0, 0, 10)},
	{NETWORK_METADATA, V4(169, 254, 169, 0, 24)},       /* most clouds: .254, .253, .123 */
	{NETWORK_METADATA, V4(169, 254, 170, 0, 24)},       /* containers' credentials at AWS */
	{NETWORK_METADATA, V4(169, 254, 0, 23, 32)},        /* Tencent */
	{NETWORK_METADATA, V4(168, 63, 129, 16, 32)},       /* Azure */
	{NETWORK_METADATA, V4(100, 100, 100, 200, 32)},     /* Alibaba */
	{NETWORK_METADATA, V4(192, 0, 0, 192, 32)},         /* Oracle */
	{NETWORK_METADATA, V6(0xfd00, 0xec2, 0, 0, 0, 32)}, /* AWS */
	{NETWORK_METADATA, V6(0xfd20, 0xce, 0, 0, 0, 32)},  /* Google */
	{NETWORK_METADATA, V6(0xfe80, 0, 0, 0xa9fe, 0xa9fe, 128)}, /* OpenStack */
	{NETWORK_UNSPECIFIED, V4(0, 0, 0, 0, 8)},
	{NETWORK_UNSPECIFIED, V6(0, 0, 0, 0, 0, 128)},
	{NETWORK_MULTICAST, V4(224, 0, 0, 0, 4)},
	{NETWORK_MULTICAST, V4(240, 0, 0, 0, 4)}, /* reserved, and 255.255.255.255 */
	{NETWORK_MULTICAST, V6(0xff00, 0, 0, 0, 0, 8)},
};

/* Where an IPv4 address stands inside one of IPv6. */
static const struct {
	struct network_block block;
	unsigned at;  /* its first byte */
	uint8_t flip; /* its bits are turned over */
} carriers[] = {
	{V6(0, 0, 0, 0, 0, 96), 12, 0},         /* compatible: RFC 4291, 2.5.5.1 */
	{V6(0x2002, 0, 0, 0, 0, 16), 2, 0},     /* 6to4: RFC 3056 */
	{V6(0x64, 0xff9b, 0, 0, 0, 96), 12, 0}, /* NAT64: RFC 6052 */
	{V6(0x64, 0xff9b, 1, 0, 0, 48), 12, 0}, /* NAT64, local: RFC 8215 */
	{V6(0x2001, 0, 0, 0, 0, 32), 4, 0},     /* Teredo's server: RFC 4380 */
	{V6(0x2001, 0, 0, 0, 0, 32), 12, 0xff}, /* Teredo's client */
};
/* ISATAP, RFC 5214: this in bytes 8 to 11, but for two bits of the first, then the address. */
static const uint8_t isatap[4] = {0, 0, 0x5e, 0xfe};

#define NETWORK_READINGS_MAX (1 + ARRAY_LEN(carriers) + 1)

enum trail_end { TRAIL_NONE, TRAIL_INSIDE, TRAIL_OUTSIDE };

struct network_policy {
	struct network_rule *deny;
	size_t deny_count;
	const struct string_list *deny_words;
	struct network_rule *allow;
	size_t allow_count;
};

static struct network_address carried(const struct network_address *a, unsigned at, uint8_t flip)
{
	struct network_address v4 = {{[10] = 0xff, [11] = 0xff}};
	unsigned i;

	for (i = 0; i < 4; i++)
		v4.bytes[12 + i] = a->bytes[at + i] ^ flip;
	return v4;
}

/* All that a may stand for, itself first; returns how many. */
static size_t readings(const struct network_address *a,
		       struct network_address out[static NETWORK_READINGS_MAX])
{
	size_t n = 0, i;

	out[n++] = *a;
	/* :: and ::1 are no addresses of IPv4 */
	for (i = 0; i < ARRAY_LEN(carriers); i++) {
		if (network_block_has(&carriers[i].block, a) &&
		    (i || memcmp(a->bytes + 12, "\0\0\0", 3) != 0 || a->bytes[15] > 1))
			out[n++] = carried(a, carriers[i].at, carriers[i].flip);
	}
	if ((a->bytes[8] & 0xfc) == 0 && !memcmp(a->bytes + 9, isatap + 1, 3))
		out[n++] = carried(a, 12, 0);
	return n;
}

static bool is_of_class(const struct network_address *a, enum network_class class)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].class == class && network_block_has(&classes[i].block, a))
			return true;
	return false;
}

static bool rule_has(const struct network_rule *r, const struct network_address *a)
{
	switch (r->kind) {
	case NETWORK_RULE_CLASS:
		return is_of_class(a, r->class);
	case NETWORK_RULE_BLOCK:
		return network_block_has(&r->block, a);
	case NETWORK_RULE_NONE:
	case NETWORK_RULE_LITERAL: /* became a block or a class */
	case NETWORK_RULE_REBOUND:
		break;
	}
	return false;
}

static bool is_inside(const struct network_address *as, size_t count)
{
	size_t k;

	for (k = 0; k < count; k++)
		if (is_of_class(&as[k], NETWORK_PRIVATE) || is_of_class(&as[k], NETWORK_LOOPBACK))
			return true;
	return false;
}

static bool any_has(const struct network_rule *r, const struct network_address *as, size_t count)
{
	size_t k;

	for (k = 0; k < count; k++)
		if (rule_has(r, &as[k]))
			return true;
	return false;
}

const char *network_denied_by(const struct network_policy *p, struct network_trail *trail,
			      const struct network_address *a)
{
	struct network_address as[NETWORK_READINGS_MAX];
	const size_t count = readings(a, as);
	const bool inside = is_inside(as, count);
	int none = TRAIL_NONE;
	size_t i;

	for (i = 0; i < p->allow_count; i++)
		if (rule_has(&p->allow[i], a))
			return NULL;
	for (i = 0; i < p->deny_count; i++)
		if (p->deny[i].kind == NETWORK_RULE_REBOUND
			    ? trail && inside && atomic_load(&trail->first) == TRAIL_OUTSIDE
			    : any_has(&p->deny[i], as, count))
			return p->deny_words->items[i];
	if (trail)
		(void)atomic_compare_exchange_strong(&trail->first, &none,
						     inside ? TRAIL_INSIDE : TRAIL_OUTSIDE);
	return NULL;
}

bool network_address_of(const struct sockaddr *sa, struct network_address *ret_address)
{
	struct network_address a = {{[10] = 0xff, [11] = 0xff}};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		memcpy(a.bytes + 12, &v4.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		memcpy(a.bytes, &v6.sin6_addr, sizeof(a.bytes));
	} else {
		return false;
	}
	*ret_address = a;
	return true;
}

static ATTR_MUST_CHECK enum err_code rules_read(const struct string_list *l,
						struct network_rule **ret_rules, struct err *e)
{
	struct network_rule *rules = mem_calloc(l->count, sizeof(*rules));
	const char *complaint = NULL;
	size_t i;

	if (!rules)
		return err_set(e, ERR_NOMEM, "no memory for a webhook's network rules");
	for (i = 0; !complaint && i < l->count; i++)
		complaint = network_rule_parse(l->items[i], &rules[i]);
	if (complaint) {
		mem_free(rules);
		return err_set(e, ERR_CONFIG, "a network rule %s", complaint);
	}
	*ret_rules = rules;
	return ERR_OK;
}

static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t len = strlen(host);

	len -= len && host[len - 1] == '.';
	if (len < sizeof(name) - 1 ||
	    strncasecmp(host + len - (sizeof(name) - 1), name, sizeof(name) - 1) != 0)
		return false;
	return len == sizeof(name) - 1 || host[len - sizeof(name)] == '.';
}

/* What the rule `literal` means for host, as curl has normalised it. */
static struct network_rule literal_rule(char *host)
{
	struct network_rule rule = {.kind = NETWORK_RULE_NONE};
	const size_t len = strlen(host);

	if (is_localhost(host)) { /* RFC 6761, 6.3 */
		rule.kind = NETWORK_RULE_CLASS;
		rule.class = NETWORK_LOOPBACK;
		return rule;
	}
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		host++;
	}
	if (network_address_read(host, &rule.block.start)) {
		rule.kind = NETWORK_RULE_BLOCK;
		rule.block.bits = 8U * NETWORK_ADDRESS_BYTES;
	}
	return rule;
}

/* Of the URL, or of the proxy, which is what is connected to. A URL that curl cannot read has none;
 * curl says so itself when it is used. */
static ATTR_MUST_CHECK enum err_code literal_read(const struct webhook_settings *to,
						  struct network_rule *out, struct err *e)
{
	const char *url = to->proxy.value && *to->proxy.value ? to->proxy.value : to->url.value;
	CURLU *parts = curl_url();
	CURLUcode rc = CURLUE_OUT_OF_MEMORY;
	char *host = NULL;

	*out = (struct network_rule){.kind = NETWORK_RULE_NONE};
	if (parts)
		rc = curl_url_set(parts, CURLUPART_URL, url,
				  CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME);
	if (rc == CURLUE_OK)
		rc = curl_url_get(parts, CURLUPART_HOST, &host, 0);
	if (rc == CURLUE_OK && *host)
		*out = literal_rule(host);
	curl_free(host);
	curl_url_cleanup(parts);
	if (rc == CURLUE_OUT_OF_MEMORY)
		return err_set(e, ERR_NOMEM, "no memory for a webhook's network rules");
	return ERR_OK;
}

enum err_code network_policy_new(const struct webhook_settings *to, struct network_policy **ret_p,
				 struct err *e)
{
	struct network_policy *p = mem_calloc(1, sizeof(*p));
	enum err_code code;
	size_t i;

	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for a webhook's network rules");
	p->deny_words = &to->network_deny;
	p->deny_count = to->network_deny.count;
	p->allow_count = to->network_allow.count;
	code = rules_read(&to->network_deny, &p->deny, e);
	if (code == ERR_OK)
		code = rules_read(&to->network_allow, &p->allow, e);
	for (i = 0; code == ERR_OK && i < p->allow_count; i++)
		if (p->allow[i].kind == NETWORK_RULE_LITERAL)
			code = literal_read(to, &p->allow[i], e);
	if (code != ERR_OK) {
		network_policy_free(p);
		return code;
	}
	*ret_p = p;
	return ERR_OK;
}

void network_policy_free(struct network_policy *p)
{
	if (!p)
		return;
	mem_free(p->deny);
	mem_free(p->allow);
	mem_free(p);
}
