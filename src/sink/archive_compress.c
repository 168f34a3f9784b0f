/* SPDX-License-Identifier: MIT */
#include "sink/archive_compress.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "sink/archive_names.h"
#include "sink/zlib_memory.h"

#define BLOCK_BYTES 65536
#define FILE_MODE 0640
#define AGAIN_US (60 * CLOCK_US_PER_S)
#define NICE 10
/* When memory was short. */
#define SOON_US (2 * CLOCK_US_PER_S)
/* deflate's state by zconf.h: (1 << (15 + 2)) + (1 << (8 + 9)), and some more; and the blocks */
#define COPY_BYTES (sizeof(struct copy) + 280000)

struct archive_compress {
	const char *path;
	struct budget *budget;
	struct thread thread;
	_Atomic bool stopping;
	_Atomic int64_t count;
	bool failed; /* said so */

	struct mutex lock;
	struct cond news;
	bool wanted;
};

enum err_code archive_compress_new(const char *path, struct budget *budget,
				   struct archive_compress **ret_c, struct err *e)
{
	struct archive_compress *c = mem_calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ERR_NOMEM, "no memory to compress archives");
	c->path = path;
	c->budget = budget;
	mutex_init(&c->lock);
	cond_init(&c->news);
	*ret_c = c;
	return ERR_OK;
}

void archive_compress_free(struct archive_compress *c)
{
	if (!c)
		return;
	assert(!c->thread.running);
	cond_done(&c->news);
	mutex_done(&c->lock);
	mem_free(c);
}

int64_t archive_compress_count(struct archive_compress *c)
{
	return atomic_load(&c->count);
}

/* ---- one file ---- */

/* In and out of one file. */
struct copy {
	int from, to; /* -1: not open */
	z_stream z;
	char in[BLOCK_BYTES];
	char out[BLOCK_BYTES];
};

/* What deflate makes of the block in hand, or of the end. */
static ATTR_MUST_CHECK enum err_code deflate_block(struct copy *k, int flush, struct err *e)
{
	enum err_code code = ERR_OK;

	do {
		k->z.next_out = (Bytef *)k->out;
		k->z.avail_out = BLOCK_BYTES;
		(void)deflate(&k->z, flush);
		code = fd_write_all(k->to, k->out, BLOCK_BYTES - k->z.avail_out, e);
	} while (code == ERR_OK && k->z.avail_out == 0);
	return code;
}

/* Errors: also ERR_BUSY: it is time to stop. */
static ATTR_MUST_CHECK enum err_code copy_all(const struct archive_compress *c, struct copy *k,
					      struct err *e)
{
	enum err_code code = ERR_OK;
	ssize_t n;

