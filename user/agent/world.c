/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/world.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/node.h"
#include "base/log.h"
#include "datapath/netns.h"
#include "model/codec.h"
#include "model/node.h"
#include "resolve/outside.h"
#include "source/manifest_set.h"
#include "source/manifests.h"

#define PAPER_NODE "node"
#define CANARY_NS "kube-system"
#define CANARY_NAME "beeline-canary"

/* Collects what the files hold before anything is admitted: the node's name comes from them. */
struct reading {
	struct bl_source source; /* for the manifest set; nobody starts it */
	struct bl_object_list objects;
	struct bl_problems *problems;
	bool wrong;
	int code;
};

static void on_deliver(struct bl_source *source, const struct bl_source_batch *batch,
		       void *userdata)
{
	struct reading *reading = userdata;

	(void)source;
	for (size_t i = 0; !reading->code && i < batch->upsert_count; i++)
		reading->code = bl_object_list_add_take(&reading->objects,
							bl_object_ref(batch->upserts[i]));
}

static void on_report(struct bl_source *source, const char *subject, const struct bl_diag *diag,
		      void *userdata)
{
	struct reading *reading = userdata;

	(void)source;
	reading->wrong |= diag->error_count > 0;
	bl_problems_set_diag(reading->problems, subject, diag);
}

static int read_file(struct bl_manifest_set *set, const char *path, struct bl_err *err)
{
	_cleanup_(bl_object_list_done) struct bl_object_list objects = {0};
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_buf_read_file(&text, path, bl_limits_default.bytes);

	if (r < 0)
		return bl_err_set(err, r, "cannot read '%s': %s", path, strerror(-r));
	r = bl_decode(!strcmp(path, "-") ? "standard input" : path, text.data ? text.data : "",
		      text.len, &bl_limits_default, BL_DECODE_SKIP_UNKNOWN_KINDS, &objects, &diag);
	if (r < 0 && r != -ENOMEM && !diag.error_count)
		bl_diag_add(&diag, BL_SEVERITY_ERROR, &(struct bl_pos){.file = path}, NULL,
			    "cannot decode the file: %s", strerror(-r));
	if (r != -ENOMEM)
		r = bl_manifest_set_put(set, path, &objects, &diag);
	bl_diag_done(&diag);
	return r < 0 ? bl_err_set(err, r, "no memory for '%s'", path) : 0;
}

static int is_manifest(const struct dirent *item)
{
	return item->d_type != DT_DIR && bl_manifests_is_name(item->d_name);
}

static int read_folder(struct bl_manifest_set *set, const char *path, struct bl_err *err)
{
	struct dirent **items;
	int count = scandir(path, &items, is_manifest, alphasort), r = 0;

	if (count < 0)
		return bl_err_set(err, -errno, "cannot read the folder '%s': %m", path);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *file = NULL;

		if (r >= 0 && asprintf(&file, "%s/%s", path, items[i]->d_name) < 0) {
			file = NULL;
			r = bl_err_set(err, -ENOMEM, "no memory");
		}
		if (r >= 0)
			r = read_file(set, file, err);
		free(items[i]);
	}
	free(items);
	return r;
}

static int read_paths(struct reading *reading, const char *const *paths, size_t count,
		      struct bl_err *err)
{
	_cleanup_(bl_manifest_set_free) struct bl_manifest_set *set = NULL;
	int r = bl_manifest_set_new(&set);

	reading->source.handler = (struct bl_source_handler){
		.deliver = on_deliver, .report = on_report, .userdata = reading};
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct stat st;
		bool folder =
			strcmp(paths[i], "-") && stat(paths[i], &st) >= 0 && S_ISDIR(st.st_mode);

		r = folder ? read_folder(set, paths[i], err) : read_file(set, paths[i], err);
	}
	if (r >= 0)
		r = bl_manifest_set_commit(set, &reading->source, true);
	if (r >= 0)
		r = reading->code;
	return r < 0 && !err->code ? bl_err_set(err, r, "%s", strerror(-r)) : r;
}

/* The node's own name on paper: the one that was asked for, or the only Node of the files. */
static const char *paper_name(const struct bl_settings *settings,
			      const struct bl_object_list *objects)
{
	const char *name = NULL;

	if (settings->config.node_name)
		return settings->config.node_name;
	for (size_t i = 0; i < objects->count; i++) {
		if (objects->items[i]->kind != BL_KIND_NODE)
			continue;
		if (name)
			return PAPER_NODE;
		name = objects->items[i]->meta.name;
	}
	return name ? name : PAPER_NODE;
}

