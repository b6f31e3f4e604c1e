/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/zone.h"

#include <errno.h>
#include <string.h>

#include "resolve/pods.h"

struct key {
	uint8_t bytes[1 + BL_DNS_NAME_MAX + 1 + 16];
	size_t len;
};

struct counted { /* namespaces, and addresses of pods */
	struct bl_dns_value value;
	size_t count;
	uint8_t key[];
};

struct reverse { /* whose names an address has */
	struct bl_dns_value value;
	struct bl_arena *arena;
	struct key key;
	const uint8_t **names;
	size_t count;
	knot_rdataset_t ptr;
};

/* --- fixed records --- */

static void add_u32(struct bl_dns_name *name, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		name->wire[name->len++] = (uint8_t)(value >> shift);
}

/* The serial is that of a version: bl_dns_zone_soa() puts it in. */
static int make_soa(struct bl_dns_zone *zone)
{
	uint8_t data[2 * (BL_DNS_NAME_MAX + 1) + 20];
	struct bl_dns_name mailbox = {0}, numbers = {0};
	const struct bl_dns_name *server = &zone->name_server;
	struct bl_dns_set set = {0};

	bl_dns_name_add(&mailbox, "hostmaster");
	bl_dns_name_add_wire(&mailbox, zone->name.name.wire, zone->name.name.len);
	if (mailbox.failed)
		return -ENAMETOOLONG;
	add_u32(&numbers, 0);
	add_u32(&numbers, 7200);         /* refresh */
	add_u32(&numbers, 1800);         /* retry */
	add_u32(&numbers, 86400);        /* expire */
	add_u32(&numbers, BL_DNS_TTL_S); /* how long "there is none" holds */
	memcpy(data, server->wire, server->len);
	memcpy(data + server->len, mailbox.wire, mailbox.len);
	memcpy(data + server->len + mailbox.len, numbers.wire, numbers.len);
	bl_dns_set_add(&set, data, (uint16_t)(server->len + mailbox.len + numbers.len));
	return bl_dns_set_finish(&set, zone->arena, &zone->soa);
}

static int make_fixed(struct bl_dns_zone *zone)
{
	static const uint8_t version[] = "\x05" BL_DNS_SCHEMA;
	struct bl_dns_set set = {0};
	int r = make_soa(zone);

	if (r < 0)
		return r;
	bl_dns_set_add(&set, zone->name_server.wire, (uint16_t)zone->name_server.len);
	r = bl_dns_set_finish(&set, zone->arena, &zone->ns);
	if (r < 0)
		return r;
	bl_dns_set_add(&set, version, sizeof(version) - 1);
	return bl_dns_set_finish(&set, zone->arena, &zone->txt);
}

static int make_names(struct bl_dns_zone *zone, const char *domain, struct bl_err *err)
{
	uint8_t offsets[BL_DNS_LABELS_MAX];
	struct bl_dns_zone_name *name = &zone->name;

	bl_dns_name_add_text(&name->name, domain);
	if (!name->name.len || bl_dns_name_finish(&name->name) < 0)
		return bl_err_set(err, -EINVAL,
				  "cluster domain '%.256s': expected a name such as cluster.local",
				  domain);
	bl_dns_name_add(&name->services, "svc");
	bl_dns_name_add_wire(&name->services, name->name.wire, name->name.len);
	bl_dns_name_add(&zone->name_server, "ns");
	bl_dns_name_add(&zone->name_server, "dns");
	bl_dns_name_add_wire(&zone->name_server, name->name.wire, name->name.len);
	name->label_count = bl_dns_name_split(name->name.wire, offsets);
	if (name->services.failed || zone->name_server.failed)
		return bl_err_set(err, -EINVAL, "cluster domain '%.256s' is too long", domain);
	return 0;
}

int bl_dns_zone_init(struct bl_dns_zone *zone, const struct bl_dns_zone_config *config,
		     struct bl_err *err)
{
	int r;

