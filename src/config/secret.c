/* SPDX-License-Identifier: MIT */
#include "config/secret.h"

#include "base/mem.h"

#define SECRET_PATH_MAX 4096

enum err_code secret_read_file(const struct config_env *env, const char *path, struct buf *out,
			       struct err *e)
{
	size_t start = out->len;
	enum err_code code = env->read_file(env->ctx, path, out, e);

	if (code == ERR_NOMEM)
		return code;
	if (code != ERR_OK) {
		if (e)
			e->code = ERR_DATA;
		return ERR_DATA;
	}
	if (out->len > start && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
	if (out->len == start)
		return err_set(e, ERR_DATA, "%s is empty", path);
	if (memchr(out->data + start, '\0', out->len - start))
		return err_set(e, ERR_DATA, "%s holds a NUL byte", path);
	return ERR_OK;
}

enum err_code secret_read_credential(const struct config_env *env, const char *name,
				     struct buf *out, struct err *e)
{
	const char *dir = env->get(env->ctx, "CREDENTIALS_DIRECTORY");
	struct buf path;
	enum err_code code;

	if (!dir || !*dir)
		return err_set(e, ERR_DATA,
			       "$CREDENTIALS_DIRECTORY is not set: systemd sets it for units with "
			       "LoadCredential=");
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(e, ERR_DATA, "a credential's name is a file name without /");
	buf_init(&path, SECRET_PATH_MAX);
	buf_add_fmt(&path, "%s/%s", dir, name);
	code = buf_error(&path);
	if (code == ERR_FULL)
		code = err_set(e, ERR_DATA, "the path of the credential is too long");
	else if (code != ERR_OK)
		code = err_set(e, code, "no memory for a credential");
	else
		code = secret_read_file(env, buf_str(&path), out, e);
	buf_done(&path);
	return code;
}

void secret_buf_done(struct buf *b)
{
	if (b->data)
		mem_wipe(b->data, b->cap);
	buf_done(b);
}
