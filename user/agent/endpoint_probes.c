/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/endpoint_probes.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "model/codec.h"

static int read_number(const struct bl_service *service, const char *name, int32_t fallback,
		       int32_t *ret, struct bl_err *err)
{
	const char *text = bl_pairs_get(&service->object.meta.annotations, name);
	char *end = NULL;
	long value = text ? strtol(text, &end, 10) : fallback;

	if (text && (!text[0] || *end || value < 1 || value > 3600))
		return bl_err_set(err, -EINVAL,
				  "annotation '%s': expected a number from 1 to 3600, got '%.40s'",
				  name, text);
	*ret = (int32_t)value;
	return 0;
}

int bl_endpoint_probe_read(const struct bl_service *service, struct bl_endpoint_probe *ret,
			   struct bl_err *err)
{
	const char *text = bl_pairs_get(&service->object.meta.annotations, BL_ANNOTATION_PROBE);
	struct bl_endpoint_probe probe = {0};
	int r;

	*ret = probe;
	if (!text || service->spec.selector.count)
		return 0;
	probe.wanted = true;
	probe.https = strncmp(text, "https:/", 7) == 0;
	probe.http = probe.https || strncmp(text, "http:/", 6) == 0;
	if (probe.http)
		probe.path = strchr(text, '/');
	else if (strcmp(text, "tcp") != 0)
		return bl_err_set(err, -EINVAL,
				  "annotation '%s': expected tcp, http:/PATH or https:/PATH, got "
				  "'%.80s'",
				  BL_ANNOTATION_PROBE, text);
	r = read_number(service, BL_ANNOTATION_PROBE_PERIOD, 10, &probe.period_s, err);
	if (r >= 0)
		r = read_number(service, BL_ANNOTATION_PROBE_TIMEOUT, 1, &probe.timeout_s, err);
	if (r >= 0)
		r = read_number(service, BL_ANNOTATION_PROBE_FAILURES, 3, &probe.failures, err);
	if (r >= 0)
		*ret = probe;
	return r;
}

