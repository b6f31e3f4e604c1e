/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "1.VERSION.NAMESPACE.NAME": opaque to clients. A namespace has no dots, a name may. */
int bl_page_token_parse(const char *token, struct bl_page *ret)
{
	unsigned long long version;
	size_t len;
	char *end;

	if (strncmp(token, "1.", 2) != 0 || token[2] < '0' || token[2] > '9')
		return -EINVAL;
	errno = 0;
	version = strtoull(token + 2, &end, 10);
	if (errno || *end != '.')
		return -EINVAL;
	len = strcspn(++end, ".");
	if (end[len] != '.' || len >= sizeof(ret->ns) || !end[len + 1] ||
	    strlen(end + len + 1) >= sizeof(ret->name))
		return -EINVAL;
	ret->version = version;
	memcpy(ret->ns, end, len);
	ret->ns[len] = '\0';
	memcpy(ret->name, end + len + 1, strlen(end + len + 1) + 1);
	return 0;
}

static bool is_behind(const struct bl_page *page, const struct bl_object *object)
{
	int r = strcmp(object->meta.ns ? object->meta.ns : "", page->ns);

	return !page->name[0] || (r ? r : strcmp(object->meta.name, page->name)) > 0;
}

void bl_page_cut(struct bl_page *page, const struct bl_selector *selector,
		 const struct bl_object **items, size_t *count, struct bl_buf *ret)
{
	size_t kept = 0, left = 0;

	for (size_t i = 0; i < *count; i++) {
		if (!is_behind(page, items[i]) || !bl_selector_match(selector, items[i]))
			continue;
		if (page->limit && kept == page->limit)
			left++;
		else
			items[kept++] = items[i];
	}
	*count = kept;
	page->remaining = left;
	if (left)
		bl_buf_addf(ret, "1.%llu.%s.%s", (unsigned long long)page->version,
			    items[kept - 1]->meta.ns ? items[kept - 1]->meta.ns : "",
			    items[kept - 1]->meta.name);
}
