/* SPDX-License-Identifier: MIT */
#include "config/archive_path.h"

#include <string.h>
#include <strings.h>

#include "config/check.h"
#include "config/template.h"

#define FILE_URL "file://"
#define FILE_URL_LEN (sizeof(FILE_URL) - 1)

static bool is_file_url(const char *url)
{
	return url && !strncasecmp(url, FILE_URL, FILE_URL_LEN);
}

static const char *check_placeholders(const char *value)
{
	static const char *const others[] = {"{schema}", "{table}", "{operation}", "{id}"};
	const char *complaint = template_check(value);
	size_t i;

	for (i = 0; i < ARRAY_LEN(others) && !complaint; i++)
		if (strstr(value, others[i]))
			complaint = "may have no placeholder but {pipeline}: a file is of one "
				    "pipeline";
	return complaint;
}

static const char *check_name_of_file(const char *path)
{
	return path[strlen(path) - 1] == '/' ? "names a directory: it must be a file" : NULL;
}

const char *check_archive_path(const char *value)
{
	const char *complaint = check_text(value);

	if (!complaint)
		complaint = check_name_of_file(value);
	return complaint ? complaint : check_placeholders(value);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	if (c >= '0' && c <= '9')
		return c - '0';
	return at && at >= digits + 10 ? (int)(at - digits) : -1;
}

static const char *check_percent(const char *path)
{
	int value;

	for (path = strchr(path, '%'); path; path = strchr(path + 1, '%')) {
		value = hex_digit(path[1]) < 0 ? -1 : hex_digit(path[2]);
		if (value < 0 || (path[1] == '0' && path[2] == '0'))
			return "has a % that two hexadecimal digits of a character do not follow";
	}
	return NULL;
}

static const char *check_file_url(const char *path)
{
	const char *complaint;

	if (*path != '/')
		return "must be file:///PATH, with the whole path";
	if (strpbrk(path, "?#"))
		return "is a file: ? and # in its name are written %3F and %23";
	complaint = check_percent(path);
	return complaint ? complaint : check_archive_path(path);
}

const char *check_webhook_url(const char *value)
{
	if (is_file_url(value) && !strchr(value, ' '))
		return check_file_url(value + FILE_URL_LEN);
	return check_url(value);
}

bool archive_path_is_all(const struct webhook_settings *w)
{
	return is_file_url(w->url.value);
}

bool archive_path_is_given(const struct webhook_settings *w)
{
	return archive_path_is_all(w) || w->archive_path;
}

static const char *written(const struct webhook_settings *w)
{
	return archive_path_is_all(w) ? w->url.value + FILE_URL_LEN : w->archive_path;
}

static void put_decoded(struct buf *out, struct text t)
{
	size_t i;

	for (i = 0; i < t.len; i++) {
		if (t.s[i] != '%') {
			buf_add_char(out, t.s[i]);
			continue;
		}
		buf_add_char(out, (char)(hex_digit(t.s[i + 1]) * 16 + hex_digit(t.s[i + 2])));
		i += 2;
	}
}

void archive_path_write(const struct webhook_settings *w, const char *pipeline, struct buf *out)
{
	const struct text values[TEMPLATE_NAME_COUNT] = {[TEMPLATE_PIPELINE] = text_of(pipeline)};

	template_write(written(w), values, archive_path_is_all(w) ? put_decoded : buf_add_text,
		       buf_add_text, out);
}

bool archive_path_is_json(const struct webhook_settings *w)
{
	const char *path = written(w);
	size_t len = strlen(path);

	if (w->archive_format != WEBHOOK_ARCHIVE_AUTO)
		return w->archive_format == WEBHOOK_ARCHIVE_JSON;
	return len >= 5 && !strcasecmp(path + len - 5, ".json");
}
