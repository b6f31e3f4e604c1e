/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/lookup.h"

#include <string.h>

#define ALIASES_MAX 8 /* ExternalNames that lead to one another */

struct looking {
	const struct bl_dns_zone *zone;
	struct bl_dns_message *message;
	const knot_dname_t *name;  /* looked for now, in lower case */
	const knot_dname_t *owner; /* the same; NULL: it is the name asked for */
	const knot_dname_t *apex;  /* of the zone that it is in */
	uint16_t type;
	uint8_t offsets[BL_DNS_LABELS_MAX];
	size_t count; /* labels before the zone */
};

static void add(struct looking *looking, uint16_t type, const knot_rdataset_t *set)
{
	bl_dns_message_add(looking->message, looking->owner, type, set);
}

/* "No": the SOA says for how long. */
static enum bl_dns_found say_no(struct looking *looking, uint16_t rcode)
{
	uint8_t bytes[BL_DNS_SOA_BYTES] __attribute__((aligned(2)));
	knot_rdataset_t soa = bl_dns_zone_soa(looking->zone, looking->message->version, bytes);

	looking->message->rcode = rcode;
	(void)knot_pkt_begin(looking->message->answer, KNOT_AUTHORITY);
	bl_dns_message_add(looking->message, looking->apex, KNOT_RRTYPE_SOA, &soa);
	return BL_DNS_FOUND_HERE;
}

static enum bl_dns_found no_name(struct looking *looking)
{
	return say_no(looking, KNOT_RCODE_NXDOMAIN);
}

static enum bl_dns_found no_data(struct looking *looking)
{
	return say_no(looking, KNOT_RCODE_NOERROR);
}

/* RFC 8482: whoever asks for anything gets something small. */
static enum bl_dns_found add_anything(struct looking *looking)
{
	static const uint8_t text[] = "\x07RFC8482";
	uint8_t bytes[sizeof(knot_rdata_t) + sizeof(text) + 1] __attribute__((aligned(2))) = {0};
	const knot_rdataset_t set = {.count = 1,
				     .size = (uint32_t)knot_rdata_size(sizeof(text)),
				     .rdata = (knot_rdata_t *)(void *)bytes};

	knot_rdata_init(set.rdata, sizeof(text), text); /* the last zero is the empty OS */
	add(looking, KNOT_RRTYPE_HINFO, &set);
	return BL_DNS_FOUND_HERE;
}

static enum bl_dns_found add_addresses(struct looking *looking, const knot_rdataset_t *a,
				       const knot_rdataset_t *aaaa)
{
	if (looking->type == KNOT_RRTYPE_ANY)
		return add_anything(looking);
	if (looking->type == KNOT_RRTYPE_A && a->count)
		add(looking, KNOT_RRTYPE_A, a);
	else if (looking->type == KNOT_RRTYPE_AAAA && aaaa->count)
		add(looking, KNOT_RRTYPE_AAAA, aaaa);
	else
		return no_data(looking);
	return BL_DNS_FOUND_HERE;
}

static const uint8_t *label_at(const struct looking *looking, size_t index)
{
	return looking->name + looking->offsets[index];
}

static bool label_is(const struct looking *looking, size_t index, const char *text)
{
	const uint8_t *label = label_at(looking, index);

	return label[0] == strlen(text) && memcmp(label + 1, text, label[0]) == 0;
}

static bool labels_equal(const uint8_t *a, const uint8_t *b)
{
	return a[0] == b[0] && memcmp(a + 1, b + 1, a[0]) == 0;
}

