/* SPDX-License-Identifier: MIT */
#include "daemon/endpoint.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define TIMEOUT_MS 2000L
#define URL_BYTES 256
#define TOKEN_BYTES_MAX 8192

static size_t body_take(char *data, size_t size, size_t n, void *ctx)
{
	struct buf *b = ctx;

	buf_add(b, data, size * n);
	return buf_error(b) == ERR_OK ? size * n : 0;
}

/* As seen from here: a wildcard address is asked on loopback. */
static void url_of(const struct settings *s, const char *path, char out[static URL_BYTES])
{
	const char *listen = s->admin.listen;
	const char *port = strrchr(listen, ':');

	if (strncmp(listen, "0.0.0.0:", 8) == 0)
		(void)snprintf(out, URL_BYTES, "http://127.0.0.1%s%s", port, path);
	else if (strncmp(listen, "[::]:", 5) == 0)
		(void)snprintf(out, URL_BYTES, "http://[::1]%s%s", port, path);
	else
		(void)snprintf(out, URL_BYTES, "http://%s%s", listen, path);
}

/* The request header with the token; NULL: there is none, or no memory. */
static struct curl_slist *token_header(const struct settings *s)
{
	struct curl_slist *list = NULL;
	struct buf line;

	if (!s->admin.token.value)
		return NULL;
	buf_init(&line, TOKEN_BYTES_MAX);
	buf_add_fmt(&line, "Authorization: Bearer %s", s->admin.token.value);
	if (buf_error(&line) == ERR_OK)
		list = curl_slist_append(NULL, buf_str(&line));
	mem_wipe(line.data, line.len);
	buf_done(&line);
	return list;
}

int endpoint_ask(const struct settings *s, const char *path, bool change, struct buf *body)
{
	struct curl_slist *headers = NULL, *h;
	char url[URL_BYTES];
	long status = 0;
	CURL *easy;

	if (strcmp(s->admin.listen, "off") == 0)
		return 0;
	easy = curl_easy_init();
	if (!easy)
		return 0;
	url_of(s, path, url);
	(void)curl_easy_setopt(easy, CURLOPT_URL, url);
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_take);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	if (change) {
		headers = token_header(s);
		(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
	}
	if (curl_easy_perform(easy) == CURLE_OK)
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(easy);
	for (h = headers; h; h = h->next)
		mem_wipe(h->data, strlen(h->data));
	curl_slist_free_all(headers);
	return (int)status;
}
