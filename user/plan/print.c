/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows as text: one a line, "kind id what key=value ...". */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "plan/print.h"

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "udp" : "tcp";
}

static const char *state_name(uint8_t state)
{
	static const char *const names[] = {
		[BL_BACKEND_FREE] = "free",
		[BL_BACKEND_READY] = "ready",
		[BL_BACKEND_TERMINATING] = "terminating",
		[BL_BACKEND_GONE] = "gone",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static void print_endpoint(FILE *out, const uint8_t *bytes, uint8_t family, __be16 port)
{
	struct bl_addr address = {.family = family};
	char text[BL_ADDR_TEXT];

	memcpy(address.ip.ipv6, bytes, sizeof(address.ip.ipv6));
	(void)fprintf(out, family == BL_FAMILY_IPV6 ? "[%s]" : "%s",
		      bl_addr_format(&address, text));
	if (port != 0)
		(void)fprintf(out, ":%u", ntohs(port));
	else
		(void)fputs(":*", out);
}

static void print_flags(FILE *out, uint16_t flags)
{
	static const char *const names[] = {
		"virtual",
		"host-only",
		"affinity",
		"internal-elsewhere",
		"external-elsewhere",
		"node-port",
		"canary",
		"internal-only",
		"source-ranges",
		"dsr",
	};
	const char *before = " flags=";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & 1u << i))
			continue;
		(void)fprintf(out, "%s%s", before, names[i]);
		before = ",";
	}
}

static void print_frontend(FILE *out, const struct bl_frontend6_key *key, uint8_t family,
			   const struct bl_frontend *value)
{
	(void)fputs("frontend ", out);
	print_endpoint(out, key->address, family, key->port);
	if (key->port != 0 || key->protocol != 0)
		(void)fprintf(out, "/%s service=%u internal=%u+%u external=%u+%u",
			      protocol_name(key->protocol), value->service_id,
			      value->internal.first, value->internal.count, value->external.first,
			      value->external.count);
	print_flags(out, value->flags);
	if (value->affinity_timeout_s > 0)
		(void)fprintf(out, " affinity=%us", value->affinity_timeout_s);
	if (value->maglev.count > 0)
		(void)fprintf(out, " maglev=%u+%u", value->maglev.first, value->maglev.count);
	(void)fputc('\n', out);
}

static void print_backend(FILE *out, uint32_t id, const struct bl_backend *backend)
{
	(void)fprintf(out, "backend %u ", id);
	if (backend->state == BL_BACKEND_FREE) {
		(void)fputs("free\n", out);
		return;
	}
	print_endpoint(out, backend->address.ipv6, backend->family, backend->port);
	(void)fprintf(out, " %s service=%u weight=%u zone=%u generation=%u%s\n",
		      state_name(backend->state), backend->service_id, backend->weight,
		      backend->zone, backend->generation,
		      backend->flags & BL_BACKEND_F_LOCAL ? " local" : "");
}

static void print_service(FILE *out, uint32_t id, const struct bl_service_entry *entry)
{
	if (!entry->in_use) {
		(void)fprintf(out, "service %u free\n", id);
		return;
	}
	(void)fprintf(out, "service %u %s/%s:%u/%s", id, entry->ns, entry->name, ntohs(entry->port),
		      protocol_name(entry->protocol));
	if (entry->port_name[0])
		(void)fprintf(out, " name=%s", entry->port_name);
	(void)fputc('\n', out);
}

static void print_slots(FILE *out, uint32_t first, uint32_t count, const struct bl_slot *slots)
{
	(void)fprintf(out, "slots %u+%u backends=", first, count);
	for (uint32_t i = 0; i < count; i++)
		(void)fprintf(out, "%s%u", i ? "," : "", slots[i].backend_id);
	(void)fputc('\n', out);
}

static void print_filter(FILE *out, uint32_t index, const struct bl_addr_filter_word *word)
{
	(void)fprintf(out, "filter %u frontend=%016" PRIx64 " virtual=%016" PRIx64 "\n", index,
		      (uint64_t)word->frontend, (uint64_t)word->virtual_address);
}

