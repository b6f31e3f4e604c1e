/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datapath/device.h"
#include "datapath/pin.h"

static const char *const prefixes[BL_DEVICE_PIN_COUNT] = {
	[BL_DEVICE_PIN_XDP] = "xdp_",
	[BL_DEVICE_PIN_TC] = "tc_",
	[BL_DEVICE_PIN_QDISC] = "qdisc_",
};

static int pin_path(const char *dir, enum bl_device_pin pin, uint32_t ifindex,
		    char ret[static BL_PIN_PATH])
{
	int len = snprintf(ret, BL_PIN_PATH, "%s/links/%s%u", dir, prefixes[pin], ifindex);

	return len < BL_PIN_PATH ? 0 : -ENAMETOOLONG;
}

/* The kernel takes a link off some time after its last reference is gone, and whoever attaches the
 * next program meanwhile finds the device taken. This takes it off now. */
static void detach_link(const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);

	if (fd >= 0)
		(void)bpf_link_detach(fd); /* fails where the device went away first */
}

int bl_device_unpin(const char *dir, enum bl_device_pin pin, uint32_t ifindex)
{
	char path[BL_PIN_PATH];
	int r = pin_path(dir, pin, ifindex, path);

	if (r < 0)
		return r;
	if (pin == BL_DEVICE_PIN_XDP)
		detach_link(path);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int bl_device_pin(const char *dir, enum bl_device_pin pin, uint32_t ifindex, int fd)
{
	char path[BL_PIN_PATH];
	int r = bl_device_unpin(dir, pin, ifindex);

	if (r == 0)
		r = pin_path(dir, pin, ifindex, path);
	return r < 0 ? r : bpf_obj_pin(fd, path);
}

int bl_device_open_pin(const char *dir, enum bl_device_pin pin, uint32_t ifindex)
{
	char path[BL_PIN_PATH];
	int r = pin_path(dir, pin, ifindex, path);

	return r < 0 ? r : bpf_obj_get(path);
}

/* The device that a pin is about; 0: the pin is about none. */
static uint32_t parse_name(const char *name)
{
	for (size_t i = 0; i < BL_DEVICE_PIN_COUNT; i++) {
		size_t len = strlen(prefixes[i]);
		unsigned long number;
		char *end;

		if (strncmp(name, prefixes[i], len) != 0 || name[len] < '1' || name[len] > '9')
			continue;
		number = strtoul(name + len, &end, 10);
		return *end == '\0' && number <= INT32_MAX ? (uint32_t)number : 0;
	}
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int list_names(DIR *folder, uint32_t **ret, size_t *ret_count)
{
	_cleanup_free_ uint32_t *list = NULL;
	const struct dirent *entry;
	size_t capacity = 0;
	size_t count = 0;

	while ((entry = readdir(folder))) {
		uint32_t ifindex = parse_name(entry->d_name);

		if (ifindex == 0)
			continue;
		if (count == capacity) {
			uint32_t *grown = reallocarray(list, capacity + 16, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			list = grown;
			capacity += 16;
		}
		list[count++] = ifindex;
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), compare_numbers);
	*ret_count = 0;
	for (size_t i = 0; i < count; i++)
		if (*ret_count == 0 || list[*ret_count - 1] != list[i])
			list[(*ret_count)++] = list[i];
	*ret = TAKE_PTR(list);
	return 0;
}

int bl_device_list(const char *dir, uint32_t **ret, size_t *ret_count)
{
	char path[BL_PIN_PATH];
	DIR *folder;
	int r;

	if (snprintf(path, sizeof(path), "%s/links", dir) >= BL_PIN_PATH)
		return -ENAMETOOLONG;
	folder = opendir(path);
	if (!folder && errno == ENOENT) {
		*ret = NULL;
		*ret_count = 0;
		return 0;
	}
	if (!folder)
		return -errno;
	r = list_names(folder, ret, ret_count);
	(void)closedir(folder);
	return r;
}
