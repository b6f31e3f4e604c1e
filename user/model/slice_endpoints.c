/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Endpoints of a slice as bytes. Each begins with a head of two bytes that says what follows: the
 * address (4 or 16 bytes), then texts. A text is a number: 0, and the text stands right there with
 * a zero behind it; else one more than where the same text stands already. The name of a pod is the
 * count of characters that it shares with the one before it, and the rest: pods of one ReplicaSet
 * differ in the last five. What few endpoints have is kept as structs, with a pointer among the
 * bytes.
 */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/map.h"
#include "model/endpoints.h"

#define POD "Pod"
#define RECENT_TEXTS 64u
#define RECENT_HINTS 8u
#define TEXT_SEED 0 /* who makes texts collide only makes his own slice larger */

/* The lowest six bits are ready, serving and terminating, two each. */
enum head {
	HEAD_SERVING_SHIFT = 2,
	HEAD_TERMINATING_SHIFT = 4,
	HEAD_CONDITION = 3,
	HEAD_IPV4 = 1 << 6,
	HEAD_IPV6 = 1 << 7,
	HEAD_NODE = 1 << 8,
	HEAD_ZONE = 1 << 9,
	HEAD_HOSTNAME = 1 << 10,
	HEAD_POD = 1 << 11,
	HEAD_POD_NS = 1 << 12,
	HEAD_POD_UID = 1 << 13,
	HEAD_HINTS = 1 << 14,
	HEAD_REST = 1 << 15,
};

/* What hardly any endpoint has. */
struct rest {
	struct bl_strings addresses; /* unless there is one, written as usual */
	struct bl_pairs topology;
	struct bl_target_ref *target; /* other than a pod */
};

struct packer {
	struct bl_arena *arena;
	struct bl_buf bytes;
	size_t recent[RECENT_TEXTS]; /* by hash: one more than where a text stands; 0: none */
	const char *pod;             /* of the endpoint before */
	const struct bl_endpoint_hints *hints[RECENT_HINTS];
	size_t hints_count; /* so far, modulo: the place of the next */
	bool has_pointers;
	bool failed; /* the arena's memory was short */
};

/* Copies in the arena */

static void *take(struct packer *packer, size_t size)
{
	void *bytes = bl_arena_alloc(packer->arena, size);

	packer->failed |= !bytes;
	return bytes;
}

static const char *copy_text(struct packer *packer, const char *text)
{
	const char *copy = text ? bl_arena_strdup(packer->arena, text) : NULL;

	packer->failed |= text && !copy;
	return copy;
}

static struct bl_strings copy_strings(struct packer *packer, const struct bl_strings *from)
{
	struct bl_strings copy = {0};

	copy.items = from->count ? take(packer, from->count * sizeof(*copy.items)) : NULL;
	for (size_t i = 0; i < from->count && !packer->failed; i++)
		copy.items[copy.count++] = copy_text(packer, from->items[i]);
	return copy;
}

static struct bl_pairs copy_pairs(struct packer *packer, const struct bl_pairs *from)
{
	struct bl_pairs copy = {0};

	copy.items = from->count ? take(packer, from->count * sizeof(*copy.items)) : NULL;
	for (size_t i = 0; i < from->count && !packer->failed; i++)
		copy.items[copy.count++] =
			(struct bl_pair){copy_text(packer, from->items[i].key),
					 copy_text(packer, from->items[i].value)};
	return copy;
}

static struct bl_target_ref *copy_target(struct packer *packer, const struct bl_target_ref *from)
{
	struct bl_target_ref *copy = take(packer, sizeof(*copy));

	if (copy)
		*copy = (struct bl_target_ref){
			.kind = copy_text(packer, from->kind),
			.ns = copy_text(packer, from->ns),
			.name = copy_text(packer, from->name),
			.uid = copy_text(packer, from->uid),
			.api_version = copy_text(packer, from->api_version),
			.resource_version = copy_text(packer, from->resource_version),
			.field_path = copy_text(packer, from->field_path),
		};
	return copy;
}

