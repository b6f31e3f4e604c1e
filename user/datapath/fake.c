/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The datapath in memory: keeps what it is told and attaches nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "datapath/backing.h"
#include "datapath/fake.h"
#include "datapath/programs.h"

struct fake {
	struct bl_datapath base;
	struct bl_map *frontends; /* struct fake_key -> struct bl_frontend_row, owned */
	uint32_t family_count[2]; /* IPv4, IPv6 */
	struct bl_netns_pod_row *pods;
	size_t pod_count;
	struct bl_prefix *peers;
	size_t peer_count;
	int fail_code; /* of the next calls that set frontends */
	unsigned int fail_count;
	struct bl_packet_row *packet_rows; /* in any order */
	size_t packet_row_count;
	struct bl_program_status status[BL_PROGRAMS_MAX];
	struct bl_device_status device; /* that attaching gives; without a mode: the one wanted */
	int device_code;
	char device_words[BL_ERR_TEXT];
	uint32_t kept[BL_UPLINKS_MAX];
	size_t kept_count;
	struct bl_flow_row *flows;
	size_t flow_count;
};

struct fake_key {
	struct bl_frontend6_key key;
	uint8_t family;
	uint8_t pad; /* keys are compared as bytes */
};

static struct fake_key key_of(const struct bl_op *op)
{
	struct fake_key key = {.key = op->frontend.key, .family = op->family};

	if (op->family == BL_FAMILY_IPV4)
		memset(key.key.address + 4, 0, sizeof(key.key.address) - 4);
	return key;
}

static uint32_t *family_count(struct fake *fake, uint8_t family)
{
	return &fake->family_count[family == BL_FAMILY_IPV6];
}

