/* SPDX-License-Identifier: MIT */
#include "sink/transfer_headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "config/secret.h"
#include "sink/auth.h"
#include "sink/format.h"
#include "sink/request.h"

#define TRANSFER_LINE_BYTES 96
#define TRANSFER_ORIGIN_BYTES 320

static ATTR_MUST_CHECK enum err_code list_add(struct curl_slist **list, const char *line,
					      struct err *e)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return err_set(e, ERR_NOMEM, "no memory for request headers");
	*list = longer;
	return ERR_OK;
}

static bool has_header(const struct webhook_settings *to, const char *name)
{
	size_t i;

	for (i = 0; i < to->header_count; i++)
		if (strcasecmp(to->headers[i].name, name) == 0)
			return true;
	return false;
}

static ATTR_MUST_CHECK enum err_code add_configured(struct curl_slist **list,
						    const struct webhook_header *h, struct err *e)
{
	const char *value = h->value.value ? h->value.value : "";
	struct buf line;
	enum err_code code;

	if (strpbrk(h->name, "\r\n:") || strpbrk(value, "\r\n"))
		return err_set(e, ERR_CONFIG, "header %s holds a line break or a colon", h->name);
	buf_init(&line, SIZE_MAX / 2);
	buf_add_str(&line, h->name);
	/* "Name;" is how curl is told of a header without a value: CURLOPT_HTTPHEADER(3) */
	buf_add_str(&line, *value ? ": " : ";");
	buf_add_str(&line, value);
	code = buf_error(&line);
	if (code != ERR_OK)
		(void)err_set(e, code, "no memory for request headers");
	else
		code = list_add(list, buf_str(&line), e);
	secret_buf_done(&line);
	return code;
}

static ATTR_MUST_CHECK enum err_code add_format(struct curl_slist **list,
						const struct webhook_settings *to, struct err *e)
{
	const struct format *format = format_get(to->format);
	bool batch = request_is_batch(to);
	char line[TRANSFER_LINE_BYTES];
	enum err_code code;

	(void)snprintf(line, sizeof(line), WEBHOOK_FORMAT_HEADER ": %s%s/%d", format->name,
		       batch ? "-batch" : "", format->version);
	code = list_add(list, line, e);
	if (code != ERR_OK || has_header(to, "Content-Type"))
		return code;
	(void)snprintf(line, sizeof(line), "Content-Type: %s", request_content_type(to));
	return list_add(list, line, e);
}

static ATTR_MUST_CHECK enum err_code
add_authorization(struct curl_slist **list, const struct webhook_settings *to, struct err *e)
{
	struct buf line;
	enum err_code code;

	buf_init(&line, SIZE_MAX / 2);
	auth_add_header(to, &line);
	code = buf_error(&line);
	if (code != ERR_OK)
		(void)err_set(e, code, "no memory for request headers");
	else if (line.len)
		code = list_add(list, buf_str(&line), e);
	secret_buf_done(&line);
	return code;
}

/* Who sends: in 1.0.1 of CloudEvents' webhooks (section 4.1.1) the first of delivery requests and
 * the second of the validation request, in 1.0.2 (4.1.2) the second of both. */
static ATTR_MUST_CHECK enum err_code add_origin(struct curl_slist **list,
						const struct webhook_settings *to, struct err *e)
{
	static const char *const names[] = {"Origin", "WebHook-Request-Origin"};
	char line[TRANSFER_ORIGIN_BYTES];
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < ARRAY_LEN(names); i++) {
		(void)snprintf(line, sizeof(line), "%s: %s", names[i], to->validation_origin);
		code = list_add(list, line, e);
	}
	return code;
}

void transfer_headers_free(struct curl_slist *list)
{
	struct curl_slist *l;

	for (l = list; l; l = l->next)
		mem_wipe(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

enum err_code transfer_headers_new(const struct webhook_settings *to, struct curl_slist **ret_list,
				   struct err *e)
{
	struct curl_slist *list = NULL;
	enum err_code code;
	size_t i;

	/* without it curl waits a second for "100 Continue" before a large body */
	code = list_add(&list, "Expect:", e);
	if (code == ERR_OK && to->validate)
		code = add_origin(&list, to, e);
	if (code == ERR_OK)
		code = add_format(&list, to, e);
	if (code == ERR_OK)
		code = add_authorization(&list, to, e);
	for (i = 0; code == ERR_OK && i < to->header_count; i++)
		if (!to->headers[i].is_template)
			code = add_configured(&list, &to->headers[i], e);
	if (code != ERR_OK) {
		transfer_headers_free(list);
		return code;
	}
	*ret_list = list;
	return ERR_OK;
}
