/* SPDX-License-Identifier: MIT */
/*
 * Certificates from files that change, and what a receiver gets to see of them.
 */
#include "http_fixture.h"

#include <sys/stat.h>

#include "certs.h"
#include "sink/auth.h"

#define LOOK_US CLOCK_US_PER_S

static char dir[] = "/tmp/adbl-tls.XXXXXX";
static char cert_path[64], key_path[64], ca_path[64], password[] = "a password";
static struct cert ca, other_ca, server, one, two;

static int files_open(void **state)
{
	if (!mkdtemp(dir) || group_open(state) != 0)
		return 1;
	(void)snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
	(void)snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
	(void)snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", dir);
	ca = cert_new("ca", NULL, 30);
	other_ca = cert_new("other ca", NULL, 30);
	server = cert_new("server", &ca, 30);
	one = cert_new("one", &ca, 10);
	two = cert_new("two", &ca, 20);
	return 0;
}

static int files_close(void **state)
{
	cert_free(&ca);
	cert_free(&other_ca);
	cert_free(&server);
	cert_free(&one);
	cert_free(&two);
	(void)unlink(cert_path);
	(void)unlink(key_path);
	(void)unlink(ca_path);
	(void)rmdir(dir);
	return group_close(state);
}

static int files_renew(void **state)
{
	(void)state;
	cert_write(&one, cert_path, key_path, NULL);
	cert_write(&ca, ca_path, NULL, NULL);
	return 0;
}

static struct webhook_settings settings(void)
{
	return (struct webhook_settings){
		.name = webhook_name,
		.ca_file = ca_path,
		.tls_cert = cert_path,
		.tls_key = key_path,
		.tls_verify = true,
	};
}

static void write_text(const char *path, const char *text)
{
	assert_int_equal(fd_write_file(path, text_of(text), 0600, true, NULL), ERR_OK);
}

/* ---- the files ---- */

static void a_new_pair_is_taken_up_by_the_next_look(void **state)
{
	const struct webhook_settings to = settings();
	struct tls_files *f;
	int64_t soon = clock_wall_us(clock_system()) + 10 * 86400 * CLOCK_US_PER_S;

	(void)state;
	assert_int_equal(tls_files_new(&to, &f, NULL), ERR_OK);
	assert_true(tls_files_stats(f).expires_wall_us <= soon);
	tls_files_look(f, 10 * LOOK_US);
	cert_write(&two, cert_path, key_path, NULL);
	/* not twice within a second */
	tls_files_look(f, 11 * LOOK_US - 1);
	assert_int_equal(tls_files_stats(f).taken, 0);
	tls_files_look(f, 11 * LOOK_US);
	assert_int_equal(tls_files_stats(f).taken, 1);
	assert_int_equal(tls_files_stats(f).refused, 0);
	assert_true(tls_files_stats(f).expires_wall_us > soon);
	/* the same content in other files is nothing new */
	cert_write(&two, cert_path, key_path, NULL);
	tls_files_look(f, 12 * LOOK_US);
	tls_files_look(f, 13 * LOOK_US);
	assert_int_equal(tls_files_stats(f).taken, 1);
	tls_files_free(f);
}

/* Each is a moment in which somebody writes the files. */
static void what_is_half_written_leaves_the_files_before_in_use(void **state)
{
	const struct webhook_settings to = settings();
	struct tls_files *f;
	struct buf whole;
	int64_t now_us = LOOK_US, expires_wall_us;

	(void)state;
	buf_init(&whole, 65536);
	cert_print(&two, &whole);
	assert_int_equal(tls_files_new(&to, &f, NULL), ERR_OK);
	expires_wall_us = tls_files_stats(f).expires_wall_us;
	/* the certificate is new, the key is not */
	cert_write(&two, cert_path, NULL, NULL);
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).refused, 1);
	/* it is told once */
	tls_files_look(f, now_us += LOOK_US);
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).refused, 1);
	/* cut off */
	buf_truncate(&whole, whole.len / 2);
	write_text(cert_path, buf_str(&whole));
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).refused, 2);
	/* empty; gone; CAs that are none */
	write_text(cert_path, "");
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).refused, 3);
	assert_int_equal(unlink(key_path), 0);
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).refused, 4);
	cert_write(&one, cert_path, key_path, NULL);
	write_text(ca_path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).refused, 5);
	assert_int_equal(tls_files_stats(f).taken, 0);
	assert_int_equal(tls_files_stats(f).expires_wall_us, expires_wall_us);
	/* both are there */
	cert_write(&two, cert_path, key_path, NULL);
	cert_write(&ca, ca_path, NULL, NULL);
	tls_files_look(f, now_us += LOOK_US);
	assert_int_equal(tls_files_stats(f).taken, 1);
	assert_true(tls_files_stats(f).expires_wall_us > expires_wall_us);
	tls_files_free(f);
	buf_done(&whole);
}

