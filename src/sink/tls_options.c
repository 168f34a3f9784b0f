/* SPDX-License-Identifier: MIT */
#include "sink/tls_options.h"

#include "base/buf.h"

#define TLS_PINS_BYTES_MAX 65536

static long version_of(enum webhook_tls_min min)
{
	return min == WEBHOOK_TLS_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
}

CURLcode tls_options_set(CURL *easy, const struct webhook_settings *to)
{
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_SSLVERSION, version_of(to->tls_min));

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, to->tls_verify ? 1L : 0L);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, to->tls_verify ? 2L : 0L);
	if (rc == CURLE_OK && to->tls_key_password.value)
		rc = curl_easy_setopt(easy, CURLOPT_KEYPASSWD, to->tls_key_password.value);
	if (rc == CURLE_OK && to->ca_file)
		rc = curl_easy_setopt(easy, CURLOPT_CAINFO, to->ca_file);
	/* Debian's curl has both a file and a directory of CAs by default */
	if (rc == CURLE_OK && to->ca_file)
		rc = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	return rc;
}

CURLcode tls_options_pin(CURL *easy, const struct webhook_settings *to)
{
	struct buf pins;
	CURLcode rc;
	size_t i;

	if (!to->tls_pin.count)
		return CURLE_OK;
	buf_init(&pins, TLS_PINS_BYTES_MAX);
	for (i = 0; i < to->tls_pin.count; i++)
		buf_add_fmt(&pins, "%s%s", i ? ";" : "", to->tls_pin.items[i]);
	if (buf_error(&pins) != ERR_OK)
		rc = CURLE_OUT_OF_MEMORY;
	else
		rc = curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, buf_str(&pins));
	buf_done(&pins);
	return rc;
}