/* Addresses of what SRV records lead to, as far as they fit. */
static void add_targets(struct looking *looking, const struct bl_dns_entry *entry,
			const knot_rdataset_t *srv)
{
	struct bl_dns_message *message = looking->message;
	const knot_rdata_t *record = srv->rdata;
	bool fits = knot_pkt_begin(message->answer, KNOT_ADDITIONAL) == KNOT_EOK;

	if (entry->kind == BL_DNS_ADDRESS) {
		if (fits &&
		    bl_dns_message_add_extra(message, entry->name, KNOT_RRTYPE_A, &entry->a))
			(void)bl_dns_message_add_extra(message, entry->name, KNOT_RRTYPE_AAAA,
						       &entry->aaaa);
		return;
	}
	for (uint16_t i = 0; fits && i < srv->count; i++) {
		const struct bl_dns_host *host = bl_dns_entry_host(entry, record->data + 6);

		if (host)
			fits = bl_dns_message_add_extra(message, host->name, KNOT_RRTYPE_A,
							&host->a) &&
			       bl_dns_message_add_extra(message, host->name, KNOT_RRTYPE_AAAA,
							&host->aaaa);
		record = knot_rdataset_next((knot_rdata_t *)(uintptr_t)record);
	}
}

/* "_port._protocol" */
static enum bl_dns_found find_port(struct looking *looking, const struct bl_dns_entry *entry)
{
	for (size_t i = 0; i < entry->port_count; i++) {
		const struct bl_dns_port *port = &entry->ports[i];

		if (!labels_equal(label_at(looking, 0), port->name) ||
		    !labels_equal(label_at(looking, 1), port->protocol))
			continue;
		if (looking->type == KNOT_RRTYPE_ANY)
			return add_anything(looking);
		if (looking->type != KNOT_RRTYPE_SRV)
			return no_data(looking);
		add(looking, KNOT_RRTYPE_SRV, &port->srv);
		if (!looking->message->is_full)
			add_targets(looking, entry, &port->srv);
		return BL_DNS_FOUND_HERE;
	}
	return no_name(looking);
}

/* An endpoint's name, or the protocol of some port, which is a name without records. */
static enum bl_dns_found find_host(struct looking *looking, const struct bl_dns_entry *entry)
{
	const struct bl_dns_host *host = bl_dns_entry_host(entry, label_at(looking, 0));

	if (host)
		return add_addresses(looking, &host->a, &host->aaaa);
	for (size_t i = 0; i < entry->port_count; i++)
		if (labels_equal(label_at(looking, 0), entry->ports[i].protocol))
			return no_data(looking);
	return no_name(looking);
}

static enum bl_dns_found follow(struct looking *looking, const struct bl_dns_entry *entry)
{
	const knot_dname_t *target = entry->cname.rdata->data;

	if (looking->type == KNOT_RRTYPE_ANY)
		return add_anything(looking);
	add(looking, KNOT_RRTYPE_CNAME, &entry->cname);
	if (looking->type == KNOT_RRTYPE_CNAME || looking->message->is_full)
		return BL_DNS_FOUND_HERE;
	looking->name = target;
	looking->owner = target;
	return BL_DNS_FOUND_ALIAS;
}

static enum bl_dns_found find_service(struct looking *looking)
{
	size_t extra = looking->count - 3; /* labels before "name.namespace.svc" */
	const uint8_t *labels = label_at(looking, extra);
	size_t len = (size_t)(label_at(looking, extra + 2) - labels);
	const struct bl_dns_entry *entry =
		bl_dns_find_entry(looking->message->version, labels, len);

	if (!entry || extra > 2 || (entry->kind == BL_DNS_ALIAS && extra > 0))
		return no_name(looking);
	if (extra == 2)
		return find_port(looking, entry);
	if (extra == 1)
		return find_host(looking, entry);
	return entry->kind == BL_DNS_ALIAS ? follow(looking, entry)
					   : add_addresses(looking, &entry->a, &entry->aaaa);
}

static enum bl_dns_found find_below_services(struct looking *looking)
{
	if (looking->count == 1)
		return no_data(looking);
	if (looking->count == 2)
		return bl_dns_has_namespace(looking->message->version, label_at(looking, 0))
			       ? no_data(looking)
			       : no_name(looking);
	return find_service(looking);
}

