/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests to everything that DNS says of them: tests/data/golden/dns/zone.yaml gives
 * zone.txt. Each name that an object could have is asked for with each type, so that a record too
 * many shows as well as one too few. With BL_UPDATE_GOLDEN=1 in the environment the text is written
 * anew; look at the difference.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fixture.h"
#include "model/pod.h"
#include "model/service.h"
#include "resolve/pods.h"

#define MANIFEST_MAX 65536
#define SERVICES ".svc.cluster.local"

static const char *const types[] = {"A", "AAAA", "SRV", "PTR", "CNAME", "TXT"};

struct asking {
	struct dns_world world;
	FILE *out;
};

/* One line for a name that has nothing, else its records. */
static void ask(struct asking *asking, const char *name)
{
	bool exists = false;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_free_ char *text = NULL;
		char *rows, *end;

		asking->world.answerer.turn = 0;
		text = dns_ask(&asking->world, name, types[i]);
		exists |= strncmp(text, "NOERROR", 7) == 0;
		rows = strchr(text, '\n') + 1;
		end = strstr(rows, "--\n");
		if (end)
			*end = '\0';
		/* An alias is the same whatever is asked for: with A and for itself is enough. */
		if (strstr(rows, " CNAME ") && i != 0 && strcmp(types[i], "CNAME") != 0)
			continue;
		(void)fputs(rows, asking->out);
	}
	if (!exists)
		(void)fprintf(asking->out, "%s: no such name\n", name);
}

static void ask_reverse(struct asking *asking, const struct bl_addr *addr)
{
	const uint8_t *bytes = (const uint8_t *)&addr->ip;
	char name[100];
	int len = 0;

	if (addr->family == BL_FAMILY_IPV4)
		len = snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2],
			       bytes[1], bytes[0]);
	for (int i = 15; addr->family == BL_FAMILY_IPV6 && i >= 0; i--)
		len += snprintf(name + len, sizeof(name) - (size_t)len, "%x.%x.%s", bytes[i] & 15,
				bytes[i] >> 4, i ? "" : "ip6.arpa");
	cr_assert_lt((size_t)len, sizeof(name));
	ask(asking, name);
}

static void ask_ports(struct asking *asking, const struct bl_service *service, const char *name)
{
	for (size_t i = 0; i < service->spec.ports.count; i++) {
		const struct bl_service_port *port = &service->spec.ports.items[i];
		char owner[300];

		(void)snprintf(owner, sizeof(owner), "_%s._%s.%s", port->name ? port->name : "none",
			       port->protocol == BL_PROTOCOL_UDP    ? "udp"
			       : port->protocol == BL_PROTOCOL_SCTP ? "sctp"
								    : "tcp",
			       name);
		ask(asking, owner);
	}
}

static void dashed(const struct bl_addr *addr, char text[static BL_ADDR_TEXT])
{
	(void)bl_addr_format(addr, text);
	for (char *at = text; *at; at++)
		if (*at == '.' || *at == ':')
			*at = '-';
}

/* Names that a pod could have below a headless Service. */
static void ask_hosts(struct asking *asking, const char *name, const struct bl_object **pods,
		      size_t count)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};

	for (size_t i = 0; i < count; i++) {
		const struct bl_pod *pod = bl_pod_of(pods[i]);
		char owner[300], label[BL_ADDR_TEXT];
		struct bl_addr addr;

		if (pod->spec.hostname) {
			(void)snprintf(owner, sizeof(owner), "%s.%s", pod->spec.hostname, name);
			ask(asking, owner);
		}
		for (size_t j = 0; j < ARRAY_SIZE(families); j++) {
			if (!bl_pod_address(pod, families[j], &addr))
				continue;
			dashed(&addr, label);
			(void)snprintf(owner, sizeof(owner), "%s.%s", label, name);
			ask(asking, owner);
		}
	}
}

static void ask_cluster_ips(struct asking *asking, const struct bl_service *service)
{
	const struct bl_strings *all = &service->spec.cluster_ips;
	struct bl_addr addr;

	if (!all->count && service->spec.cluster_ip &&
	    bl_addr_parse(service->spec.cluster_ip, &addr) == 0)
		ask_reverse(asking, &addr);
	for (size_t i = 0; i < all->count; i++)
		if (bl_addr_parse(all->items[i], &addr) == 0)
			ask_reverse(asking, &addr);
}

