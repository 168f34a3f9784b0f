/* SPDX-License-Identifier: MIT */
#include "unpack.h"

#include <cbor.h>
#include <jansson.h>
#include <msgpack.h>

/* jansson writes its tree; doubles with as many digits as they need. */
static bool print(json_t *tree, struct buf *out)
{
	char *text =
		tree ? json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17))
		     : NULL;

	if (text)
		buf_add_str(out, text);
	free(text);
	json_decref(tree);
	return text && buf_error(out) == ERR_OK;
}

/* jansson's integers have 63 bits and a sign. */
static json_t *of_u64(uint64_t v)
{
	return v <= INT64_MAX ? json_integer((json_int_t)v) : NULL;
}

static json_t *of_msgpack(const msgpack_object *o);

static json_t *of_msgpack_map(const msgpack_object_map *m)
{
	json_t *tree = json_object();
	const msgpack_object_kv *kv = m->ptr;
	uint32_t i;

	for (i = 0; tree && i < m->size; i++, kv++) {
		if (kv->key.type != MSGPACK_OBJECT_STR ||
		    json_object_setn_new(tree, kv->key.via.str.ptr, kv->key.via.str.size,
					 of_msgpack(&kv->val)) != 0) {
			json_decref(tree);
			tree = NULL;
		}
	}
	return tree;
}

static json_t *of_msgpack_array(const msgpack_object_array *a)
{
	json_t *tree = json_array();
	uint32_t i;

	for (i = 0; tree && i < a->size; i++) {
		if (json_array_append_new(tree, of_msgpack(&a->ptr[i])) != 0) {
			json_decref(tree);
			tree = NULL;
		}
	}
	return tree;
}

static json_t *of_msgpack(const msgpack_object *o)
{
	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		return json_null();
	case MSGPACK_OBJECT_BOOLEAN:
		return json_boolean(o->via.boolean);
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return of_u64(o->via.u64);
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return json_integer(o->via.i64);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return json_real(o->via.f64);
	case MSGPACK_OBJECT_STR:
		return json_stringn(o->via.str.ptr, o->via.str.size);
	case MSGPACK_OBJECT_ARRAY:
		return of_msgpack_array(&o->via.array);
	case MSGPACK_OBJECT_MAP:
		return of_msgpack_map(&o->via.map);
	default:
		return NULL;
	}
}

bool unpack_msgpack(struct text bytes, struct buf *out)
{
	msgpack_unpacked u;
	size_t used = 0;
	bool ok;

	msgpack_unpacked_init(&u);
	ok = msgpack_unpack_next(&u, bytes.s, bytes.len, &used) == MSGPACK_UNPACK_SUCCESS &&
	     used == bytes.len && print(of_msgpack(&u.data), out);
	msgpack_unpacked_destroy(&u);
	return ok;
}

static json_t *of_cbor(const cbor_item_t *o);

static json_t *of_cbor_map(const cbor_item_t *o)
{
	json_t *tree = json_object();
	const struct cbor_pair *pairs = cbor_map_handle(o);
	size_t i;

	for (i = 0; tree && i < cbor_map_size(o); i++) {
		if (!cbor_isa_string(pairs[i].key) ||
		    json_object_setn_new(tree, (char *)cbor_string_handle(pairs[i].key),
					 cbor_string_length(pairs[i].key),
					 of_cbor(pairs[i].value)) != 0) {
			json_decref(tree);
			tree = NULL;
		}
	}
	return tree;
}

static json_t *of_cbor_array(const cbor_item_t *o)
{
	json_t *tree = json_array();
	size_t i;

	for (i = 0; tree && i < cbor_array_size(o); i++) {
		if (json_array_append_new(tree, of_cbor(cbor_array_handle(o)[i])) != 0) {
			json_decref(tree);
			tree = NULL;
		}
	}
	return tree;
}

static json_t *of_cbor_negative(const cbor_item_t *o)
{
	uint64_t n = cbor_get_int(o);

	return n <= INT64_MAX ? json_integer(-1 - (json_int_t)n) : NULL;
}

static json_t *of_cbor_simple(const cbor_item_t *o)
{
	if (cbor_is_float(o))
		return json_real(cbor_float_get_float(o));
	if (cbor_is_bool(o))
		return json_boolean(cbor_get_bool(o));
	return cbor_is_null(o) ? json_null() : NULL;
}

static json_t *of_cbor(const cbor_item_t *o)
{
	switch (cbor_typeof(o)) {
	case CBOR_TYPE_UINT:
		return of_u64(cbor_get_int(o));
	case CBOR_TYPE_NEGINT:
		return of_cbor_negative(o);
	case CBOR_TYPE_STRING:
		return json_stringn((char *)cbor_string_handle(o), cbor_string_length(o));
	case CBOR_TYPE_ARRAY:
		return of_cbor_array(o);
	case CBOR_TYPE_MAP:
		return of_cbor_map(o);
	case CBOR_TYPE_FLOAT_CTRL:
		return of_cbor_simple(o);
	default:
		return NULL;
	}
}

bool unpack_cbor(struct text bytes, struct buf *out)
{
	struct cbor_load_result result;
	cbor_item_t *o = cbor_load((cbor_data)bytes.s, bytes.len, &result);
	bool ok = o && result.read == bytes.len && print(of_cbor(o), out);

	if (o)
		cbor_decref(&o);
	return ok;
}
