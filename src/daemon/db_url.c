/* SPDX-License-Identifier: MIT */
/*
 * libcurl's URL parser does the work; what is left is where each part goes. It knows neither of the
 * schemes, so that nothing in them has a default.
 */
#include "daemon/db_url.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/check.h"
#include "config/secret.h"

#define URL_BYTES_MAX (1 << 20)

static const struct {
	const char *name;
	enum source_type type;
} schemes[] = {
	{"postgres", SOURCE_POSTGRES},
	{"postgresql", SOURCE_POSTGRES},
	{"mysql", SOURCE_MYSQL},
	{"mariadb", SOURCE_MYSQL},
};

static const char *const part_keys[DB_URL_PART_COUNT] = {
	[DB_URL_HOST] = "host",         [DB_URL_PORT] = "port",
	[DB_URL_USER] = "user",         [DB_URL_PASSWORD] = "password",
	[DB_URL_DATABASE] = "database", [DB_URL_PATH] = "path",
	[DB_URL_SSLMODE] = "sslmode",   [DB_URL_SSLROOTCERT] = "sslrootcert",
	[DB_URL_SSLCERT] = "sslcert",   [DB_URL_SSLKEY] = "sslkey",
};

/* What may stand behind the ?. */
static const enum db_url_part query_parts[] = {DB_URL_HOST,        DB_URL_PORT,    DB_URL_SSLMODE,
					       DB_URL_SSLROOTCERT, DB_URL_SSLCERT, DB_URL_SSLKEY};

const char *db_url_key(enum db_url_part part)
{
	return part_keys[part];
}

void db_url_done(struct db_url *u)
{
	enum db_url_part part;

	for (part = 0; part < DB_URL_PART_COUNT; part++) {
		if (u->part[part])
			mem_wipe(u->part[part], strlen(u->part[part]));
		mem_free(u->part[part]);
		u->part[part] = NULL;
	}
}