static void ask_services(struct asking *asking, const struct bl_object **pods, size_t pod_count)
{
	static const char *const hosts[] = {"primary", "late", "192-0-2-1", "192-0-2-4"};
	_cleanup_free_ const struct bl_object **services = NULL;
	size_t count = 0;

	cr_assert_eq(bl_store_list(asking->world.store, BL_KIND_SERVICE, NULL, &services, &count),
		     0);
	for (size_t i = 0; i < count; i++) {
		const struct bl_service *service = bl_service_of(services[i]);
		const struct bl_meta *meta = &services[i]->meta;
		char name[200], owner[300];

		(void)fprintf(asking->out, "\n# service %s/%s\n", meta->ns, meta->name);
		(void)snprintf(name, sizeof(name), "%s.%s" SERVICES, meta->name, meta->ns);
		ask(asking, name);
		ask_ports(asking, service, name);
		if (bl_service_is_headless(service))
			ask_hosts(asking, name, pods, pod_count);
		for (size_t j = 0; strcmp(meta->name, "manual") == 0 && j < ARRAY_SIZE(hosts);
		     j++) {
			(void)snprintf(owner, sizeof(owner), "%s.%s", hosts[j], name);
			ask(asking, owner);
		}
		ask_cluster_ips(asking, service);
	}
}

static void ask_pods(struct asking *asking, const struct bl_object **pods, size_t count)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};

	for (size_t i = 0; i < count; i++) {
		const struct bl_meta *meta = &pods[i]->meta;

		(void)fprintf(asking->out, "\n# pod %s/%s\n", meta->ns, meta->name);
		for (size_t j = 0; j < ARRAY_SIZE(families); j++) {
			char label[BL_ADDR_TEXT], owner[300];
			struct bl_addr addr;

			if (!bl_pod_address(bl_pod_of(pods[i]), families[j], &addr))
				continue;
			dashed(&addr, label);
			(void)snprintf(owner, sizeof(owner), "%s.%s.pod.cluster.local", label,
				       meta->ns);
			ask(asking, owner);
			ask_reverse(asking, &addr);
		}
	}
}

static char *make_text(const char *yaml)
{
	_cleanup_free_ const struct bl_object **pods = NULL;
	struct asking asking = {.world = dns_world_of(yaml)};
	struct bl_addr addr;
	size_t count = 0, len = 0;
	char *text = NULL;

	asking.out = open_memstream(&text, &len);
	cr_assert_not_null(asking.out);
	cr_assert_eq(bl_store_list(asking.world.store, BL_KIND_POD, NULL, &pods, &count), 0);
	(void)fputs("# the zone\n", asking.out);
	ask(&asking, "cluster.local");
	ask(&asking, "ns.dns.cluster.local");
	ask(&asking, "dns-version.cluster.local");
	ask_services(&asking, pods, count);
	ask_pods(&asking, pods, count);
	(void)fputs("\n# addresses of clients outside, and of endpoints that slices name\n",
		    asking.out);
	for (const char *const *at = (const char *const[]){"203.0.113.1", "203.0.113.9",
							   "192.0.2.1", "192.0.2.3", NULL};
	     *at; at++) {
		cr_assert_eq(bl_addr_parse(*at, &addr), 0);
		ask_reverse(&asking, &addr);
	}
	(void)fclose(asking.out);
	dns_world_done(&asking.world);
	return text;
}

Test(golden, manifests_give_these_names_and_no_others)
{
	_cleanup_(bl_buf_done) struct bl_buf yaml = {0}, want = {0};
	_cleanup_free_ char *text = NULL;

	cr_assert_eq(bl_buf_read_file(&yaml, GOLDEN_DIR "/zone.yaml", MANIFEST_MAX), 0);
	text = make_text(yaml.data);
	if (getenv("BL_UPDATE_GOLDEN")) {
		FILE *out = fopen(GOLDEN_DIR "/zone.txt", "we");

		cr_assert_not_null(out);
		(void)fputs(text, out);
		cr_assert_eq(fclose(out), 0);
	}
	cr_assert_eq(bl_buf_read_file(&want, GOLDEN_DIR "/zone.txt", MANIFEST_MAX), 0);
	cr_expect_str_eq(text, want.data, "BL_UPDATE_GOLDEN=1 writes it anew:\n%s", text);
}
