/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "announce/announcer.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "announce/link.h"

#define LINKS_MAX 64u
#define FRAMES_A_TURN 64 /* of one socket, before others have theirs */
#define FRAME_BYTES 512  /* a neighbour message with more options than anybody sends */
/* With very many addresses each is told of more rarely: about a hundred frames a second. */
#define USEC_AN_ADDRESS (10 * 1000ull)

struct entry {
	struct bl_claim claim;
	bool kept;
};

struct bl_announcer {
	sd_event *loop;
	uint64_t interval_us; /* at least */
	bl_announcer_changed_fn *changed;
	void *userdata;
	bool (*may_act)(void *userdata); /* NULL: always */
	void *guard_userdata;
	struct bl_link links[LINKS_MAX];
	sd_event_source *sources[LINKS_MAX][2];
	size_t link_count;
	struct bl_map *entries; /* bytes of union bl_ip and family -> struct entry, owned */
	sd_event_source *timer;
};

struct key {
	union bl_ip ip;
	uint32_t family;
};

static struct key key_of(const struct bl_addr *address)
{
	return (struct key){.ip = address->ip, .family = address->family};
}

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct entry *find(const struct bl_announcer *announcer, const struct bl_addr *address)
{
	struct key key = key_of(address);

	return bl_map_get(announcer->entries, &key, sizeof(key));
}

static void arm(struct bl_announcer *announcer)
{
	uint64_t due_us = BL_CLAIM_NEVER;
	size_t cursor = 0;
	void *value;

	while (bl_map_next(announcer->entries, &cursor, NULL, NULL, &value)) {
		const struct entry *entry = value;

		if (entry->claim.due_us < due_us)
			due_us = entry->claim.due_us;
	}
	if (due_us == BL_CLAIM_NEVER) {
		(void)sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(announcer->timer, due_us);
	(void)sd_event_source_set_enabled(announcer->timer, SD_EVENT_ONESHOT);
}

static void send_on(const struct bl_link *link, const struct bl_addr *address,
		    enum bl_claim_action action)
{
	uint8_t frame[BL_FRAME_MAX];

	if (action == BL_CLAIM_ASK) {
		bl_link_send(link, address->family, frame, bl_frame_ask(address, link->mac, frame));
		return;
	}
	bl_link_send(link, address->family, frame, bl_frame_tell(address, link->mac, false, frame));
	if (address->family == BL_FAMILY_IPV4)
		bl_link_send(link, address->family, frame,
			     bl_frame_tell(address, link->mac, true, frame));
}

static struct bl_announcer_view view_of(const struct bl_claim *claim)
{
	struct bl_announcer_view view = {.address = claim->address, .state = claim->state};

	memcpy(view.holder, claim->holder, BL_MAC_LEN);
	return view;
}

/* What a step of the claim, that was `before` like this, has to be followed by. */
static void follow(const struct bl_announcer *announcer, const struct bl_claim *claim,
		   const struct bl_announcer_view *before, enum bl_claim_action action)
{
	struct bl_announcer_view view = view_of(claim);

	for (size_t i = 0; action != BL_CLAIM_SILENT && i < announcer->link_count; i++)
		send_on(&announcer->links[i], &claim->address, action);
	if (view.state != before->state || memcmp(view.holder, before->holder, BL_MAC_LEN) != 0)
		announcer->changed(before, &view, announcer->userdata);
}

void bl_announcer_set_guard(struct bl_announcer *announcer, bool (*may_act)(void *userdata),
			    void *userdata)
{
	announcer->may_act = may_act;
	announcer->guard_userdata = userdata;
}

static bool may_act(const struct bl_announcer *announcer, const struct bl_claim *claim)
{
	return claim->say != BL_CLAIM_HERE || !announcer->may_act ||
	       announcer->may_act(announcer->guard_userdata);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_announcer *announcer = userdata;
	uint64_t now = now_us();
	size_t cursor = 0;
	void *value;

	(void)timer;
	(void)usec;
	while (bl_map_next(announcer->entries, &cursor, NULL, NULL, &value)) {
		struct bl_claim *claim = &((struct entry *)value)->claim;
		struct bl_announcer_view before = view_of(claim);

		if (claim->due_us > now)
			continue;
		if (!may_act(announcer, claim))
			claim->due_us = now + BL_CLAIM_DEFEND_USEC; /* it is told by then */
		else
			follow(announcer, claim, &before, bl_claim_turn(claim, now));
	}
	arm(announcer);
	return 0;
}

static bool is_own(const struct bl_announcer *announcer, const uint8_t *mac)
{
	for (size_t i = 0; i < announcer->link_count; i++)
		if (!memcmp(announcer->links[i].mac, mac, BL_MAC_LEN))
			return true;
	return false;
}

static void take_frame(const struct bl_announcer *announcer, const struct bl_link *link,
		       const uint8_t *bytes, size_t len)
{
	struct bl_announcer_view before;
	uint8_t answer[BL_FRAME_MAX];
	struct bl_frame frame;
	struct entry *entry;

	if (bl_frame_parse(bytes, len, &frame) < 0 || is_own(announcer, frame.mac))
		return;
	entry = find(announcer, &frame.address);
	if (!entry || !may_act(announcer, &entry->claim))
		return;
	if (frame.kind == BL_FRAME_ASK && entry->claim.state == BL_CLAIM_OWNED)
		bl_link_send(link, frame.address.family, answer,
			     bl_frame_answer(&frame, link->mac, answer));
	before = view_of(&entry->claim);
	follow(announcer, &entry->claim, &before,
	       bl_claim_hear(&entry->claim, &frame, link->mac, now_us()));
}

static struct bl_link *find_link(struct bl_announcer *announcer, int fd)
{
	for (size_t i = 0; i < announcer->link_count; i++)
		if (announcer->links[i].arp_fd == fd || announcer->links[i].neighbour_fd == fd)
			return &announcer->links[i];
	return NULL;
}

static void drop_link(struct bl_announcer *announcer, size_t index)
{
	size_t last = announcer->link_count - 1;

	for (size_t i = 0; i < 2; i++) {
		sd_event_source_disable_unref(announcer->sources[index][i]);
		announcer->sources[index][i] = announcer->sources[last][i];
		announcer->sources[last][i] = NULL;
	}
	bl_link_close(&announcer->links[index]);
	if (index != last)
		announcer->links[index] = announcer->links[last];
	announcer->link_count--;
}

static int on_frames(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bl_announcer *announcer = userdata;
	const struct bl_link *link = find_link(announcer, fd);
	uint8_t buffer[FRAME_BYTES];
	ssize_t len = 0;

	(void)source;
	(void)revents;
	for (int i = 0; i < FRAMES_A_TURN && len >= 0; i++) {
		len = bl_link_receive(fd, buffer, sizeof(buffer));
		if (len > 0)
			take_frame(announcer, link, buffer, (size_t)len);
	}
	/* The device is down, or gone: it comes back by bl_announcer_set_devices. */
	if (len < 0 && len != -EAGAIN && len != -EINTR)
		drop_link(announcer, (size_t)(link - announcer->links));
	arm(announcer);
	return 0;
}

static int add_link(struct bl_announcer *announcer, uint32_t ifindex, struct bl_err *err)
{
	size_t at = announcer->link_count;
	struct bl_link *link = &announcer->links[at];
	int r;

	if (at == LINKS_MAX)
		return bl_err_set(err, -E2BIG, "addresses are announced on %u devices at most",
				  LINKS_MAX);
	r = bl_link_open(ifindex, link, err);
	if (r < 0)
		return r;
	announcer->link_count++;
	r = sd_event_add_io(announcer->loop, &announcer->sources[at][0], link->arp_fd, EPOLLIN,
			    on_frames, announcer);
	if (r >= 0)
		r = sd_event_add_io(announcer->loop, &announcer->sources[at][1], link->neighbour_fd,
				    EPOLLIN, on_frames, announcer);
	if (r >= 0)
		return 0;
	drop_link(announcer, at);
	return bl_err_set(err, r, "cannot follow device %u: %s", ifindex, strerror(-r));
}

static bool is_listed(uint32_t ifindex, const uint32_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == ifindex)
			return true;
	return false;
}

