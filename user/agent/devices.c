/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/devices.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

/* Messages come in bursts: a turn after the first of them all is looked at once. */
#define SETTLE_USEC (20 * 1000ull)
/* Programs that somebody took off are put back. */
#define REFRESH_USEC (30 * 1000 * 1000ull)
#define RECEIVE_BYTES (1 << 20)

struct bl_devices {
	struct bl_datapath *datapath;
	struct bl_problems *problems;
	enum bl_xdp_mode mode;
	void (*changed)(void *userdata);
	void *userdata;
	struct bl_device_view *views;
	size_t count;
	int fd;
	sd_event_source *io;
	sd_event_source *timer;
	bool waiting; /* the timer is set for what was heard */
	bool links_changed;
};

static void problem_name(const struct bl_device_view *view, char ret[static IF_NAMESIZE + 16])
{
	(void)snprintf(ret, IF_NAMESIZE + 16, "device %s", view->name);
}

static void tell_mode(const struct bl_device_view *view, const struct bl_device_status *before)
{
	if (view->status.mode == before->mode && !strcmp(view->status.reason, before->reason))
		return;
	bl_log(BL_LOG_NOTICE, "device '%s': %s%s%s", view->name,
	       bl_device_mode_name(view->status.mode), view->status.reason[0] ? ": " : "",
	       view->status.reason);
}

static void refresh_device(struct bl_devices *devices, struct bl_device_view *view)
{
	struct bl_device_status before = view->status;
	struct bl_err err = {0};
	char subject[IF_NAMESIZE + 16];
	int r;

	problem_name(view, subject);
	view->ifindex = if_nametoindex(view->name);
	if (!view->ifindex) {
		view->status = (struct bl_device_status){.reason = "there is no such device"};
		bl_problems_set(devices->problems, subject, BL_SEVERITY_WARNING,
				"there is no device '%s'; it is used as soon as it is there",
				view->name);
		return;
	}
	r = bl_datapath_attach_device(devices->datapath, view->ifindex, devices->mode,
				      &view->status, &err);
	if (r < 0) {
		view->status = (struct bl_device_status){.mode = BL_DEVICE_NONE};
		(void)snprintf(view->status.reason, sizeof(view->status.reason), "%.255s",
			       err.text);
		bl_problems_set(devices->problems, subject, BL_SEVERITY_ERROR, "%s", err.text);
		return;
	}
	bl_problems_clear(devices->problems, subject);
	tell_mode(view, &before);
}

static void drop_others(struct bl_devices *devices)
{
	_cleanup_free_ uint32_t *ifindexes = calloc(devices->count + 1, sizeof(*ifindexes));
	struct bl_err err = {0};
	size_t count = 0;

	if (!ifindexes)
		return; /* the next look tries again */
	for (size_t i = 0; i < devices->count; i++)
		if (devices->views[i].ifindex)
			ifindexes[count++] = devices->views[i].ifindex;
	if (bl_datapath_keep_devices(devices->datapath, ifindexes, count, &err) < 0)
		bl_problems_set(devices->problems, "devices", BL_SEVERITY_WARNING, "%s", err.text);
	else
		bl_problems_clear(devices->problems, "devices");
}

static void refresh_all(struct bl_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		refresh_device(devices, &devices->views[i]);
	drop_others(devices);
}

static void renew_next_hops(struct bl_devices *devices)
{
	int r = bl_datapath_renew_next_hops(devices->datapath);
	if (r < 0)
		bl_problems_set(devices->problems, "next hops", BL_SEVERITY_ERROR,
				"cannot have next hops looked up again: %s", strerror(-r));
	else
		bl_problems_clear(devices->problems, "next hops");
}

