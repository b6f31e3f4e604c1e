/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/pool.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"

#define STATE_VERSION 1
#define NAME_ROOM 512
#define PROBES_MAX 65536u /* addresses that are looked at for a free one */

struct assignment {
	char *name; /* "namespace/name" */
	struct bl_addr address;
	bool claimed; /* false: restored, and its Service has not turned up yet */
};

struct bl_pool {
	struct bl_prefix *prefixes;
	size_t prefix_count;
	struct bl_map *by_address; /* struct bl_addr bytes -> struct assignment, owned */
	bool dirty;
	bool shared;
	bool dealing;
};

static struct assignment *assignment_free(struct assignment *assignment)
{
	if (assignment)
		free(assignment->name);
	free(assignment);
	return NULL;
}
BL_DEFINE_CLEANUP(struct assignment *, assignment_free);

/* Keys are compared as bytes. */
struct address_key {
	union bl_ip ip;
	uint32_t family;
};

static struct address_key key_of(const struct bl_addr *address)
{
	return (struct address_key){.ip = address->ip, .family = address->family};
}

static bool overlap(const struct bl_prefix *a, const struct bl_prefix *b)
{
	return bl_prefix_contains(a, &b->addr) || bl_prefix_contains(b, &a->addr);
}

int bl_pool_new(const struct bl_prefix *prefixes, size_t count, struct bl_pool **ret,
		struct bl_err *err)
{
	_cleanup_(bl_pool_free) struct bl_pool *pool = calloc(1, sizeof(*pool));
	char a[BL_PREFIX_TEXT], b[BL_PREFIX_TEXT];

	if (!pool)
		return bl_err_set(err, -ENOMEM, "no memory for the pool");
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (overlap(&prefixes[i], &prefixes[k]))
				return bl_err_set(
					err, -EINVAL,
					"the pools '%s' and '%s' overlap; give one of them",
					bl_prefix_format(&prefixes[k], a),
					bl_prefix_format(&prefixes[i], b));
	pool->prefixes = calloc(count + 1, sizeof(*prefixes));
	if (!pool->prefixes || bl_map_new(&pool->by_address) < 0)
		return bl_err_set(err, -ENOMEM, "no memory for the pool");
	if (count)
		memcpy(pool->prefixes, prefixes, count * sizeof(*prefixes));
	pool->prefix_count = count;
	*ret = TAKE_PTR(pool);
	return 0;
}

struct bl_pool *bl_pool_free(struct bl_pool *pool)
{
	size_t cursor = 0;
	void *value;

	if (!pool)
		return NULL;
	while (pool->by_address && bl_map_next(pool->by_address, &cursor, NULL, NULL, &value))
		(void)assignment_free(value);
	(void)bl_map_free(pool->by_address);
	free(pool->prefixes);
	free(pool);
	return NULL;
}

static struct assignment *find(const struct bl_pool *pool, const struct bl_addr *address)
{
	struct address_key key = key_of(address);

	return bl_map_get(pool->by_address, &key, sizeof(key));
}

static bool contains(const struct bl_pool *pool, const struct bl_addr *address)
{
	for (size_t i = 0; i < pool->prefix_count; i++)
		if (bl_prefix_contains(&pool->prefixes[i], address))
			return true;
	return false;
}

static void drop(struct bl_pool *pool, const struct bl_addr *address)
{
	struct address_key key = key_of(address);

	(void)assignment_free(bl_map_remove(pool->by_address, &key, sizeof(key)));
	pool->dirty = true;
}

/* What a Service has in a family, or (no family) anything that `unclaimed` or the name picks. */
static struct assignment *find_own(const struct bl_pool *pool, const char *name, uint8_t family)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(pool->by_address, &cursor, NULL, NULL, &value)) {
		struct assignment *assignment = value;

		if (!strcmp(assignment->name, name) &&
		    (!family || assignment->address.family == family))
			return assignment;
	}
	return NULL;
}

static int take(struct bl_pool *pool, const char *name, const struct bl_addr *address, bool claimed)
{
	_cleanup_(assignment_free) struct assignment *assignment = calloc(1, sizeof(*assignment));
	struct address_key key = key_of(address);
	int r;

	if (!assignment)
		return -ENOMEM;
	assignment->name = strdup(name);
	assignment->address = *address;
	assignment->claimed = claimed;
	if (!assignment->name)
		return -ENOMEM;
	r = bl_map_put(pool->by_address, &key, sizeof(key), assignment, NULL);
	if (r < 0)
		return r;
	(void)TAKE_PTR(assignment);
	pool->dirty = true;
	return 0;
}