static bool same_strings(const struct bl_strings *a, const struct bl_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* All endpoints of a zone have the same. */
static const struct bl_endpoint_hints *share_hints(struct packer *packer,
						   const struct bl_endpoint_hints *from)
{
	struct bl_endpoint_hints *copy;

	for (size_t i = 0; i < RECENT_HINTS && packer->hints[i]; i++)
		if (same_strings(&packer->hints[i]->zones, &from->zones) &&
		    same_strings(&packer->hints[i]->nodes, &from->nodes))
			return packer->hints[i];
	copy = take(packer, sizeof(*copy));
	if (!copy)
		return NULL;
	copy->zones = copy_strings(packer, &from->zones);
	copy->nodes = copy_strings(packer, &from->nodes);
	packer->hints[packer->hints_count++ % RECENT_HINTS] = copy;
	return copy;
}

/* Writing */

static void add_number(struct packer *packer, size_t number)
{
	uint8_t byte;

	for (; number > 0x7f; number >>= 7) {
		byte = (uint8_t)(number | 0x80);
		bl_buf_add(&packer->bytes, &byte, 1);
	}
	byte = (uint8_t)number;
	bl_buf_add(&packer->bytes, &byte, 1);
}

static void add_text(struct packer *packer, const char *text)
{
	size_t len = strlen(text);
	size_t *recent = &packer->recent[bl_map_hash(TEXT_SEED, text, len) % RECENT_TEXTS];

	if (packer->bytes.failed)
		return;
	if (*recent && strcmp(packer->bytes.data + *recent - 1, text) == 0) {
		add_number(packer, *recent);
		return;
	}
	add_number(packer, 0);
	*recent = packer->bytes.len + 1;
	bl_buf_add(&packer->bytes, text, len + 1);
}

static void add_pointer(struct packer *packer, const void *pointer)
{
	packer->has_pointers = true;
	bl_buf_add(&packer->bytes, (const void *)&pointer, sizeof(pointer));
}

static void add_pod(struct packer *packer, const char *name)
{
	size_t same = 0;

	while (packer->pod && same < UINT8_MAX && name[same] && name[same] == packer->pod[same])
		same++;
	packer->pod = name;
	add_number(packer, same);
	bl_buf_add(&packer->bytes, name + same, strlen(name + same) + 1);
}

static bool is_plain_pod(const struct bl_target_ref *target)
{
	return target->kind && strcmp(target->kind, POD) == 0 && target->name &&
	       strlen(target->name) < BL_POD_NAME && !target->api_version &&
	       !target->resource_version && !target->field_path;
}

/* HEAD_IPV4 or HEAD_IPV6 for one address that is written as usual, else 0. */
static unsigned int address_form(const struct bl_strings *addresses, struct bl_addr *ret)
{
	char text[BL_ADDR_TEXT];

	if (addresses->count != 1 || bl_addr_parse(addresses->items[0], ret) < 0 ||
	    strcmp(bl_addr_format(ret, text), addresses->items[0]) != 0)
		return 0;
	return ret->family == BL_FAMILY_IPV4 ? HEAD_IPV4 : HEAD_IPV6;
}

static unsigned int head_of(const struct bl_slice_endpoint *item, struct bl_addr *address)
{
	unsigned int head = address_form(&item->addresses, address);
	const struct bl_target_ref *target = item->target;
	bool is_pod = target && is_plain_pod(target);

	head |= item->ready | (unsigned int)item->serving << HEAD_SERVING_SHIFT |
		(unsigned int)item->terminating << HEAD_TERMINATING_SHIFT;
	head |= item->node_name ? HEAD_NODE : 0;
	head |= item->zone ? HEAD_ZONE : 0;
	head |= item->hostname ? HEAD_HOSTNAME : 0;
	head |= is_pod ? HEAD_POD : 0;
	head |= is_pod && target->ns ? HEAD_POD_NS : 0;
	head |= is_pod && target->uid ? HEAD_POD_UID : 0;
	head |= item->hints ? HEAD_HINTS : 0;
	if ((item->addresses.count && !(head & (HEAD_IPV4 | HEAD_IPV6))) || item->topology.count ||
	    (target && !is_pod))
		head |= HEAD_REST;
	return head;
}

static void add_rest(struct packer *packer, const struct bl_slice_endpoint *item, unsigned int head)
{
	struct rest *rest = take(packer, sizeof(*rest));

	add_pointer(packer, rest);
	if (!rest)
		return;
	if (!(head & (HEAD_IPV4 | HEAD_IPV6)))
		rest->addresses = copy_strings(packer, &item->addresses);
	rest->topology = copy_pairs(packer, &item->topology);
	if (item->target && !(head & HEAD_POD))
		rest->target = copy_target(packer, item->target);
}

static void add_endpoint(struct packer *packer, const struct bl_slice_endpoint *item)
{
	struct bl_addr address = {0};
	unsigned int head = head_of(item, &address);
	const uint8_t head_bytes[2] = {(uint8_t)head, (uint8_t)(head >> 8)};

	bl_buf_add(&packer->bytes, head_bytes, sizeof(head_bytes));
	if (head & (HEAD_IPV4 | HEAD_IPV6))
		bl_buf_add(&packer->bytes, &address.ip, bl_addr_bits(&address) / 8);
	if (head & HEAD_NODE)
		add_text(packer, item->node_name);
	if (head & HEAD_ZONE)
		add_text(packer, item->zone);
	if (head & HEAD_HOSTNAME)
		add_text(packer, item->hostname);
	if (head & HEAD_POD)
		add_pod(packer, item->target->name);
	if (head & HEAD_POD_NS)
		add_text(packer, item->target->ns);
	if (head & HEAD_POD_UID)
		add_text(packer, item->target->uid);
	if (head & HEAD_HINTS)
		add_pointer(packer, share_hints(packer, item->hints));
	if (head & HEAD_REST)
		add_rest(packer, item, head);
}

int bl_slice_endpoints_pack(const struct bl_slice_endpoint *items, size_t count,
			    struct bl_arena *arena, struct bl_slice_endpoints *ret)
{
	struct packer packer = {.arena = arena};
	struct bl_slice_endpoints list = {0};
	int r = 0;

	for (size_t i = 0; i < count; i++)
		add_endpoint(&packer, &items[i]);
	list.bytes = (uint8_t *)packer.bytes.data;
	list.size = (uint32_t)packer.bytes.len;
	list.count = (uint32_t)count & INT32_MAX;
	list.has_pointers = packer.has_pointers;
	r = packer.failed || packer.bytes.failed ? -ENOMEM
						 : bl_slice_endpoints_copy(&list, arena, ret);
	bl_buf_done(&packer.bytes);
	return r;
}

int bl_slice_endpoints_copy(const struct bl_slice_endpoints *from, struct bl_arena *arena,
			    struct bl_slice_endpoints *ret)
{
	uint8_t *bytes = bl_arena_alloc(arena, from->size);

	if (!bytes)
		return -ENOMEM;
	if (from->size > 0)
		memcpy(bytes, from->bytes, from->size);
	*ret = *from;
	ret->bytes = bytes;
	return 0;
}

/* Reading */

static size_t read_number(struct bl_endpoint_cursor *cursor)
{
	size_t number = 0;
	unsigned int shift = 0;

	while (*cursor->at & 0x80) {
		number |= (size_t)(*cursor->at++ & 0x7f) << shift;
		shift += 7;
	}
	return number | (size_t)*cursor->at++ << shift;
}

static const char *read_text(struct bl_endpoint_cursor *cursor)
{
	size_t place = read_number(cursor);
	const char *text;

	if (place > 0)
		return (const char *)cursor->list->bytes + place - 1;
	text = (const char *)cursor->at;
	cursor->at += strlen(text) + 1;
	return text;
}

static void *read_pointer(struct bl_endpoint_cursor *cursor)
{
	void *pointer;

	memcpy((void *)&pointer, cursor->at, sizeof(pointer));
	cursor->at += sizeof(pointer);
	return pointer;
}

static void read_address(struct bl_endpoint_cursor *cursor, uint8_t family)
{
	struct bl_addr address = {.family = family};
	size_t size = bl_addr_bits(&address) / 8;

	memcpy(&address.ip, cursor->at, size);
	cursor->at += size;
	cursor->address = bl_addr_format(&address, cursor->address_text);
	cursor->endpoint.addresses = (struct bl_strings){&cursor->address, 1};
}

static void read_pod(struct bl_endpoint_cursor *cursor, unsigned int head)
{
	size_t same = read_number(cursor);
	size_t len = strlen((const char *)cursor->at);

	memcpy(cursor->pod + same, cursor->at, len + 1);
	cursor->at += len + 1;
	cursor->target = (struct bl_target_ref){.kind = POD, .name = cursor->pod};
	if (head & HEAD_POD_NS)
		cursor->target.ns = read_text(cursor);
	if (head & HEAD_POD_UID)
		cursor->target.uid = read_text(cursor);
	cursor->endpoint.target = &cursor->target;
}

static void read_rest(struct bl_endpoint_cursor *cursor, unsigned int head)
{
	struct rest *rest = read_pointer(cursor);

	if (!(head & (HEAD_IPV4 | HEAD_IPV6)))
		cursor->endpoint.addresses = rest->addresses;
	cursor->endpoint.topology = rest->topology;
	if (rest->target)
		cursor->endpoint.target = rest->target;
}

bool bl_endpoint_next(struct bl_endpoint_cursor *cursor)
{
	struct bl_slice_endpoint *endpoint = &cursor->endpoint;
	unsigned int head;

	if (cursor->done == cursor->list->count)
		return false;
	cursor->head = cursor->done++ ? cursor->at : cursor->list->bytes;
	head = cursor->head[0] | (unsigned int)cursor->head[1] << 8;
	cursor->at = cursor->head + 2;
	*endpoint = (struct bl_slice_endpoint){
		.ready = head & HEAD_CONDITION,
		.serving = head >> HEAD_SERVING_SHIFT & HEAD_CONDITION,
		.terminating = head >> HEAD_TERMINATING_SHIFT & HEAD_CONDITION,
	};
	if (head & (HEAD_IPV4 | HEAD_IPV6))
		read_address(cursor, head & HEAD_IPV4 ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6);
	if (head & HEAD_NODE)
		endpoint->node_name = read_text(cursor);
	if (head & HEAD_ZONE)
		endpoint->zone = read_text(cursor);
	if (head & HEAD_HOSTNAME)
		endpoint->hostname = read_text(cursor);
	if (head & HEAD_POD)
		read_pod(cursor, head);
	if (head & HEAD_HINTS)
		endpoint->hints = read_pointer(cursor);
	if (head & HEAD_REST)
		read_rest(cursor, head);
	return true;
}

void bl_endpoint_set_ready(struct bl_endpoint_cursor *cursor, enum bl_tristate ready,
			   enum bl_tristate serving)
{
	unsigned int kept = cursor->head[0] &
			    ~(HEAD_CONDITION | (unsigned int)HEAD_CONDITION << HEAD_SERVING_SHIFT);

	cursor->head[0] = (uint8_t)(kept | ready | (unsigned int)serving << HEAD_SERVING_SHIFT);
	cursor->endpoint.ready = ready;
	cursor->endpoint.serving = serving;
}