static bool has_link(const struct bl_announcer *announcer, uint32_t ifindex)
{
	for (size_t i = 0; i < announcer->link_count; i++)
		if (announcer->links[i].ifindex == ifindex)
			return true;
	return false;
}

static void join_groups(struct bl_announcer *announcer)
{
	_cleanup_(bl_map_free) struct bl_map *wanted = NULL;
	size_t cursor = 0;
	void *value;

	if (bl_map_new(&wanted) < 0)
		return; /* the next change tries again */
	while (bl_map_next(announcer->entries, &cursor, NULL, NULL, &value)) {
		const struct bl_claim *claim = &((struct entry *)value)->claim;
		struct bl_addr group = bl_frame_group(&claim->address);

		if (claim->address.family == BL_FAMILY_IPV6 && claim->state != BL_CLAIM_IDLE)
			(void)bl_map_put(wanted, group.ip.ipv6, 16, value, NULL);
	}
	for (size_t i = 0; i < announcer->link_count; i++)
		bl_link_set_groups(&announcer->links[i], wanted);
}

/* A device that lost its link hears nothing of a new owner: it is opened anew when it comes back,
 * and what it claims is asked for again. */
int bl_announcer_set_devices(struct bl_announcer *announcer, const uint32_t *ifindexes,
			     size_t count, struct bl_err *err)
{
	int first = 0;

	for (size_t i = announcer->link_count; i-- > 0;)
		if (!is_listed(announcer->links[i].ifindex, ifindexes, count) ||
		    !bl_link_is_up(&announcer->links[i]))
			drop_link(announcer, i);
	for (size_t i = 0; i < count; i++) {
		int r = has_link(announcer, ifindexes[i])
				? 0
				: add_link(announcer, ifindexes[i], first < 0 ? NULL : err);

		if (r < 0 && r != -ENODEV && first == 0)
			first = r;
	}
	join_groups(announcer);
	return first;
}