	*zone = (struct bl_dns_zone){.serial = config->serial};
	if (config->owned_count > BL_DNS_OWNED_MAX)
		return bl_err_set(err, -EINVAL, "at most %d networks can be owned",
				  BL_DNS_OWNED_MAX);
	for (; zone->owned_count < config->owned_count; zone->owned_count++)
		zone->owned[zone->owned_count] = config->owned[zone->owned_count];
	r = make_names(zone, config->domain ? config->domain : "cluster.local", err);
	if (r < 0)
		return r;
	r = bl_arena_new(&zone->arena);
	if (r == 0 && config->node_name) {
		zone->node_name = bl_arena_strdup(zone->arena, config->node_name);
		r = zone->node_name ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = make_fixed(zone);
	if (r == 0)
		r = bl_dns_table_new(&zone->table);
	if (r < 0) {
		bl_dns_zone_done(zone);
		return bl_err_set(err, r, "cannot make the zone: %s", strerror(-r));
	}
	return 0;
}

void bl_dns_zone_done(struct bl_dns_zone *zone)
{
	zone->table = bl_dns_table_free(zone->table);
	zone->arena = bl_arena_free(zone->arena);
}

/* --- keys --- */

static struct key key_of_reverse(const struct bl_addr *addr)
{
	struct key key = {.bytes = {'r', addr->family}, .len = 18};

	memcpy(key.bytes + 2, &addr->ip, 16);
	return key;
}

/* `label` begins with its length, and may be in any case. */
static struct key key_of_namespace(const uint8_t *label)
{
	struct bl_dns_name name = {0};
	struct key key = {.bytes = {'n'}};

	bl_dns_name_add_bytes(&name, label + 1, label[0]);
	memcpy(key.bytes + 1, name.wire, name.len);
	key.len = 1 + name.len;
	return key;
}

static struct key key_of_pod(const uint8_t *ns_label, const struct bl_addr *addr)
{
	struct key key = key_of_namespace(ns_label);

	key.bytes[0] = 'h';
	key.bytes[key.len++] = addr->family;
	memcpy(key.bytes + key.len, &addr->ip, 16);
	key.len += 16;
	return key;
}

static struct key key_of_client(const struct bl_addr *addr)
{
	struct key key = key_of_reverse(addr);

	key.bytes[0] = 'a';
	return key;
}

/* --- names of addresses --- */

static void free_reverse(struct bl_dns_value *value)
{
	(void)bl_arena_free(((struct reverse *)value)->arena);
}

static size_t name_size(const uint8_t *name)
{
	size_t len = 0;

	while (name[len])
		len += name[len] + 1u;
	return len + 1;
}

static int add_name(struct reverse *reverse, struct bl_dns_set *set, const uint8_t *name)
{
	size_t len = name_size(name);
	uint8_t *copy = bl_arena_alloc(reverse->arena, len);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	reverse->names[reverse->count++] = copy;
	bl_dns_set_add(set, name, (uint16_t)len);
	return 0;
}

/* A copy of what `old` (NULL: nothing) says, without `without` and with `with` (either may be
 * NULL).
 */
static int copy_reverse(const struct key *key, const struct reverse *old, const uint8_t *without,
			const uint8_t *with, struct reverse **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	size_t old_count = old ? old->count : 0;
	struct bl_dns_set set = {0};
	struct reverse *reverse;
	int r = bl_arena_new(&arena);

	if (r < 0)
		return r;
	reverse = bl_arena_alloc(arena, sizeof(*reverse));
	if (!reverse)
		return -ENOMEM;
	reverse->arena = arena;
	reverse->key = *key;
	reverse->value = (struct bl_dns_value){
		.key = reverse->key.bytes, .key_len = key->len, .free = free_reverse};
	reverse->names = bl_arena_alloc(arena, (old_count + 1) * sizeof(*reverse->names));
	r = reverse->names ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < old_count; i++)
		if (!without || name_size(old->names[i]) != name_size(without) ||
		    memcmp(old->names[i], without, name_size(without)) != 0)
			r = add_name(reverse, &set, old->names[i]);
	if (r == 0 && with)
		r = add_name(reverse, &set, with);
	if (bl_dns_set_finish(&set, arena, &reverse->ptr) < 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	(void)TAKE_PTR(arena);
	*ret = reverse;
	return 0;
}

static int change_reverse(struct bl_dns_zone *zone, const struct bl_addr *addr,
			  const uint8_t *without, const uint8_t *with)
{
	struct key key = key_of_reverse(addr);
	const struct reverse *old =
		(const struct reverse *)bl_dns_table_find(zone->table, key.bytes, key.len);
	struct reverse *now;
	int r = copy_reverse(&key, old, without, with, &now);

	if (r < 0)
		return r;
	if (now->count)
		return bl_dns_table_put(zone->table, &now->value);
	free_reverse(&now->value);
	return bl_dns_table_remove(zone->table, key.bytes, key.len);
}

/* Both lists are sorted: what only one of them has is what changed. */
static int merge_reverse(struct bl_dns_zone *zone, const struct bl_dns_entry *old,
			 const struct bl_dns_entry *now)
{
	size_t old_count = old ? old->reverse_count : 0, now_count = now ? now->reverse_count : 0;
	size_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < old_count || j < now_count)) {
		int order = i >= old_count ? 1
			    : j >= now_count
				    ? -1
				    : bl_dns_reverse_compare(&old->reverse[i], &now->reverse[j]);

		if (order < 0)
			r = change_reverse(zone, &old->reverse[i].addr, old->reverse[i].name, NULL);
		else if (order > 0)
			r = change_reverse(zone, &now->reverse[j].addr, now->reverse[j].name,
					   now->reverse[j].name);
		i += order <= 0;
		j += order >= 0;
	}
	return r;
}