static const char *full_name(const struct bl_service *service, char ret[static NAME_ROOM])
{
	(void)snprintf(ret, NAME_ROOM, "%s/%s", service->object.meta.ns, service->object.meta.name);
	return ret;
}

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 14695981039346656037ull;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211ull;
	return hash ^ hash >> 29;
}

/* Addresses of a network that may be given: in IPv4 not the network's nor the broadcast one, unless
 * the network is that small. */
static uint64_t usable(const struct bl_prefix *prefix, uint64_t *ret_first)
{
	unsigned int host_bits = bl_addr_bits(&prefix->addr) - prefix->bits;
	uint64_t size = host_bits > 32 ? 1ull << 32 : 1ull << host_bits;
	bool trims = host_bits >= 2;

	*ret_first = trims ? 1 : 0;
	return trims ? size - 2 : size;
}

static bool pick_in(const struct bl_pool *pool, const struct bl_prefix *prefix, uint64_t start,
		    struct bl_addr *ret)
{
	uint64_t first;
	uint64_t count = usable(prefix, &first);

	for (uint64_t i = 0; i < count && i < PROBES_MAX; i++) {
		struct bl_addr address;

		if (!bl_addr_add(&prefix->addr, first + (start + i) % count, &address) ||
		    find(pool, &address))
			continue;
		*ret = address;
		return true;
	}
	return false;
}

static int pick(struct bl_pool *pool, const char *name, uint8_t family, struct bl_addr *ret)
{
	bool known = false;

	for (size_t i = 0; i < pool->prefix_count; i++) {
		if (pool->prefixes[i].addr.family != family)
			continue;
		known = true;
		if (pick_in(pool, &pool->prefixes[i], hash_name(name), ret))
			return 0;
	}
	return known ? -ENOSPC : -EAFNOSUPPORT;
}

/* What the status says already (an object that was read and is written again, or a node's state
 * that was lost), when nobody else has it. */
static bool find_in_status(const struct bl_pool *pool, const struct bl_service *service,
			   const char *name, uint8_t family, struct bl_addr *ret)
{
	for (size_t i = 0; i < service->ingress.count; i++) {
		const struct assignment *owner;
		struct bl_addr address;

		if (!service->ingress.items[i].ip ||
		    bl_addr_parse_lenient(service->ingress.items[i].ip, &address) < 0 ||
		    address.family != family)
			continue;
		owner = find(pool, &address);
		if (owner && strcmp(owner->name, name) != 0)
			continue;
		*ret = address;
		return true;
	}
	return false;
}

/* spec.loadBalancerIP, when it is of this family: 1; 0 when none is wanted. */
static int wanted(struct bl_pool *pool, const struct bl_service *service, const char *name,
		  uint8_t family, struct bl_addr *ret, struct bl_err *err)
{
	const char *text = service->spec.load_balancer_ip;
	const struct assignment *owner;
	struct bl_addr address;

	if (!text || bl_addr_parse_lenient(text, &address) < 0 || address.family != family)
		return 0;
	if (!contains(pool, &address))
		return bl_err_set(err, -ERANGE,
				  "spec.loadBalancerIP '%s' is in no network of "
				  "--load-balancer-pool",
				  text);
	owner = find(pool, &address);
	if (owner && strcmp(owner->name, name) != 0)
		return bl_err_set(err, -EADDRINUSE,
				  "spec.loadBalancerIP '%s' belongs to service '%s' already", text,
				  owner->name);
	*ret = address;
	return 1;
}

static int assign_family(struct bl_pool *pool, const struct bl_service *service, const char *name,
			 uint8_t family, struct bl_addr *ret, struct bl_err *err)
{
	struct assignment *own = find_own(pool, name, family);
	bool repeats = pool->shared && !pool->dealing;
	struct bl_addr address;
	int r;

	if (repeats && own)
		*ret = own->address;
	if (repeats)
		return own ? 0 : -EAFNOSUPPORT;
	r = wanted(pool, service, name, family, &address, err);

	if (r < 0)
		return r;
	if (own && (r == 0 || bl_addr_equal(&own->address, &address))) {
		own->claimed = true;
		*ret = own->address;
		return 0;
	}
	if (r == 0 && (pool->shared || !find_in_status(pool, service, name, family, &address)))
		r = pick(pool, name, family, &address);
	if (r == -ENOSPC)
		return bl_err_set(err, r, "no address is free in --load-balancer-pool");
	if (r >= 0)
		r = take(pool, name, &address, true);
	if (r < 0)
		return r;
	if (own) {
		struct bl_addr before = own->address;

		drop(pool, &before);
	}
	*ret = address;
	return 0;
}