static int add_address(struct bl_world *world, const char *text)
{
	struct bl_addr *grown;
	struct bl_addr address;

	if (bl_addr_parse(text, &address) < 0)
		return 0; /* a host name */
	for (size_t i = 0; i < world->node.address_count; i++)
		if (bl_addr_equal(&world->addresses[i], &address))
			return 0;
	grown = realloc(world->addresses, (world->node.address_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[world->node.address_count++] = address;
	world->addresses = grown;
	world->node.addresses = grown;
	return 0;
}

/* Loopback, and what the Node object of our name says. */
static int paper_addresses(struct bl_world *world)
{
	const struct bl_object *object =
		bl_store_find(world->store, BL_KIND_NODE, NULL, world->node_name);
	const struct bl_node *node = object ? bl_node_of(object) : NULL;
	int r = add_address(world, "127.0.0.1");

	if (r >= 0)
		r = add_address(world, "::1");
	for (size_t i = 0; r >= 0 && node && i < node->addresses.count; i++)
		r = add_address(world, node->addresses.items[i].address);
	return r;
}

/* The same xorshift everywhere: what `plan` prints for files without addresses must not change from
 * run to run. */
static uint32_t paper_random(void *userdata)
{
	uint32_t *state = userdata;

	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static int open_allocations(struct bl_world *world, const struct bl_settings *settings,
			    enum bl_world_node where, struct bl_err *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (where == BL_WORLD_HERE &&
	    asprintf(&path, "%s/allocations.json", settings->config.state_dir) < 0) {
		path = NULL;
		return bl_err_set(err, -ENOMEM, "no memory");
	}
	r = bl_settings_allocator(settings, where == BL_WORLD_PAPER ? paper_random : NULL,
				  &world->random, &world->allocator);
	if (r < 0)
		return bl_err_set(err, r, "cannot make the allocator: %s", strerror(-r));
	return bl_allocations_open(&world->allocations, world->allocator, path, err);
}

static int here(struct bl_world *world, const struct bl_settings *settings, struct bl_err *err)
{
	_cleanup_(bl_node_watch_free) struct bl_node_watch *watch = NULL;
	const struct bl_local_node *facts;
	int r = bl_node_watch_new(settings->config.node_name, &watch, err);

	if (r >= 0)
		r = bl_node_watch_read(watch, err);
	if (r < 0)
		return r;
	facts = bl_node_watch_facts(watch);
	world->node_name = strdup(facts->name);
	world->addresses = calloc(facts->address_count + 1, sizeof(*world->addresses));
	if (!world->node_name || !world->addresses)
		return bl_err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < facts->address_count; i++)
		world->addresses[i] = facts->addresses[i];
	world->node.addresses = world->addresses;
	world->node.address_count = facts->address_count;
	return 0;
}

static int fill(struct bl_world *world, const struct bl_settings *settings,
		enum bl_world_node where, const struct bl_object_list *objects, struct bl_err *err)
{
	struct bl_source_batch batch = {
		.upserts = objects->items, .upsert_count = objects->count, .full = true};
	struct bl_catalog_config config = {.allocations = &world->allocations};
	const struct bl_object *node;
	int r = 0;

	if (where == BL_WORLD_HERE) {
		r = here(world, settings, err);
	} else {
		world->node_name = strdup(paper_name(settings, objects));
		r = world->node_name ? 0 : bl_err_set(err, -ENOMEM, "no memory");
	}
	if (r < 0)
		return r;
	config.store = world->store;
	config.problems = world->problems;
	config.node_name = world->node_name;
	r = bl_catalog_new(&config, &world->catalog);
	if (r >= 0)
		r = bl_catalog_deliver(world->catalog, &batch);
	if (r >= 0 && where == BL_WORLD_PAPER)
		r = paper_addresses(world);
	if (r < 0)
		return bl_err_set(err, r, "cannot take the objects: %s", strerror(-r));
	bl_allocator_forget_unclaimed(world->allocator);
	node = bl_store_find(world->store, BL_KIND_NODE, NULL, world->node_name);
	world->node.name = world->node_name;
	world->node.outside = bl_settings_outside(settings);
	world->node.zone = node ? bl_pairs_get(&node->meta.labels, BL_LABEL_ZONE) : NULL;
	return 0;
}

int bl_world_open(struct bl_world *world, const struct bl_settings *settings,
		  enum bl_world_node where, const char *const *paths, size_t path_count,
		  struct bl_err *err)
{
	struct reading reading = {0};
	int r;

	*world = (struct bl_world){.random = 0x6265656c};
	r = bl_problems_new(&world->problems);
	if (r >= 0)
		r = bl_store_new(&world->store);
	if (r < 0)
		return bl_err_set(err, r, "no memory");
	reading.problems = world->problems;
	r = open_allocations(world, settings, where, err);
	if (r >= 0)
		r = read_paths(&reading, paths, path_count, err);
	if (r >= 0)
		r = fill(world, settings, where, &reading.objects, err);
	bl_object_list_done(&reading.objects);
	if (r < 0)
		return r;
	return bl_problems_errors(world->problems) ? -EINVAL : 0;
}

void bl_world_done(struct bl_world *world)
{
	bl_catalog_free(world->catalog);
	bl_allocations_done(&world->allocations);
	bl_allocator_free(world->allocator);
	bl_store_free(world->store);
	bl_problems_free(world->problems);
	free(world->addresses);
	free(world->node_name);
	*world = (struct bl_world){0};
}

/* An agent's canary is nobody's Service: it is put again as it stands in the maps. */
static int keep_canary(const struct bl_settings *settings, struct bl_plan *plan,
		       const struct bl_plan_rows *rows, struct bl_delta *delta, struct bl_err *err)
{
	for (size_t id = 1; id < rows->service_count; id++) {
		const struct bl_service_entry *service = &rows->services[id];

		if (!service->in_use || strcmp(service->ns, CANARY_NS) ||
		    strcmp(service->name, CANARY_NAME))
			continue;
		for (size_t i = 1; i < rows->backend_count; i++) {
			const struct bl_backend *backend = &rows->backends[i];
			struct bl_addr address = {.ip = backend->address,
						  .family = backend->family};

			if (backend->service_id == id && backend->state == BL_BACKEND_READY)
				return bl_plan_put_canary(plan, &settings->config.canary,
							  settings->config.canary_port, &address,
							  ntohs(backend->port), delta, err);
		}
	}
	return 0;
}

static int put_one(struct bl_world *world, struct bl_plan *plan, const struct bl_service *service,
		   bool tell, struct bl_delta *delta, struct bl_err *err)
{
	_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
	const struct bl_meta *meta = &service->object.meta;
	struct bl_err refused = {0};
	int r = bl_resolve(world->store, &world->node, service, &resolved);

	if (r < 0)
		return bl_err_set(err, r, "cannot resolve service '%s/%s': %s", meta->ns,
				  meta->name, strerror(-r));
	r = bl_plan_put(plan, resolved, delta, &refused);
	if (r == -ENOMEM)
		return bl_err_set(err, r, "no memory for the plan");
	world->refused += r != 0;
	if (r != 0 && tell)
		bl_log(BL_LOG_ERROR, "service '%s/%s' is left out%s: %s", meta->ns, meta->name,
		       r > 0 ? " in part" : "", refused.text);
	return 0;
}

/* Those that claim addresses last: see bl_outside_claims_addresses(). */
static int put_all(struct bl_world *world, struct bl_plan *plan, bool tell, struct bl_delta *delta,
		   struct bl_err *err)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int r = bl_store_list(world->store, BL_KIND_SERVICE, NULL, &items, &count);

	if (r < 0)
		return bl_err_set(err, r, "no memory");
	world->refused = 0;
	for (int claiming = 0; claiming < 2; claiming++)
		for (size_t i = 0; r == 0 && i < count; i++) {
			const struct bl_service *service = bl_service_of(items[i]);

			if (bl_outside_claims_addresses(service) == (claiming == 1))
				r = put_one(world, plan, service, tell, delta, err);
		}
	return r;
}

int bl_world_plan(struct bl_world *world, const struct bl_settings *settings, struct bl_plan *plan,
		  const struct bl_plan_rows *rows, struct bl_err *err)
{
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	int r = rows ? bl_plan_adopt(plan, rows, err) : 0;

	if (r >= 0 && rows)
		r = keep_canary(settings, plan, rows, &delta, err);
	if (r >= 0)
		r = put_all(world, plan, !rows, &delta, err);
	if (r >= 0 && rows)
		r = bl_plan_remove_unclaimed(plan, &delta);
	/* Addresses that Services had which are no more are free now. */
	if (r >= 0 && rows && world->refused > 0)
		r = put_all(world, plan, true, &delta, err);
	return r;
}
