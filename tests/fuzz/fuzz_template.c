/* SPDX-License-Identifier: MIT */
/*
 * Any text as a template, with values made of the same bytes. What passes must be written without
 * braces of its own left, and what values become cannot leave their place.
 */
#include "fuzz.h"

#include <assert.h>

#include "base/mem.h"
#include "base/percent.h"
#include "config/check.h"
#include "config/template.h"

static void put_nothing(struct buf *out, struct text t)
{
	(void)out;
	assert(t.s);
}

static void check_write(const char *template, struct text value)
{
	struct text values[TEMPLATE_NAME_COUNT];
	struct buf out;
	size_t i;

	for (i = 0; i < TEMPLATE_NAME_COUNT; i++)
		values[i] = i == TEMPLATE_SCHEMA ? TEXT_NONE : value;
	buf_init(&out, SIZE_MAX / 2);
	template_write(template, values, put_nothing, percent_add_header, &out);
	assert(!memchr(buf_str(&out), '\n', out.len) && !memchr(buf_str(&out), '\r', out.len));
	buf_reset(&out);
	template_write(template, values, put_nothing, percent_add_url, &out);
	assert(!buf_str(&out)[strcspn(buf_str(&out), "/?#&=. {}")]);
	buf_reset(&out);
	template_write(template, values, buf_add_text, put_nothing, &out);
	if (!template_has_braces(template))
		assert(text_eq(buf_text(&out), text_of(template)));
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text = mem_strndup((const char *)bytes, len);

	if (!text)
		return 0;
	if (!template_check(text))
		check_write(text, (struct text){(const char *)bytes, len});
	if (!check_url(text)) {
		assert(check_url_front(text) <= len);
		assert(!template_check(text + check_url_front(text)));
	}
	mem_free(text);
	return 0;
}