bool bl_announcer_has_link(const struct bl_announcer *announcer)
{
	return announcer->link_count > 0;
}

void bl_announcer_begin(struct bl_announcer *announcer)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(announcer->entries, &cursor, NULL, NULL, &value))
		((struct entry *)value)->kept = false;
}

static int add_entry(struct bl_announcer *announcer, const struct bl_addr *address,
		     struct entry **ret)
{
	static const uint8_t nobody[BL_MAC_LEN];
	struct entry *entry = calloc(1, sizeof(*entry));
	struct key key = key_of(address);
	int r;

	if (!entry)
		return -ENOMEM;
	bl_claim_init(&entry->claim, address,
		      announcer->link_count ? announcer->links[0].mac : nobody);
	r = bl_map_put(announcer->entries, &key, sizeof(key), entry, NULL);
	if (r < 0)
		free(entry);
	else
		*ret = entry;
	return r;
}

int bl_announcer_put(struct bl_announcer *announcer, const struct bl_addr *address, bool wanted,
		     enum bl_claim_say say)
{
	uint64_t interval_us = bl_map_count(announcer->entries) * USEC_AN_ADDRESS;
	struct entry *entry = find(announcer, address);
	struct bl_announcer_view before;
	int r = entry ? 0 : add_entry(announcer, address, &entry);

	if (r < 0)
		return r;
	if (interval_us < announcer->interval_us)
		interval_us = announcer->interval_us;
	entry->kept = true;
	before = view_of(&entry->claim);
	follow(announcer, &entry->claim, &before,
	       bl_claim_set(&entry->claim, wanted && announcer->link_count > 0, say, interval_us,
			    now_us()));
	return 0;
}

void bl_announcer_end(struct bl_announcer *announcer)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(announcer->entries, &cursor, NULL, NULL, &value)) {
		struct entry *entry = value;
		struct bl_announcer_view before = view_of(&entry->claim);
		struct key key = key_of(&entry->claim.address);

		if (entry->kept)
			continue;
		follow(announcer, &entry->claim, &before,
		       bl_claim_set(&entry->claim, false, BL_CLAIM_BY_LINK, announcer->interval_us,
				    now_us()));
		(void)bl_map_remove(announcer->entries, &key, sizeof(key));
		free(entry);
		cursor = 0; /* the map has changed */
	}
	join_groups(announcer);
	arm(announcer);
}

bool bl_announcer_next(const struct bl_announcer *announcer, size_t *cursor,
		       struct bl_announcer_view *ret)
{
	void *value;

	if (!bl_map_next(announcer->entries, cursor, NULL, NULL, &value))
		return false;
	*ret = view_of(&((const struct entry *)value)->claim);
	return true;
}

int bl_announcer_find(const struct bl_announcer *announcer, const struct bl_addr *address,
		      struct bl_announcer_view *ret)
{
	const struct entry *entry = find(announcer, address);

	if (!entry)
		return -ENOENT;
	*ret = view_of(&entry->claim);
	return 0;
}

int bl_announcer_new(sd_event *loop, uint64_t interval_us, bl_announcer_changed_fn *changed,
		     void *userdata, struct bl_announcer **ret)
{
	_cleanup_(bl_announcer_free) struct bl_announcer *announcer = calloc(1, sizeof(*announcer));
	int r;

	if (!announcer)
		return -ENOMEM;
	announcer->loop = loop;
	announcer->interval_us = interval_us ? interval_us : BL_CLAIM_INTERVAL_USEC;
	announcer->changed = changed;
	announcer->userdata = userdata;
	r = bl_map_new(&announcer->entries);
	if (r == 0)
		r = sd_event_add_time(loop, &announcer->timer, CLOCK_MONOTONIC, 0, 1000, on_timer,
				      announcer);
	if (r >= 0)
		r = sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(announcer);
	return 0;
}

struct bl_announcer *bl_announcer_free(struct bl_announcer *announcer)
{
	size_t cursor = 0;
	void *value;

	if (!announcer)
		return NULL;
	while (announcer->link_count)
		drop_link(announcer, announcer->link_count - 1);
	while (announcer->entries && bl_map_next(announcer->entries, &cursor, NULL, NULL, &value))
		free(value);
	(void)bl_map_free(announcer->entries);
	sd_event_source_disable_unref(announcer->timer);
	free(announcer);
	return NULL;
}
