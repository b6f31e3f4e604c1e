/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/resource.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void add_encoded(struct bl_buf *path, const char *value)
{
	for (const char *at = value; *at; at++) {
		unsigned char byte = (unsigned char)*at;

		if (isalnum(byte) || strchr("-._~", byte))
			bl_buf_add(path, at, 1);
		else
			bl_buf_addf(path, "%%%02X", byte);
	}
}

void bl_kube_query(struct bl_buf *path, const char *key, const char *value)
{
	bool first = !path->data || !memchr(path->data, '?', path->len);

	bl_buf_addf(path, "%c%s=", first ? '?' : '&', key);
	add_encoded(path, value);
}

void bl_kube_path(const struct bl_kube_resource *resource, struct bl_buf *ret)
{
	const struct bl_kind_info *info = bl_kind_info(resource->kind);

	bl_buf_addf(ret, "/%s/%s%s%s/%s", strchr(info->api_version, '/') ? "apis" : "api",
		    info->api_version, resource->ns ? "/namespaces/" : "",
		    resource->ns ? resource->ns : "", info->plural);
	if (resource->label_selector)
		bl_kube_query(ret, "labelSelector", resource->label_selector);
	if (resource->field_selector)
		bl_kube_query(ret, "fieldSelector", resource->field_selector);
}

const char *bl_kube_resource_words(const struct bl_kube_resource *resource, char *buffer,
				   size_t size)
{
	const struct bl_kind_info *info = bl_kind_info(resource->kind);
	const char *slash = strchr(info->api_version, '/');
	int group = slash ? (int)(slash - info->api_version) : 0;

	(void)snprintf(buffer, size, "resource '%s' in API group '%.*s'", info->plural, group,
		       info->api_version);
	return buffer;
}
