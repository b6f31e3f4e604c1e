/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `status` shows of traffic: the busiest Services, and why programs did what they did. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/status.h"

#define SERVICES_SHOWN 10u

static int64_t weight(struct json_object *service)
{
	return bl_json_int(service, "connections", 0) + bl_json_int(service, "refused", 0);
}

static int by_weight(const void *a, const void *b)
{
	int64_t x = weight(*(struct json_object *const *)a);
	int64_t y = weight(*(struct json_object *const *)b);

	return (x < y) - (x > y);
}

static void add_service(struct json_object *service, struct bl_buf *ret)
{
	const char *port = bl_json_str_or(service, "portName", NULL);

	bl_buf_addf(ret, "  %s/%s:", bl_json_str_or(service, "namespace", "?"),
		    bl_json_str_or(service, "service", "?"));
	if (port)
		bl_buf_add_str(ret, port);
	else
		bl_buf_addf(ret, "%" PRId64, bl_json_int(service, "port", 0));
	bl_buf_addf(ret, "\t%s\t%" PRId64 " connections\t%" PRId64 " refused\n",
		    bl_json_str_or(service, "protocol", "?"),
		    bl_json_int(service, "connections", 0), bl_json_int(service, "refused", 0));
}

static void add_services(struct json_object *services, struct bl_buf *ret)
{
	size_t count = bl_json_len(services);
	_cleanup_free_ struct json_object **sorted = calloc(count + 1, sizeof(*sorted));
	size_t used = 0;

	if (!sorted) {
		ret->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (weight(bl_json_item(services, i)) > 0)
			sorted[used++] = bl_json_item(services, i);
	if (used > 1)
		qsort(sorted, used, sizeof(struct json_object *), by_weight);
	bl_buf_addf(ret, "Traffic:%s", used ? "\n" : "\tnone\n");
	for (size_t i = 0; i < used && i < SERVICES_SHOWN; i++)
		add_service(sorted[i], ret);
	if (used > SERVICES_SHOWN)
		bl_buf_addf(ret, "  and of %zu more (status -o json)\n", used - SERVICES_SHOWN);
}

void bl_status_add_traffic(struct json_object *status, struct bl_buf *ret)
{
	struct json_object *reasons = bl_json_at(status, "reasons");
	bool first = true;

	add_services(bl_json_at(status, "services"), ret);
	if (!json_object_is_type(reasons, json_type_object))
		return;
	json_object_object_foreach(reasons, label, value)
	{
		int64_t count = bl_json_int(value, "", 0);

		if (count == 0)
			continue;
		bl_buf_addf(ret, "%s  %s\t%" PRId64 "\n", first ? "Reasons:\n" : "", label, count);
		first = false;
	}
}
