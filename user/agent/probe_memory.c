/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/probe_memory.h"

#include <errno.h>
#include <string.h>

#define FILE_MAX (64u << 20)
#define KEY_MAX 900

/* Another address or container is another pod, whatever its name. */
static const char *identity_of(const struct bl_pod *pod, const char *container,
			       char buffer[static 300])
{
	const struct bl_container_status *status =
		bl_container_status_find(&pod->status.container_statuses, container);

	(void)snprintf(buffer, 300, "%.60s,%.200s", pod->status.pod_ip ? pod->status.pod_ip : "",
		       status && status->container_id ? status->container_id : "");
	return buffer;
}

static const char *key_of(const struct bl_pod *pod, const char *container, enum bl_probe_kind kind,
			  char buffer[static KEY_MAX])
{
	(void)snprintf(buffer, KEY_MAX, "%s %s/%s/%s", bl_probe_kind_name(kind),
		       pod->object.meta.ns, pod->object.meta.name, container);
	return buffer;
}

static int read_line(struct bl_probe_memory *memory, char *line)
{
	char *blank = strrchr(line, ' '), *identity;
	void *old = NULL;
	int r;

	if (!blank)
		return 0;
	*blank = '\0';
	identity = strdup(blank + 1);
	if (!identity)
		return -ENOMEM;
	r = bl_map_put_str(memory->good, line, identity, &old);
	free(r < 0 ? identity : old);
	return r;
}

int bl_probe_memory_open(struct bl_probe_memory *memory, const char *path)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	char *rest = NULL;
	int r = bl_map_new(&memory->good);

	if (r < 0 || bl_buf_read_file(&text, path, FILE_MAX) < 0 || !text.data)
		return r;
	for (char *line = strtok_r(text.data, "\n", &rest); r >= 0 && line;
	     line = strtok_r(NULL, "\n", &rest))
		r = read_line(memory, line);
	return r;
}

void bl_probe_memory_done(struct bl_probe_memory *memory)
{
	size_t cursor = 0;
	void *identity;

	while (memory->good && bl_map_next(memory->good, &cursor, NULL, NULL, &identity))
		free(identity);
	memory->good = bl_map_free(memory->good);
}

bool bl_probe_memory_claim(struct bl_probe_memory *memory, const struct bl_pod *pod,
			   const char *container, enum bl_probe_kind kind)
{
	char key[KEY_MAX], identity[300];
	_cleanup_free_ char *known = NULL;

	if (!memory->good || !bl_map_count(memory->good))
		return false;
	known = bl_map_remove_str(memory->good, key_of(pod, container, kind, key));
	return known && strcmp(known, identity_of(pod, container, identity)) == 0;
}

void bl_probe_memory_add(struct bl_buf *text, const struct bl_pod *pod, const char *container,
			 enum bl_probe_kind kind)
{
	char key[KEY_MAX], identity[300];

	bl_buf_addf(text, "%s %s\n", key_of(pod, container, kind, key),
		    identity_of(pod, container, identity));
}
