/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "datapath/backing.h"

/*
 * What makes a half-written row harmless: port, family, state and generation share one aligned
 * word, the head, which is written in one store. Programs read the head, the rest, and the head
 * again. So a row that is given to another backend stops serving first, then gets all else, and its
 * new head last: who read across the change sees two different heads, and who did not sees a whole
 * row.
 */
union backend_head {
	uint64_t word;
	struct {
		__be16 port;
		uint8_t family;
		uint8_t state;
		uint32_t generation;
	};
};
#define HEAD_OFFSET offsetof(struct bl_backend, port)
static_assert(HEAD_OFFSET % sizeof(union backend_head) == 0, "the head is one aligned word");
static_assert(offsetof(struct bl_backend, service_id) == HEAD_OFFSET + sizeof(union backend_head),
	      "the head ends where service_id begins");

static union backend_head head_of(const struct bl_backend *row)
{
	union backend_head head;

	memcpy(&head, (const char *)row + HEAD_OFFSET, sizeof(head));
	return head;
}

static void write_backend(struct bl_backend *row, const struct bl_backend *value)
{
	uint64_t *row_head = (uint64_t *)((char *)row + HEAD_OFFSET);
	union backend_head stopped = head_of(row);

	if (row->service_id != value->service_id || stopped.generation != value->generation ||
	    memcmp(&row->address, &value->address, sizeof(row->address)) != 0) {
		stopped.state = BL_BACKEND_FREE;
		__atomic_store_n(row_head, stopped.word, __ATOMIC_RELAXED);
		atomic_thread_fence(memory_order_seq_cst);
		row->address = value->address;
		__atomic_store_n(&row->service_id, value->service_id, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&row->weight, value->weight, __ATOMIC_RELAXED);
	__atomic_store_n(&row->zone, value->zone, __ATOMIC_RELAXED);
	__atomic_store_n(&row->flags, value->flags, __ATOMIC_RELAXED);
	__atomic_store_n(row_head, head_of(value).word, __ATOMIC_RELEASE);
}

/* Only readers of names look at services: in_use is enough of an order. */
static void write_service(struct bl_service_entry *row, const struct bl_service_entry *value)
{
	struct bl_service_entry unused = *value;

	unused.in_use = 0;
	__atomic_store_n(&row->in_use, 0, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	*row = unused;
	__atomic_store_n(&row->in_use, value->in_use, __ATOMIC_RELEASE);
}

static void write_filter(struct bl_addr_filter_word *row, const struct bl_addr_filter_word *value)
{
	__atomic_store_n(&row->virtual_address, value->virtual_address, __ATOMIC_RELAXED);
	__atomic_store_n(&row->frontend, value->frontend, __ATOMIC_RELAXED);
}

static int array_failed(const struct bl_array *array, uint32_t index, int code, struct bl_err *err)
{
	if (code == -E2BIG)
		return bl_err_set(err, code,
				  "map '%s' is full: row %u wanted, the map ends at %u; have fewer "
				  "of them, or run 'beeline unload' and load with a higher limit",
				  array->name, index, array->count);
	errno = -code;
	return bl_err_set(err, code, "cannot write row %u of map '%s': %m", index, array->name);
}

static int apply_slots(struct bl_datapath *datapath, const struct bl_op *op, struct bl_err *err)
{
	void *row;
	int r;

	for (uint32_t i = 0; i < op->count; i++) {
		r = bl_array_row(&datapath->slots, op->index + i, &row);
		if (r < 0)
			return array_failed(&datapath->slots, op->index + i, r, err);
		__atomic_store_n(&((struct bl_slot *)row)->backend_id, op->slots[i].backend_id,
				 __ATOMIC_RELAXED);
	}
	return 0;
}

static int apply_maglev(struct bl_datapath *datapath, const struct bl_op *op, struct bl_err *err)
{
	void *row;
	int r;

	for (uint32_t i = 0; i < op->count; i++) {
		r = bl_array_row(&datapath->maglev, op->index + i, &row);
		if (r < 0)
			return array_failed(&datapath->maglev, op->index + i, r, err);
		__atomic_store_n(&((struct bl_maglev_entry *)row)->backend_id,
				 op->maglev[i].backend_id, __ATOMIC_RELAXED);
	}
	return 0;
}

static int apply_ports(struct bl_datapath *datapath, const struct bl_op *op, struct bl_err *err)
{
	struct bl_packet_port_word *word;
	void *row;
	int r = bl_array_row(&datapath->ports, op->index, &row);

	if (r < 0)
		return array_failed(&datapath->ports, op->index, r, err);
	word = row;
	__atomic_store_n(&word->reply, op->ports.reply, __ATOMIC_RELAXED);
	__atomic_store_n(&word->destination, op->ports.destination, __ATOMIC_RELAXED);
	return 0;
}

static int packet_row_failed(const struct bl_packet_row *row, int code, struct bl_err *err)
{
	static const char *const maps[] = {
		[BL_PACKET_SOURCES4] = BL_MAP_SOURCES4,
		[BL_PACKET_SOURCES6] = BL_MAP_SOURCES6,
		[BL_PACKET_DSR_BACKENDS] = BL_MAP_DSR_BACKENDS,
	};

	if (code == -E2BIG || code == -ENOSPC)
		return bl_err_set(err, -E2BIG,
				  "map '%s' is full; have fewer rows, or run 'beeline unload' and "
				  "load with a higher limit",
				  maps[row->table]);
	errno = -code;
	return bl_err_set(err, code, "cannot write a row of map '%s': %m", maps[row->table]);
}

static int apply_packet_row(struct bl_datapath *datapath, const struct bl_op *op,
			    struct bl_err *err)
{
	bool is_set = op->kind == BL_OP_SET_PACKET_ROW;
	int r = is_set ? datapath->backing->set_packet_row(datapath, &op->packet_row)
		       : datapath->backing->delete_packet_row(datapath, &op->packet_row);

	/* Deleting what is not there has the effect that was asked for. */
	if (r < 0 && (is_set || r != -ENOENT))
		return packet_row_failed(&op->packet_row, r, err);
	return 0;
}

static int apply_packet(struct bl_datapath *datapath, const struct bl_op *op, struct bl_err *err)
{
	if (!datapath->has_packet)
		return 0;
	if (op->kind == BL_OP_SET_MAGLEV)
		return apply_maglev(datapath, op, err);
	if (op->kind == BL_OP_SET_PACKET_PORTS)
		return apply_ports(datapath, op, err);
	return apply_packet_row(datapath, op, err);
}

static int apply_row(struct bl_datapath *datapath, const struct bl_op *op, struct bl_err *err)
{
	struct bl_array *array = op->kind == BL_OP_SET_BACKEND   ? &datapath->backends
				 : op->kind == BL_OP_SET_SERVICE ? &datapath->services
								 : &datapath->filter;
	void *row;
	int r;

	r = bl_array_row(array, op->index, &row);
	if (r < 0)
		return array_failed(array, op->index, r, err);
	if (op->kind == BL_OP_SET_BACKEND)
		write_backend(row, &op->backend);
	else if (op->kind == BL_OP_SET_SERVICE)
		write_service(row, op->service);
	else
		write_filter(row, &op->filter);
	return 0;
}

static int frontend_failed(const struct bl_datapath *datapath, const struct bl_op *op, int code,
			   struct bl_err *err)
{
	const char *map = op->family == BL_FAMILY_IPV4 ? BL_MAP_FRONTENDS4 : BL_MAP_FRONTENDS6;
	const struct bl_frontend6_key *key = &op->frontend.key;
	struct bl_addr addr = {.family = op->family};
	char address[BL_ADDR_TEXT];
	char row[BL_ADDR_TEXT + 32];

	memcpy(&addr.ip, key->address, sizeof(addr.ip));
	(void)snprintf(row, sizeof(row), addr.family == BL_FAMILY_IPV6 ? "[%s]:%u/%s" : "%s:%u/%s",
		       bl_addr_format(&addr, address), ntohs(key->port),
		       key->protocol == IPPROTO_TCP   ? "TCP"
		       : key->protocol == IPPROTO_UDP ? "UDP"
						      : "any");
	if (code == -E2BIG || code == -ENOSPC)
		return bl_err_set(err, -E2BIG,
				  "map '%s' is full: no room for frontend '%s' beside %u others; "
				  "have fewer Services, or run 'beeline unload' and load with a "
				  "higher limit",
				  map, row, datapath->limits.frontends);
	errno = -code;
	return bl_err_set(err, code, "cannot %s frontend '%s' in map '%s': %m",
			  op->kind == BL_OP_SET_FRONTEND ? "set" : "delete", row, map);
}

/* Frontends that follow each other go to the kernel together. */
static size_t frontend_run(const struct bl_op *ops, size_t count)
{
	size_t run = 1;

	while (run < count && ops[run].kind == BL_OP_SET_FRONTEND &&
	       ops[run].family == ops[0].family)
		run++;
	return run;
}

static int apply_frontends(struct bl_datapath *datapath, const struct bl_op *ops, size_t count,
			   struct bl_err *err)
{
	size_t done = 0;
	int r;

	/* Backends and slots are there before the frontend that names them. */
	atomic_thread_fence(memory_order_release);
	r = datapath->backing->set_frontends(datapath, ops, count, &done);
	if (r < 0)
		return frontend_failed(datapath, &ops[done < count ? done : count - 1], r, err);
	return 0;
}

static int apply_delete(struct bl_datapath *datapath, const struct bl_op *op, struct bl_err *err)
{
	int r = datapath->backing->delete_frontend(datapath, op);

	/* Deleting what is not there has the effect that was asked for. */
	if (r < 0 && r != -ENOENT)
		return frontend_failed(datapath, op, r, err);
	return 0;
}

int bl_datapath_apply(struct bl_datapath *datapath, const struct bl_delta *delta,
		      struct bl_err *err)
{
	size_t step;
	int r = 0;

	if (datapath->read_only)
		return bl_err_set(err, -EROFS, "cannot apply: the maps are open read-only");
	for (size_t i = 0; i < delta->count && r == 0; i += step) {
		const struct bl_op *op = &delta->ops[i];

		step = 1;
		switch (op->kind) {
		case BL_OP_SET_SLOTS:
			r = apply_slots(datapath, op, err);
			break;
		case BL_OP_SET_BACKEND:
		case BL_OP_SET_SERVICE:
		case BL_OP_SET_FILTER:
			r = apply_row(datapath, op, err);
			break;
		case BL_OP_SET_FRONTEND:
			step = frontend_run(op, delta->count - i);
			r = apply_frontends(datapath, op, step, err);
			break;
		case BL_OP_DELETE_FRONTEND:
			r = apply_delete(datapath, op, err);
			break;
		case BL_OP_SET_MAGLEV:
		case BL_OP_SET_PACKET_PORTS:
		case BL_OP_SET_PACKET_ROW:
		case BL_OP_DELETE_PACKET_ROW:
			r = apply_packet(datapath, op, err);
			break;
		}
	}
	return r;
}
