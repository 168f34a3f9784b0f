/* SPDX-License-Identifier: MIT */
/*
 * A file is taken for another one when its inode, size or times differ. Times have the grain of the
 * kernel's tick, so what has just changed is read once more at the next look, and compared.
 */
#include "sink/tls_files.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/certificate.h"

#define TLS_FILES_LOOK_US CLOCK_US_PER_S

enum tls_part { TLS_PART_CERT, TLS_PART_KEY, TLS_PART_CA, TLS_PART_COUNT };

static const CURLoption part_options[TLS_PART_COUNT] = {
	[TLS_PART_CERT] = CURLOPT_SSLCERT_BLOB,
	[TLS_PART_KEY] = CURLOPT_SSLKEY_BLOB,
	[TLS_PART_CA] = CURLOPT_CAINFO_BLOB,
};

struct tls_material {
	_Atomic int refs;
	struct buf parts[TLS_PART_COUNT]; /* empty: not configured */
	int64_t expires_wall_us;
};

/* What tells one file from another. */
struct tls_identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
};

struct tls_files {
	const struct webhook_settings *to;
	const char *paths[TLS_PART_COUNT]; /* NULL: not configured */
	_Atomic int64_t look_us;           /* when the next look is due */
	_Atomic bool looking;              /* somebody does: it is not waited for */

	/* of whoever looks */
	struct tls_identity seen[TLS_PART_COUNT];
	bool again; /* what was read may have changed within the same tick */
	bool broken;

	struct mutex lock; /* all below */
	struct tls_material *now;
	struct tls_files_stats counts;
};

bool tls_files_are_named(const struct webhook_settings *to)
{
	return to->ca_file || to->tls_cert;
}

static void material_free(struct tls_material *m)
{
	size_t i;

	for (i = 0; i < TLS_PART_COUNT; i++) {
		if (m->parts[i].data)
			mem_wipe(m->parts[i].data, m->parts[i].cap);
		buf_done(&m->parts[i]);
	}
	mem_free(m);
}

void tls_material_drop(struct tls_material *m)
{
	if (m && atomic_fetch_sub(&m->refs, 1) == 1)
		material_free(m);
}

static ATTR_MUST_CHECK enum err_code material_check(struct tls_material *m,
						    const struct tls_files *f, struct err *e)
{
	const struct buf *p = m->parts;
	enum err_code code = ERR_OK;
	const char *culprit = f->paths[TLS_PART_CERT];

	if (f->paths[TLS_PART_CERT]) {
		code = certificate_check(buf_text(&p[TLS_PART_CERT]), &m->expires_wall_us, e);
		if (code == ERR_OK) {
			culprit = f->paths[TLS_PART_KEY];
			code = certificate_check_key(buf_text(&p[TLS_PART_CERT]),
						     buf_text(&p[TLS_PART_KEY]),
						     f->to->tls_key_password.value, e);
		}
	}
	if (code == ERR_OK && f->paths[TLS_PART_CA]) {
		culprit = f->paths[TLS_PART_CA];
		code = certificate_check(buf_text(&p[TLS_PART_CA]), NULL, e);
	}
	if (code != ERR_OK)
		(void)err_prefix(e, "%s", culprit);
	return code;
}

static ATTR_MUST_CHECK enum err_code material_read(const struct tls_files *f,
						   struct tls_material **ret_m, struct err *e)
{
	struct tls_material *m = mem_calloc(1, sizeof(*m));
	enum err_code code = ERR_OK;
	size_t i;

	if (!m)
		return err_set(e, ERR_NOMEM, "no memory for certificates");
	atomic_store(&m->refs, 1);
	for (i = 0; i < TLS_PART_COUNT; i++)
		buf_init(&m->parts[i], CERTIFICATE_BYTES_MAX);
	for (i = 0; code == ERR_OK && i < TLS_PART_COUNT; i++)
		if (f->paths[i])
			code = fd_read_file(f->paths[i], &m->parts[i], e);
	if (code == ERR_OK)
		code = material_check(m, f, e);
	if (code != ERR_OK) {
		material_free(m);
		return code;
	}
	*ret_m = m;
	return ERR_OK;
}

static bool material_is_equal(const struct tls_material *a, const struct tls_material *b)
{
	size_t i;

	for (i = 0; i < TLS_PART_COUNT; i++)
		if (!text_eq(buf_text(&a->parts[i]), buf_text(&b->parts[i])))
			return false;
	return true;
}

/* Note who the files are; returns whether one is another than before. */
static bool identify(struct tls_files *f)
{
	struct tls_identity id;
	bool changed = false;
	struct stat st;
	size_t i;

	for (i = 0; i < TLS_PART_COUNT; i++) {
		memset(&id, 0, sizeof(id));
		if (f->paths[i] && stat(f->paths[i], &st) == 0) {
			id.dev = st.st_dev;
			id.ino = st.st_ino;
			id.size = st.st_size;
			id.mtime = st.st_mtim;
			id.ctime = st.st_ctim;
		}
		changed = changed || memcmp(&id, &f->seen[i], sizeof(id)) != 0;
		f->seen[i] = id;
	}
	return changed;
}

