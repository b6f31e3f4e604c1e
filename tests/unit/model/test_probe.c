/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of containers: each field, default and rule. */
#include "help.h"
#include "model/pod.h"

#define HEAD                                                                                       \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n"      \
	"    image: i\n    "

static struct decoded decode_probe(const char *probe)
{
	struct decoded decoded;
	char *text;

	cr_assert(asprintf(&text, HEAD "%s\n", probe) > 0);
	decoded = decode_text(text, 0);
	free(text);
	return decoded;
}

Test(probe, rules)
{
	static const struct {
		const char *probe, *problem;
	} rows[] = {
		{"readinessProbe: {tcpSocket: {port: 80}}", NULL},
		{"readinessProbe: {tcpSocket: {port: http}}", NULL},
		{"readinessProbe: {exec: {command: [ls, /httpserv]}}", NULL},
		{"readinessProbe: {grpc: {port: 50051, service: readiness}}", NULL},
		{"startupProbe: {httpGet: {path: '/ok?x=1', port: 80, scheme: HTTPS}}", NULL},
		{"readinessProbe: {}", "expected one of exec, httpGet, tcpSocket and grpc, got 0"},
		{"readinessProbe: {grpc: {port: 1}, tcpSocket: {port: 1}}", "got 2"},
		{"readinessProbe: {exec: {}}", "expected a program, got none"},
		{"readinessProbe: {tcpSocket: {}}", "expected 1-65535 or the name of a port"},
		{"readinessProbe: {tcpSocket: {port: 70000}}", "expected 1-65535, got 70000"},
		{"readinessProbe: {tcpSocket: {port: Http}}", "field 'spec.containers[0]."
							      "readinessProbe.tcpSocket.port'"},
		{"readinessProbe: {httpGet: {port: 80, path: 'a b'}}", "expected no blanks"},
		{"readinessProbe: {httpGet: {port: 80, scheme: FTP}}", "expected HTTP or HTTPS"},
		{"readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: 'X Y', value: a}]}}",
		 "httpHeaders[0].name"},
		{"readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: X, value: \"a\\nB: "
		 "c\"}]}}",
		 "expected a single line"},
		{"readinessProbe: {grpc: {}}", "readinessProbe.grpc.port' is missing"},
		{"readinessProbe: {tcpSocket: {port: 1}, periodSeconds: -1}",
		 "expected 1-2147483647, got -1"},
		{"readinessProbe: {tcpSocket: {port: 1}, timeoutSeconds: -1}", "got -1"},
		{"readinessProbe: {tcpSocket: {port: 1}, successThreshold: -1}", "got -1"},
		{"readinessProbe: {tcpSocket: {port: 1}, failureThreshold: -1}", "got -1"},
		{"readinessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: -1}", "got -1"},
		{"readinessProbe: {tcpSocket: {port: 1}, successThreshold: 3}", NULL},
		{"startupProbe: {tcpSocket: {port: 1}, successThreshold: 2}",
		 "expected 1 for startup probes, got 2"},
		{"readinessProbe: {tcpSocket: {port: 1}, terminationGracePeriodSeconds: 5}",
		 "not for readiness probes"},
		{"startupProbe: {tcpSocket: {port: 1}, terminationGracePeriodSeconds: 5}", NULL},
		{"readinessProbe: {tcpSocket: {port: 1}, period: 5}",
		 "unknown field 'spec.containers[0].readinessProbe.period'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct decoded decoded = decode_probe(rows[i].probe);

		if (rows[i].problem)
			cr_expect(decoded.result == -22 &&
					  strstr(decoded.problems, rows[i].problem),
				  "%s\nexpected %s\ngot      %s", rows[i].probe, rows[i].problem,
				  decoded.problems);
		else
			cr_expect_eq(decoded.result, 0, "%s\ngot %s", rows[i].probe,
				     decoded.problems);
		decoded_done(&decoded);
	}
}

Test(probe, defaults_are_kubernetes_and_survive_a_round_trip)
{
	struct decoded decoded =
		decode_probe("readinessProbe: {httpGet: {port: http}, initialDelaySeconds: 7}");
	const struct bl_probe *probe;
	struct bl_object *clone;

	cr_assert_eq(decoded.result, 0, "%s", decoded.problems);
	cr_assert_eq(bl_object_clone(decoded.list.items[0], &clone), 0);
	cr_expect(bl_object_equal(clone, decoded.list.items[0]));
	probe = bl_pod_of(clone)->spec.containers.items[0].readiness_probe;
	cr_assert_not_null(probe);
	cr_expect_null(bl_pod_of(clone)->spec.containers.items[0].startup_probe);
	cr_expect_eq(probe->initial_delay_s, 7);
	cr_expect_eq(probe->timeout_s, 1);
	cr_expect_eq(probe->period_s, 10);
	cr_expect_eq(probe->success_threshold, 1);
	cr_expect_eq(probe->failure_threshold, 3);
	cr_assert_not_null(probe->http_get);
	cr_expect_eq(probe->http_get->scheme, BL_URI_SCHEME_HTTP);
	cr_expect_str_eq(probe->http_get->port.name, "http");
	bl_object_unref(clone);
	decoded_done(&decoded);
}
