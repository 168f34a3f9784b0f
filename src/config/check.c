/* SPDX-License-Identifier: MIT */
#include "config/check.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "config/settings.h"
#include "config/template.h"

#define CHECK_IDENTIFIER_MAX 64
#define CHECK_PIN_BYTES 32

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

const char *check_printable(const char *value)
{
	return has_control(value) ? "control characters are not allowed" : NULL;
}

const char *check_text(const char *value)
{
	return *value ? check_printable(value) : "must not be empty";
}

const char *check_template(const char *value)
{
	const char *complaint = check_text(value);

	return complaint ? complaint : template_check(value);
}

const char *check_name(const char *value)
{
	static const char *const complaint =
		"a name is 1 to 40 lower-case letters, digits and underscores";
	size_t len = strlen(value);

	if (!len || len > 40 || strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return complaint;
	return NULL;
}

const char *check_path(const char *value)
{
	if (!strcmp(value, ":memory:"))
		return "a database in memory has no writers but its own process";
	return check_text(value);
}

static bool is_identifier(char c)
{
	return isalnum((unsigned char)c) || strchr("_$-", c) || (unsigned char)c >= 0x80;
}

const char *check_audit_table(const char *value)
{
	int points = 0;
	size_t len = 0; /* of the part, in characters */

	for (; *value; value++) {
		if (*value == '.' && len && !points++) {
			len = 0;
			continue;
		}
		if (!is_identifier(*value))
			return "must be NAME or SCHEMA.NAME, of letters, digits, _, $ and -";
		len += ((unsigned char)*value & 0xc0) != 0x80;
		if (len > CHECK_IDENTIFIER_MAX)
			return "a name is longer than 64 characters";
	}
	return len ? NULL : "must be NAME or SCHEMA.NAME: a name is missing";
}

/* Decimal digits with a value of at most 65535. */
static bool is_port(const char *s, size_t len)
{
	int n = 0;
	size_t i;

	if (!len || len > 5)
		return false;
	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		n = n * 10 + (s[i] - '0');
	}
	return n <= 65535;
}

/* The length of the host at the start of s: up to ':' or the end, or a whole [IPv6]; 0 when there
 * is none. */
static size_t host_length(const char *s, size_t len)
{
	const char *end;

	if (len && s[0] == '[') {
		end = memchr(s, ']', len);
		if (!end || end == s + 1)
			return 0;
		return (size_t)(end - s) + 1 - 2 == strspn(s + 1, "0123456789abcdefABCDEF:.%")
			       ? (size_t)(end - s) + 1
			       : 0;
	}
	end = memchr(s, ':', len);
	return end ? (size_t)(end - s) : len;
}

static size_t scheme_length(const char *url)
{
	if (!strncasecmp(url, "http://", 7))
		return 7;
	return strncasecmp(url, "https://", 8) ? 0 : 8;
}

/* The authority at the start of s without its userinfo (RFC 3986, 3.2). */
static struct text host_and_port(const char *s)
{
	size_t len = strcspn(s, "/?#");
	const char *at = memrchr(s, '@', len);

	return at ? (struct text){at + 1, len - (size_t)(at + 1 - s)} : (struct text){s, len};
}

static const char *check_host_and_port(struct text t)
{
	size_t host = host_length(t.s, t.len);

	if (!host)
		return "has no host";
	if (host < t.len && (t.s[host] != ':' || !is_port(t.s + host + 1, t.len - host - 1)))
		return "has a port that is not a number up to 65535";
	return NULL;
}

static const char *check_spaces(const char *value)
{
	if (has_control(value) || strchr(value, ' '))
		return "a URL has no spaces or control characters";
	return NULL;
}

const char *check_url(const char *value)
{
	size_t scheme = scheme_length(value);
	struct text host = host_and_port(value + scheme);
	const char *complaint = check_spaces(value);

	if (complaint)
		return complaint;
	if (!scheme)
		return "must begin with http:// or https://";
	if (memchr(host.s, '{', host.len) || memchr(host.s, '}', host.len))
		return "has a brace in its host: placeholders stand in the path and the query";
	complaint = check_host_and_port(host);
	return complaint ? complaint : template_check(host.s + host.len);
}

/* The length of "SCHEME://" at the start, whatever the scheme; 0 without one. */
static size_t any_scheme_length(const char *url)
{
	const char *end = strstr(url, "://");

	return end && !memchr(url, '@', (size_t)(end - url)) ? (size_t)(end - url) + 3 : 0;
}

