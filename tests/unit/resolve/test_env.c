/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "fixture.h"
#include "model/pod.h"
#include "resolve/env.h"

static const char services[] =
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: redis-primary, creationTimestamp: \"2026-01-01T00:00:00Z\"}\n"
	"spec: {clusterIP: 10.96.0.11, ports: [{name: db, port: 6379}, {name: stats-2, port: 80, "
	"protocol: UDP}]}\n---\n"
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: later, creationTimestamp: \"2026-01-03T00:00:00Z\"}\n"
	"spec: {clusterIP: \"fd00::7\", ports: [{port: 80}]}\n---\n"
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: headless, creationTimestamp: \"2026-01-01T00:00:00Z\"}\n"
	"spec: {clusterIP: None, ports: [{port: 80}]}\n---\n"
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: kubernetes, creationTimestamp: \"2026-01-01T00:00:00Z\"}\n"
	"spec: {clusterIP: 10.96.0.1, ports: [{port: 443}]}\n---\n"
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: shop, namespace: other, creationTimestamp: \"2026-01-01T00:00:00Z\"}\n"
	"spec: {clusterIP: 10.96.0.12, ports: [{port: 80}]}\n";

#define POD(ns, more)                                                                              \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: " ns                            \
	", creationTimestamp: \"2026-01-02T00:00:00Z\"}\nspec: {" more                             \
	"containers: [{name: c, image: i}]}\n"

#define KUBERNETES                                                                                 \
	"KUBERNETES_SERVICE_HOST=10.96.0.1\nKUBERNETES_SERVICE_PORT=443\n"                         \
	"KUBERNETES_PORT=tcp://10.96.0.1:443\nKUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443\n"       \
	"KUBERNETES_PORT_443_TCP_PROTO=tcp\nKUBERNETES_PORT_443_TCP_PORT=443\n"                    \
	"KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1\n"
#define REDIS                                                                                      \
	"REDIS_PRIMARY_SERVICE_HOST=10.96.0.11\nREDIS_PRIMARY_SERVICE_PORT=6379\n"                 \
	"REDIS_PRIMARY_SERVICE_PORT_DB=6379\nREDIS_PRIMARY_SERVICE_PORT_STATS_2=80\n"              \
	"REDIS_PRIMARY_PORT=tcp://10.96.0.11:6379\n"                                               \
	"REDIS_PRIMARY_PORT_6379_TCP=tcp://10.96.0.11:6379\n"                                      \
	"REDIS_PRIMARY_PORT_6379_TCP_PROTO=tcp\nREDIS_PRIMARY_PORT_6379_TCP_PORT=6379\n"           \
	"REDIS_PRIMARY_PORT_6379_TCP_ADDR=10.96.0.11\n"                                            \
	"REDIS_PRIMARY_PORT_80_UDP=udp://10.96.0.11:80\n"                                          \
	"REDIS_PRIMARY_PORT_80_UDP_PROTO=udp\nREDIS_PRIMARY_PORT_80_UDP_PORT=80\n"                 \
	"REDIS_PRIMARY_PORT_80_UDP_ADDR=10.96.0.11\n"
#define LATER                                                                                      \
	"LATER_SERVICE_HOST=fd00::7\nLATER_SERVICE_PORT=80\nLATER_PORT=tcp://[fd00::7]:80\n"       \
	"LATER_PORT_80_TCP=tcp://[fd00::7]:80\nLATER_PORT_80_TCP_PROTO=tcp\n"                      \
	"LATER_PORT_80_TCP_PORT=80\nLATER_PORT_80_TCP_ADDR=fd00::7\n"
#define SHOP                                                                                       \
	"SHOP_SERVICE_HOST=10.96.0.12\nSHOP_SERVICE_PORT=80\nSHOP_PORT=tcp://10.96.0.12:80\n"      \
	"SHOP_PORT_80_TCP=tcp://10.96.0.12:80\nSHOP_PORT_80_TCP_PROTO=tcp\n"                       \
	"SHOP_PORT_80_TCP_PORT=80\nSHOP_PORT_80_TCP_ADDR=10.96.0.12\n"

Test(env, a_pod_sees_older_services_of_its_namespace_and_kubernetes)
{
	static const struct {
		const char *ns;
		const char *pod; /* NULL: none */
		const char *expected;
	} rows[] = {
		{"default", POD("default", ""), KUBERNETES REDIS},
		{"default", POD("default", "enableServiceLinks: false, "), KUBERNETES},
		{"other", POD("other", ""), KUBERNETES SHOP},
		{"default", NULL, KUBERNETES LATER REDIS},
	};
	_cleanup_(bl_store_free) struct bl_store *store = store_of(services);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_object *pod = rows[i].pod ? decode_one(rows[i].pod) : NULL;
		_cleanup_(bl_buf_done) struct bl_buf buf = {0};

		cr_assert_eq(bl_service_env(store, rows[i].ns, pod ? bl_pod_of(pod) : NULL, &buf),
			     0);
		cr_assert_str_eq(buf.data, rows[i].expected, "row %zu:\n%s", i, buf.data);
		(void)bl_object_unref(pod);
	}
}
