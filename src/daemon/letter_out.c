/* SPDX-License-Identifier: MIT */
#include "daemon/letter_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum err_code letter_format_parse(const char *word, enum letter_format *ret, struct err *e)
{
	if (word && strcmp(word, "json") == 0)
		*ret = LETTER_JSON;
	else if (!word || strcmp(word, "ndjson") == 0)
		*ret = LETTER_NDJSON;
	else
		return err_set(e, ERR_USAGE, "--format: '%s' is neither json nor ndjson", word);
	return ERR_OK;
}

/* ---- opening ---- */

static ATTR_MUST_CHECK enum err_code open_temp(struct letter_out *o, struct err *e)
{
	struct buf name;
	int fd;

	buf_init(&name, SIZE_MAX / 2);
	buf_add_fmt(&name, "%s.XXXXXX", o->path);
	o->temp = buf_take(&name);
	if (!o->temp)
		return err_set(e, ERR_NOMEM, "no memory for a file name");
	fd = mkstemp(o->temp);
	o->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (o->file)
		return ERR_OK;
	(void)err_set_sys(e, ERR_IO, errno, "cannot create %s", o->temp);
	if (fd >= 0) {
		(void)close(fd);
		(void)unlink(o->temp);
	}
	mem_free(o->temp);
	return ERR_IO;
}

enum err_code letter_out_open(struct letter_out *o, const char *path, enum letter_format format,
			      bool with_data, struct err *e)
{
	struct stat st;
	enum err_code code = ERR_OK;

	*o = (struct letter_out){.file = stdout, .format = format, .with_data = with_data};
	if (path && strcmp(path, "-") != 0) {
		o->path = path;
		if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) {
			code = open_temp(o, e);
		} else {
			o->file = fopen(path, "we");
			if (!o->file)
				code = err_set_sys(e, ERR_IO, errno, "cannot open %s", path);
		}
	}
	buf_init(&o->line, SIZE_MAX / 2);
	return code;
}

/* ---- one letter ---- */

static void add_json(struct letter_out *o, const struct dead_letter *d)
{
	struct json j;

	json_begin(&j, &o->line);
	json_open_object(&j, NULL);
	json_i64(&j, "id", d->id);
	json_text(&j, "event_id", d->event_id);
	json_text(&j, "pipeline", d->pipeline);
	json_text(&j, "operation", d->operation);
	json_text(&j, "schema", d->schema);
	json_text(&j, "table", d->table);
	json_raw(&j, "key", d->key);
	json_text(&j, "changed_at", d->changed_at);
	json_text(&j, o->delivered ? "delivered_at" : "died_at", d->died_at);
	if (!o->delivered) {
		json_i64(&j, "attempts", d->attempts);
		json_i64(&j, "last_status", d->last_status);
		json_text(&j, "last_error", d->last_error);
	}
	if (o->with_data) {
		json_raw(&j, "old_key", d->old_key);
		json_bool(&j, "truncated", d->truncated);
		json_raw(&j, "data", d->data);
		json_raw(&j, "old_data", d->old_data);
	}
	json_end(&j);
}

#define AS_PRINTED(t) (int)(t).len, (t).s ? (t).s : ""

static void add_row(struct letter_out *o, const struct dead_letter *d)
{
	struct buf *b = &o->line;
	size_t start;

	if (!o->count) {
		buf_add_fmt(b, "%-10s %-12s %-8s %-24s %-20s ", "ID", "PIPELINE", "OP", "TABLE",
			    "KEY");
		if (o->delivered)
			buf_add_str(b, "DELIVERED\n");
		else
			buf_add_fmt(b, "%-20.20s %3s %6s  %s\n", "DIED", "TRY", "STATUS", "ERROR");
	}
	buf_add_fmt(b, "%-10lld %-12.*s %-8.*s ", (long long)d->id, AS_PRINTED(d->pipeline),
		    AS_PRINTED(d->operation));
	start = b->len;
	buf_add_fmt(b, "%.*s%s%.*s", AS_PRINTED(d->schema), d->schema.len ? "." : "",
		    AS_PRINTED(d->table));
	while (b->len < start + 24 && buf_error(b) == ERR_OK)
		buf_add_char(b, ' ');
	buf_add_fmt(b, " %-20.*s %-20.*s", AS_PRINTED(d->key), 20,
		    d->died_at.s ? d->died_at.s : "");
	if (!o->delivered)
		buf_add_fmt(b, " %3lld %6lld  %.*s", (long long)d->attempts,
			    (long long)d->last_status, AS_PRINTED(d->last_error));
}

static ATTR_MUST_CHECK enum err_code write_failed(const struct letter_out *o, struct err *e)
{
	return err_set_sys(e, ERR_IO, errno, "cannot write to %s",
			   o->path ? o->path : "standard output");
}

static ATTR_MUST_CHECK enum err_code write_line(struct letter_out *o, struct err *e)
{
	if (buf_error(&o->line) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a dead letter");
	if (fwrite(buf_str(&o->line), 1, o->line.len, o->file) != o->line.len)
		return write_failed(o, e);
	return ERR_OK;
}

enum err_code letter_out_put(struct letter_out *o, const struct dead_letter *d, struct err *e)
{
	buf_reset(&o->line);
	if (o->format == LETTER_JSON)
		buf_add_str(&o->line, o->count ? ",\n" : "[\n");
	if (o->format == LETTER_TABLE)
		add_row(o, d);
	else
		add_json(o, d);
	if (o->format != LETTER_JSON)
		buf_add_char(&o->line, '\n');
	o->count++;
	return write_line(o, e);
}

/* ---- closing ---- */

static ATTR_MUST_CHECK enum err_code finish(struct letter_out *o, struct err *e)
{
	buf_reset(&o->line);
	if (o->format == LETTER_JSON)
		buf_add_str(&o->line, o->count ? "\n]\n" : "[]\n");
	if (write_line(o, e) != ERR_OK)
		return e ? e->code : ERR_IO;
	if (fflush(o->file) != 0 || (o->temp && fsync(fileno(o->file)) != 0))
		return write_failed(o, e);
	return ERR_OK;
}

enum err_code letter_out_close(struct letter_out *o, struct err *e)
{
	enum err_code code = finish(o, e);
	FILE *file = o->file;

	if (code == ERR_OK && file != stdout) {
		o->file = NULL;
		if (fclose(file) != 0)
			code = write_failed(o, e);
	}
	if (code == ERR_OK && o->temp && rename(o->temp, o->path) != 0)
		code = err_set_sys(e, ERR_IO, errno, "cannot rename %s to %s", o->temp, o->path);
	if (code == ERR_OK) {
		mem_free(o->temp);
		o->temp = NULL;
	}
	letter_out_drop(o);
	return code;
}

void letter_out_drop(struct letter_out *o)
{
	if (o->file && o->file != stdout)
		(void)fclose(o->file);
	if (o->temp)
		(void)unlink(o->temp);
	mem_free(o->temp);
	o->temp = NULL;
	o->file = NULL;
	buf_done(&o->line);
}
