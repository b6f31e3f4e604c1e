/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "pods.h"
#include "probe/target.h"

static const char *ask(const char *probe, struct bl_err *err)
{
	static char text[1024];
	struct bl_probe_target target;
	struct bl_pod *pod;
	char container[512];
	size_t used;

	(void)snprintf(container, sizeof(container),
		       "ports: [{name: http, containerPort: 8080}], readinessProbe: {%s}", probe);
	pod = pod_with(container, "");
	if (bl_probe_target_make(pod, &pod->spec.containers.items[0],
				 pod->spec.containers.items[0].readiness_probe, &target, err) < 0) {
		bl_object_unref(&pod->object);
		return NULL;
	}
	used = (size_t)snprintf(
		text, sizeof(text), "%s %s:%u %s", bl_probe_action_name(target.action),
		target.host ? target.host : "-", target.port, target.url ? target.url : "-");
	for (size_t i = 0; target.headers && target.headers[i]; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "|%s",
					 target.headers[i]);
	bl_probe_target_done(&target);
	bl_object_unref(&pod->object);
	return text;
}

Test(probe_target, what_is_asked_where)
{
	static const struct {
		const char *probe, *expected;
	} rows[] = {
		{"tcpSocket: {port: 80}", "tcp-socket 10.0.0.1:80 -"},
		{"tcpSocket: {port: http}", "tcp-socket 10.0.0.1:8080 -"},
		{"tcpSocket: {port: 80, host: 192.0.2.1}", "tcp-socket 192.0.2.1:80 -"},
		{"grpc: {port: 50051}", "grpc 10.0.0.1:50051 -"},
		{"exec: {command: [ls]}", "exec -:0 -"},
		{"httpGet: {port: http}",
		 "http-get 10.0.0.1:8080 http://10.0.0.1:8080/|Connection: "
		 "close|Accept: */*|User-Agent: kube-probe/1.36"},
		{"httpGet: {port: 80, path: '/a?b=c', scheme: HTTPS}",
		 "http-get 10.0.0.1:80 https://10.0.0.1:80/a?b=c|"},
		{"httpGet: {port: 80, path: '/a?c=é'}",
		 "http-get 10.0.0.1:80 http://10.0.0.1:80/a?c=%C3%A9|"},
		{"httpGet: {port: 80, path: x}", "http-get 10.0.0.1:80 http://10.0.0.1:80/x|"},
		{"httpGet: {port: 80, host: 'fd00::1'}",
		 "http-get fd00::1:80 http://[fd00::1]:80/|"},
		{"httpGet: {port: 80, httpHeaders: [{name: Accept, value: ''}]}",
		 "|Connection: close|Accept:|User-Agent"},
		{"httpGet: {port: 80, httpHeaders: [{name: accept, value: text/plain}]}",
		 "|Connection: close|User-Agent: kube-probe/1.36|accept: text/plain"},
		{"httpGet: {port: 80, httpHeaders: [{name: User-Agent, value: me}]}",
		 "|Accept: */*|User-Agent: me"},
		{"httpGet: {port: 80, httpHeaders: [{name: Host, value: example.org}]}",
		 "|Host: example.org"},
		{"httpGet: {port: 80, httpHeaders: [{name: X-A, value: '1'}, {name: X-A, value: "
		 "'2'}]}",
		 "|X-A: 1|X-A: 2"},
		{"httpGet: {port: 80, httpHeaders: [{name: X-A, value: ''}]}", "|X-A;"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_err err = {0};
		const char *got = ask(rows[i].probe, &err);

		cr_expect(got && strstr(got, rows[i].expected), "%s: expected %s, got %s",
			  rows[i].probe, rows[i].expected, got ? got : err.text);
	}
}

Test(probe_target, a_name_that_no_port_has_is_told)
{
	struct bl_err err = {0};

	cr_expect_null(ask("tcpSocket: {port: metrics}", &err));
	cr_expect_str_eq(err.text, "container 'c' has no port named 'metrics'");
}