/* "10-0-0-1.namespace.pod": only addresses that a pod of this namespace has. */
static enum bl_dns_found find_pod(struct looking *looking)
{
	const struct bl_dns_version *version = looking->message->version;
	uint8_t bytes[sizeof(knot_rdata_t) + 18] __attribute__((aligned(2)));
	knot_rdataset_t set = {.count = 1, .rdata = (knot_rdata_t *)(void *)bytes}, none = {0};
	const uint8_t *label = label_at(looking, 0);
	struct bl_addr addr;
	uint16_t len;

	if (looking->count == 1)
		return no_data(looking);
	if (looking->count == 2)
		return bl_dns_has_namespace(version, label) ? no_data(looking) : no_name(looking);
	if (looking->count > 3 || !bl_dns_label_address(label + 1, label[0], &addr) ||
	    !bl_dns_has_pod(version, label_at(looking, 1), &addr))
		return no_name(looking);
	len = addr.family == BL_FAMILY_IPV4 ? 4 : 16;
	knot_rdata_init(set.rdata, len, (const uint8_t *)&addr.ip);
	set.size = (uint32_t)knot_rdata_size(len);
	return addr.family == BL_FAMILY_IPV4 ? add_addresses(looking, &set, &none)
					     : add_addresses(looking, &none, &set);
}

/* "ns.dns", the server's own name: its addresses are those of the Service that leads here. */
static enum bl_dns_found find_server(struct looking *looking)
{
	static const uint8_t labels[] = "\x08kube-dns\x0bkube-system";
	const struct bl_dns_entry *entry =
		bl_dns_find_entry(looking->message->version, labels, sizeof(labels) - 1);

	if (looking->count == 1)
		return no_data(looking);
	if (looking->count > 2 || !label_is(looking, 0, "ns"))
		return no_name(looking);
	return entry ? add_addresses(looking, &entry->a, &entry->aaaa) : no_data(looking);
}

static enum bl_dns_found find_apex(struct looking *looking)
{
	uint8_t bytes[BL_DNS_SOA_BYTES] __attribute__((aligned(2)));
	knot_rdataset_t soa = bl_dns_zone_soa(looking->zone, looking->message->version, bytes);

	if (looking->type == KNOT_RRTYPE_ANY)
		return add_anything(looking);
	if (looking->type == KNOT_RRTYPE_SOA)
		add(looking, KNOT_RRTYPE_SOA, &soa);
	else if (looking->type == KNOT_RRTYPE_NS)
		add(looking, KNOT_RRTYPE_NS, &looking->zone->ns);
	else
		return no_data(looking);
	return BL_DNS_FOUND_HERE;
}

static enum bl_dns_found find_version(struct looking *looking)
{
	if (looking->type == KNOT_RRTYPE_ANY)
		return add_anything(looking);
	if (looking->type != KNOT_RRTYPE_TXT)
		return no_data(looking);
	add(looking, KNOT_RRTYPE_TXT, &looking->zone->txt);
	return BL_DNS_FOUND_HERE;
}

/* Bits of the reverse zone that an address of our networks is in: those of the network, or more, up
 * to the next label. 0: it is in none. */
static unsigned int owned_bits(const struct bl_dns_zone *zone, const struct bl_prefix *prefix)
{
	unsigned int step = bl_dns_reverse_label_bits(prefix->addr.family);

	for (size_t i = 0; i < zone->owned_count; i++) {
		unsigned int bits = (zone->owned[i].bits + step - 1) / step * step;

		if (bits > 0 && prefix->bits >= bits &&
		    bl_prefix_contains(&zone->owned[i], &prefix->addr))
			return bits;
	}
	return 0;
}

/* A name in one of our reverse zones that is not the name of an address. */
static enum bl_dns_found find_in_reverse_zone(struct looking *looking,
					      const struct bl_dns_reverse_name *name,
					      unsigned int bits)
{
	if (name->has_more)
		return no_name(looking);
	return name->prefix.bits == bits ? find_apex(looking) : no_data(looking);
}

