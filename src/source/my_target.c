/* SPDX-License-Identifier: MIT */
#include "source/my_target.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT_DEFAULT 3306
/* what a row of two texts of 256 MB may need, and more than any server sends */
#define PACKET_MAX_BYTES (1UL << 30)

/* ---- where ---- */

static ATTR_MUST_CHECK enum err_code use_path(struct my_target *t, const char *path, struct err *e)
{
	static const char *const names[] = {"", "/mysqld.sock", "/mysql.sock"};
	struct stat st;
	size_t i;

	t->socket = t->path;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (strlen(path) + strlen(names[i]) >= sizeof(t->path))
			return err_set(e, ERR_CONFIG,
				       "host: the path of a socket has at most %zu "
				       "bytes: %s",
				       sizeof(t->path) - 1, path);
		(void)snprintf(t->path, sizeof(t->path), "%s%s", path, names[i]);
		if (stat(t->path, &st) == 0 && !S_ISDIR(st.st_mode))
			return ERR_OK;
	}
	/* connecting to it tells what is wrong */
	(void)snprintf(t->path, sizeof(t->path), "%s", path);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code find_host(struct my_target *t, struct err *e)
{
	const char *host = t->settings->host;

	t->port = t->settings->port ? (unsigned)t->settings->port : PORT_DEFAULT;
	if (host && host[0] == '/')
		return use_path(t, host, e);
	t->is_local = !host || (strcmp(host, "localhost") == 0 && t->port == PORT_DEFAULT);
	if (!t->is_local)
		t->host = host;
	return ERR_OK;
}

void my_target_use_tcp(struct my_target *t)
{
	t->host = "localhost";
	t->is_local = false;
}

const char *my_target_label(const struct my_target *t)
{
	if (t->host)
		return t->host;
	return t->socket ? t->socket : "the local socket";
}

/* ---- TLS ---- */

static ATTR_MUST_CHECK enum err_code find_tls(struct my_target *t, struct err *e)
{
	static const struct {
		const char *word;
		enum my_tls tls;
	} modes[] = {
		{"disable", MY_TLS_NEVER},    {"allow", MY_TLS_TRY},
		{"prefer", MY_TLS_TRY},       {"require", MY_TLS_ALWAYS},
		{"verify-ca", MY_TLS_ALWAYS}, {"verify-full", MY_TLS_ALWAYS},
	};
	const char *mode = t->settings->sslmode ? t->settings->sslmode : "prefer";
	size_t i;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		if (strcmp(mode, modes[i].word) != 0)
			continue;
		t->tls = modes[i].tls;
		return ERR_OK;
	}
	return err_set(e, ERR_CONFIG, "unknown sslmode %s", mode);
}

/* The library only says that something about TLS failed. */
static ATTR_MUST_CHECK enum err_code check_files(const struct my_target *t, struct err *e)
{
	const struct source_settings *s = t->settings;
	const struct {
		const char *key;
		const char *path;
	} files[] = {
		{"sslrootcert", s->sslrootcert}, {"sslcert", s->sslcert}, {"sslkey", s->sslkey}};
	size_t i;

	for (i = 0; i < ARRAY_LEN(files) && t->tls != MY_TLS_NEVER; i++)
		if (files[i].path && access(files[i].path, R_OK) != 0)
			return err_set_sys(e, ERR_CONFIG, errno, "%s: cannot read %s", files[i].key,
					   files[i].path);
	return ERR_OK;
}

enum err_code my_target_init(struct my_target *t, const struct my_conn_options *o, struct err *e)
{
	enum err_code code;

	memset(t, 0, sizeof(*t));
	t->settings = o->settings;
	t->user = o->user ? o->user : o->settings->user;
	t->password = o->password ? o->password : o->settings->password.value;
	t->database = o->settings->database;
	code = find_host(t, e);
	if (code == ERR_OK)
		code = find_tls(t, e);
	if (code == ERR_OK)
		code = check_files(t, e);
	return code;
}

/* ---- options ---- */

static bool set(MYSQL *raw, enum mysql_option option, const void *value)
{
	return mysql_options(raw, option, value) == 0;
}

/* With prefer nothing is checked, as with libpq: a certificate that is refused would only mean to
 * go on without any. */