/* --- what changes --- */

static int put_entry(struct bl_dns_zone *zone, const uint8_t *key, size_t key_len,
		     struct bl_dns_entry *now)
{
	const struct bl_dns_entry *old =
		(const struct bl_dns_entry *)bl_dns_table_find(zone->table, key, key_len);
	int r = merge_reverse(zone, old, now);

	if (r < 0) {
		(void)bl_dns_entry_free(now);
		return r;
	}
	return now ? bl_dns_table_put(zone->table, &now->value)
		   : bl_dns_table_remove(zone->table, key, key_len);
}

int bl_dns_zone_put_service(struct bl_dns_zone *zone, const struct bl_store *store,
			    const struct bl_local_node *node, const char *ns, const char *name)
{
	const struct bl_object *object = bl_store_find(store, BL_KIND_SERVICE, ns, name);
	struct bl_dns_entry *entry = NULL;
	struct bl_dns_name labels = {0};
	uint8_t key[1 + BL_DNS_NAME_MAX] = {'s'};
	int r = 0;

	bl_dns_name_add(&labels, name);
	bl_dns_name_add(&labels, ns);
	if (labels.failed)
		return 0; /* no such name can be asked for */
	memcpy(key + 1, labels.wire, labels.len);
	if (object)
		r = bl_dns_entry_new(&zone->name, store, node, bl_service_of(object), &entry);
	if (r == -ENAMETOOLONG)
		r = 0;
	return r < 0 ? r : put_entry(zone, key, 1 + labels.len, entry);
}

static void free_counted(struct bl_dns_value *value)
{
	free(value);
}

/* One more or one less of what has this key. */
static int count_key(struct bl_dns_zone *zone, const struct key *key, int step)
{
	const struct counted *old =
		(const struct counted *)bl_dns_table_find(zone->table, key->bytes, key->len);
	size_t count = old ? old->count : 0;
	struct counted *now;

	if (step < 0 && count <= 1)
		return bl_dns_table_remove(zone->table, key->bytes, key->len);
	now = malloc(sizeof(*now) + key->len);
	if (!now)
		return -ENOMEM;
	memcpy(now->key, key->bytes, key->len);
	now->value =
		(struct bl_dns_value){.key = now->key, .key_len = key->len, .free = free_counted};
	now->count = step < 0 ? count - 1 : count + 1;
	return bl_dns_table_put(zone->table, &now->value);
}

int bl_dns_zone_put_namespace(struct bl_dns_zone *zone, const char *name, bool exists)
{
	struct bl_dns_name label = {0};
	struct key key;
	bool is_there;

	bl_dns_name_add(&label, name);
	if (label.failed)
		return 0;
	key = key_of_namespace(label.wire);
	is_there = bl_dns_table_find(zone->table, key.bytes, key.len) != NULL;
	return is_there == exists ? 0 : count_key(zone, &key, exists ? 1 : -1);
}

/* The address under which the pod has a name of its own. */
static bool pod_address(const struct bl_pod *pod, uint8_t family, struct bl_addr *ret)
{
	return pod && !bl_pod_state_of(pod).finished && bl_pod_address(pod, family, ret);
}

int bl_dns_zone_put_client(struct bl_dns_zone *zone, const struct bl_addr *addr, bool exists)
{
	struct key key = key_of_client(addr);

	return count_key(zone, &key, exists ? 1 : -1);
}

/* One pod more or less has this address. */
static int count_pod(struct bl_dns_zone *zone, const struct bl_pod *pod, const uint8_t *ns_label,
		     const struct bl_addr *addr, int step)
{
	struct key key = key_of_pod(ns_label, addr);
	int r = count_key(zone, &key, step);

	/* A pod that names no node can only be here. */
	if (r == 0 && (!zone->node_name || !pod->spec.node_name ||
		       strcmp(pod->spec.node_name, zone->node_name) == 0))
		r = bl_dns_zone_put_client(zone, addr, step > 0);
	return r;
}