static int compare_rows(const void *a, const void *b)
{
	const struct bl_frontend_row *x = &(*(const struct bl_table_row *const *)a)->frontend;
	const struct bl_frontend_row *y = &(*(const struct bl_table_row *const *)b)->frontend;

	if (x->family != y->family)
		return (int)x->family - (int)y->family;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static void print_frontends(const struct bl_plan *plan, FILE *out)
{
	const struct bl_table *table = &plan->frontends;
	_cleanup_free_ const struct bl_table_row **rows = calloc(table->count + 1u, sizeof(*rows));

	if (!rows) {
		(void)fputs("frontends: no memory to sort them\n", out);
		return;
	}
	for (uint32_t i = 0; i < table->count; i++)
		rows[i] = &table->rows[i];
	if (table->count > 1)
		qsort(rows, table->count, sizeof(*rows), compare_rows);
	for (uint32_t i = 0; i < table->count; i++)
		if (bl_table_row_is_mapped(rows[i]))
			print_frontend(out, &rows[i]->frontend.key, rows[i]->frontend.family,
				       &rows[i]->frontend.value);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct bl_slot_range *x = a;
	const struct bl_slot_range *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static void print_ranges(const struct bl_plan *plan, FILE *out)
{
	_cleanup_free_ struct bl_slot_range *ranges =
		calloc(plan->service_ids.next * (size_t)BL_PORT_RANGES, sizeof(*ranges));
	size_t cursor = 0;
	size_t count = 0;
	void *value;

	if (!ranges) {
		(void)fputs("slots: no memory to sort them\n", out);
		return;
	}
	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		const struct bl_record *record = value;

		for (uint32_t i = 0; i < record->port_count; i++)
			for (uint8_t k = 0; k < record->ports[i].range_count; k++)
				ranges[count++] = record->ports[i].ranges[k];
	}
	if (count > 1)
		qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < count; i++)
		print_slots(out, ranges[i].first, ranges[i].count, &plan->slots[ranges[i].first]);
}

void bl_plan_print(const struct bl_plan *plan, FILE *out)
{
	print_frontends(plan, out);
	print_ranges(plan, out);
	for (uint32_t id = 1; id < plan->backend_ids.next; id++)
		if (plan->backends[id].state != BL_BACKEND_FREE)
			print_backend(out, id, &plan->backends[id]);
	for (uint32_t id = 1; id < plan->service_ids.next; id++) {
		struct bl_service_entry entry;

		if (bl_plan_service(plan, id, &entry))
			print_service(out, id, &entry);
	}
	for (uint32_t i = 0; i < BL_ADDR_FILTER_WORDS; i++)
		if (plan->filter[i].frontend || plan->filter[i].virtual_address)
			print_filter(out, i, &plan->filter[i]);
	bl_print_packet(plan, out);
}

void bl_delta_print(const struct bl_delta *delta, FILE *out)
{
	for (size_t i = 0; i < delta->count; i++) {
		const struct bl_op *op = &delta->ops[i];

		(void)fputs(op->kind == BL_OP_DELETE_FRONTEND || op->kind == BL_OP_DELETE_PACKET_ROW
				    ? "delete "
				    : "set ",
			    out);
		switch (op->kind) {
		case BL_OP_SET_BACKEND:
			print_backend(out, op->index, &op->backend);
			break;
		case BL_OP_SET_SLOTS:
			print_slots(out, op->index, op->count, op->slots);
			break;
		case BL_OP_SET_SERVICE:
			print_service(out, op->index, op->service);
			break;
		case BL_OP_SET_FILTER:
			print_filter(out, op->index, &op->filter);
			break;
		case BL_OP_SET_FRONTEND:
		case BL_OP_DELETE_FRONTEND:
			print_frontend(out, &op->frontend.key, op->family, &op->frontend.value);
			break;
		case BL_OP_SET_MAGLEV:
			bl_print_maglev(out, op->index, op->count, op->maglev);
			break;
		case BL_OP_SET_PACKET_PORTS:
			bl_print_port_word(out, op->index, &op->ports);
			break;
		case BL_OP_SET_PACKET_ROW:
		case BL_OP_DELETE_PACKET_ROW:
			bl_print_packet_row(out, &op->packet_row);
			break;
		}
	}
}
