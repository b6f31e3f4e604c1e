/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is only kept is looked into all the same: a slip of the pen deep in a pod is told. */
#include <json-c/json.h>

#include "help.h"

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"

static struct decoded decode_container(const char *parts, unsigned int flags)
{
	char text[2048];

	(void)snprintf(text, sizeof(text), POD "  containers: [{name: c, %s}]\n", parts);
	return decode_text(text, flags);
}

static struct decoded decode_spec(const char *parts, unsigned int flags)
{
	char text[2048];

	(void)snprintf(text, sizeof(text), POD "  containers: [{name: c}]\n  %s\n", parts);
	return decode_text(text, flags);
}

struct row {
	const char *text;
	const char *problem; /* NULL: it is good */
};

static void expect(const struct row *row, struct decoded *decoded)
{
	if (row->problem)
		cr_expect(decoded->result == -22 && strstr(decoded->problems, row->problem),
			  "%s\nexpected %s\ngot      %s", row->text, row->problem,
			  decoded->problems);
	else
		cr_expect_eq(decoded->result, 0, "%s\ngot %s", row->text, decoded->problems);
	decoded_done(decoded);
}

Test(kept, parts_of_containers_are_checked_by_name_and_kind)
{
	static const struct row rows[] = {
		{"env: [{name: A, value: a}, {name: B, valueFrom: {fieldRef: {fieldPath: x}}}]",
		 NULL},
		{"env: [{name: A, vaule: a}]",
		 "unknown field 'spec.containers[0].env[0].vaule' (did you mean 'value'?)"},
		{"env: [{name: A}, {name: B, value: 5}]",
		 "'spec.containers[0].env[1].value': expected a string, got integer '5' (write it "
		 "in quotes)"},
		{"env: {A: a}", "'spec.containers[0].env': expected a list, got a mapping"},
		{"env: [A=a]", "'spec.containers[0].env[0]': expected a mapping, got string"},
		{"env: [{name: A, valueFrom: {secretKeyRef: {name: a, kye: b}}}]",
		 "unknown field 'spec.containers[0].env[0].valueFrom.secretKeyRef.kye'"},
		{"env: [{name: A, value: null}]", NULL},
		{"command: sh", "'spec.containers[0].command': expected a list"},
		{"args: [-c, 5]", "'spec.containers[0].args[1]': expected a string"},
		{"workingDir: [a]", "'spec.containers[0].workingDir': expected a string"},
		{"tty: 'yes'", "'spec.containers[0].tty': expected true or false"},
		{"resources: {limits: {cpu: 1, memory: 1.5Gi, a/b: 100m}, requests: {cpu: 1e3}}",
		 NULL},
		{"resources: {limits: {cpu: one}}",
		 "'spec.containers[0].resources.limits.cpu': expected a quantity such as 500m or "
		 "1Gi, got string 'one'"},
		{"resources: {limits: {memory: 1GB}}", "expected a quantity"},
		{"resources: {limits: {memory: '.'}}", "expected a quantity"},
		{"resources: {limits: {memory: 5e}}", "expected a quantity"},
		{"resources: {limit: {cpu: 1}}", "(did you mean 'limits'?)"},
		{"livenessProbe: {httpGet: {port: http, path: /}, periodSeconds: 5}", NULL},
		{"livenessProbe: {httpGet: {prot: 80}}",
		 "unknown field 'spec.containers[0].livenessProbe.httpGet.prot' (did you mean"},
		{"livenessProbe: {periodSeconds: '5'}", "(write it without quotes)"},
		{"livenessProbe: {httpGet: {port: [80]}}", "expected an integer or a string"},
		{"lifecycle: {preStop: {exec: {command: [a]}}}", NULL},
		{"lifecycle: {preStop: {exec: {command: a}}}", "expected a list"},
		{"securityContext: {runAsUser: 4294967296, capabilities: {drop: [ALL]}}", NULL},
		{"securityContext: {runAsUser: root}", "expected an integer, got string 'root'"},
		{"volumeMounts: [{name: v, mountPath: /v, readonly: true}]",
		 "(did you mean 'readOnly'?)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct decoded decoded = decode_container(rows[i].text, 0);

		expect(&rows[i], &decoded);
	}
}

Test(kept, parts_of_pods_are_checked_by_name_and_kind)
{
	static const struct row rows[] = {
		{"volumes: [{name: v, configMap: {name: c, items: [{key: a, path: b}]}}]", NULL},
		{"volumes: [{name: v, emptydir: {}}]", "(did you mean 'emptyDir'?)"},
		{"volumes: [{name: v, emptyDir: {sizeLimit: much}}]", "expected a quantity"},
		{"volumes: [{name: v, projected: {sources: [{secret: {nam: a}}]}}]",
		 "'spec.volumes[0].projected.sources[0].secret.nam'"},
		{"volumes: [{name: v, rbd: {anything: [goes, 1]}}]", NULL},
		{"volumes: [{name: v, rbd: 1}]", "expected a mapping"},
		{"tolerations: [{key: a, operator: Exists, tolerationSeconds: 30}]", NULL},
		{"tolerations: [{key: a, opeartor: Exists}]", "(did you mean 'operator'?)"},
		{"nodeSelector: {disk: ssd}", NULL},
		{"nodeSelector: {disk: true}", "'spec.nodeSelector.disk': expected a string"},
		{"affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
		 "[{topologyKey: a, labelSelector: {matchLabels: {a: b}}}]}}",
		 NULL},
		{"affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
		 "[{topologyKey: a, labelSelector: {matchlabels: {a: b}}}]}}",
		 "(did you mean 'matchLabels'?)"},
		{"ephemeralContainers: [{name: d, image: x, targetContainerName: c}]", NULL},
		{"ephemeralContainers: [{name: d, imag: x}]", "(did you mean 'image'?)"},
		{"priority: 3000000000", "expected an integer of 32 bits"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct decoded decoded = decode_spec(rows[i].text, 0);

		expect(&rows[i], &decoded);
	}
}

static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	cr_assert(json_object_object_get_ex(json, key, &value), "no '%s'", key);
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

/* What the object has of `spec.key`, as text. */
static void expect_spec(const struct decoded *decoded, const char *key, const char *expected)
{
	struct json_object *json = NULL, *spec = NULL;

	cr_assert_eq(decoded->list.count, 1, "%s", decoded->problems);
	cr_assert_eq(bl_encode_json(decoded->list.items[0], &json), 0);
	cr_assert(json_object_object_get_ex(json, "spec", &spec));
	cr_expect_str_eq(text_of(spec, key), expected);
	json_object_put(json);
}

#define TOLERATION "tolerations: [{key: a, colour: red, effect: null}, {key: 'q\"\\'}]"

Test(kept, what_nobody_knows_goes_when_it_is_forgiven)
{
	struct decoded decoded = decode_spec(TOLERATION, BL_DECODE_WARN_UNKNOWN);

	cr_expect_eq(decoded.result, 0);
	cr_expect(strstr(decoded.problems, "unknown field 'spec.tolerations[0].colour'"));
	expect_spec(&decoded, "tolerations", "[{\"key\":\"a\"},{\"key\":\"q\\\"\\\\\"}]");
	decoded_done(&decoded);
}

Test(kept, of_a_newer_server_and_of_our_own_files_all_stays)
{
	static const unsigned int flags[] = {BL_DECODE_LENIENT, BL_DECODE_KEPT_AS_IT_IS};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct decoded decoded =
			decode_spec("tolerations: [{key: 1, colour: red}]", flags[i]);

		cr_expect_eq(decoded.result, 0, "%s", decoded.problems);
		expect_spec(&decoded, "tolerations", "[{\"key\":1,\"colour\":\"red\"}]");
		decoded_done(&decoded);
	}
}

Test(kept, nodes_and_services_are_checked_too)
{
	static const struct row rows[] = {
		{"apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus: {capacity: {cpu: 4}, "
		 "nodeInfo: {kernelVersion: '6.1'}, daemonEndpoints: {kubeletEndpoint: {Port: "
		 "10250}}, images: [{names: [a], sizeBytes: 5000000000}]}",
		 NULL},
		{"apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus: {nodeInfo: {kernel: a}}",
		 "unknown field 'status.nodeInfo.kernel'"},
		{"apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {taints: [{key: a, "
		 "effect: NoSchedule, timeAdded: yesterday}]}",
		 "expected a time such as"},
		{"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: "
		 "80}]}\nstatus: {conditions: [{type: A, status: 'True', lastTransitionTime: "
		 "'2026-01-31T12:00:00.5Z'}]}",
		 NULL},
		{"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: "
		 "80}]}\nstatus: {conditions: [{typ: A}]}",
		 "(did you mean 'type'?)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct decoded decoded = decode_text(rows[i].text, 0);

		expect(&rows[i], &decoded);
	}
}