	while (code == ERR_OK) {
		if (atomic_load(&c->stopping))
			return err_set(e, ERR_BUSY, "stopping");
		n = read(k->from, k->in, BLOCK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(e, ERR_IO, errno, "cannot read");
		k->z.next_in = (Bytef *)k->in;
		k->z.avail_in = (uInt)n;
		code = deflate_block(k, n ? Z_NO_FLUSH : Z_FINISH, e);
		if (n == 0)
			break;
	}
	if (code == ERR_OK && fsync(k->to) != 0)
		code = err_set_sys(e, ERR_IO, errno, "cannot sync");
	return code;
}

static ATTR_MUST_CHECK enum err_code open_both(struct copy *k, const char *plain, const char *temp,
					       struct err *e)
{
	k->from = open(plain, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (k->from < 0)
		return archive_names_error(e, "cannot open", plain);
	k->to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (k->to < 0)
		return archive_names_error(e, "cannot create", temp);
	/* windowBits as in compressor.c: gzip */
	if (deflateInit2(&k->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, ERR_NOMEM, "no memory to compress %s", plain);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code make_gz(const struct archive_compress *c, const char *plain,
					     const char *temp, const char *gz, struct err *e)
{
	struct copy *k = mem_calloc(1, sizeof(*k));
	enum err_code code;

	if (!k)
		return err_set(e, ERR_NOMEM, "no memory to compress %s", plain);
	budget_charge(c->budget, BUDGET_ARCHIVE, COPY_BYTES);
	k->from = k->to = -1;
	zlib_memory_set(&k->z);
	code = open_both(k, plain, temp, e);
	if (code == ERR_OK) {
		code = copy_all(c, k, e);
		(void)deflateEnd(&k->z);
		if (code != ERR_OK)
			(void)err_prefix(e, "%s", plain);
	}
	if (code == ERR_OK && rename(temp, gz) != 0)
		code = archive_names_error(e, "cannot rename", temp);
	if (code != ERR_OK && k->to >= 0)
		(void)unlink(temp);
	fd_close(&k->from);
	fd_close(&k->to);
	mem_free(k);
	budget_release(c->budget, BUDGET_ARCHIVE, COPY_BYTES);
	return code;
}

static void make_names(const struct archive_compress *c, int64_t number, struct buf name[static 3])
{
	static const char *const suffixes[] = {"", ".gz.tmp", ".gz"};
	size_t i;

	for (i = 0; i < 3; i++) {
		buf_init(&name[i], PATH_MAX);
		archive_names_print(&name[i], c->path, number, suffixes[i]);
	}
}

static ATTR_MUST_CHECK enum err_code compress_one(struct archive_compress *c,
						  const struct archive_rotated *r, struct err *e)
{
	enum err_code code = ERR_OK;
	struct buf name[3];
	size_t i;

	make_names(c, r->number, name);
	for (i = 0; i < 3 && code == ERR_OK; i++)
		if (buf_error(&name[i]) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for the name of an archive");
	if (code == ERR_OK && r->temp)
		(void)unlink(buf_str(&name[1]));
	if (code == ERR_OK && !r->gz && r->plain) {
		code = make_gz(c, buf_str(&name[0]), buf_str(&name[1]), buf_str(&name[2]), e);
		if (code == ERR_OK)
			atomic_fetch_add(&c->count, 1);
	}
	/* not before the other's name is sure to be there after a crash of the machine */
	if (code == ERR_OK && r->plain)
		code = archive_names_sync(c->path, e);
	if (code == ERR_OK && r->plain && unlink(buf_str(&name[0])) != 0 && errno != ENOENT)
		code = archive_names_error(e, "cannot remove", buf_str(&name[0]));
	for (i = 0; i < 3; i++)
		buf_done(&name[i]);
	return code;
}

enum err_code archive_compress_all(struct archive_compress *c, struct err *e)
{
	struct archive_names n = {.items = NULL};
	enum err_code code = archive_names_list(c->path, &n, e);
	size_t i;

	for (i = 0; i < n.count && code == ERR_OK; i++) {
		if (!n.items[i].plain && !n.items[i].temp)
			continue;
		if (budget_pauses(c->budget)) {
			code = err_set(e, ERR_FULL, "memory is short");
			break;
		}
		code = compress_one(c, &n.items[i], e);
		if (code == ERR_NOT_FOUND)
			code = ERR_OK; /* old enough to be removed meanwhile */
	}
	archive_names_done(&n);
	return code;
}

/* ---- the thread ---- */

/* After how long to try again; 0: when there is something new. */
static int64_t round_all(struct archive_compress *c)
{
	struct err e = {.code = ERR_OK};
	enum err_code code = archive_compress_all(c, &e);
	bool failed = code != ERR_OK && code != ERR_BUSY && code != ERR_FULL;

	if (failed && !c->failed)
		log_warn("a rotated archive cannot be compressed", LOG_E(&e));
	c->failed = failed;
	return failed ? AGAIN_US : code == ERR_FULL ? SOON_US : 0;
}

static void compress_main(void *compress)
{
	struct archive_compress *c = compress;
	int64_t wait_us, again_us;

	/* of this thread alone: setpriority(2), "C library/kernel differences" */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	while (!atomic_load(&c->stopping)) {
		wait_us = round_all(c);
		again_us = wait_us ? clock_now_us(clock_system()) + wait_us : INT64_MAX;
		mutex_lock(&c->lock);
		while (!c->wanted && !atomic_load(&c->stopping) &&
		       (again_us == INT64_MAX || clock_now_us(clock_system()) < again_us))
			cond_wait_until(&c->news, &c->lock, again_us);
		c->wanted = false;
		mutex_unlock(&c->lock);
	}
}

enum err_code archive_compress_start(struct archive_compress *c, struct err *e)
{
	atomic_store(&c->stopping, false);
	return thread_start(&c->thread, "compress", 0, compress_main, c, e);
}

void archive_compress_wake(struct archive_compress *c)
{
	mutex_lock(&c->lock);
	c->wanted = true;
	cond_signal(&c->news);
	mutex_unlock(&c->lock);
}

void archive_compress_stop(struct archive_compress *c)
{
	mutex_lock(&c->lock);
	atomic_store(&c->stopping, true);
	cond_signal(&c->news);
	mutex_unlock(&c->lock);
	thread_join(&c->thread);
}