/* A copy of the decoded value as part; an empty one is none. */
static ATTR_MUST_CHECK enum err_code part_set(struct db_url *u, enum db_url_part part,
					      const char *value, struct err *e)
{
	const char *complaint;
	char *copy;

	if (!*value)
		return ERR_OK;
	complaint = check_text(value);
	if (complaint)
		return err_set(e, ERR_USAGE, "%s: %s", part_keys[part], complaint);
	if (u->part[part])
		return err_set(e, ERR_USAGE, "%s is given twice", part_keys[part]);
	copy = mem_strdup(value);
	if (!copy)
		return err_set(e, ERR_NOMEM, "no memory for a URL");
	u->part[part] = copy;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code part_decode(struct db_url *u, enum db_url_part part,
						 struct text value, struct err *e)
{
	int len = 0;
	char *plain;
	enum err_code code;

	if (!value.len)
		return ERR_OK;
	plain = curl_easy_unescape(NULL, value.s, (int)value.len, &len);
	if (!plain)
		return err_set(e, ERR_NOMEM, "no memory for a URL");
	if (strlen(plain) != (size_t)len)
		code = err_set(e, ERR_USAGE, "%s: %%00 is not allowed", part_keys[part]);
	else
		code = part_set(u, part, plain, e);
	mem_wipe(plain, (size_t)len);
	curl_free(plain);
	return code;
}

/* sqlite:PATH and sqlite:///PATH */
static ATTR_MUST_CHECK enum err_code parse_file(const char *rest, struct db_url *u, struct err *e)
{
	enum err_code code;

	if (rest[0] == '/' && rest[1] == '/') {
		rest += 2;
		if (*rest != '/')
			return err_set(e, ERR_USAGE,
				       "a file is sqlite:PATH, or with a path that "
				       "begins with / sqlite:///PATH");
	}
	if (strpbrk(rest, "?#"))
		return err_set(e, ERR_USAGE,
			       "a ? or # in a path is written %%3F or %%23; there is "
			       "nothing to say behind it");
	code = part_decode(u, DB_URL_PATH, text_of(rest), e);
	if (code == ERR_OK && !u->part[DB_URL_PATH])
		code = err_set(e, ERR_USAGE, "names no file: sqlite:PATH");
	return code;
}

/* One part as curl has it. */
static ATTR_MUST_CHECK enum err_code url_get(CURLU *h, CURLUPart what, unsigned flags, char **ret,
					     struct err *e)
{
	CURLUcode rc = curl_url_get(h, what, ret, flags);

	if (rc == CURLUE_OK)
		return ERR_OK;
	*ret = NULL;
	if (rc == CURLUE_OUT_OF_MEMORY)
		return err_set(e, ERR_NOMEM, "no memory for a URL");
	if (rc == CURLUE_URLDECODE)
		return err_set(e, ERR_USAGE, "a control character is not allowed");
	return ERR_OK; /* it is not there */
}

static void url_free(char *s)
{
	if (s)
		mem_wipe(s, strlen(s));
	curl_free(s);
}

static ATTR_MUST_CHECK enum err_code take_part(CURLU *h, CURLUPart what, struct db_url *u,
					       enum db_url_part part, struct err *e)
{
	char *value = NULL, *from;
	enum err_code code = url_get(h, what, CURLU_URLDECODE, &value, e);

	if (code != ERR_OK || !value)
		return code;
	from = value;
	if (what == CURLUPART_HOST && *from == '[') { /* IPv6 */
		from++;
		from[strcspn(from, "]")] = '\0';
	}
	code = part_set(u, part, from, e);
	url_free(value);
	return code;
}

static ATTR_MUST_CHECK enum err_code take_database(CURLU *h, struct db_url *u, struct err *e)
{
	char *path = NULL;
	enum err_code code = url_get(h, CURLUPART_PATH, 0, &path, e);
	const char *name = path ? path + (*path == '/') : "";

	if (code == ERR_OK && strchr(name, '/'))
		code = err_set(e, ERR_USAGE,
			       "more than a name behind the host: a / in a name or "
			       "password is written %%2F");
	else if (code == ERR_OK)
		code = part_decode(u, DB_URL_DATABASE, text_of(name), e);
	url_free(path);
	return code;
}

/* name=value of the query. */
static ATTR_MUST_CHECK enum err_code take_pair(struct db_url *u, struct text pair, struct err *e)
{
	const char *equals = memchr(pair.s, '=', pair.len);
	struct text name = {pair.s, equals ? (size_t)(equals - pair.s) : pair.len};
	struct text value = {pair.s + name.len + (equals != NULL),
			     pair.len - name.len - (equals != NULL)};
	size_t i;

	for (i = 0; i < ARRAY_LEN(query_parts); i++) {
		if (text_eq(name, text_of(part_keys[query_parts[i]])))
			return part_decode(u, query_parts[i], value, e);
	}
	if (u->type == SOURCE_MYSQL && text_eq(name, TEXT_LIT("socket")))
		return part_decode(u, DB_URL_HOST, value, e);
	return err_set(e, ERR_USAGE,
		       "behind the ? only host, port, sslmode, sslrootcert, sslcert and sslkey are "
		       "known%s",
		       u->type == SOURCE_MYSQL ? ", and socket" : "");
}

static ATTR_MUST_CHECK enum err_code take_query(CURLU *h, struct db_url *u, struct err *e)
{
	char *query = NULL;
	struct text rest, pair;
	enum err_code code = url_get(h, CURLUPART_QUERY, 0, &query, e);

	for (rest = text_of(query); code == ERR_OK && rest.len;) {
		pair = (struct text){rest.s, rest.len};
		if (memchr(rest.s, '&', rest.len))
			pair.len = (size_t)((char *)memchr(rest.s, '&', rest.len) - rest.s);
		rest.s += pair.len + (pair.len < rest.len);
		rest.len -= pair.len + (pair.len < rest.len);
		if (pair.len)
			code = take_pair(u, pair, e);
	}
	url_free(query);
	return code;
}

/* Parts that libcurl knows and no key is for. */
static ATTR_MUST_CHECK enum err_code refuse_rest(CURLU *h, struct err *e)
{
	static const struct {
		CURLUPart what;
		const char *complaint;
	} parts[] = {{CURLUPART_FRAGMENT, "a # is written %23"},
		     {CURLUPART_ZONEID, "an IPv6 address with a zone is not supported"}};
	enum err_code code = ERR_OK;
	char *value = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(parts) && code == ERR_OK; i++) {
		code = url_get(h, parts[i].what, 0, &value, e);
		if (code == ERR_OK && value)
			code = err_set(e, ERR_USAGE, "%s", parts[i].complaint);
		url_free(value);
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code take_parts(CURLU *h, bool has_host, struct db_url *u,
						struct err *e)
{
	static const struct {
		CURLUPart what;
		enum db_url_part part;
	} parts[] = {{CURLUPART_HOST, DB_URL_HOST},
		     {CURLUPART_PORT, DB_URL_PORT},
		     {CURLUPART_USER, DB_URL_USER},
		     {CURLUPART_PASSWORD, DB_URL_PASSWORD}};
	enum err_code code = refuse_rest(h, e);
	size_t i;

	for (i = has_host ? 0 : 1; i < ARRAY_LEN(parts) && code == ERR_OK; i++)
		code = take_part(h, parts[i].what, u, parts[i].part, e);
	if (code == ERR_OK)
		code = take_database(h, u, e);
	if (code == ERR_OK)
		code = take_query(h, u, e);
	if (code == ERR_OK && !u->part[DB_URL_DATABASE])
		code = err_set(e, ERR_USAGE, "names no database: .../NAME");
	return code;
}

/* Append url to out with a host where it has none, as in postgres:///shop, which libcurl would take
 * for the host. Returns whether it has one. */
static bool fill_host(const char *url, struct buf *out)
{
	const char *start = strstr(url, "://");
	size_t len = start ? strcspn(start + 3, "/?#") : 0;

	if (!start || (len && start[3 + len - 1] != '@')) {
		buf_add_str(out, url);
		return true;
	}
	start += 3 + len;
	buf_add(out, url, (size_t)(start - url));
	buf_add_str(out, "localhost");
	buf_add_str(out, start);
	return false;
}

static ATTR_MUST_CHECK enum err_code parse_server(const char *url, struct db_url *u, struct err *e)
{
	CURLU *h = curl_url();
	struct buf full;
	CURLUcode rc = CURLUE_OUT_OF_MEMORY;
	bool has_host;
	enum err_code code;

	buf_init(&full, URL_BYTES_MAX);
	has_host = fill_host(url, &full);
	if (h && buf_error(&full) == ERR_OK)
		rc = curl_url_set(h, CURLUPART_URL, buf_str(&full),
				  CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
	if (rc == CURLUE_OK)
		code = take_parts(h, has_host, u, e);
	else if (rc == CURLUE_OUT_OF_MEMORY)
		code = err_set(e, ERR_NOMEM, "no memory for a URL");
	else
		code = err_set(e, ERR_USAGE,
			       "cannot be read: %s; characters like @ : / ? # %% in a name or "
			       "password are written %%40 %%3A %%2F %%3F %%23 %%25",
			       curl_url_strerror(rc));
	curl_url_cleanup(h);
	secret_buf_done(&full);
	return code;
}

enum err_code db_url_parse(const char *url, struct db_url *ret, struct err *e)
{
	struct db_url u = {.type = SOURCE_SQLITE};
	enum err_code code = ERR_USAGE;
	size_t i, len = strcspn(url, ":");

	for (i = 0; i < ARRAY_LEN(schemes); i++) {
		if (strlen(schemes[i].name) != len || strncasecmp(schemes[i].name, url, len) != 0)
			continue;
		u.type = schemes[i].type;
		code = parse_server(url, &u, e);
		break;
	}
	if (!strncasecmp(url, "sqlite:", strlen("sqlite:")))
		code = parse_file(url + strlen("sqlite:"), &u, e);
	else if (!strncasecmp(url, "http", strlen("http")))
		code = err_set(e, ERR_USAGE,
			       "is no database: for events that applications post, write a source "
			       "of type http as docs/ingest.md has it");
	else if (i == ARRAY_LEN(schemes))
		code = err_set(e, ERR_USAGE,
			       "must begin with sqlite:, postgres://, mysql:// or mariadb://");
	if (code == ERR_OK)
		*ret = u;
	else
		db_url_done(&u);
	return code;
}