static bool set_tls_files(const struct my_target *t, MYSQL *raw)
{
	const struct source_settings *s = t->settings;

	if (s->sslrootcert && t->tls == MY_TLS_ALWAYS &&
	    !set(raw, MYSQL_OPT_SSL_CA, s->sslrootcert))
		return false;
	if (s->sslcert && !set(raw, MYSQL_OPT_SSL_CERT, s->sslcert))
		return false;
	return !s->sslkey || set(raw, MYSQL_OPT_SSL_KEY, s->sslkey);
}

#ifdef MARIADB_BASE_VERSION

#define PLUGINS "mysql_native_password,client_ed25519,parsec,auth_gssapi_client,unix_socket"
#define PLUGINS_SECURE PLUGINS ",caching_sha2_password,sha256_password"

/* Would one of MySQL's own plugins get a password in clear text? libmariadb 3.3 sends it so also
 * without TLS, where they want RSA: it is refused, and everybody on the way knows it. */
static bool is_bare(const struct my_target *t)
{
	return !t->is_safe && t->host && t->password && *t->password;
}

/* libmariadb checks the chain as soon as it has a CA, the name when told to verify. Only then it
 * insists on TLS before it answers the server; so the password itself (PAM, LDAP, tokens of a
 * cloud) is not given otherwise. */
static bool set_tls(const struct my_target *t, MYSQL *raw, bool is_tls)
{
	const char *mode = t->settings->sslmode ? t->settings->sslmode : "prefer";
	my_bool enforce = is_tls ? 1 : 0;
	my_bool verify = strcmp(mode, "verify-full") == 0 || (strcmp(mode, "verify-ca") == 0 &&
							      !t->settings->sslrootcert)
				 ? 1
				 : 0;

	return set(raw, MYSQL_OPT_SSL_ENFORCE, &enforce) &&
	       set(raw, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify) &&
	       (!is_tls || set_tls_files(t, raw)) &&
	       (verify ||
		set(raw, MARIADB_OPT_RESTRICTED_AUTH, is_bare(t) ? PLUGINS : PLUGINS_SECURE));
}

#else

static bool set_tls(const struct my_target *t, MYSQL *raw, bool is_tls)
{
	const char *mode = t->settings->sslmode ? t->settings->sslmode : "prefer";
	unsigned v = SSL_MODE_DISABLED;
	bool get_key = true; /* of caching_sha2_password */

	if (is_tls)
		v = SSL_MODE_REQUIRED;
	if (strcmp(mode, "verify-full") == 0)
		v = SSL_MODE_VERIFY_IDENTITY;
	else if (strcmp(mode, "verify-ca") == 0)
		v = t->settings->sslrootcert ? SSL_MODE_VERIFY_CA : SSL_MODE_VERIFY_IDENTITY;
	return set(raw, MYSQL_OPT_SSL_MODE, &v) &&
	       set(raw, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &get_key) &&
	       (!is_tls || set_tls_files(t, raw));
}

#endif

/* LOCAL INFILE off: a server could ask for files of this machine. */
bool my_target_options(const struct my_target *t, MYSQL *raw, bool is_tls)
{
	unsigned protocol = t->host ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET, infile = 0;
	unsigned long packet = PACKET_MAX_BYTES;

	return set(raw, MYSQL_OPT_PROTOCOL, &protocol) &&
	       set(raw, MYSQL_OPT_LOCAL_INFILE, &infile) &&
	       set(raw, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet) &&
	       set(raw, MYSQL_SET_CHARSET_NAME, "utf8mb4") &&
	       mysql_options4(raw, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "app-db-listener") ==
		       0 &&
	       set_tls(t, raw, is_tls);
}

bool my_target_trust(struct my_target *t, const MYSQL *raw, bool is_tls)
{
	if (t->is_safe || !is_tls || !(raw->server_capabilities & CLIENT_SSL))
		return false;
	t->is_safe = true;
	return true;
}

void my_target_keepalive(int fd)
{
	static const struct {
		int level, option, value;
	} table[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},          {IPPROTO_TCP, TCP_KEEPIDLE, 15},
		{IPPROTO_TCP, TCP_KEEPINTVL, 5},        {IPPROTO_TCP, TCP_KEEPCNT, 3},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
	};
	size_t i;

	/* a Unix socket takes none of the latter, and needs none */
	for (i = 0; i < ARRAY_LEN(table); i++)
		(void)setsockopt(fd, table[i].level, table[i].option, &table[i].value,
				 sizeof(table[i].value));
}
