/* SPDX-License-Identifier: MIT */
#include "sink/scrub.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/secret.h"

#define AUTHORIZATION "Authorization: "

static void scrub_one(struct text secret, char *bytes, size_t len)
{
	size_t at, n;

	if (secret.len < SCRUB_LEAST_BYTES)
		return;
	for (at = 0; at + SCRUB_LEAST_BYTES <= len; at++) {
		n = secret.len < len - at ? secret.len : len - at;
		if (!memcmp(bytes + at, secret.s, n))
			memset(bytes + at, '*', n);
	}
}

/* "Authorization: SCHEME VALUE" */
static void scrub_line(const char *line, char *bytes, size_t len)
{
	const char *value;

	if (strncmp(line, AUTHORIZATION, sizeof(AUTHORIZATION) - 1) != 0)
		return;
	value = strrchr(line, ' ');
	scrub_one(text_of(value + 1), bytes, len);
}

/* What curl makes of user and password in a URL (RFC 7617, 2). Where that cannot be known, nothing
 * is shown. */
static void scrub_basic(struct text user, char *bytes, size_t len)
{
	int n = 0;
	char *plain = curl_easy_unescape(NULL, user.s, (int)user.len, &n), *coded = NULL;
	size_t plain_len = plain ? (size_t)n : 0;
	struct buf pair;

	buf_init(&pair, 2UL * SECRET_BYTES_MAX);
	if (plain)
		buf_add(&pair, plain, plain_len);
	if (!memchr(user.s, ':', user.len))
		buf_add_char(&pair, ':');
	if (plain && buf_error(&pair) == ERR_OK)
		coded = mem_alloc(BASE64_CHARS(pair.len) + 1);
	if (coded) {
		base64_encode(buf_str(&pair), pair.len, coded);
		scrub_one(text_of(coded), bytes, len);
		mem_wipe(coded, BASE64_CHARS(pair.len));
	} else {
		memset(bytes, '*', len);
	}
	if (plain)
		mem_wipe(plain, plain_len);
	mem_free(coded);
	curl_free(plain);
	secret_buf_done(&pair);
}

/* RFC 3986, 3.2.1: user and password before the last @ of the authority; also each alone. */
static void scrub_userinfo(const char *url, char *bytes, size_t len)
{
	const char *scheme = strstr(url, "://"), *start = scheme ? scheme + 3 : url;
	struct text authority = {start, strcspn(start, "/?#")}, user;
	size_t at;

	for (at = authority.len; at && authority.s[at - 1] != '@'; at--)
		;
	if (!at)
		return;
	user = (struct text){authority.s, at - 1};
	if (!user.len)
		return;
	scrub_one(user, bytes, len);
	scrub_basic(user, bytes, len);
	at = strcspn(user.s, ":@");
	if (at < user.len)
		scrub_one((struct text){user.s + at + 1, user.len - at - 1}, bytes, len);
}

static void scrub_url(const char *url, char *bytes, size_t len)
{
	const char *query = url ? strchr(url, '?') : NULL;

	if (url)
		scrub_userinfo(url, bytes, len);
	if (query)
		scrub_one((struct text){query + 1, strcspn(query + 1, "#")}, bytes, len);
}

void scrub_answer(const struct http_request *r, const struct curl_slist *headers, char *bytes,
		  size_t len)
{
	const struct webhook_settings *to = r->to;
	const struct curl_slist *l;
	size_t i;

	for (l = headers; l; l = l->next)
		scrub_line(l->data, bytes, len);
	for (i = 0; i < r->lines.len; i += strlen(r->lines.data + i) + 1)
		scrub_line(r->lines.data + i, bytes, len);
	for (i = 0; i < to->header_count; i++)
		scrub_one(text_of(to->headers[i].value.value), bytes, len);
	scrub_one(text_of(to->basic_password.value), bytes, len);
	scrub_url(r->url.len ? buf_str(&r->url) : to->url.value, bytes, len);
	scrub_url(to->proxy.value, bytes, len);
}
