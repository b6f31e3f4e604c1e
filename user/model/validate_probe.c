/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of containers: validateProbe, validateHandler of pkg/apis/core/validation. */
#include <ctype.h>
#include <string.h>

#include "model/check.h"
#include "model/pod.h"

static void check_port(struct bl_report *report, const char *prefix,
		       const struct bl_int_or_string *port)
{
	char field[BL_FIELD_TEXT];

	bl_check_field(field, "%s.port", prefix);
	if (port->name)
		bl_check_rule(report, field, port->name, bl_check_port_name(port->name));
	else if (port->number == 0 && !bl_report_said(report, field))
		bl_check_fail(report, field, "expected 1-65535 or the name of a port, got none");
}

/* Names of HTTP headers are tokens (RFC 9110); a value must not begin a line of its own. */
static void check_headers(struct bl_report *report, const char *prefix,
			  const struct bl_http_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		const struct bl_http_header *header = &headers->items[i];
		char field[BL_FIELD_TEXT];

		bl_check_field(field, "%s.httpHeaders[%zu].name", prefix, i);
		for (const char *at = header->name; at && *at; at++) {
			if (!isalnum((unsigned char)*at) && !strchr("!#$%&'*+-.^_`|~", *at)) {
				bl_check_fail(report, field,
					      "expected letters, digits and '-', got '%.80s'",
					      header->name);
				break;
			}
		}
		bl_check_field(field, "%s.httpHeaders[%zu].value", prefix, i);
		if (header->value && strpbrk(header->value, "\r\n"))
			bl_check_fail(report, field, "expected a single line");
	}
}

static void check_http_get(struct bl_report *report, const char *prefix,
			   const struct bl_http_get_action *action)
{
	char field[BL_FIELD_TEXT], name[BL_FIELD_TEXT];

	bl_check_field(field, "%s.httpGet", prefix);
	check_port(report, field, &action->port);
	check_headers(report, field, &action->headers);
	bl_check_field(name, "%s.path", field);
	for (const char *at = action->path; at && *at; at++) {
		if ((unsigned char)*at <= ' ' || *at == 0x7f) {
			bl_check_fail(report, name, "expected no blanks (write %%20), got '%.80s'",
				      action->path);
			break;
		}
	}
}

static void check_handlers(struct bl_report *report, const char *prefix,
			   const struct bl_probe *probe)
{
	int count = !!probe->exec + !!probe->http_get + !!probe->tcp_socket + !!probe->grpc;
	char field[BL_FIELD_TEXT];

	if (count != 1)
		bl_check_fail(report, prefix,
			      "expected one of exec, httpGet, tcpSocket and grpc, got %d", count);
	if (probe->exec && probe->exec->command.count == 0) {
		bl_check_field(field, "%s.exec.command", prefix);
		bl_check_fail(report, field, "expected a program, got none");
	}
	if (probe->http_get)
		check_http_get(report, prefix, probe->http_get);
	if (probe->tcp_socket) {
		bl_check_field(field, "%s.tcpSocket", prefix);
		check_port(report, field, &probe->tcp_socket->port);
	}
}

void bl_check_probes(struct bl_report *report, const char *prefix,
		     const struct bl_container *container)
{
	char field[BL_FIELD_TEXT], name[BL_FIELD_TEXT];

	if (container->readiness_probe) {
		bl_check_field(field, "%s.readinessProbe", prefix);
		check_handlers(report, field, container->readiness_probe);
		bl_check_field(name, "%s.terminationGracePeriodSeconds", field);
		if (container->readiness_probe->termination_grace_period_s)
			bl_check_fail(report, name, "not for readiness probes");
	}
	if (container->startup_probe) {
		bl_check_field(field, "%s.startupProbe", prefix);
		check_handlers(report, field, container->startup_probe);
		bl_check_field(name, "%s.successThreshold", field);
		if (container->startup_probe->success_threshold > 1)
			bl_check_fail(report, name, "expected 1 for startup probes, got %d",
				      container->startup_probe->success_threshold);
	}
}