static bool same_node(const struct bl_pod *a, const struct bl_pod *b)
{
	const char *x = a->spec.node_name, *y = b->spec.node_name;

	return strcmp(x ? x : "", y ? y : "") == 0;
}

int bl_dns_zone_put_pod(struct bl_dns_zone *zone, const struct bl_pod *old,
			const struct bl_pod *now)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	const char *ns = now ? now->object.meta.ns : old->object.meta.ns;
	struct bl_dns_name label = {0};
	int r = 0;

	bl_dns_name_add(&label, ns);
	if (label.failed)
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		struct bl_addr before, after;
		bool was = pod_address(old, families[i], &before);
		bool is = pod_address(now, families[i], &after);

		if (was && is && bl_addr_equal(&before, &after) && same_node(old, now))
			continue;
		if (was)
			r = count_pod(zone, old, label.wire, &before, -1);
		if (r == 0 && is)
			r = count_pod(zone, now, label.wire, &after, 1);
	}
	return r;
}

static int fill_kind(struct bl_dns_zone *zone, const struct bl_store *store,
		     const struct bl_local_node *node, enum bl_kind kind)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int r = bl_store_list(store, kind, NULL, &items, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct bl_meta *meta = &items[i]->meta;

		if (kind == BL_KIND_NAMESPACE)
			r = bl_dns_zone_put_namespace(zone, meta->name, true);
		else if (kind == BL_KIND_POD)
			r = bl_dns_zone_put_pod(zone, NULL, bl_pod_of(items[i]));
		else
			r = bl_dns_zone_put_service(zone, store, node, meta->ns, meta->name);
	}
	return r;
}

int bl_dns_zone_fill(struct bl_dns_zone *zone, const struct bl_store *store,
		     const struct bl_local_node *node)
{
	int r = fill_kind(zone, store, node, BL_KIND_NAMESPACE);

	if (r == 0)
		r = fill_kind(zone, store, node, BL_KIND_POD);
	return r < 0 ? r : fill_kind(zone, store, node, BL_KIND_SERVICE);
}

int bl_dns_zone_publish(struct bl_dns_zone *zone)
{
	return bl_dns_table_publish(zone->table);
}

/* --- look-ups --- */

const struct bl_dns_entry *bl_dns_find_entry(const struct bl_dns_version *version,
					     const uint8_t *labels, size_t len)
{
	uint8_t key[1 + BL_DNS_NAME_MAX] = {'s'};

	if (len > BL_DNS_NAME_MAX)
		return NULL;
	memcpy(key + 1, labels, len);
	return (const struct bl_dns_entry *)bl_dns_version_find(version, key, 1 + len);
}

bool bl_dns_has_namespace(const struct bl_dns_version *version, const uint8_t *label)
{
	struct key key = key_of_namespace(label);

	return bl_dns_version_find(version, key.bytes, key.len) != NULL;
}

bool bl_dns_has_pod(const struct bl_dns_version *version, const uint8_t *ns_label,
		    const struct bl_addr *addr)
{
	struct key key = key_of_pod(ns_label, addr);

	return bl_dns_version_find(version, key.bytes, key.len) != NULL;
}

bool bl_dns_has_client(const struct bl_dns_version *version, const struct bl_addr *addr)
{
	struct key key = key_of_client(addr);

	return bl_dns_version_find(version, key.bytes, key.len) != NULL;
}

knot_rdataset_t bl_dns_zone_soa(const struct bl_dns_zone *zone,
				const struct bl_dns_version *version,
				uint8_t bytes[static BL_DNS_SOA_BYTES])
{
	knot_rdataset_t set = zone->soa;
	uint64_t number = bl_dns_version_number(version);
	knot_rdata_t *record = (knot_rdata_t *)(void *)bytes;

	memcpy(bytes, zone->soa.rdata, zone->soa.size);
	/* Five numbers end the record, the serial first. */
	knot_wire_write_u32(record->data + record->len - 20, zone->serial + (uint32_t)number - 1);
	set.rdata = record;
	return set;
}

const knot_rdataset_t *bl_dns_find_reverse(const struct bl_dns_version *version,
					   const struct bl_addr *addr)
{
	struct key key = key_of_reverse(addr);
	const struct bl_dns_value *value = bl_dns_version_find(version, key.bytes, key.len);

	return value ? &((const struct reverse *)value)->ptr : NULL;
}