static void release(struct bl_pool *pool, const char *name)
{
	struct assignment *own;

	while ((own = find_own(pool, name, 0))) {
		struct bl_addr address = own->address;

		drop(pool, &address);
	}
}

/* Somebody else's load balancer wrote the status. */
static bool is_foreign(const struct bl_pool *pool, const struct bl_service *service)
{
	for (size_t i = 0; i < service->ingress.count; i++) {
		struct bl_addr address;

		if (!service->ingress.items[i].ip ||
		    bl_addr_parse_lenient(service->ingress.items[i].ip, &address) < 0 ||
		    !contains(pool, &address))
			return true;
	}
	return false;
}

static int write_status(struct bl_service *service, const struct bl_addr *addresses, size_t count)
{
	struct bl_arena *arena = service->object.arena;
	struct bl_load_balancer_ingress *items =
		bl_arena_alloc(arena, (count + 1) * sizeof(*items));
	char text[BL_ADDR_TEXT];

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		items[i].ip = bl_arena_strdup(arena, bl_addr_format(&addresses[i], text));
		items[i].ip_mode = bl_arena_strdup(arena, "VIP");
		if (!items[i].ip || !items[i].ip_mode)
			return -ENOMEM;
	}
	service->ingress.items = items;
	service->ingress.count = count;
	return 0;
}

int bl_pool_assign(struct bl_pool *pool, struct bl_service *service, struct bl_err *err)
{
	const struct bl_service_spec *spec = &service->spec;
	struct bl_addr addresses[ARRAY_SIZE(spec->ip_families)];
	char name[NAME_ROOM];
	size_t count = 0;
	int first = 0;
	int r;

	(void)full_name(service, name);
	if (spec->type != BL_SERVICE_LOAD_BALANCER || spec->load_balancer_class ||
	    is_foreign(pool, service)) {
		release(pool, name);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(spec->ip_families); i++) {
		if (!spec->ip_families[i])
			continue;
		r = assign_family(pool, service, name, spec->ip_families[i], &addresses[count],
				  first < 0 ? NULL : err);
		if (r == 0)
			count++;
		else if (r != -EAFNOSUPPORT && first == 0)
			first = r;
	}
	r = write_status(service, addresses, count);
	return r < 0 ? r : first;
}

void bl_pool_release(struct bl_pool *pool, const char *ns, const char *name)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", ns, name);
	release(pool, full);
}

void bl_pool_set_shared(struct bl_pool *pool)
{
	pool->shared = true;
}

void bl_pool_deal(struct bl_pool *pool)
{
	size_t cursor = 0;
	void *value;

	pool->dealing = true;
	if (!pool->shared)
		return;
	while (bl_map_next(pool->by_address, &cursor, NULL, NULL, &value))
		(void)assignment_free(value);
	bl_map_clear(pool->by_address);
	pool->dirty = true;
}

void bl_pool_dealt(struct bl_pool *pool)
{
	pool->dealing = false;
}

int bl_pool_compare(const struct bl_service *a, const struct bl_service *b)
{
	char x[NAME_ROOM], y[NAME_ROOM];
	uint64_t hash_x, hash_y;

	if (!a->spec.load_balancer_ip != !b->spec.load_balancer_ip)
		return a->spec.load_balancer_ip ? -1 : 1;
	hash_x = hash_name(full_name(a, x));
	hash_y = hash_name(full_name(b, y));
	if (hash_x != hash_y)
		return hash_x < hash_y ? -1 : 1;
	return strcmp(x, y);
}

static int by_claim(const void *a, const void *b)
{
	const struct bl_service *x = *(const struct bl_service *const *)a;
	const struct bl_service *y = *(const struct bl_service *const *)b;

	if (!x->ingress.count != !y->ingress.count)
		return x->ingress.count ? -1 : 1;
	if (x->ingress.count && x->object.meta.creation_time != y->object.meta.creation_time)
		return x->object.meta.creation_time < y->object.meta.creation_time ? -1 : 1;
	return bl_pool_compare(x, y);
}

void bl_pool_sort(const struct bl_service **services, size_t count)
{
	if (count > 1)
		qsort(services, count, sizeof(*services), by_claim);
}

bool bl_pool_is_dirty(const struct bl_pool *pool)
{
	return pool->dirty;
}

