/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the specification says about names, as tables: manifests in, dig's lines out. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"

#define SOA_DATA " 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 5\n"
#define SOA_OF(zone) "--\n" zone "." SOA_DATA
#define NONE "NXDOMAIN aa\n" SOA_OF("cluster.local")
#define NO_DATA "NOERROR aa\n" SOA_OF("cluster.local")
#define ZONE4 "96.10.in-addr.arpa"
#define ZONE6 "0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa"

static const char objects[] =
	"apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n---\n"
	"apiVersion: v1\nkind: Namespace\nmetadata: {name: empty}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: kubernetes}\n"
	"spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443}]}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
	"spec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, 'fd00:10:96::7'],\n"
	"  ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack,\n"
	"  ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: plain}\n"
	"spec: {clusterIP: 10.96.0.8, ports: [{port: 80}]}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: outside}\n"
	"spec: {type: ExternalName, externalName: www.example.org}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: inside}\n"
	"spec: {type: ExternalName, externalName: web.default.svc.cluster.local.}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: loop-a}\n"
	"spec: {type: ExternalName, externalName: loop-b.default.svc.cluster.local}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: loop-b}\n"
	"spec: {type: ExternalName, externalName: loop-a.default.svc.cluster.local}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: set}\n"
	"spec: {clusterIP: None, selector: {app: set}, ports: [{name: db, port: 80,\n"
	"  targetPort: 5432}]}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: eager}\n"
	"spec: {clusterIP: None, selector: {app: set}, publishNotReadyAddresses: true,\n"
	"  ports: [{name: db, port: 5432}]}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\n"
	"spec: {clusterIP: None, selector: {app: nobody}, ports: [{name: db, port: 5432}]}\n---\n"
	"apiVersion: v1\nkind: Pod\nmetadata: {name: set-0, labels: {app: set}}\n"
	"spec: {hostname: set-0, subdomain: set, containers: [{name: c}]}\n"
	"status: {podIP: 10.0.0.10}\n---\n"
	"apiVersion: v1\nkind: Pod\nmetadata: {name: set-1, labels: {app: set}}\n"
	"spec: {containers: [{name: c}]}\n"
	"status: {podIP: 10.0.0.11}\n---\n"
	"apiVersion: v1\nkind: Pod\nmetadata: {name: set-2, labels: {app: set}}\n"
	"spec: {hostname: set-2, subdomain: set, containers: [{name: c}]}\n"
	"status: {podIP: 10.0.0.12, phase: Running,\n"
	"  conditions: [{type: Ready, status: 'False'}]}\n---\n"
	"apiVersion: v1\nkind: Pod\nmetadata: {name: six}\n"
	"spec: {hostname: six, subdomain: missing, containers: [{name: c}]}\n"
	"status: {podIP: 'fd00::5'}\n";

struct row {
	const char *name, *type, *want;
};

