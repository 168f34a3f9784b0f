/* SPDX-License-Identifier: MIT */
#include "daemon/export_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum err_code export_format_parse(const char *word, bool *ret_array, struct err *e)
{
	bool array = word && strcmp(word, "json") == 0;

	if (word && !array && strcmp(word, "ndjson") != 0)
		return err_set(e, ERR_USAGE, "--format: '%s' is neither json nor ndjson", word);
	*ret_array = array;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code open_temp(struct export_out *o, struct err *e)
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
	o->temp = NULL;
	return ERR_IO;
}

enum err_code export_out_open(struct export_out *o, const char *path, bool array, struct err *e)
{
	struct stat st;
	enum err_code code = ERR_OK;

	*o = (struct export_out){.file = stdout, .array = array};
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

static ATTR_MUST_CHECK enum err_code write_failed(const struct export_out *o, struct err *e)
{
	return err_set_sys(e, ERR_IO, errno, "cannot write to %s",
			   o->path ? o->path : "standard output");
}

static ATTR_MUST_CHECK enum err_code write_line(struct export_out *o, struct err *e)
{
	if (buf_error(&o->line) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a record");
	if (fwrite(buf_str(&o->line), 1, o->line.len, o->file) != o->line.len)
		return write_failed(o, e);
	return ERR_OK;
}

struct buf *export_out_begin(struct export_out *o)
{
	buf_reset(&o->line);
	if (o->array)
		buf_add_str(&o->line, o->count ? ",\n" : "[\n");
	return &o->line;
}

enum err_code export_out_end(struct export_out *o, struct err *e)
{
	if (!o->array)
		buf_add_char(&o->line, '\n');
	o->count++;
	return write_line(o, e);
}

static ATTR_MUST_CHECK enum err_code finish(struct export_out *o, struct err *e)
{
	enum err_code code;

	buf_reset(&o->line);
	if (o->array)
		buf_add_str(&o->line, o->count ? "\n]\n" : "[]\n");
	code = write_line(o, e);
	if (code != ERR_OK)
		return code;
	if (fflush(o->file) != 0 || (o->temp && fsync(fileno(o->file)) != 0))
		return write_failed(o, e);
	return ERR_OK;
}

enum err_code export_out_close(struct export_out *o, struct err *e)
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
	export_out_drop(o);
	return code;
}

void export_out_drop(struct export_out *o)
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