static void set_timer(struct bl_devices *devices, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(devices->timer, usec);
	(void)sd_event_source_set_enabled(devices->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_devices *devices = userdata;

	(void)timer;
	(void)usec;
	/* Heard nothing for long, or something about links and addresses. */
	if (!devices->waiting || devices->links_changed) {
		refresh_all(devices);
		devices->changed(devices->userdata);
	}
	if (devices->waiting)
		renew_next_hops(devices);
	devices->waiting = false;
	devices->links_changed = false;
	set_timer(devices, REFRESH_USEC);
	return 0;
}

static bool is_about_links(const char *buffer, size_t len)
{
	for (const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)buffer;
	     NLMSG_OK(header, len); header = NLMSG_NEXT(header, len))
		if (header->nlmsg_type == RTM_NEWLINK || header->nlmsg_type == RTM_DELLINK ||
		    header->nlmsg_type == RTM_NEWADDR || header->nlmsg_type == RTM_DELADDR)
			return true;
	return false;
}

/* Of routes and neighbours it does not matter what changed. Lost messages may have been any. */
static int on_netlink(sd_event_source *io, int fd, uint32_t revents, void *userdata)
{
	struct bl_devices *devices = userdata;
	__attribute__((aligned(8))) char buffer[16384];
	ssize_t len;

	(void)io;
	(void)revents;
	while ((len = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		devices->links_changed |= is_about_links(buffer, (size_t)len);
	devices->links_changed |= len < 0 && errno == ENOBUFS;
	if (devices->waiting)
		return 0;
	devices->waiting = true;
	set_timer(devices, SETTLE_USEC);
	return 0;
}

static int open_netlink(struct bl_err *err)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			     RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	const int bytes = RECEIVE_BYTES;
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return bl_err_set(err, -errno, "cannot follow links and routes: %m");
	return TAKE_FD(fd);
}

static int copy_names(struct bl_devices *devices, const struct bl_devices_config *config,
		      struct bl_err *err)
{
	devices->views = calloc(config->count + 1, sizeof(*devices->views));
	if (!devices->views)
		return bl_err_set(err, -ENOMEM, "no memory for the devices");
	/* bl_settings_init() saw to it that they are names. */
	for (size_t i = 0; i < config->count; i++)
		(void)snprintf(devices->views[i].name, sizeof(devices->views[i].name), "%s",
			       config->names[i]);
	devices->count = config->count;
	return 0;
}

static int follow(struct bl_devices *devices, sd_event *loop, struct bl_err *err)
{
	int r;

	devices->fd = open_netlink(err);
	if (devices->fd < 0)
		return devices->fd;
	r = sd_event_add_io(loop, &devices->io, devices->fd, EPOLLIN, on_netlink, devices);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &devices->timer, CLOCK_MONOTONIC, REFRESH_USEC,
					       0, on_timer, devices);
	return r < 0 ? bl_err_set(err, r, "cannot follow links and routes: %s", strerror(-r)) : 0;
}

int bl_devices_new(const struct bl_devices_config *config, struct bl_devices **ret,
		   struct bl_err *err)
{
	_cleanup_(bl_devices_free) struct bl_devices *devices = calloc(1, sizeof(*devices));
	int r;

	if (!devices)
		return bl_err_set(err, -ENOMEM, "no memory for the devices");
	devices->fd = -1;
	devices->datapath = config->datapath;
	devices->problems = config->problems;
	devices->mode = config->mode;
	devices->changed = config->changed;
	devices->userdata = config->userdata;
	r = copy_names(devices, config, err);
	/* Listening first: nothing that happens meanwhile is missed. */
	if (r == 0 && devices->count)
		r = follow(devices, config->loop, err);
	if (r < 0)
		return r;
	refresh_all(devices);
	*ret = TAKE_PTR(devices);
	return 0;
}

struct bl_devices *bl_devices_free(struct bl_devices *devices)
{
	if (!devices)
		return NULL;
	sd_event_source_disable_unref(devices->io);
	sd_event_source_disable_unref(devices->timer);
	bl_close_p(&devices->fd);
	free(devices->views);
	free(devices);
	return NULL;
}

size_t bl_devices_count(const struct bl_devices *devices)
{
	return devices ? devices->count : 0;
}

const struct bl_device_view *bl_devices_get(const struct bl_devices *devices, size_t index)
{
	return &devices->views[index];
}