static void what_cannot_be_used_at_the_start_is_an_error(void **state)
{
	struct webhook_settings to = settings();
	struct tls_files *f;
	struct err e;

	(void)state;
	cert_write(&two, NULL, key_path, NULL);
	assert_int_equal(tls_files_new(&to, &f, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "key.pem: is not the key of the certificate"));
	cert_write(&one, NULL, key_path, password);
	assert_int_equal(tls_files_new(&to, &f, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "one with a password"));
	to.tls_key_password.value = dir;
	assert_int_equal(tls_files_new(&to, &f, &e), ERR_CONFIG);
	assert_null(strstr(e.msg + strlen(key_path), dir));
	to.tls_key_password.value = password;
	assert_int_equal(tls_files_new(&to, &f, &e), ERR_OK);
	tls_files_free(f);
	write_text(cert_path, "nothing");
	assert_int_equal(tls_files_new(&to, &f, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "cert.pem: holds no certificate"));
	assert_int_equal(unlink(cert_path), 0);
	assert_int_equal(tls_files_new(&to, &f, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "cannot open"));
}

struct looker {
	struct tls_files *files;
	struct thread thread;
	_Atomic int64_t *now_us;
	CURL *easy;
	struct tls_material *held;
	bool failed;
};

static void look_often(void *arg)
{
	struct looker *l = arg;
	int i;

	for (i = 0; i < 200; i++) {
		if (tls_files_follow(l->files, atomic_fetch_add(l->now_us, LOOK_US), l->easy,
				     &l->held, NULL) != ERR_OK)
			l->failed = true;
		(void)tls_files_stats(l->files);
	}
}

static void all_workers_may_look_while_the_files_change(void **state)
{
	const struct webhook_settings to = settings();
	struct looker l[3] = {{NULL}};
	struct tls_files *f;
	_Atomic int64_t now_us = LOOK_US;
	size_t i;

	(void)state;
	assert_int_equal(tls_files_new(&to, &f, NULL), ERR_OK);
	for (i = 0; i < ARRAY_LEN(l); i++) {
		l[i] = (struct looker){.files = f, .now_us = &now_us, .easy = curl_easy_init()};
		assert_int_equal(thread_start(&l[i].thread, "looker", 0, look_often, &l[i], NULL),
				 ERR_OK);
	}
	for (i = 0; i < 20; i++)
		cert_write(i % 2 ? &one : &two, cert_path, key_path, NULL);
	for (i = 0; i < ARRAY_LEN(l); i++) {
		thread_join(&l[i].thread);
		assert_false(l[i].failed);
	}
	tls_files_free(f); /* handles hold what they use */
	for (i = 0; i < ARRAY_LEN(l); i++) {
		assert_non_null(l[i].held);
		curl_easy_cleanup(l[i].easy);
		tls_material_drop(l[i].held);
	}
}

/* ---- a receiver ---- */

struct trial {
	struct fixture f;
	struct auth *auth;
	struct tls_server server;
	struct peer peer;
	int64_t look_us;
};

static void trial_open(struct trial *t, const struct cert *own, const struct cert *client_ca,
		       int max_version)
{
	struct webhook_settings files = settings();

	tls_server_open(&t->server, own, client_ca, max_version);
	assert_true(tls_peer_start(&t->peer, &t->server));
	fixture_open(&t->f, t->peer.url);
	t->f.to.ca_file = files.ca_file;
	t->f.to.tls_cert = files.tls_cert;
	t->f.to.tls_key = files.tls_key;
	t->auth = NULL;
	t->look_us = clock_now_us(clock_system()) + 60 * LOOK_US;
}

static void trial_close(struct trial *t)
{
	http_free(t->f.h);
	auth_free(t->auth);
	peer_stop(&t->peer);
	tls_server_close(&t->server);
}

static const struct http_result *trial_send(struct trial *t)
{
	struct http_request *r = http_request_get(t->f.h);

	if (!t->auth)
		assert_int_equal(auth_new(&t->f.to, clock_system(), &t->auth, NULL), ERR_OK);
	assert_non_null(r);
	buf_add_str(&r->body, "{}");
	(void)snprintf(r->id, sizeof(r->id), "x");
	r->to = &t->f.to;
	r->auth = t->auth;
	assert_int_equal(http_send(t->f.h, r, NULL), ERR_OK);
	run_until(&t->f, t->f.count + 1);
	return &t->f.results[t->f.count - 1];
}

/* What the test looks at itself, requests do not look at again before a minute is over. */
static void trial_look(struct trial *t)
{
	tls_files_look(auth_tls_files(t->auth), t->look_us += LOOK_US);
}

