/* SPDX-License-Identifier: MIT */
#include "ingest/body.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

#define BODY_PATH_BYTES 4096

enum err_code body_init(struct body *b, const char *dir, struct budget *budget, bool with_digest,
			struct err *e)
{
	*b = (struct body){.dir = dir, .budget = budget, .fd = -1};
	buf_init(&b->memory, BODY_MEMORY_BYTES);
	if (!with_digest)
		return ERR_OK;
	b->digest = EVP_MD_CTX_new();
	if (!b->digest || EVP_DigestInit_ex(b->digest, EVP_sha256(), NULL) != 1) {
		body_done(b);
		return err_set(e, ERR_NOMEM, "no memory for a digest");
	}
	return ERR_OK;
}

static void memory_free(struct body *b)
{
	buf_done(&b->memory);
	buf_init(&b->memory, BODY_MEMORY_BYTES);
	budget_release(b->budget, BUDGET_INGEST, b->charged);
	b->charged = 0;
}

void body_done(struct body *b)
{
	if (!b->dir)
		return;
	memory_free(b);
	EVP_MD_CTX_free(b->digest);
	fd_close(&b->fd);
	*b = (struct body){.fd = -1};
}

static int file_open(const char *dir)
{
	char path[BODY_PATH_BYTES];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* EISDIR: a kernel that does not know the flag; EOPNOTSUPP: a file system */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(path, sizeof(path), "%s/app-db-listener.XXXXXX", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

static ATTR_MUST_CHECK enum err_code file_write(struct body *b, const void *bytes, size_t len,
						struct err *e)
{
	const char *at = bytes;
	ssize_t n;

	while (len) {
		n = write(b->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(e, ERR_IO, errno, "cannot write a file in %s", b->dir);
		at += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

/* What is in memory goes into a file. */
static ATTR_MUST_CHECK enum err_code spill(struct body *b, struct err *e)
{
	enum err_code code;

	b->fd = file_open(b->dir);
	if (b->fd < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot make a file in %s", b->dir);
	code = file_write(b, b->memory.data, b->memory.len, e);
	if (code == ERR_OK)
		memory_free(b);
	return code;
}

static ATTR_MUST_CHECK enum err_code memory_add(struct body *b, const void *bytes, size_t len,
						struct err *e)
{
	if (!budget_take(b->budget, BUDGET_INGEST, len))
		return err_set(e, ERR_FULL, "the memory budget has no room");
	b->charged += len;
	buf_add(&b->memory, bytes, len);
	if (buf_error(&b->memory) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a body");
	return ERR_OK;
}

enum err_code body_add(struct body *b, const void *bytes, size_t len, struct err *e)
{
	enum err_code code = ERR_OK;

	if (b->digest && EVP_DigestUpdate(b->digest, bytes, len) != 1)
		return err_set(e, ERR_NOMEM, "no memory for a digest");
	if (b->fd < 0 && b->memory.len + len > BODY_MEMORY_BYTES)
		code = spill(b, e);
	if (code == ERR_OK)
		code = b->fd >= 0 ? file_write(b, bytes, len, e) : memory_add(b, bytes, len, e);
	if (code == ERR_OK)
		b->bytes += (int64_t)len;
	return code;
}

enum err_code body_digest(struct body *b, uint8_t ret[static BODY_DIGEST_BYTES], struct err *e)
{
	if (EVP_DigestFinal_ex(b->digest, ret, NULL) != 1)
		return err_set(e, ERR_NOMEM, "no memory for a digest");
	return ERR_OK;
}

enum err_code body_read(void *ctx, char *out, size_t most, size_t *ret_len, struct err *e)
{
	struct body *b = ctx;
	size_t left = (size_t)(b->bytes - b->read_at);
	ssize_t n;

	most = left < most ? left : most;
	if (b->fd < 0) {
		memcpy(out, buf_str(&b->memory) + b->read_at, most);
		n = (ssize_t)most;
	} else {
		do
			n = pread(b->fd, out, most, (off_t)b->read_at);
		while (n < 0 && errno == EINTR);
		if (n < 0 || (n == 0 && most))
			return err_set_sys(e, ERR_IO, n ? errno : EIO, "cannot read a body back");
	}
	b->read_at += n;
	*ret_len = (size_t)n;
	return ERR_OK;
}
