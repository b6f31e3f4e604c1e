/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "dns/knot.h"
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "model/codec.h"

void dns_world_put(struct dns_world *world, const char *yaml)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object_list list = {0};
	int r = bl_decode("test.yaml", yaml, strlen(yaml), &bl_limits_default, 0, &list, &diag);

	if (r < 0)
		bl_diag_print(&diag, stderr);
	cr_assert_eq(r, 0, "the test's YAML is wrong");
	for (size_t i = 0; i < list.count; i++) {
		const struct bl_object *object = list.items[i];
		const struct bl_object *old = bl_store_find(world->store, object->kind,
							    object->meta.ns, object->meta.name);

		if (object->kind == BL_KIND_POD)
			cr_assert_eq(bl_dns_zone_put_pod(&world->zone, old ? bl_pod_of(old) : NULL,
							 bl_pod_of(object)),
				     0);
		if (object->kind == BL_KIND_NAMESPACE)
			cr_assert_eq(
				bl_dns_zone_put_namespace(&world->zone, object->meta.name, true),
				0);
		cr_assert_eq(bl_store_put(world->store, list.items[i], 1000, NULL), 0);
	}
	bl_object_list_done(&list);
	bl_diag_done(&diag);

	_cleanup_free_ const struct bl_object **services = NULL;
	size_t count = 0;

	cr_assert_eq(bl_store_list(world->store, BL_KIND_SERVICE, NULL, &services, &count), 0);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(bl_dns_zone_put_service(&world->zone, world->store, NULL,
						     services[i]->meta.ns, services[i]->meta.name),
			     0);
	cr_assert_eq(bl_dns_zone_publish(&world->zone), 0);
	if (world->is_made)
		world->zone.serial--; /* answers show one serial, however much was published */
	world->is_made = true;
}

void dns_world_remove(struct dns_world *world, enum bl_kind kind, const char *ns, const char *name)
{
	const struct bl_object *object = bl_store_find(world->store, kind, ns, name);

	cr_assert_not_null(object);
	if (kind == BL_KIND_POD)
		cr_assert_eq(bl_dns_zone_put_pod(&world->zone, bl_pod_of(object), NULL), 0);
	cr_assert_eq(bl_store_delete(world->store, kind, ns, name), 0);
	if (kind == BL_KIND_SERVICE)
		cr_assert_eq(bl_dns_zone_put_service(&world->zone, world->store, NULL, ns, name),
			     0);
	if (kind == BL_KIND_NAMESPACE)
		cr_assert_eq(bl_dns_zone_put_namespace(&world->zone, name, false), 0);
	dns_world_put(world, "");
}

struct dns_world dns_world_of(const char *yaml)
{
	struct dns_world world = {0};
	struct bl_dns_zone_config config = {.serial = 7, .owned_count = 2};
	struct bl_prefix owned[2];
	struct bl_err err = {0};

	cr_assert_eq(bl_prefix_parse("10.96.0.0/16", &owned[0]), 0);
	cr_assert_eq(bl_prefix_parse("fd00:10:96::/96", &owned[1]), 0);
	config.owned = owned;
	cr_assert_eq(bl_store_new(&world.store), 0);
	cr_assert_eq(bl_dns_zone_init(&world.zone, &config, &err), 0, "%s", err.text);
	dns_world_put(&world, yaml);
	return world;
}

void dns_world_done(struct dns_world *world)
{
	bl_dns_answerer_done(&world->answerer);
	bl_dns_zone_done(&world->zone);
	bl_store_free(world->store);
}