static void assert_client(struct trial *t, const char *name, int handshakes)
{
	mutex_lock(&t->server.lock);
	assert_string_equal(t->server.client, name);
	assert_int_equal(t->server.handshakes, handshakes);
	mutex_unlock(&t->server.lock);
}

static void a_new_certificate_is_shown_on_a_new_connection(void **state)
{
	struct trial t;

	(void)state;
	trial_open(&t, &server, &ca, 0);
	assert_int_equal(trial_send(&t)->status, 200);
	assert_int_equal(trial_send(&t)->status, 200);
	assert_client(&t, "one", 1);
	cert_write(&two, cert_path, key_path, NULL);
	assert_int_equal(trial_send(&t)->status, 200);
	assert_client(&t, "one", 1); /* within the second */
	trial_look(&t);
	assert_int_equal(trial_send(&t)->status, 200);
	assert_int_equal(trial_send(&t)->status, 200);
	assert_client(&t, "two", 2);
	trial_close(&t);
}

static void a_key_with_a_password_is_opened(void **state)
{
	struct trial t;

	(void)state;
	cert_write(&two, cert_path, key_path, password);
	trial_open(&t, &server, &ca, 0);
	t.f.to.tls_key_password.value = password;
	assert_int_equal(trial_send(&t)->status, 200);
	assert_client(&t, "two", 1);
	trial_close(&t);
}

static void nothing_is_sent_to_a_receiver_whose_ca_is_gone(void **state)
{
	struct trial t;
	const struct http_result *r;

	(void)state;
	trial_open(&t, &server, NULL, 0);
	t.f.to.tls_cert = t.f.to.tls_key = NULL;
	assert_int_equal(trial_send(&t)->status, 200);
	assert_client(&t, "", 1);
	/* the connection is still open, and the CA is no longer trusted */
	cert_write(&other_ca, ca_path, NULL, NULL);
	trial_look(&t);
	r = trial_send(&t);
	assert_int_equal(r->status, 0);
	assert_int_equal(r->phase, ANSWER_PHASE_TLS);
	cert_write(&ca, ca_path, NULL, NULL);
	trial_look(&t);
	assert_int_equal(trial_send(&t)->status, 200);
	assert_int_equal(t.server.requests, 2);
	trial_close(&t);
}

static void the_oldest_version_of_tls_is_kept_to(void **state)
{
	struct trial t;

	(void)state;
	trial_open(&t, &server, NULL, TLS1_2_VERSION);
	assert_int_equal(trial_send(&t)->status, 200);
	trial_close(&t);
	trial_open(&t, &server, NULL, TLS1_2_VERSION);
	t.f.to.tls_min = WEBHOOK_TLS_1_3;
	assert_int_equal(trial_send(&t)->phase, ANSWER_PHASE_TLS);
	assert_int_equal(t.server.requests, 0);
	trial_close(&t);
	trial_open(&t, &server, NULL, 0);
	t.f.to.tls_min = WEBHOOK_TLS_1_3;
	assert_int_equal(trial_send(&t)->status, 200);
	trial_close(&t);
}

static void a_public_key_that_is_not_pinned_gets_nothing(void **state)
{
	char right[64], wrong[64];
	char *pins[] = {wrong, right, NULL};
	struct trial t;

	(void)state;
	cert_pin(&server, right);
	cert_pin(&one, wrong);
	trial_open(&t, &server, NULL, 0);
	t.f.to.tls_pin = (struct string_list){pins, 1};
	assert_int_equal(trial_send(&t)->phase, ANSWER_PHASE_TLS);
	assert_int_equal(t.server.requests, 0);
	trial_close(&t);
	trial_open(&t, &server, NULL, 0);
	t.f.to.tls_pin = (struct string_list){pins, 2};
	assert_int_equal(trial_send(&t)->status, 200);
	trial_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_new_pair_is_taken_up_by_the_next_look, files_renew),
		cmocka_unit_test_setup(what_is_half_written_leaves_the_files_before_in_use,
				       files_renew),
		cmocka_unit_test_setup(what_cannot_be_used_at_the_start_is_an_error, files_renew),
		cmocka_unit_test_setup(all_workers_may_look_while_the_files_change, files_renew),
		cmocka_unit_test_setup(a_new_certificate_is_shown_on_a_new_connection, files_renew),
		cmocka_unit_test_setup(a_key_with_a_password_is_opened, files_renew),
		cmocka_unit_test_setup(nothing_is_sent_to_a_receiver_whose_ca_is_gone, files_renew),
		cmocka_unit_test_setup(the_oldest_version_of_tls_is_kept_to, files_renew),
		cmocka_unit_test_setup(a_public_key_that_is_not_pinned_gets_nothing, files_renew),
	};

	return cmocka_run_group_tests(tests, files_open, files_close);
}
