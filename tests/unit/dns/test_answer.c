/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a message may be, and how much of an answer it takes. */
#include "dns/knot.h"
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "fixture.h"

#define WEB "web.default.svc.cluster.local"

static const char web[] = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
			  "spec: {clusterIP: 10.96.0.7, ports: [{name: http, port: 80}]}\n---\n"
			  "apiVersion: v1\nkind: Service\nmetadata: {name: out}\n"
			  "spec: {type: ExternalName, externalName: www.example.org}\n";

struct option_row {
	struct dns_options options;
	const char *name, *type, *want;
};

Test(answer, question_is_checked)
{
	static const struct option_row rows[] = {
		{{.edns = true}, WEB, "A", "NOERROR aa edns\n" WEB ". 5 A 10.96.0.7\n"},
		{{.edns = true, .payload = 16},
		 WEB,
		 "A",
		 "NOERROR aa edns\n" WEB ". 5 A 10.96.0.7\n"},
		{{.edns = true, .version = 255}, WEB, "A", "BADVERS edns\n"},
		{{.edns = true, .version = 1}, "www.example.org", "A", "BADVERS edns\n"},
		{{.edns = true, .version = 1}, WEB, "A", "BADVERS edns\n"},
		{{.rclass = KNOT_CLASS_CH}, "version.bind", "TXT", "REFUSED\n"},
		{{.rclass = 255}, WEB, "A", "REFUSED\n"},
		{{.rclass = 254}, WEB, "A", "REFUSED\n"},
		{{.rclass = 4}, WEB, "A", "REFUSED\n"}, /* Hesiod */
		{{.rclass = 0xff00}, WEB, "A", "REFUSED\n"},
		{{0}, WEB, "TYPE253", "REFUSED\n"},
		{{0},
		 WEB,
		 "TYPE65280",
		 "NOERROR aa\n--\ncluster.local. 5 SOA ns.dns.cluster.local. "
		 "hostmaster.cluster.local. 7 7200 1800 86400 5\n"},
		{{.tcp = true}, "cluster.local", "AXFR", "REFUSED\n"},
		{{.tcp = true}, "cluster.local", "IXFR", "REFUSED\n"},
		{{0}, "cluster.local", "AXFR", "REFUSED\n"},
		{{0}, "www.example.org", "A", "REFUSED\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_world world = dns_world_of(web);
		_cleanup_free_ char *text =
			dns_ask_with(&world, rows[i].name, rows[i].type, &rows[i].options);

		cr_expect_str_eq(text, rows[i].want, "row %zu: %s", i, text);
		dns_world_done(&world);
	}
}

Test(answer, other_names_are_forwarded_when_there_is_somebody)
{
	struct dns_world world = dns_world_of(web);
	_cleanup_free_ char *other = NULL, *reverse = NULL, *own = NULL;

	world.answerer.forwards = true;
	other = dns_ask(&world, "www.example.org", "A");
	reverse = dns_ask(&world, "8.8.8.8.in-addr.arpa", "PTR");
	own = dns_ask(&world, "1.1.96.10.in-addr.arpa", "PTR");
	cr_expect_str_eq(other, "forward\n");
	cr_expect_str_eq(reverse, "forward\n");
	cr_expect(strncmp(own, "NXDOMAIN aa ra\n", 15) == 0, "%s", own);
	dns_world_done(&world);
}

/* Changes one byte of a good query. */
static enum bl_dns_verdict answer_changed(struct dns_world *world, size_t at, uint8_t byte,
					  size_t cut, uint8_t *out, size_t *ret_len)
{
	const struct dns_options options = {0};
	struct bl_dns_reply reply = {.out = out, .room = 512};
	uint8_t query[600];
	size_t len = dns_query(WEB, "A", &options, query, sizeof(query));
	enum bl_dns_verdict verdict;

	query[at] = byte;
	cr_assert_eq(bl_dns_answerer_init(&world->answerer, &world->zone, 0, false), 0);
	verdict = bl_dns_answer(&world->answerer, query, len - cut, false, &reply);
	*ret_len = reply.len;
	return verdict;
}

struct broken_row {
	size_t at;
	uint8_t byte;
	size_t cut;
	int want; /* -1: no answer */
};

Test(answer, broken_messages_are_told_apart)
{
	static const struct broken_row rows[] = {
		{2, 0x81, 0, -1},                  /* a response */
		{2, 0x29, 0, KNOT_RCODE_NOTIMPL},  /* UPDATE */
		{2, 0x21, 0, KNOT_RCODE_NOTIMPL},  /* NOTIFY */
		{2, 0x09, 0, KNOT_RCODE_NOTIMPL},  /* IQUERY */
		{2, 0x11, 0, KNOT_RCODE_NOTIMPL},  /* STATUS */
		{2, 0x79, 0, KNOT_RCODE_NOTIMPL},  /* the last that there can be */
		{5, 0, 0, KNOT_RCODE_FORMERR},     /* no question */
		{5, 2, 0, KNOT_RCODE_FORMERR},     /* two, of which one is missing */
		{7, 1, 0, KNOT_RCODE_FORMERR},     /* an answer that is missing */
		{12, 63, 0, KNOT_RCODE_FORMERR},   /* a label that goes beyond the end */
		{12, 0xc0, 0, KNOT_RCODE_FORMERR}, /* a pointer forwards */
		{2, 1, 3, KNOT_RCODE_FORMERR},     /* cut */
		{2, 1, 40, -1},                    /* not even a head */
		{2, 1, 0, KNOT_RCODE_NOERROR},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_world world = dns_world_of(web);
		uint8_t out[512];
		size_t len = 0;
		enum bl_dns_verdict verdict =
			answer_changed(&world, rows[i].at, rows[i].byte, rows[i].cut, out, &len);

		cr_expect_eq(verdict == BL_DNS_DROP, rows[i].want < 0, "row %zu", i);
		if (rows[i].want >= 0) {
			cr_expect_geq(len, 12u, "row %zu", i);
			cr_expect_eq(knot_wire_get_rcode(out), rows[i].want, "row %zu", i);
			cr_expect(knot_wire_get_qr(out), "row %zu", i);
			cr_expect_eq(knot_wire_get_id(out), 0x1234, "row %zu", i);
		}
		dns_world_done(&world);
	}
}

static char *many_endpoints(unsigned int count)
{
	struct bl_buf buf = {0};

	bl_buf_add_str(&buf, "apiVersion: v1\nkind: Service\nmetadata: {name: many}\n"
			     "spec: {clusterIP: None, ports: [{name: p, port: 80}]}\n---\n"
			     "apiVersion: v1\nkind: Endpoints\nmetadata: {name: many}\n"
			     "subsets:\n- ports: [{name: p, port: 80}]\n  addresses:\n");
	for (unsigned int i = 0; i < count; i++)
		bl_buf_addf(&buf, "  - {ip: 10.%u.%u.1}\n", i / 250 + 1, i % 250 + 1);
	return bl_buf_take(&buf);
}

/* Names that came before are pointed to: a record of the name asked for takes 16 bytes. */
Test(answer, names_are_compressed)
{
	_cleanup_free_ char *yaml = many_endpoints(20);
	struct dns_world world = dns_world_of(yaml);
	const struct dns_options options = {0};
	uint8_t query[600], out[512];
	struct bl_dns_reply reply = {.out = out, .room = sizeof(out)};
	size_t len =
		dns_query("MANY.default.svc.cluster.local", "A", &options, query, sizeof(query));

	cr_assert_eq(bl_dns_answerer_init(&world.answerer, &world.zone, 0, false), 0);
	cr_assert_eq(bl_dns_answer(&world.answerer, query, len, false, &reply), BL_DNS_REPLY);
	cr_expect_eq(reply.len, len + 20 * 16);
	cr_expect_eq(memcmp(out + 12, query + 12, len - 12), 0, "the question is as it came");
	for (size_t i = 0; i < 20; i++)
		cr_expect_eq(memcmp(out + len + 16 * i, "\xc0\x0c", 2), 0, "record %zu", i);
	dns_world_done(&world);
}

static size_t lines_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

struct size_row {
	struct dns_options options;
	const char *flags;
	size_t records;
};

Test(answer, that_does_not_fit_is_truncated_and_fits_tcp)
{
	static const struct size_row rows[] = {
		{{0}, "NOERROR aa tc\n", 0},
		{{.edns = true, .payload = 1232}, "NOERROR aa tc edns\n", 0},
		{{.edns = true, .payload = 4096}, "NOERROR aa tc edns\n", 0},
		{{.edns = true, .payload = 100}, "NOERROR aa tc edns\n", 0},
		{{.tcp = true}, "NOERROR aa\n", 200},
		{{.tcp = true, .edns = true, .payload = 512}, "NOERROR aa edns\n", 200},
	};
	_cleanup_free_ char *yaml = many_endpoints(200);
	struct dns_world world = dns_world_of(yaml);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = dns_ask_with(&world, "many.default.svc.cluster.local",
							 "A", &rows[i].options);

		cr_expect(strncmp(text, rows[i].flags, strlen(rows[i].flags)) == 0,
			  "row %zu: %.40s", i, text);
		cr_expect_eq(lines_of(text), 1 + rows[i].records, "row %zu", i);
	}
	dns_world_done(&world);
}

