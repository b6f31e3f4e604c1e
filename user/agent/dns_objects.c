/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "agent/dns_wiring.h"
#include "model/codec.h"

#define TENTH 10

static int decode(struct bl_buf *yaml, struct bl_object **ret)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	int r = yaml->failed ? -ENOMEM
			     : bl_decode("kube-dns", yaml->data, yaml->len, &bl_limits_default, 0,
					 &list, &diag);

	if (r == 0) {
		*ret = bl_object_ref(list.items[0]);
		(*ret)->origin = (struct bl_pos){0};
	}
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return r;
}

int bl_dns_make_service(const struct bl_prefix *service_cidrs, size_t count, struct bl_object **ret)
{
	_cleanup_(bl_buf_done) struct bl_buf yaml = {0};
	char texts[2][BL_ADDR_TEXT] = {"", ""};

	for (size_t i = 0; i < count && i < 2; i++) {
		struct bl_addr addr;

		if (!bl_addr_add(&service_cidrs[i].addr, TENTH, &addr) ||
		    !bl_prefix_contains(&service_cidrs[i], &addr))
			return -ERANGE;
		(void)bl_addr_format(&addr, texts[i]);
	}
	bl_buf_addf(&yaml,
		    "apiVersion: v1\nkind: Service\nmetadata:\n  name: " BL_DNS_SERVICE
		    "\n  namespace: " BL_DNS_NAMESPACE
		    "\n  labels: {k8s-app: kube-dns, kubernetes.io/name: beeline}\n"
		    "spec:\n  clusterIP: '%s'\n  clusterIPs: ['%s'%s%s%s]\n  ipFamilyPolicy: %s\n"
		    "  ports:\n  - {name: dns, port: 53, protocol: UDP}\n"
		    "  - {name: dns-tcp, port: 53, protocol: TCP}\n",
		    texts[0], texts[0], count > 1 ? ", '" : "", texts[1], count > 1 ? "'" : "",
		    count > 1 ? "RequireDualStack" : "SingleStack");
	return decode(&yaml, ret);
}

int bl_dns_make_slice(uint8_t family, const struct bl_dns_endpoint *listen, size_t count,
		      struct bl_object **ret)
{
	_cleanup_(bl_buf_done) struct bl_buf yaml = {0};
	const char *suffix = family == BL_FAMILY_IPV4 ? "4" : "6";
	char text[BL_ADDR_TEXT];

	for (size_t i = 0; i < count; i++) {
		const struct bl_dns_endpoint *endpoint = &listen[i];

		if (endpoint->addr.family != family || bl_addr_is_loopback(&endpoint->addr) ||
		    bl_addr_is_unspecified(&endpoint->addr))
			continue;
		/* One is enough, as all of them lead to this agent. */
		bl_buf_addf(&yaml,
			    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n"
			    "  name: " BL_DNS_SERVICE "-beeline-%s\n  namespace: " BL_DNS_NAMESPACE
			    "\n  labels: {kubernetes.io/service-name: " BL_DNS_SERVICE
			    ", endpointslice.kubernetes.io/managed-by: beeline}\n"
			    "addressType: IPv%s\nendpoints:\n- addresses: ['%s']\n"
			    "  conditions: {ready: true}\nports:\n"
			    "- {name: dns, port: %u, protocol: UDP}\n"
			    "- {name: dns-tcp, port: %u, protocol: TCP}\n",
			    suffix, suffix, bl_addr_format(&endpoint->addr, text), endpoint->port,
			    endpoint->port);
		return decode(&yaml, ret);
	}
	return -ENOENT;
}
