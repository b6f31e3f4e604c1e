/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bpf/bpf_helpers.h>
#include <errno.h>

struct native native;

void native_clear(void)
{
	struct native_element *element;

	while ((element = native.elements)) {
		native.elements = element->next;
		free(element->value);
		free(element);
	}
}

static struct native_element **find(const void *map, size_t key_size, const void *key)
{
	struct native_element **at = &native.elements;

	while (*at && ((*at)->map != map || memcmp((*at)->key, key, key_size) != 0))
		at = &(*at)->next;
	return at;
}

static struct native_element *add(const void *map, size_t key_size, size_t value_size,
				  const void *key)
{
	struct native_element *element = calloc(1, sizeof(*element));

	if (!element || key_size > sizeof(element->key))
		abort();
	element->value = calloc(1, value_size);
	if (!element->value)
		abort();
	element->map = map;
	element->key_size = key_size;
	element->value_size = value_size;
	memcpy(element->key, key, key_size);
	element->next = native.elements;
	native.elements = element;
	return element;
}

/* Elements of arrays are always there. */
void *native_lookup(const void *map, int type, size_t key_size, size_t value_size, const void *key)
{
	struct native_element *element = *find(map, key_size, key);

	if (!element && (type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY))
		element = add(map, key_size, value_size, key);
	return element ? element->value : NULL;
}

long native_update(const void *map, size_t key_size, size_t value_size, const void *key,
		   const void *value, __u64 flags)
{
	struct native_element *element = *find(map, key_size, key);

	if (element && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!element)
		element = add(map, key_size, value_size, key);
	memcpy(element->value, value, value_size);
	return 0;
}

long native_delete(const void *map, size_t key_size, const void *key)
{
	struct native_element **at = find(map, key_size, key), *element = *at;

	if (!element)
		return -ENOENT;
	*at = element->next;
	free(element->value);
	free(element);
	return 0;
}

long native_loop(__u32 count, long (*each)(__u32, void *), void *context)
{
	__u32 i = 0;

	while (i < count)
		if (each(i++, context))
			break;
	return i;
}

long native_fib(struct bpf_fib_lookup *params)
{
	params->ifindex = native.fib_ifindex;
	params->tot_len = native.fib_mtu;
	return native.fib_result;
}

__s64 native_csum(const void *data, __u32 size, __u32 sum)
{
	__u64 total = sum;
	__u16 word;

	for (__u32 i = 0; i + 1 < size; i += 2) {
		memcpy(&word, (const char *)data + i, sizeof(word));
		total += word;
	}
	while (total >> 32)
		total = (total & 0xffffffff) + (total >> 32);
	return (__s64)total;
}