static const struct row rows[] = {
	/* the schema's version, and the zone itself */
	{"dns-version.cluster.local", "TXT",
	 "NOERROR aa\ndns-version.cluster.local. 5 TXT \"1.1.0\"\n"},
	{"dns-version.cluster.local", "A", NO_DATA},
	{"cluster.local", "SOA",
	 "NOERROR aa\ncluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 "
	 "1800 86400 5\n"},
	{"cluster.local", "NS", "NOERROR aa\ncluster.local. 5 NS ns.dns.cluster.local.\n"},
	{"cluster.local", "A", NO_DATA},
	{"svc.cluster.local", "A", NO_DATA},
	{"pod.cluster.local", "A", NO_DATA},
	{"dns.cluster.local", "A", NO_DATA},
	{"default.svc.cluster.local", "A", NO_DATA},
	{"empty.svc.cluster.local", "A", NO_DATA},
	{"absent.svc.cluster.local", "A", NONE},
	{"nothing.cluster.local", "A", NONE},
	/* ClusterIP */
	{"kubernetes.default.svc.cluster.local", "A",
	 "NOERROR aa\nkubernetes.default.svc.cluster.local. 5 A 10.96.0.1\n"},
	{"web.default.svc.cluster.local", "A",
	 "NOERROR aa\nweb.default.svc.cluster.local. 5 A 10.96.0.7\n"},
	{"web.default.svc.cluster.local", "AAAA",
	 "NOERROR aa\nweb.default.svc.cluster.local. 5 AAAA fd00:10:96::7\n"},
	{"plain.default.svc.cluster.local", "AAAA", NO_DATA},
	{"web.default.svc.cluster.local", "MX", NO_DATA},
	{"web.default.svc.cluster.local", "ANY",
	 "NOERROR aa\nweb.default.svc.cluster.local. 5 HINFO \"RFC8482\" \"\"\n"},
	{"absent.default.svc.cluster.local", "A", NONE},
	{"absent.default.svc.cluster.local", "ANY", NONE},
	{"any.web.default.svc.cluster.local", "A", NONE},
	{"*.default.svc.cluster.local", "A", NONE},
	/* the case of the question comes back */
	{"WEB.Default.SVC.cluster.LOCAL", "A",
	 "NOERROR aa\nWEB.Default.SVC.cluster.LOCAL. 5 A 10.96.0.7\n"},
	/* SRV, for named ports alone */
	{"_http._tcp.web.default.svc.cluster.local", "SRV",
	 "NOERROR aa\n_http._tcp.web.default.svc.cluster.local. 5 SRV 0 100 80 "
	 "web.default.svc.cluster.local.\n--\nweb.default.svc.cluster.local. 5 A 10.96.0.7\n"
	 "web.default.svc.cluster.local. 5 AAAA fd00:10:96::7\n"},
	{"_dns._udp.web.default.svc.cluster.local", "SRV",
	 "NOERROR aa\n_dns._udp.web.default.svc.cluster.local. 5 SRV 0 100 53 "
	 "web.default.svc.cluster.local.\n--\nweb.default.svc.cluster.local. 5 A 10.96.0.7\n"
	 "web.default.svc.cluster.local. 5 AAAA fd00:10:96::7\n"},
	{"_dns._tcp.web.default.svc.cluster.local", "SRV", NONE},
	{"_http._tcp.web.default.svc.cluster.local", "A", NO_DATA},
	{"_tcp.web.default.svc.cluster.local", "SRV", NO_DATA},
	{"_sctp.web.default.svc.cluster.local", "SRV", NONE},
	{"_http._tcp.plain.default.svc.cluster.local", "SRV", NONE},
	{"_tcp.plain.default.svc.cluster.local", "SRV", NONE},
	/* PTR of both families */
	{"7.0.96.10.in-addr.arpa", "PTR",
	 "NOERROR aa\n7.0.96.10.in-addr.arpa. 5 PTR web.default.svc.cluster.local.\n"},
	{"7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa", "PTR",
	 "NOERROR aa\n"
	 "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa. 5 PTR "
	 "web.default.svc.cluster.local.\n"},
	{"7.0.96.10.in-addr.arpa", "A", "NOERROR aa\n" SOA_OF(ZONE4)},
	{"9.9.96.10.in-addr.arpa", "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE4)},
	{"1.0.0.127.in-addr.arpa", "PTR", "NXDOMAIN\n" SOA_OF("1.0.0.127.in-addr.arpa")},
	/* the reverse zones of the service ranges, and what lies between them and an address */
	{ZONE4, "SOA", "NOERROR aa\n" ZONE4 "." SOA_DATA},
	{ZONE4, "NS", "NOERROR aa\n" ZONE4 ". 5 NS ns.dns.cluster.local.\n"},
	{ZONE4, "PTR", "NOERROR aa\n" SOA_OF(ZONE4)},
	{"0." ZONE4, "PTR", "NOERROR aa\n" SOA_OF(ZONE4)},
	{"x.0." ZONE4, "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE4)},
	{"1.7.0." ZONE4, "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE4)},
	{"10.in-addr.arpa", "SOA", "NXDOMAIN\n" SOA_OF("10.in-addr.arpa")},
	{ZONE6, "SOA", "NOERROR aa\n" ZONE6 "." SOA_DATA},
	{"8.0.0.0.0.0.0.0." ZONE6, "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE6)},
	{"1.0.0.0.0.0.0.0.0." ZONE6, "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE6)},
	/* of addresses that are not ours we know their own names alone */
	{"10.0.0.10.in-addr.arpa", "A", "NOERROR aa\n" SOA_OF("10.0.0.10.in-addr.arpa")},
	/* headless: who is ready */
	{"set.default.svc.cluster.local", "A",
	 "NOERROR aa\nset.default.svc.cluster.local. 5 A 10.0.0.10\n"
	 "set.default.svc.cluster.local. 5 A 10.0.0.11\n"},
	{"set-0.set.default.svc.cluster.local", "A",
	 "NOERROR aa\nset-0.set.default.svc.cluster.local. 5 A 10.0.0.10\n"},
	{"10-0-0-11.set.default.svc.cluster.local", "A",
	 "NOERROR aa\n10-0-0-11.set.default.svc.cluster.local. 5 A 10.0.0.11\n"},
	{"10-0-0-10.set.default.svc.cluster.local", "A", NONE},
	{"set-2.set.default.svc.cluster.local", "A", NONE},
	{"set-0.set.default.svc.cluster.local", "AAAA", NO_DATA},
	{"_db._tcp.set.default.svc.cluster.local", "SRV",
	 "NOERROR aa\n"
	 "_db._tcp.set.default.svc.cluster.local. 5 SRV 0 100 5432 "
	 "set-0.set.default.svc.cluster.local.\n"
	 "_db._tcp.set.default.svc.cluster.local. 5 SRV 0 100 5432 "
	 "10-0-0-11.set.default.svc.cluster.local.\n--\n"
	 "set-0.set.default.svc.cluster.local. 5 A 10.0.0.10\n"
	 "10-0-0-11.set.default.svc.cluster.local. 5 A 10.0.0.11\n"},
	{"10.0.0.10.in-addr.arpa", "PTR",
	 "NOERROR aa\n10.0.0.10.in-addr.arpa. 5 PTR 10-0-0-10.eager.default.svc.cluster.local.\n"
	 "10.0.0.10.in-addr.arpa. 5 PTR set-0.set.default.svc.cluster.local.\n"},
	{"nobody.default.svc.cluster.local", "A", NONE},
	{"_db._tcp.nobody.default.svc.cluster.local", "SRV", NONE},
	{"six.missing.default.svc.cluster.local", "AAAA", NONE},
	/* publishNotReadyAddresses */
	{"eager.default.svc.cluster.local", "A",
	 "NOERROR aa\neager.default.svc.cluster.local. 5 A 10.0.0.10\n"
	 "eager.default.svc.cluster.local. 5 A 10.0.0.11\n"
	 "eager.default.svc.cluster.local. 5 A 10.0.0.12\n"},
	/* ExternalName */
	{"outside.default.svc.cluster.local", "CNAME",
	 "NOERROR aa\noutside.default.svc.cluster.local. 5 CNAME www.example.org.\n"},
	{"outside.default.svc.cluster.local", "A",
	 "NOERROR aa\noutside.default.svc.cluster.local. 5 CNAME www.example.org.\n"},
	{"inside.default.svc.cluster.local", "A",
	 "NOERROR aa\ninside.default.svc.cluster.local. 5 CNAME web.default.svc.cluster.local.\n"
	 "web.default.svc.cluster.local. 5 A 10.96.0.7\n"},
	{"a.outside.default.svc.cluster.local", "A", NONE},
	{"_http._tcp.outside.default.svc.cluster.local", "SRV", NONE},
	/* pods' own names, for addresses that are in use */
	{"10-0-0-12.default.pod.cluster.local", "A",
	 "NOERROR aa\n10-0-0-12.default.pod.cluster.local. 5 A 10.0.0.12\n"},
	{"fd00--5.default.pod.cluster.local", "AAAA",
	 "NOERROR aa\nfd00--5.default.pod.cluster.local. 5 AAAA fd00::5\n"},
	{"10-0-0-99.default.pod.cluster.local", "A", NONE},
	{"10-0-0-12.empty.pod.cluster.local", "A", NONE},
	{"10-0-0-12.default.pod.cluster.local", "AAAA", NO_DATA},
	{"default.pod.cluster.local", "A", NO_DATA},
	/* not ours, and nobody to ask */
	{"www.example.org", "A", "REFUSED\n"},
	{".", "NS", "REFUSED\n"},
};

Test(zone, answers_as_the_specification_says)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_world world = dns_world_of(objects);
		_cleanup_free_ char *text = dns_ask(&world, rows[i].name, rows[i].type);

		cr_expect_str_eq(text, rows[i].want, "%s %s:\n%s\ninstead of\n%s", rows[i].name,
				 rows[i].type, text, rows[i].want);
		dns_world_done(&world);
	}
}

Test(zone, circle_of_aliases_is_no_answer)
{
	struct dns_world world = dns_world_of(objects);
	_cleanup_free_ char *text = dns_ask(&world, "loop-a.default.svc.cluster.local", "A");

	cr_expect(strncmp(text, "SERVFAIL", 8) == 0, "%s", text);
	dns_world_done(&world);
}

Test(zone, records_of_a_headless_service_take_turns)
{
	struct dns_world world = dns_world_of(objects);
	_cleanup_free_ char *first = dns_ask(&world, "set.default.svc.cluster.local", "A");
	_cleanup_free_ char *second = dns_ask(&world, "set.default.svc.cluster.local", "A");
	_cleanup_free_ char *third = dns_ask(&world, "set.default.svc.cluster.local", "A");

	cr_expect_str_eq(second, "NOERROR aa\nset.default.svc.cluster.local. 5 A 10.0.0.11\n"
				 "set.default.svc.cluster.local. 5 A 10.0.0.10\n");
	cr_expect_str_eq(third, first);
	dns_world_done(&world);
}

static void expect(struct dns_world *world, const char *name, const char *type, const char *want)
{
	_cleanup_free_ char *text = dns_ask(world, name, type);

	cr_expect_str_eq(text, want, "%s %s:\n%s\ninstead of\n%s", name, type, text, want);
}

Test(zone, records_follow_the_objects)
{
	struct dns_world world = dns_world_of(objects);

	world.answerer.turn = 0;
	dns_world_remove(&world, BL_KIND_POD, "default", "set-1");
	expect(&world, "set.default.svc.cluster.local", "A",
	       "NOERROR aa\nset.default.svc.cluster.local. 5 A 10.0.0.10\n");
	expect(&world, "11.0.0.10.in-addr.arpa", "PTR",
	       "NXDOMAIN\n" SOA_OF("11.0.0.10.in-addr.arpa"));
	expect(&world, "10-0-0-11.default.pod.cluster.local", "A", NONE);
	dns_world_remove(&world, BL_KIND_SERVICE, "default", "eager");
	expect(&world, "10.0.0.10.in-addr.arpa", "PTR",
	       "NOERROR aa\n10.0.0.10.in-addr.arpa. 5 PTR set-0.set.default.svc.cluster.local.\n");
	dns_world_put(&world,
		      "apiVersion: v1\nkind: Pod\nmetadata: {name: set-2, labels: {app: set}}\n"
		      "spec: {hostname: set-2, subdomain: set, containers: [{name: c}]}\n"
		      "status: {podIP: 10.0.0.13}\n");
	expect(&world, "set-2.set.default.svc.cluster.local", "A",
	       "NOERROR aa\nset-2.set.default.svc.cluster.local. 5 A 10.0.0.13\n");
	expect(&world, "10-0-0-12.default.pod.cluster.local", "A", NONE);
	dns_world_remove(&world, BL_KIND_SERVICE, "default", "web");
	expect(&world, "web.default.svc.cluster.local", "A", NONE);
	expect(&world, "7.0.96.10.in-addr.arpa", "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE4));
	dns_world_remove(&world, BL_KIND_NAMESPACE, NULL, "empty");
	expect(&world, "empty.svc.cluster.local", "A", NONE);
	dns_world_done(&world);
}

Test(zone, service_changes_its_type)
{
	struct dns_world world = dns_world_of(objects);

	dns_world_put(&world, "apiVersion: v1\nkind: Service\nmetadata: {name: plain}\n"
			      "spec: {type: ExternalName, externalName: example.org}\n");
	expect(&world, "plain.default.svc.cluster.local", "CNAME",
	       "NOERROR aa\nplain.default.svc.cluster.local. 5 CNAME example.org.\n");
	expect(&world, "8.0.96.10.in-addr.arpa", "PTR", "NXDOMAIN aa\n" SOA_OF(ZONE4));
	dns_world_put(&world, "apiVersion: v1\nkind: Service\nmetadata: {name: plain}\n"
			      "spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n");
	expect(&world, "9.0.96.10.in-addr.arpa", "PTR",
	       "NOERROR aa\n9.0.96.10.in-addr.arpa. 5 PTR plain.default.svc.cluster.local.\n");
	dns_world_done(&world);
}

Test(zone, several_addresses_of_one_hostname_are_several_records)
{
	struct dns_world world = dns_world_of(
		"apiVersion: v1\nkind: Service\nmetadata: {name: db}\n"
		"spec: {clusterIP: None, ports: [{name: sql, port: 5432}]}\n---\n"
		"apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\nsubsets:\n"
		"- addresses: [{ip: 10.0.0.1, hostname: one}, {ip: 10.0.0.2, hostname: one},\n"
		"    {ip: 10.0.0.3, hostname: two}]\n"
		"  ports: [{name: sql, port: 6432}]\n");

	expect(&world, "one.db.default.svc.cluster.local", "A",
	       "NOERROR aa\none.db.default.svc.cluster.local. 5 A 10.0.0.1\n"
	       "one.db.default.svc.cluster.local. 5 A 10.0.0.2\n");
	world.answerer.turn = 0;
	expect(&world, "_sql._tcp.db.default.svc.cluster.local", "SRV",
	       "NOERROR aa\n"
	       "_sql._tcp.db.default.svc.cluster.local. 5 SRV 0 100 6432 "
	       "one.db.default.svc.cluster.local.\n"
	       "_sql._tcp.db.default.svc.cluster.local. 5 SRV 0 100 6432 "
	       "two.db.default.svc.cluster.local.\n--\n"
	       "one.db.default.svc.cluster.local. 5 A 10.0.0.1\n"
	       "one.db.default.svc.cluster.local. 5 A 10.0.0.2\n"
	       "two.db.default.svc.cluster.local. 5 A 10.0.0.3\n");
	dns_world_done(&world);
}

Test(zone, server_has_the_addresses_of_its_service)
{
	struct dns_world world = dns_world_of(
		"apiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: "
		"kube-system}\nspec: {clusterIP: 10.96.0.10, ports: [{name: dns, port: 53}]}\n");

	expect(&world, "ns.dns.cluster.local", "A",
	       "NOERROR aa\nns.dns.cluster.local. 5 A 10.96.0.10\n");
	dns_world_done(&world);
}

static bool may_ask(struct dns_world *world, const char *text)
{
	const struct bl_dns_version *version = bl_dns_table_enter(world->zone.table, 1);
	struct bl_addr addr;
	bool may;

	cr_assert_eq(bl_addr_parse(text, &addr), 0);
	may = bl_dns_has_client(version, &addr);
	bl_dns_table_leave(world->zone.table, 1);
	return may;
}

Test(zone, pods_are_clients_while_they_are_there)
{
	struct dns_world world = dns_world_of(objects);
	struct bl_addr own;

	cr_expect(may_ask(&world, "10.0.0.10"));
	cr_expect(may_ask(&world, "fd00::5"));
	cr_expect_not(may_ask(&world, "10.0.0.99"));
	cr_assert_eq(bl_addr_parse("192.0.2.1", &own), 0);
	cr_assert_eq(bl_dns_zone_put_client(&world.zone, &own, true), 0);
	dns_world_remove(&world, BL_KIND_POD, "default", "set-0");
	cr_expect_not(may_ask(&world, "10.0.0.10"));
	cr_expect(may_ask(&world, "192.0.2.1"));
	dns_world_done(&world);
}

static uint32_t serial_of(struct dns_world *world)
{
	_cleanup_free_ char *text = dns_ask(world, "cluster.local", "SOA");
	const char *at = strstr(text, "hostmaster.cluster.local. ");

	cr_assert_not_null(at, "%s", text);
	return (uint32_t)strtoul(at + strlen("hostmaster.cluster.local. "), NULL, 10);
}

Test(zone, serial_grows_with_every_version)
{
	struct dns_world world = dns_world_of(objects);

	cr_expect_eq(serial_of(&world), 7u);
	world.zone.serial = UINT32_MAX;
	cr_assert_eq(bl_dns_zone_publish(&world.zone), 0);
	cr_expect_eq(serial_of(&world), 0u); /* it goes round, as RFC 1982 has it */
	cr_assert_eq(bl_dns_zone_publish(&world.zone), 0);
	cr_expect_eq(serial_of(&world), 1u);
	dns_world_done(&world);
}

Test(zone, reverse_zone_ends_at_a_label)
{
	struct dns_world world = dns_world_of(objects);

	/* A network of 12 bits is served as the sixteen zones of 16 bits that it has. */
	cr_assert_eq(bl_prefix_parse("10.96.0.0/12", &world.zone.owned[0]), 0);
	expect(&world, "1.0.111.10.in-addr.arpa", "PTR",
	       "NXDOMAIN aa\n" SOA_OF("111.10.in-addr.arpa"));
	expect(&world, "1.0.112.10.in-addr.arpa", "PTR",
	       "NXDOMAIN\n" SOA_OF("1.0.112.10.in-addr.arpa"));
	cr_assert_eq(bl_prefix_parse("10.96.0.0/30", &world.zone.owned[0]), 0);
	expect(&world, "1.0.96.10.in-addr.arpa", "PTR",
	       "NOERROR aa\n1.0.96.10.in-addr.arpa. 5 PTR kubernetes.default.svc.cluster.local.\n");
	expect(&world, "2.0.96.10.in-addr.arpa", "PTR",
	       "NXDOMAIN aa\n" SOA_OF("2.0.96.10.in-addr.arpa"));
	dns_world_done(&world);
}

Test(zone, pod_without_a_node_may_ask)
{
	struct dns_world world = dns_world_of("apiVersion: v1\nkind: Namespace\n"
					      "metadata: {name: default}\n");

	world.zone.node_name = (char[]){"here"};
	dns_world_put(&world, "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
			      "spec: {containers: [{name: c}]}\nstatus: {podIP: 10.0.0.1}\n---\n"
			      "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n"
			      "spec: {nodeName: here, containers: [{name: c}]}\n"
			      "status: {podIP: 10.0.0.2}\n---\n"
			      "apiVersion: v1\nkind: Pod\nmetadata: {name: c}\n"
			      "spec: {nodeName: there, containers: [{name: c}]}\n"
			      "status: {podIP: 10.0.0.3}\n");
	cr_expect(may_ask(&world, "10.0.0.1"));
	cr_expect(may_ask(&world, "10.0.0.2"));
	cr_expect_not(may_ask(&world, "10.0.0.3"));
	dns_world_done(&world);
}