static enum bl_dns_found find_reverse(struct looking *looking,
				      const struct bl_dns_reverse_name *name)
{
	bool is_address = bl_dns_reverse_is_address(name);
	const knot_rdataset_t *ptr =
		is_address ? bl_dns_find_reverse(looking->message->version, &name->prefix.addr)
			   : NULL;
	unsigned int bits = owned_bits(looking->zone, &name->prefix);
	unsigned int step = bl_dns_reverse_label_bits(name->prefix.addr.family);
	size_t count = bl_dns_name_split(looking->name, looking->offsets);

	/* Of an address that is not ours we know this name alone. */
	looking->apex = bits ? label_at(looking, count - 2 - bits / step) : looking->name;
	if (!ptr && !bits)
		return BL_DNS_FOUND_ELSEWHERE;
	if (!is_address)
		return find_in_reverse_zone(looking, name, bits);
	if (!ptr)
		return no_name(looking);
	if (looking->type == KNOT_RRTYPE_ANY)
		return add_anything(looking);
	if (looking->type != KNOT_RRTYPE_PTR)
		return no_data(looking);
	add(looking, KNOT_RRTYPE_PTR, ptr);
	return BL_DNS_FOUND_HERE;
}

static bool is_in_zone(struct looking *looking)
{
	const struct bl_dns_zone_name *zone = &looking->zone->name;
	size_t count = bl_dns_name_split(looking->name, looking->offsets);
	const uint8_t *rest;

	if (count < zone->label_count)
		return false;
	looking->count = count - zone->label_count;
	rest = count == zone->label_count ? looking->name : label_at(looking, looking->count);
	return knot_dname_is_equal(rest, zone->name.wire);
}

static enum bl_dns_found look(struct looking *looking)
{
	struct bl_dns_reverse_name reverse;

	if (!is_in_zone(looking))
		return bl_dns_name_read_reverse(looking->name, &reverse)
			       ? find_reverse(looking, &reverse)
			       : BL_DNS_FOUND_ELSEWHERE;
	looking->apex = looking->zone->name.name.wire;
	if (looking->count == 0)
		return find_apex(looking);
	if (label_is(looking, looking->count - 1, "svc"))
		return find_below_services(looking);
	if (label_is(looking, looking->count - 1, "pod"))
		return find_pod(looking);
	if (label_is(looking, looking->count - 1, "dns"))
		return find_server(looking);
	if (looking->count == 1 && label_is(looking, 0, "dns-version"))
		return find_version(looking);
	return no_name(looking);
}

enum bl_dns_found bl_dns_lookup(const struct bl_dns_zone *zone, struct bl_dns_message *message)
{
	struct looking looking = {
		.zone = zone,
		.message = message,
		.name = knot_pkt_qname(message->query),
		.type = knot_pkt_qtype(message->query),
	};
	enum bl_dns_found found = look(&looking);

	for (unsigned int i = 0; found == BL_DNS_FOUND_ALIAS && i < ALIASES_MAX; i++) {
		message->target = looking.name;
		found = look(&looking);
		if (found == BL_DNS_FOUND_ELSEWHERE)
			return BL_DNS_FOUND_ALIAS;
	}
	/* They lead to one another in a circle: no answer is right. */
	if (found == BL_DNS_FOUND_ALIAS)
		message->rcode = KNOT_RCODE_SERVFAIL;
	return found == BL_DNS_FOUND_ALIAS ? BL_DNS_FOUND_HERE : found;
}

void bl_dns_lookup_refuse(const struct bl_dns_zone *zone, struct bl_dns_message *message)
{
	struct looking looking = {
		.zone = zone, .message = message, .apex = knot_pkt_qname(message->query)};
	struct bl_dns_reverse_name reverse;

	message->rcode = KNOT_RCODE_REFUSED;
	message->is_ours = false;
	if (bl_dns_name_read_reverse(looking.apex, &reverse))
		(void)no_name(&looking);
}