const char *check_proxy(const char *value)
{
	static const char *const schemes[] = {"http://",    "https://",  "socks4://",
					      "socks4a://", "socks5://", "socks5h://"};
	size_t scheme = any_scheme_length(value), i;
	struct text host = host_and_port(value + scheme);
	const char *complaint = check_spaces(value);

	if (complaint || !*value)
		return complaint;
	for (i = 0; scheme && i < ARRAY_LEN(schemes); i++)
		if (scheme == strlen(schemes[i]) && !strncasecmp(value, schemes[i], scheme))
			break;
	if (i == ARRAY_LEN(schemes))
		return "is none of http, https, socks4, socks4a, socks5, socks5h";
	complaint = check_host_and_port(host);
	if (!complaint && host.s[host.len] && strcmp(host.s + host.len, "/") != 0)
		return "has a path: a proxy is a host and a port";
	return complaint;
}

const char *check_token_url(const char *value)
{
	const char *complaint = check_url(value);

	if (complaint)
		return complaint;
	if (strpbrk(value, "{}#"))
		return "has no braces and no fragment: it is not a template";
	if (memchr(value, '@', check_url_front(value)))
		return "has no user: what authorizes has keys of its own";
	return NULL;
}

const char *check_bearer_token(const char *value)
{
	if (!*value)
		return "must not be empty";
	for (; *value; value++) {
		if (*value <= 0x20 || *value >= 0x7f)
			return "a token has no spaces, control characters or others than ASCII; "
			       "\"Bearer\" is no part of it";
	}
	return NULL;
}

const char *check_basic_user(const char *value)
{
	return strchr(value, ':') ? "a user has no colon" : check_text(value);
}

const char *check_tls_pin(const char *value)
{
	static const char begin[] = "sha256//";
	uint8_t hash[CHECK_PIN_BYTES];
	size_t len = 0;

	if (strncmp(value, begin, sizeof(begin) - 1) != 0 ||
	    base64_decode(text_of(value + sizeof(begin) - 1), hash, sizeof(hash), &len) != ERR_OK ||
	    len != sizeof(hash))
		return "must be sha256// and base64 of the 32 bytes of a public key's SHA-256";
	return NULL;
}

size_t check_url_front(const char *url)
{
	size_t scheme = scheme_length(url);

	return scheme + strcspn(url + scheme, "/?#");
}

void check_print_url(struct buf *out, const char *url)
{
	size_t scheme = any_scheme_length(url);
	const char *s = url + scheme;
	size_t len = strcspn(s, "/?#");
	const char *at = memrchr(s, '@', len);

	buf_add(out, url, scheme);
	if (at) {
		buf_add_str(out, "***@");
		s = at + 1;
	}
	len = strcspn(s, "?#");
	buf_add(out, s, len);
	if (s[len])
		buf_add_str(out, "?***");
}

const char *check_listen(const char *value)
{
	static const char *const complaint = "must be ADDRESS:PORT, [IPv6]:PORT or off";
	size_t len = strlen(value), host;

	if (!strcmp(value, "off"))
		return NULL;
	if (has_control(value) || strpbrk(value, " /"))
		return complaint;
	host = host_length(value, len);
	if (!host || host == len || value[host] != ':' ||
	    !is_port(value + host + 1, len - host - 1))
		return complaint;
	return NULL;
}

/* RFC 9110, 5.6.2 */
static size_t token_length(const char *s)
{
	return strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

const char *check_origin(const char *value)
{
	size_t len = strlen(value);

	if (!len || len > 253 ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") !=
		    len)
		return "must be a DNS name";
	return NULL;
}

const char *check_header_field(const char *value)
{
	size_t name = token_length(value);
	const char *s = value + name + 1;

	if (!name || value[name] != ':')
		return "must be NAME: VALUE, a header field of an answer";
	s += strspn(s, " ");
	if (!*s || s[strlen(s) - 1] == ' ')
		return "must be NAME: VALUE, without blanks at its end";
	if (strchr(s, ','))
		return "a value with a comma is a list: name one of its members";
	return check_header_value(s);
}

const char *check_header_name(const char *value)
{
	static const char *const reserved[] = {"Host",
					       "Content-Length",
					       "Content-Type",
					       "Content-Encoding",
					       "Connection",
					       "Transfer-Encoding",
					       "Expect",
					       "webhook-id",
					       "webhook-timestamp",
					       "webhook-signature",
					       "ce-specversion",
					       "ce-id",
					       "ce-source",
					       "ce-type",
					       "ce-subject",
					       "ce-time",
					       "ce-sequence",
					       "ce-partitionkey",
					       "ce-datacontenttype",
					       WEBHOOK_FORMAT_HEADER};
	size_t len = strlen(value), i;

	if (!len || token_length(value) != len)
		return "not a header name (letters, digits and !#$%&'*+-.^_`|~)";
	for (i = 0; i < ARRAY_LEN(reserved); i++) {
		if (!strcasecmp(value, reserved[i]))
			return "this header is set by the daemon";
	}
	return NULL;
}

const char *check_header_value(const char *value)
{
	for (; *value; value++) {
		if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return "a header's value has no line ends or control characters";
	}
	return NULL;
}