size_t dns_query(const char *name, const char *type, const struct dns_options *options,
		 uint8_t *wire, size_t size)
{
	knot_pkt_t *packet = knot_pkt_new(wire, (uint16_t)size, NULL);
	knot_dname_storage_t owner;
	knot_rrset_t opt;
	uint16_t number;
	size_t len;

	cr_assert_not_null(packet);
	cr_assert_not_null(knot_dname_from_str(owner, name, sizeof(owner)));
	cr_assert_eq(knot_rrtype_from_string(type, &number), 0);
	knot_pkt_clear(packet);
	knot_wire_set_id(wire, 0x1234);
	knot_wire_set_rd(wire);
	cr_assert_eq(knot_pkt_put_question(packet, owner,
					   options->rclass ? options->rclass : KNOT_CLASS_IN,
					   number),
		     KNOT_EOK);
	if (options->edns) {
		knot_pkt_begin(packet, KNOT_ADDITIONAL);
		knot_edns_init(&opt, options->payload ? options->payload : 1232, 0,
			       options->version, &packet->mm);
		knot_pkt_put(packet, KNOT_COMPR_HINT_NONE, &opt, 0);
		knot_rrset_clear(&opt, &packet->mm);
	}
	len = packet->size;
	knot_pkt_free(packet);
	return len;
}

static void print_section(const knot_pktsection_t *section, struct bl_buf *buf)
{
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *records = knot_pkt_rr(section, i);
		size_t size = 4096;
		char *line = records->type == KNOT_RRTYPE_OPT ? NULL : malloc(size);

		if (!line)
			continue;
		cr_assert_geq(knot_rrset_txt_dump(records, &line, &size, &KNOT_DUMP_STYLE_DEFAULT),
			      0);
		for (const char *at = line; *at; at++)
			if (*at == '\t' || *at == ' ')
				bl_buf_add(buf, at[1] == ' ' || at[1] == '\t' ? "" : " ",
					   at[1] != ' ' && at[1] != '\t');
			else
				bl_buf_add(buf, at, 1);
		free(line);
	}
}

char *dns_text(const uint8_t *wire, size_t len)
{
	knot_pkt_t *packet = knot_pkt_new((uint8_t *)(uintptr_t)wire, (uint16_t)len, NULL);
	struct bl_buf buf = {0};

	cr_assert_not_null(packet);
	cr_assert_eq(knot_pkt_parse(packet, KNOT_PF_NOCANON), KNOT_EOK);
	bl_buf_addf(&buf, "%s%s%s%s%s\n", knot_pkt_ext_rcode_name(packet),
		    knot_wire_get_aa(wire) ? " aa" : "", knot_wire_get_tc(wire) ? " tc" : "",
		    knot_wire_get_ra(wire) ? " ra" : "", knot_pkt_has_edns(packet) ? " edns" : "");
	for (int i = 0; i < KNOT_PKT_SECTIONS; i++) {
		const knot_pktsection_t *section = knot_pkt_section(packet, (knot_section_t)i);

		if (i && section->count > (i == KNOT_ADDITIONAL && knot_pkt_has_edns(packet)))
			bl_buf_add_str(&buf, "--\n");
		print_section(section, &buf);
	}
	knot_pkt_free(packet);
	return bl_buf_take(&buf);
}

char *dns_ask_with(struct dns_world *world, const char *name, const char *type,
		   const struct dns_options *options)
{
	uint8_t query[600], out[65535];
	struct bl_dns_reply reply = {.out = out, .room = sizeof(out)};
	size_t len = dns_query(name, type, options, query, sizeof(query));
	bool forwards = world->answerer.forwards;

	if (!world->answerer.arena)
		cr_assert_eq(bl_dns_answerer_init(&world->answerer, &world->zone, 0, forwards), 0);
	switch (bl_dns_answer(&world->answerer, query, len, options->tcp, &reply)) {
	case BL_DNS_DROP:
		return strdup("dropped\n");
	case BL_DNS_FORWARD:
		return strdup("forward\n");
	case BL_DNS_REPLY:
	case BL_DNS_CHASE:
		break;
	}
	cr_assert_eq(knot_wire_get_id(out), 0x1234);
	return dns_text(out, reply.len);
}

char *dns_ask(struct dns_world *world, const char *name, const char *type)
{
	const struct dns_options options = {0};

	return dns_ask_with(world, name, type, &options);
}
