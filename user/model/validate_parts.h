/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules about addresses that several kinds share. */
#ifndef MODEL_VALIDATE_PARTS_H
#define MODEL_VALIDATE_PARTS_H

#include "base/addr.h"
#include "model/report.h"

/* Canonical form only (KEP-4858). False and a problem when it is none. */
bool bl_check_address(struct bl_report *report, const char *field, const char *text,
		      struct bl_addr *ret);
/* ValidateNonSpecialIP: not unspecified, loopback, link-local or multicast. */
void bl_check_usual_address(struct bl_report *report, const char *field,
			    const struct bl_addr *addr);
/* Names (unique, at most one port without), application protocols. */
struct bl_endpoint_ports;
void bl_check_endpoint_ports(struct bl_report *report, const char *field,
			     const struct bl_endpoint_ports *ports);

#endif