static int by_address(const void *a, const void *b)
{
	const struct assignment *x = *(const struct assignment *const *)a;
	const struct assignment *y = *(const struct assignment *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : bl_addr_compare(&x->address, &y->address);
}

int bl_pool_save(struct bl_pool *pool, struct bl_buf *ret)
{
	size_t room = bl_map_count(pool->by_address);
	_cleanup_free_ const struct assignment **sorted = calloc(room + 1, sizeof(*sorted));
	size_t cursor = 0;
	size_t count = 0;
	char text[BL_ADDR_TEXT];
	void *value;

	if (!sorted)
		return -ENOMEM;
	while (bl_map_next(pool->by_address, &cursor, NULL, NULL, &value))
		sorted[count++] = value;
	qsort(sorted, count, sizeof(*sorted), by_address);
	/* Names of objects need no escapes in JSON. */
	bl_buf_addf(ret, "{\n  \"version\": %d,\n  \"services\": {", STATE_VERSION);
	for (size_t i = 0; i < count; i++) {
		bool same = i > 0 && !strcmp(sorted[i - 1]->name, sorted[i]->name);

		if (!same)
			bl_buf_addf(ret, "%s\n    \"%s\": [", i ? "]," : "", sorted[i]->name);
		bl_buf_addf(ret, "%s\"%s\"", same ? ", " : "",
			    bl_addr_format(&sorted[i]->address, text));
	}
	bl_buf_add_str(ret, count ? "]\n  }\n}\n" : "\n  }\n}\n");
	if (ret->failed)
		return -ENOMEM;
	pool->dirty = false;
	return 0;
}

static int restore_service(struct bl_pool *pool, const char *name, struct json_object *list,
			   struct bl_err *err)
{
	if (!json_object_is_type(list, json_type_array))
		return bl_err_set(err, -EINVAL, "service '%s': expected a list of addresses", name);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(list, i));
		struct bl_addr address;
		int r;

		if (!text || bl_addr_parse(text, &address) < 0)
			return bl_err_set(err, -EINVAL, "service '%s': '%s' is no address", name,
					  text ? text : "null");
		if (!contains(pool, &address))
			continue; /* the pool was another one */
		if (find(pool, &address))
			return bl_err_set(err, -EINVAL, "address '%s' is there twice", text);
		r = take(pool, name, &address, false);
		if (r < 0)
			return r;
	}
	return 0;
}

static int restore(struct bl_pool *pool, struct json_object *json, struct bl_err *err)
{
	struct json_object *version, *services;
	int r = 0;

	if (!json_object_object_get_ex(json, "version", &version) ||
	    json_object_get_int(version) != STATE_VERSION ||
	    !json_object_object_get_ex(json, "services", &services) ||
	    !json_object_is_type(services, json_type_object))
		return bl_err_set(err, -EINVAL, "expected version %d with 'services'",
				  STATE_VERSION);
	json_object_object_foreach(services, name, list)
	{
		r = restore_service(pool, name, list, err);
		if (r < 0)
			break;
	}
	return r;
}

int bl_pool_restore(struct bl_pool *pool, const char *text, size_t len, struct bl_err *err)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *json;
	int r;

	if (!tokener)
		return -ENOMEM;
	json = len <= INT32_MAX ? json_tokener_parse_ex(tokener, text, (int)len) : NULL;
	json_tokener_free(tokener);
	r = json_object_is_type(json, json_type_object)
		    ? restore(pool, json, err)
		    : bl_err_set(err, -EINVAL, "it is no JSON object");
	(void)json_object_put(json);
	if (r == 0)
		pool->dirty = false;
	return r;
}

void bl_pool_forget_unclaimed(struct bl_pool *pool)
{
	bool again = true;

	while (again) {
		size_t cursor = 0;
		void *value;

		again = false;
		while (!again && bl_map_next(pool->by_address, &cursor, NULL, NULL, &value)) {
			const struct assignment *assignment = value;
			struct bl_addr address = assignment->address;

			again = !assignment->claimed;
			if (again)
				drop(pool, &address);
		}
	}
}

bool bl_pool_next(const struct bl_pool *pool, size_t *cursor, struct bl_addr *ret_address,
		  const char **ret_service)
{
	void *value;

	while (bl_map_next(pool->by_address, cursor, NULL, NULL, &value)) {
		const struct assignment *assignment = value;

		if (!assignment->claimed)
			continue;
		*ret_address = assignment->address;
		*ret_service = assignment->name;
		return true;
	}
	return false;
}
