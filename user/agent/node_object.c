/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Node object that an agent makes of itself, with what kubectl shows of a node. */
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/node.h"
#include "api/json.h"
#include "base/buf.h"
#include "model/codec.h"
#include "model/decode.h"
#include "model/node.h"
#include "model/validate.h"

#define SMALL_FILE 65536

static struct json_object *addresses_json(const struct bl_local_node *node)
{
	struct json_object *list = json_object_new_array();
	char text[BL_ADDR_TEXT];

	for (size_t i = 0; i < node->address_count; i++) {
		const struct bl_addr *address = &node->addresses[i];
		struct json_object *item;

		if (bl_addr_is_loopback(address) || bl_addr_is_link_local(address))
			continue;
		item = json_object_new_object();
		json_object_object_add(item, "type", json_object_new_string("InternalIP"));
		json_object_object_add(item, "address",
				       json_object_new_string(bl_addr_format(address, text)));
		json_object_array_add(list, item);
	}
	return list;
}

/* A line of a small file, without its end; `key` is what it begins with. Nothing when there is
 * none.
 */
static void set_line(struct json_object *json, const char *name, const char *path, const char *key)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	char *at;

	if (bl_buf_read_file(&text, path, SMALL_FILE) < 0 || !text.data)
		return;
	at = *key ? strstr(text.data, key) : text.data;
	if (!at)
		return;
	at += strlen(key) + (at[strlen(key)] == '"');
	at[strcspn(at, "\"\n")] = '\0';
	bl_json_set_str(json, name, at);
}

static struct json_object *info_json(void)
{
	struct json_object *json = json_object_new_object();
	struct utsname host;

	(void)uname(&host);
	bl_json_set_str(json, "operatingSystem", "linux");
	bl_json_set_str(json, "architecture",
			!strcmp(host.machine, "x86_64")    ? "amd64"
			: !strcmp(host.machine, "aarch64") ? "arm64"
							   : host.machine);
	bl_json_set_str(json, "kernelVersion", host.release);
	set_line(json, "osImage", "/etc/os-release", "PRETTY_NAME=");
	set_line(json, "machineID", "/etc/machine-id", "");
	set_line(json, "bootID", "/proc/sys/kernel/random/boot_id", "");
	return json;
}

/* Without these, kubectl counts the shares of pods in nothing. */
static struct json_object *capacity_json(void)
{
	struct json_object *json = json_object_new_object();
	struct sysinfo memory;
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	bl_json_set_str(json, "cpu", text);
	if (sysinfo(&memory) == 0) {
		(void)snprintf(text, sizeof(text), "%" PRIu64 "Ki",
			       (uint64_t)memory.totalram * memory.mem_unit / 1024);
		bl_json_set_str(json, "memory", text);
	}
	return json;
}

static struct json_object *conditions_json(int64_t since_s)
{
	struct json_object *list = json_object_new_array(), *ready = json_object_new_object();
	char text[BL_TIME_TEXT];

	bl_json_set_str(ready, "type", "Ready");
	bl_json_set_str(ready, "status", "True");
	bl_json_set_str(ready, "lastTransitionTime", bl_time_format(since_s, text));
	bl_json_set_str(ready, "reason", "AgentRuns");
	bl_json_set_str(ready, "message", "the agent of beeline runs");
	bl_json_push(list, ready);
	return list;
}

int bl_node_object(const struct bl_local_node *node, int64_t since_s, struct bl_object **ret)
{
	_cleanup_json_ struct json_object *json = json_object_new_object();
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object = NULL;
	struct json_object *meta, *status;
	int r;

	bl_json_set_str(json, "apiVersion", "v1");
	bl_json_set_str(json, "kind", "Node");
	meta = bl_json_add_object(json, "metadata");
	bl_json_set_str(meta, "name", node->name);
	bl_json_set_str(bl_json_add_object(meta, "labels"), BL_LABEL_HOSTNAME, node->name);
	status = bl_json_add_object(json, "status");
	bl_json_set(status, "addresses", addresses_json(node));
	bl_json_set(status, "capacity", capacity_json());
	bl_json_set(status, "allocatable", capacity_json());
	bl_json_set(status, "conditions", conditions_json(since_s));
	bl_json_set(status, "nodeInfo", info_json());
	r = bl_decode_json_tree("node", json, 0, &object, &diag);
	bl_diag_done(&diag);
	if (r < 0)
		return r;
	object->origin = (struct bl_pos){0};
	*ret = object;
	return 0;
}