enum err_code tls_files_new(const struct webhook_settings *to, struct tls_files **ret_f,
			    struct err *e)
{
	struct tls_files *f = mem_calloc(1, sizeof(*f));
	enum err_code code;

	if (!f)
		return err_set(e, ERR_NOMEM, "no memory for certificates");
	f->to = to;
	f->paths[TLS_PART_CERT] = to->tls_cert;
	f->paths[TLS_PART_KEY] = to->tls_key;
	f->paths[TLS_PART_CA] = to->ca_file;
	mutex_init(&f->lock);
	(void)identify(f);
	f->again = true;
	code = material_read(f, &f->now, e);
	if (code != ERR_OK) {
		if (code != ERR_NOMEM)
			code = e ? (e->code = ERR_CONFIG) : ERR_CONFIG;
		tls_files_free(f);
		return code;
	}
	f->counts.expires_wall_us = f->now->expires_wall_us;
	*ret_f = f;
	return ERR_OK;
}

void tls_files_free(struct tls_files *f)
{
	if (!f)
		return;
	tls_material_drop(f->now);
	mutex_done(&f->lock);
	mem_free(f);
}

/* Replace what is in use by m, which is taken. Returns whether that is another. */
static bool material_take(struct tls_files *f, struct tls_material *m)
{
	struct tls_material *old;
	bool is_new;

	mutex_lock(&f->lock);
	is_new = !material_is_equal(f->now, m);
	old = is_new ? f->now : m;
	if (is_new) {
		f->now = m;
		f->counts.taken++;
		f->counts.expires_wall_us = m->expires_wall_us;
	}
	mutex_unlock(&f->lock);
	tls_material_drop(old);
	return is_new;
}

/* What is there cannot be used; it is told when it is another thing than before. */
static void material_refuse(struct tls_files *f, bool changed, const struct err *e)
{
	const bool is_news = !f->broken || changed;

	f->broken = true;
	f->again = f->again || e->code == ERR_NOMEM;
	if (!is_news)
		return;
	mutex_lock(&f->lock);
	f->counts.refused++;
	mutex_unlock(&f->lock);
	log_warn("changed certificate files cannot be used, those before stay in use",
		 LOG_S("webhook", f->to->name), LOG_E(e));
}

static void look(struct tls_files *f)
{
	const bool changed = identify(f);
	struct tls_material *m = NULL;
	struct err e;

	if (!changed && !f->again)
		return;
	f->again = changed;
	if (material_read(f, &m, &e) != ERR_OK) {
		material_refuse(f, changed, &e);
		return;
	}
	assert(m);
	if (material_take(f, m))
		log_info("changed certificate files are used from now on",
			 LOG_S("webhook", f->to->name));
	else if (f->broken)
		log_info("the certificate files are as they were", LOG_S("webhook", f->to->name));
	f->broken = false;
}

void tls_files_look(struct tls_files *f, int64_t now_us)
{
	if (now_us < atomic_load(&f->look_us) || atomic_exchange(&f->looking, true))
		return;
	atomic_store(&f->look_us, now_us + TLS_FILES_LOOK_US);
	look(f);
	atomic_store(&f->looking, false);
}

static struct tls_material *material_hold(struct tls_files *f)
{
	struct tls_material *m;

	mutex_lock(&f->lock);
	m = f->now;
	atomic_fetch_add(&m->refs, 1);
	mutex_unlock(&f->lock);
	return m;
}

static CURLcode material_set(const struct tls_material *m, CURL *easy)
{
	struct curl_blob blob = {.flags = CURL_BLOB_NOCOPY};
	CURLcode rc = CURLE_OK;
	size_t i;

	for (i = 0; rc == CURLE_OK && i < TLS_PART_COUNT; i++) {
		if (!m->parts[i].len)
			continue;
		blob.data = m->parts[i].data;
		blob.len = m->parts[i].len;
		rc = curl_easy_setopt(easy, part_options[i], &blob);
	}
	return rc;
}

enum err_code tls_files_follow(struct tls_files *f, int64_t now_us, CURL *easy,
			       struct tls_material **held, struct err *e)
{
	struct tls_material *m, *old = *held;
	CURLcode rc;

	tls_files_look(f, now_us);
	m = material_hold(f);
	if (m == old) {
		tls_material_drop(m);
		return ERR_OK;
	}
	rc = material_set(m, easy);
	if (rc != CURLE_OK) {
		/* no pointer into what is dropped stays behind */
		tls_material_drop(m);
		(void)curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, NULL);
		(void)curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, NULL);
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, NULL);
		*held = NULL;
		tls_material_drop(old);
		return err_set(e, rc == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_CONFIG,
			       "webhook %s: %s", f->to->name, curl_easy_strerror(rc));
	}
	*held = m;
	tls_material_drop(old);
	return ERR_OK;
}

struct tls_files_stats tls_files_stats(struct tls_files *f)
{
	struct tls_files_stats s;

	mutex_lock(&f->lock);
	s = f->counts;
	mutex_unlock(&f->lock);
	return s;
}
