/* SPDX-License-Identifier: MIT */
#include "archive_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDS_BYTES (1 << 20)

int archive_case_setup(void **state)
{
	struct archive_case *c = calloc(1, sizeof(*c));

	if (!c)
		return -1;
	(void)snprintf(c->dir, sizeof(c->dir), "/tmp/adbl-archive.XXXXXX");
	if (!mkdtemp(c->dir)) {
		free(c);
		return -1;
	}
	(void)snprintf(c->path, sizeof(c->path), "%s/events", c->dir);
	*state = c;
	return 0;
}

int archive_case_teardown(void **state)
{
	struct archive_case *c = *state;
	const struct dirent *entry;
	char name[512];
	DIR *d = opendir(c->dir);

	while (d && (entry = readdir(d))) {
		(void)snprintf(name, sizeof(name), "%s/%s", c->dir, entry->d_name);
		if (entry->d_name[0] != '.')
			(void)unlink(name);
	}
	if (d)
		(void)closedir(d);
	(void)rmdir(c->dir);
	free(c);
	return 0;
}

void archive_case_write(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

char *archive_case_read(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	char *text;
	long len;

	if (!f)
		return NULL;
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	len = ftell(f);
	assert_true(len >= 0);
	rewind(f);
	text = malloc((size_t)len + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)len, f), len);
	text[len] = '\0';
	(void)fclose(f);
	if (ret_len)
		*ret_len = (size_t)len;
	return text;
}

static void add_id(char *ids, size_t *len, const json_t *record)
{
	assert_true(json_is_object(record));
	*len += (size_t)snprintf(ids + *len, IDS_BYTES - *len, "%s%lld", *len ? " " : "",
				 (long long)json_integer_value(json_object_get(record, "id")));
	assert_true(*len < IDS_BYTES);
}

static void add_array(char *ids, size_t *len, const char *text, size_t text_len)
{
	json_error_t e;
	json_t *doc = json_loadb(text, text_len, 0, &e);
	size_t i;

	if (!doc)
		fail_msg("no JSON: %s at %d: %.300s", e.text, e.position, text);
	assert_true(json_is_array(doc));
	for (i = 0; i < json_array_size(doc); i++)
		add_id(ids, len, json_array_get(doc, i));
	json_decref(doc);
}

static void add_lines(char *ids, size_t *len, char *text, size_t text_len)
{
	char *line = text, *end;
	json_t *record;

	for (; line < text + text_len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + text_len - line));
		if (!end)
			fail_msg("the last line has no end: %.300s", line);
		record = json_loadb(line, (size_t)(end - line), 0, NULL);
		if (!record)
			fail_msg("no JSON: %.*s", (int)(end - line), line);
		add_id(ids, len, record);
		json_decref(record);
	}
}

const char *archive_case_ids(const char *path, bool json)
{
	static char ids[IDS_BYTES];
	size_t text_len = 0, len = 0;
	char *text = archive_case_read(path, &text_len);

	if (!text)
		fail_msg("no file %s", path);
	ids[0] = '\0';
	if (json)
		add_array(ids, &len, text, text_len);
	else
		add_lines(ids, &len, text, text_len);
	free(text);
	return ids;
}
