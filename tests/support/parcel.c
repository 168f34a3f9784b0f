/* SPDX-License-Identifier: MIT */
#include "parcel.h"

#include "base/mem.h"

/* More is not kept from one request to the next. */
#define PARCEL_KEEP 64

static struct text unquoted(struct text t)
{
	return t.len >= 2 && t.s[0] == '"' ? (struct text){t.s + 1, t.len - 2} : t;
}

/* CloudEvents and Standard Webhooks carry the native body as data; Debezium's id is in source. */
static void look_inside(struct parcel_item *it)
{
	struct text data = notice_member(it->body, TEXT_LIT("data"));
	struct text source = notice_member(it->body, TEXT_LIT("source"));
	struct notice inner;

	if (!it->notice.table.s && notice_parse(data, &inner) && inner.id.s && inner.table.s)
		it->notice = inner;
	if (!it->notice.id.s && notice_parse(source, &inner) && inner.id.s) {
		it->notice = inner;
		it->notice.pipeline = unquoted(notice_member(source, TEXT_LIT("name")));
		it->notice.old_data = notice_member(it->body, TEXT_LIT("before"));
	}
}

static ATTR_MUST_CHECK enum err_code add(struct parcel *p, struct text id, struct text body)
{
	size_t room = p->room ? p->room * 2 : 1;
	struct parcel_item *items;

	if (p->count == p->room) {
		items = mem_realloc(p->items, room * sizeof(*items));
		if (!items)
			return ERR_NOMEM;
		p->items = items;
		p->room = room;
	}
	items = &p->items[p->count++];
	*items = (struct parcel_item){.body = body};
	(void)notice_parse(body, &items->notice);
	look_inside(items);
	items->id = id.s ? id : items->notice.id;
	ledger_entry_init(&items->entry, items->id, &items->notice);
	return ERR_OK;
}

enum err_code parcel_open(struct parcel *p, struct text id, struct text body, struct ledger *l,
			  struct err *e)
{
	struct text rest = body, item;
	uint64_t request = ledger_request(l);
	enum err_code code = ERR_OK;
	size_t i;

	p->count = 0;
	p->is_array = notice_array(&rest);
	if (!p->is_array)
		code = add(p, id, body);
	while (p->is_array && code == ERR_OK && notice_element(&rest, &item))
		code = add(p, TEXT_NONE, item);
	for (i = 0; code == ERR_OK && i < p->count; i++) {
		p->items[i].entry.request = request;
		code = ledger_begin(l, &p->items[i].entry, e);
	}
	return code == ERR_OK ? code : err_set(e, code, "no memory for the events of a request");
}

struct behaviour_load parcel_load(const struct parcel *p)
{
	return (struct behaviour_load){p->count ? p->items[0].entry.attempt : 1, p->count};
}

void parcel_close(struct parcel *p, struct ledger *l, struct journal *j,
		  const struct journal_line *line)
{
	struct journal_line each = *line;
	size_t i;

	for (i = 0; i < p->count; i++) {
		struct parcel_item *it = &p->items[i];

		each.notice = &it->notice;
		each.entry = &it->entry;
		each.id = it->id;
		each.body = p->is_array ? it->body : line->body;
		each.batch = p->is_array ? p->count : 0;
		each.verdict = ledger_end(l, &it->entry, line->status / 100 == 2);
		journal_add(j, &each);
	}
	p->count = 0;
	if (p->room > PARCEL_KEEP)
		parcel_done(p);
}

void parcel_done(struct parcel *p)
{
	mem_free(p->items);
	*p = (struct parcel){.items = NULL};
}