/* Built by hand, since such a name is not valid. */
int bl_endpoint_probe_pod(const struct bl_endpoint_probe *probe, const char *ns,
			  const char *service, const char *address, uint16_t port,
			  struct bl_object **ret)
{
	static const char text[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"endpoint\"},"
		"\"spec\":{\"containers\":[{\"name\":\"endpoint\",\"image\":\"none\","
		"\"readinessProbe\":{\"tcpSocket\":{\"port\":1}}}]},"
		"\"status\":{\"phase\":\"Running\"}}";
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_arena *arena;
	struct bl_probe *asked;
	struct bl_pod *pod;
	char name[600];
	int r = bl_decode("endpoint", text, sizeof(text) - 1, &bl_limits_default, 0, &list, &diag);

	bl_diag_done(&diag);
	if (r < 0)
		return r;
	pod = (struct bl_pod *)list.items[0];
	arena = pod->object.arena;
	asked = pod->spec.containers.items[0].readiness_probe;
	(void)snprintf(name, sizeof(name), "%s@%s", service, address);
	pod->object.meta.name = bl_arena_strdup(arena, name);
	pod->object.meta.ns = bl_arena_strdup(arena, ns);
	pod->object.meta.uid = "";
	pod->status.pod_ip = bl_arena_strdup(arena, address);
	asked->period_s = probe->period_s;
	asked->timeout_s = probe->timeout_s;
	asked->failure_threshold = probe->failures;
	asked->tcp_socket->port.number = port;
	if (probe->http) {
		struct bl_http_get_action *action = bl_arena_alloc(arena, sizeof(*action));

		if (!action)
			return -ENOMEM;
		action->scheme = probe->https ? BL_URI_SCHEME_HTTPS : BL_URI_SCHEME_HTTP;
		action->port.number = port;
		action->path = bl_arena_strdup(arena, probe->path);
		asked->tcp_socket = NULL;
		asked->http_get = action;
		if (!action->path)
			return -ENOMEM;
	}
	if (!pod->object.meta.name || !pod->object.meta.ns || !pod->status.pod_ip)
		return -ENOMEM;
	*ret = bl_object_ref(list.items[0]);
	return 0;
}

static uint16_t port_of(const struct bl_endpoint_subset *subset)
{
	for (size_t i = 0; i < subset->ports.count; i++) {
		const struct bl_endpoint_port *port = &subset->ports.items[i];

		if (port->protocol != BL_PROTOCOL_UDP && port->protocol != BL_PROTOCOL_SCTP)
			return (uint16_t)port->port;
	}
	return 0;
}

bool bl_endpoint_probe_is_listed(const char *list, const char *address)
{
	size_t len = strlen(address);

	for (const char *at = list; at && *at; at += strcspn(at, ",")) {
		at += *at == ',';
		if (strncmp(at, address, len) == 0 && (at[len] == ',' || !at[len]))
			return true;
	}
	return false;
}

const char *bl_endpoint_probe_failed(const struct bl_object *object)
{
	const char *list = bl_pairs_get(&object->meta.annotations, BL_ANNOTATION_PROBE_FAILED);

	return list ? list : "";
}

int bl_endpoint_probe_each(const struct bl_endpoints *endpoints, bl_endpoint_probe_fn *fn,
			   void *userdata)
{
	const char *failed = bl_endpoint_probe_failed(&endpoints->object);
	int r = 0;

	for (size_t i = 0; i < endpoints->subsets.count; i++) {
		const struct bl_endpoint_subset *subset = &endpoints->subsets.items[i];
		uint16_t port = port_of(subset);

		for (size_t j = 0; r >= 0 && port && j < subset->addresses.count; j++)
			r = fn(subset->addresses.items[j].ip, port, userdata);
		for (size_t j = 0; r >= 0 && port && j < subset->not_ready_addresses.count; j++)
			if (bl_endpoint_probe_is_listed(failed,
							subset->not_ready_addresses.items[j].ip))
				r = fn(subset->not_ready_addresses.items[j].ip, port, userdata);
	}
	return r;
}

struct sorting {
	struct bl_arena *arena;
	const char *failed; /* those of ours */
	bl_endpoint_is_down_fn *is_down;
	void *userdata;
	struct bl_buf down; /* the new list */
	bool changed;
};

static void note_down(struct sorting *sorting, const char *address)
{
	if (sorting->down.data && bl_endpoint_probe_is_listed(sorting->down.data, address))
		return;
	bl_buf_addf(&sorting->down, "%s%s", sorting->down.len ? "," : "", address);
}

static int sort_subset(struct sorting *sorting, struct bl_endpoint_subset *subset)
{
	size_t total = subset->addresses.count + subset->not_ready_addresses.count;
	struct bl_endpoint_address *ready =
		bl_arena_alloc(sorting->arena, (total + 1) * sizeof(*ready));
	struct bl_endpoint_address *unready =
		bl_arena_alloc(sorting->arena, (total + 1) * sizeof(*unready));
	size_t ready_count = 0, unready_count = 0;

	if (!ready || !unready)
		return -ENOMEM;
	for (size_t i = 0; i < total; i++) {
		bool was_ready = i < subset->addresses.count;
		const struct bl_endpoint_address *from =
			was_ready ? &subset->addresses.items[i]
				  : &subset->not_ready_addresses.items[i - subset->addresses.count];
		bool ours = was_ready || bl_endpoint_probe_is_listed(sorting->failed, from->ip);
		bool down =
			ours && sorting->is_down && sorting->is_down(from->ip, sorting->userdata);

		if (down)
			note_down(sorting, from->ip);
		if (ours && !down)
			ready[ready_count++] = *from;
		else
			unready[unready_count++] = *from;
	}
	sorting->changed |= ready_count != subset->addresses.count ||
			    (ready_count && memcmp(ready, subset->addresses.items,
						   ready_count * sizeof(*ready)) != 0);
	subset->addresses = (struct bl_endpoint_addresses){ready, ready_count};
	subset->not_ready_addresses = (struct bl_endpoint_addresses){unready, unready_count};
	return 0;
}

int bl_endpoint_probe_annotate(struct bl_object *object, const char *list)
{
	struct bl_pairs *pairs = &object->meta.annotations;
	struct bl_pair *items = bl_arena_alloc(object->arena, (pairs->count + 1) * sizeof(*items));
	const struct bl_pair ours = {BL_ANNOTATION_PROBE_FAILED,
				     bl_arena_strdup(object->arena, list)};
	bool placed = !list[0];
	size_t used = 0;

	if (!items || !ours.value)
		return -ENOMEM;
	for (size_t i = 0; i < pairs->count; i++) {
		int order = strcmp(pairs->items[i].key, ours.key);

		if (order == 0)
			continue;
		if (order > 0 && !placed) {
			items[used++] = ours;
			placed = true;
		}
		items[used++] = pairs->items[i];
	}
	if (!placed)
		items[used++] = ours;
	*pairs = (struct bl_pairs){items, used};
	return 0;
}

int bl_endpoint_probe_apply(struct bl_endpoints *endpoints, bl_endpoint_is_down_fn *is_down,
			    void *userdata, bool *ret_changed)
{
	_cleanup_(bl_buf_done) struct bl_buf none = {0};
	struct sorting sorting = {.arena = endpoints->object.arena,
				  .failed = bl_endpoint_probe_failed(&endpoints->object),
				  .is_down = is_down,
				  .userdata = userdata};
	const char *list;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < endpoints->subsets.count; i++)
		r = sort_subset(&sorting, &endpoints->subsets.items[i]);
	none = sorting.down; /* released with this function */
	list = none.data ? none.data : "";
	if (r >= 0 && none.failed)
		r = -ENOMEM;
	if (r >= 0 && strcmp(list, sorting.failed) != 0) {
		sorting.changed = true;
		r = bl_endpoint_probe_annotate(&endpoints->object, list);
	}
	if (r >= 0)
		*ret_changed = sorting.changed;
	return r;
}