static int set_frontend(struct fake *fake, const struct bl_op *op)
{
	_cleanup_free_ struct bl_frontend_row *row = NULL;
	struct fake_key key = key_of(op);
	struct bl_frontend_row *old = bl_map_get(fake->frontends, &key, sizeof(key));
	int r;

	if (old) {
		old->value = op->frontend.value;
		return 0;
	}
	if (*family_count(fake, op->family) >= fake->base.limits.frontends)
		return -E2BIG;
	row = calloc(1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	row->family = op->family;
	row->key = key.key;
	row->value = op->frontend.value;
	r = bl_map_put(fake->frontends, &key, sizeof(key), row, NULL);
	if (r < 0)
		return r;
	(void)TAKE_PTR(row);
	(*family_count(fake, op->family))++;
	return 0;
}

static int fake_set_frontends(struct bl_datapath *datapath, const struct bl_op *ops, size_t count,
			      size_t *ret_done)
{
	struct fake *fake = (struct fake *)datapath;
	int r;

	*ret_done = 0;
	if (fake->fail_count > 0) {
		fake->fail_count--;
		return fake->fail_code;
	}
	for (; *ret_done < count; (*ret_done)++) {
		r = set_frontend(fake, &ops[*ret_done]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fake_delete_frontend(struct bl_datapath *datapath, const struct bl_op *op)
{
	struct fake *fake = (struct fake *)datapath;
	struct fake_key key = key_of(op);
	struct bl_frontend_row *old = bl_map_remove(fake->frontends, &key, sizeof(key));

	if (!old)
		return -ENOENT;
	free(old);
	(*family_count(fake, op->family))--;
	return 0;
}

static int fake_read_frontends(struct bl_datapath *datapath, struct bl_frontend_row **ret_rows,
			       size_t *ret_count, struct bl_err *err)
{
	const struct fake *fake = (struct fake *)datapath;
	struct bl_frontend_row *rows = NULL;
	size_t count = bl_map_count(fake->frontends);
	size_t cursor = 0;
	void *value;

	rows = reallocarray(NULL, count > 0 ? count : 1, sizeof(*rows));
	if (!rows)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", count);
	for (size_t i = 0; bl_map_next(fake->frontends, &cursor, NULL, NULL, &value); i++)
		rows[i] = *(const struct bl_frontend_row *)value;
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}

static size_t find_packet_row(const struct fake *fake, const struct bl_packet_row *row)
{
	size_t i = 0;

	while (i < fake->packet_row_count &&
	       (fake->packet_rows[i].table != row->table ||
		memcmp(&fake->packet_rows[i].key, &row->key, sizeof(row->key)) != 0))
		i++;
	return i;
}

static int fake_set_packet_row(struct bl_datapath *datapath, const struct bl_packet_row *row)
{
	struct fake *fake = (struct fake *)datapath;
	size_t i = find_packet_row(fake, row);
	struct bl_packet_row *grown;

	if (i == fake->packet_row_count) {
		grown = reallocarray(fake->packet_rows, i + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		fake->packet_rows = grown;
		fake->packet_row_count++;
	}
	fake->packet_rows[i] = *row;
	return 0;
}

static int fake_delete_packet_row(struct bl_datapath *datapath, const struct bl_packet_row *row)
{
	struct fake *fake = (struct fake *)datapath;
	size_t i = find_packet_row(fake, row);

	if (i == fake->packet_row_count)
		return -ENOENT;
	fake->packet_rows[i] = fake->packet_rows[--fake->packet_row_count];
	return 0;
}

static int fake_read_packet_rows(struct bl_datapath *datapath, struct bl_packet_row **ret_rows,
				 size_t *ret_count, struct bl_err *err)
{
	const struct fake *fake = (struct fake *)datapath;
	struct bl_packet_row *rows = calloc(fake->packet_row_count + 1, sizeof(*rows));

	if (!rows)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", fake->packet_row_count);
	if (fake->packet_row_count > 0)
		memcpy(rows, fake->packet_rows, fake->packet_row_count * sizeof(*rows));
	*ret_rows = rows;
	*ret_count = fake->packet_row_count;
	return 0;
}

/* The fake has every device, and native XDP on it, unless it was told otherwise. */
static int fake_attach_device(struct bl_datapath *datapath, uint32_t ifindex,
			      enum bl_xdp_mode wanted, struct bl_device_status *ret,
			      struct bl_err *err)
{
	static const enum bl_device_mode modes[] = {
		[BL_XDP_NATIVE] = BL_DEVICE_NATIVE,
		[BL_XDP_GENERIC] = BL_DEVICE_GENERIC,
		[BL_XDP_TC] = BL_DEVICE_TC,
	};
	const struct fake *fake = (const struct fake *)datapath;

	if (ifindex == 0)
		return bl_err_set(err, -ENODEV, "there is no device 0");
	if (fake->device_code < 0)
		return bl_err_set(err, fake->device_code, "%s", fake->device_words);
	*ret = fake->device;
	if (ret->mode == BL_DEVICE_NONE)
		ret->mode = modes[wanted];
	return 0;
}

static int fake_keep_devices(struct bl_datapath *datapath, const uint32_t *ifindexes, size_t count,
			     struct bl_err *err)
{
	struct fake *fake = (struct fake *)datapath;

	if (count > BL_UPLINKS_MAX)
		return bl_err_set(err, -E2BIG, "at most %u devices", BL_UPLINKS_MAX);
	if (count > 0)
		memcpy(fake->kept, ifindexes, count * sizeof(*ifindexes));
	fake->kept_count = count;
	return 0;
}

static int fake_renew_next_hops(struct bl_datapath *datapath)
{
	(void)datapath;
	return 0;
}

/* No packet ever went through the fake: flows are those that it was told of. */
static int fake_read_flows(struct bl_datapath *datapath, size_t limit,
			   struct bl_flow_row **ret_rows, size_t *ret_count, struct bl_err *err)
{
	const struct fake *fake = (const struct fake *)datapath;
	size_t count = fake->flow_count < limit ? fake->flow_count : limit;
	struct bl_flow_row *rows = calloc(count + 1, sizeof(*rows));

	if (!rows)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", count);
	if (count > 0)
		memcpy(rows, fake->flows, count * sizeof(*rows));
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}

static int fake_set_dsr_peers(struct bl_datapath *datapath, const struct bl_prefix *peers,
			      size_t count, struct bl_err *err)
{
	struct fake *fake = (struct fake *)datapath;
	struct bl_prefix *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", count);
	if (count > 0)
		memcpy(copy, peers, count * sizeof(*copy));
	free(fake->peers);
	fake->peers = copy;
	fake->peer_count = count;
	return 0;
}

static int fake_set_netns_pods(struct bl_datapath *datapath, const struct bl_netns_pod_row *rows,
			       size_t count, struct bl_err *err)
{
	struct fake *fake = (struct fake *)datapath;
	struct bl_netns_pod_row *copy = NULL;

	if (count > 0) {
		copy = reallocarray(NULL, count, sizeof(*copy));
		if (!copy)
			return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", count);
		memcpy(copy, rows, count * sizeof(*copy));
	}
	free(fake->pods);
	fake->pods = copy;
	fake->pod_count = count;
	return 0;
}

/* No socket ever went through the fake. */
static int fake_sweep_sockets(struct bl_datapath *datapath, size_t *ret_destroyed,
			      struct bl_err *err)
{
	(void)datapath;
	(void)err;
	*ret_destroyed = 0;
	return 0;
}

static int fake_read_reasons(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT])
{
	(void)datapath;
	memset(ret, 0, BL_REASON_COUNT * sizeof(ret[0]));
	return 0;
}

static int fake_read_service_stats(struct bl_datapath *datapath, uint32_t service_id,
				   struct bl_service_stats *ret)
{
	(void)datapath;
	(void)service_id;
	*ret = (struct bl_service_stats){0};
	return 0;
}

static int fake_read_backend_stats(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				   struct bl_backend_stats *ret)
{
	(void)datapath;
	(void)first;
	memset(ret, 0, count * sizeof(*ret));
	return 0;
}

static int fake_read_programs(struct bl_datapath *datapath,
			      const struct bl_program_status **ret_items, size_t *ret_count)
{
	struct fake *fake = (struct fake *)datapath;

	for (size_t i = 0; i < bl_program_count; i++)
		fake->status[i] = (struct bl_program_status){.name = bl_programs[i].name,
							     .hook = bl_programs[i].hook};
	*ret_items = fake->status;
	*ret_count = bl_program_count;
	return 0;
}

static int fake_attach_again(struct bl_datapath *datapath, const struct bl_datapath_config *config,
			     struct bl_err *err)
{
	(void)datapath;
	(void)config;
	(void)err;
	return 0;
}

static void fake_free(struct bl_datapath *datapath)
{
	struct fake *fake = (struct fake *)datapath;
	size_t cursor = 0;
	void *value;

	if (fake->frontends) {
		while (bl_map_next(fake->frontends, &cursor, NULL, NULL, &value))
			free(value);
	}
	bl_map_free(fake->frontends);
	free(fake->peers);
	free(fake->pods);
	free(fake->packet_rows);
	free(fake->flows);
	bl_datapath_done(&fake->base);
	free(fake);
}

static const struct bl_datapath_backing fake_backing = {
	.set_frontends = fake_set_frontends,
	.delete_frontend = fake_delete_frontend,
	.read_frontends = fake_read_frontends,
	.set_packet_row = fake_set_packet_row,
	.delete_packet_row = fake_delete_packet_row,
	.read_packet_rows = fake_read_packet_rows,
	.attach_device = fake_attach_device,
	.keep_devices = fake_keep_devices,
	.renew_next_hops = fake_renew_next_hops,
	.read_flows = fake_read_flows,
	.set_dsr_peers = fake_set_dsr_peers,
	.set_netns_pods = fake_set_netns_pods,
	.sweep_sockets = fake_sweep_sockets,
	.read_reasons = fake_read_reasons,
	.read_service_stats = fake_read_service_stats,
	.read_backend_stats = fake_read_backend_stats,
	.read_programs = fake_read_programs,
	.attach_again = fake_attach_again,
	.free = fake_free,
};

void bl_fake_fail(struct bl_datapath *fake, int code, unsigned int count)
{
	((struct fake *)fake)->fail_code = code;
	((struct fake *)fake)->fail_count = count;
}

size_t bl_fake_dsr_peers(const struct bl_datapath *fake, const struct bl_prefix **ret)
{
	*ret = ((const struct fake *)fake)->peers;
	return ((const struct fake *)fake)->peer_count;
}

size_t bl_fake_netns_pods(const struct bl_datapath *fake, const struct bl_netns_pod_row **ret)
{
	*ret = ((const struct fake *)fake)->pods;
	return ((const struct fake *)fake)->pod_count;
}

void bl_fake_set_device(struct bl_datapath *fake, int code, const struct bl_device_status *status,
			const char *words)
{
	struct fake *self = (struct fake *)fake;

	self->device_code = code;
	self->device = status ? *status : (struct bl_device_status){0};
	(void)snprintf(self->device_words, sizeof(self->device_words), "%s", words ? words : "");
}

size_t bl_fake_kept(const struct bl_datapath *fake, const uint32_t **ret_ifindexes)
{
	*ret_ifindexes = ((const struct fake *)fake)->kept;
	return ((const struct fake *)fake)->kept_count;
}

int bl_fake_set_flows(struct bl_datapath *fake, const struct bl_flow_row *rows, size_t count)
{
	struct fake *self = (struct fake *)fake;
	struct bl_flow_row *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (count > 0)
		memcpy(copy, rows, count * sizeof(*copy));
	free(self->flows);
	self->flows = copy;
	self->flow_count = count;
	return 0;
}

static int init_arrays(struct bl_datapath *base)
{
	int r;

	r = bl_array_init_memory(&base->slots, BL_MAP_SLOTS, sizeof(struct bl_slot),
				 base->limits.slots);
	if (r < 0)
		return r;
	r = bl_array_init_memory(&base->backends, BL_MAP_BACKENDS, sizeof(struct bl_backend),
				 base->limits.backends);
	if (r < 0)
		return r;
	r = bl_array_init_memory(&base->services, BL_MAP_SERVICES, sizeof(struct bl_service_entry),
				 base->limits.services);
	if (r < 0)
		return r;
	r = bl_array_init_memory(&base->filter, BL_MAP_ADDR_FILTER,
				 sizeof(struct bl_addr_filter_word), BL_ADDR_FILTER_WORDS);
	if (r < 0)
		return r;
	r = bl_array_init_memory(&base->maglev, BL_MAP_MAGLEV, sizeof(struct bl_maglev_entry),
				 base->limits.maglev);
	if (r < 0)
		return r;
	return bl_array_init_memory(&base->ports, BL_MAP_PACKET_PORTS,
				    sizeof(struct bl_packet_port_word), BL_PACKET_PORT_WORDS);
}

int bl_datapath_open_fake(const struct bl_datapath_config *config, struct bl_datapath **ret)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = (struct bl_datapath *)fake;
	int r;

	if (!fake)
		return -ENOMEM;
	fake->base.backing = &fake_backing;
	fake->base.limits = config->limits;
	fake->base.has_packet = true;
	r = bl_map_new(&fake->frontends);
	if (r < 0)
		return r;
	r = init_arrays(&fake->base);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(datapath);
	return 0;
}
