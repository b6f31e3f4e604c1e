/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/print.h"

static int compare_entries(const void *a, const void *b)
{
	const struct bl_maglev_entry *x = a;
	const struct bl_maglev_entry *y = b;

	return (x->backend_id > y->backend_id) - (x->backend_id < y->backend_id);
}

/* FNV-1a: says that two tables have their entries in the same order. */
static uint32_t order_of(const struct bl_maglev_entry *entries, uint32_t count)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < count; i++)
		hash = (hash ^ entries[i].backend_id) * 16777619u;
	return hash;
}

/* Entries are counted, not listed: there are thousands. */
void bl_print_maglev(FILE *out, uint32_t first, uint32_t count,
		     const struct bl_maglev_entry *entries)
{
	_cleanup_free_ struct bl_maglev_entry *sorted = calloc(count + 1, sizeof(*sorted));
	const char *before = "";
	uint32_t run = 0;

	(void)fprintf(out, "maglev %u+%u order=%08x backends=", first, count,
		      order_of(entries, count));
	if (!sorted) {
		(void)fputs("(no memory to count them)\n", out);
		return;
	}
	if (count > 0)
		memcpy(sorted, entries, count * sizeof(*sorted));
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), compare_entries);
	for (uint32_t i = 0; i < count; i++) {
		run++;
		if (i + 1 < count && sorted[i + 1].backend_id == sorted[i].backend_id)
			continue;
		(void)fprintf(out, "%s%u:%u", before, sorted[i].backend_id, run);
		before = ",";
		run = 0;
	}
	(void)fputc('\n', out);
}

void bl_print_port_word(FILE *out, uint32_t index, const struct bl_packet_port_word *word)
{
	(void)fprintf(out, "ports %u destination=%016" PRIx64 " reply=%016" PRIx64 "\n", index,
		      (uint64_t)word->destination, (uint64_t)word->reply);
}

static void print_source(FILE *out, uint8_t family, const __u8 *bytes, uint32_t prefixlen,
			 uint32_t service_id)
{
	struct bl_prefix prefix = {.addr.family = family, .bits = (uint8_t)(prefixlen - 32)};
	char text[BL_PREFIX_TEXT];

	memcpy(prefix.addr.ip.ipv6, bytes, family == BL_FAMILY_IPV4 ? 4 : 16);
	(void)fprintf(out, "source %s service=%u\n", bl_prefix_format(&prefix, text), service_id);
}

void bl_print_packet_row(FILE *out, const struct bl_packet_row *row)
{
	struct bl_addr address = {.ip = row->key.dsr.address, .family = row->key.dsr.family};
	char text[BL_ADDR_TEXT];

	if (row->table == BL_PACKET_SOURCES4)
		print_source(out, BL_FAMILY_IPV4, row->key.source4.address,
			     row->key.source4.prefixlen, row->key.source4.service_id);
	else if (row->table == BL_PACKET_SOURCES6)
		print_source(out, BL_FAMILY_IPV6, row->key.source6.address,
			     row->key.source6.prefixlen, row->key.source6.service_id);
	else
		(void)fprintf(out, "dsr-backend %s service=%u backend=%u\n",
			      bl_addr_format(&address, text), row->key.dsr.service_id, row->value);
}

static bool has_port(const struct bl_plan *plan, uint32_t bit, bool reply)
{
	const struct bl_packet_port_word *word = &plan->ports[bit / 64];

	return (reply ? word->reply : word->destination) & 1ull << bit % 64;
}

/* "ports destination/tcp 80,443,61000-65535" */
static void print_ports(const struct bl_plan *plan, uint32_t base, bool reply, FILE *out)
{
	const char *before = NULL;

	for (uint32_t port = 0; port < 65536; port++) {
		uint32_t last = port;

		if (!has_port(plan, base + port, reply))
			continue;
		while (last < 65535 && has_port(plan, base + last + 1, reply))
			last++;
		if (!before)
			(void)fprintf(out, "ports %s/%s ", reply ? "reply" : "destination",
				      base == 0 ? "tcp" : "udp");
		(void)fprintf(out, last > port ? "%s%u-%u" : "%s%u", before ? before : "", port,
			      last);
		before = ",";
		port = last;
	}
	if (before)
		(void)fputc('\n', out);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct bl_slot_range *x = a;
	const struct bl_slot_range *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* All records' tables and packet rows, copied to be sorted. */
struct rows {
	struct bl_slot_range *tables;
	struct bl_packet_row *packet_rows;
	size_t table_count;
	size_t packet_row_count;
};

static void collect(const struct bl_plan *plan, struct rows *rows)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		const struct bl_record *record = value;

		for (uint32_t i = 0; i < record->port_count; i++) {
			const struct bl_port_record *port = &record->ports[i];

			for (uint8_t k = 0; k < port->table_count; k++)
				rows->tables[rows->table_count++] = port->tables[k];
			for (uint32_t k = 0; k < port->packet_row_count; k++)
				rows->packet_rows[rows->packet_row_count++] = port->packet_rows[k];
		}
	}
}

void bl_print_packet(const struct bl_plan *plan, FILE *out)
{
	struct bl_plan_counts counts = bl_plan_counts(plan);
	_cleanup_free_ struct bl_slot_range *tables =
		calloc(plan->service_ids.next * (size_t)BL_PORT_RANGES + 1, sizeof(*tables));
	_cleanup_free_ struct bl_packet_row *packet_rows =
		calloc((size_t)counts.sources + counts.dsr_backends + 1, sizeof(*packet_rows));
	struct rows rows = {.tables = tables, .packet_rows = packet_rows};

	if (!tables || !packet_rows) {
		(void)fputs("maglev: no memory to sort the rows of the packet path\n", out);
		return;
	}
	collect(plan, &rows);
	if (rows.table_count > 1)
		qsort(tables, rows.table_count, sizeof(*tables), compare_ranges);
	if (rows.packet_row_count > 1)
		qsort(packet_rows, rows.packet_row_count, sizeof(*packet_rows),
		      bl_packet_row_compare);
	for (size_t i = 0; i < rows.table_count; i++)
		bl_print_maglev(out, tables[i].first, tables[i].count,
				&plan->maglev[tables[i].first]);
	for (uint32_t base = 0; base < BL_PACKET_PORT_BITS; base += 65536) {
		print_ports(plan, base, false, out);
		print_ports(plan, base, true, out);
	}
	for (size_t i = 0; i < rows.packet_row_count; i++)
		bl_print_packet_row(out, &packet_rows[i]);
}
