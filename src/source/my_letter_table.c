/* SPDX-License-Identifier: MIT */
#include "source/my_dead_letter.h"
#include "source/my_install.h"

void my_letter_table(struct buf *out, const struct my_admin *a, const struct letters_page *p)
{
	if (!p->filter->waiting) {
		my_quote_name(out, a->database,
			      p->filter->delivered ? MY_DELIVERED : MY_DEAD_LETTER);
		return;
	}
	/* each pipeline has an outbox of its own: merged into the query, so that its key is used */
	buf_add_str(out, "(SELECT ");
	my_quote_literal(out, text_of(p->pipeline));
	buf_add_str(out, " AS pipeline, o.* FROM ");
	my_schema_outbox(out, a->database, p->pipeline);
	buf_add_str(out, " AS o)");
}

enum err_code my_letter_table_find(struct my_admin *a, const struct letters_page *p, bool *ret_has,
				   struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];

	*ret_has = true;
	if (!p->filter->waiting)
		return ERR_OK;
	my_schema_outbox_name(p->pipeline, name);
	return my_objects_has(a, name, ret_has, e);
}