Test(answer, set_that_no_message_can_hold_is_cut)
{
	_cleanup_free_ char *yaml = many_endpoints(6000);
	struct dns_world world = dns_world_of(yaml);
	const struct dns_options tcp = {.tcp = true};
	_cleanup_free_ char *text =
		dns_ask_with(&world, "many.default.svc.cluster.local", "A", &tcp);
	_cleanup_free_ char *srv =
		dns_ask_with(&world, "_p._tcp.many.default.svc.cluster.local", "SRV", &tcp);

	cr_expect_eq(lines_of(text), 1 + BL_DNS_SET_BYTES / 16);
	cr_expect(strncmp(srv, "NOERROR aa\n", 11) == 0, "%.40s", srv);
	dns_world_done(&world);
}

Test(answer, alias_and_what_it_leads_to_are_joined)
{
	static const char records[] =
		"\x00\x09\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
		"\x03www\x07"
		"example\x03org\x00\x00\x01\x00\x01"
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";
	struct dns_world world = dns_world_of(web);
	const struct dns_options options = {.edns = true};
	uint8_t query[600], alias[600], out[1232];
	struct bl_dns_reply first = {.out = alias, .room = sizeof(alias)};
	struct bl_dns_reply reply = {.out = out, .room = sizeof(out)};
	size_t len =
		dns_query("OUT.default.svc.cluster.local", "A", &options, query, sizeof(query));
	_cleanup_free_ char *text = NULL;

	cr_assert_eq(bl_dns_answerer_init(&world.answerer, &world.zone, 0, true), 0);
	cr_assert_eq(bl_dns_answer(&world.answerer, query, len, false, &first), BL_DNS_CHASE);
	cr_expect_eq(memcmp(first.target,
			    "\x03www\x07"
			    "example\x03org",
			    17),
		     0);
	cr_expect_eq(first.type, KNOT_RRTYPE_A);
	cr_assert_eq(bl_dns_answer_join(&world.answerer, query, len, false, alias, first.len,
					(const uint8_t *)records, sizeof(records) - 1, &reply),
		     0);
	text = dns_text(out, reply.len);
	cr_expect_str_eq(text,
			 "NOERROR ra edns\n"
			 "OUT.default.svc.cluster.local. 5 CNAME www.example.org.\n"
			 "www.example.org. 60 A 192.0.2.1\n",
			 "%s", text);
	cr_expect_lt(bl_dns_answer_join(&world.answerer, query, len, false, alias, first.len,
					(const uint8_t *)records, sizeof(records) - 3, &reply),
		     0);
	dns_world_done(&world);
}
