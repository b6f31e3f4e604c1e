/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/endpoints.h"
#include "model/schema.h"

#define AT(member) BL_AT(struct bl_slice_endpoint, member)

static const struct bl_field address_fields[] = {
	{BL_NAME("ip"), .type = BL_FIELD_STRING, BL_AT(struct bl_endpoint_address, ip),
	 .required = true, .help = "address of the endpoint"},
	{BL_NAME("hostname"), .type = BL_FIELD_STRING, BL_AT(struct bl_endpoint_address, hostname),
	 .help = "name of the endpoint in DNS"},
	{BL_NAME("nodeName"), .type = BL_FIELD_STRING, BL_AT(struct bl_endpoint_address, node_name),
	 .help = "the node that the endpoint is on"},
	{BL_NAME("targetRef"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_endpoint_address, target),
	 .atomic = true, .sub = &bl_type_target_ref, .help = "the pod behind the address"},
};

static const struct bl_type type_address = {
	.name = "EndpointAddress",
	BL_TYPE(address_fields, struct bl_endpoint_address),
};

static const struct bl_field port_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_endpoint_port, name),
	 .help = "name of the Service's port that this one serves"},
	{BL_NAME("port"), .type = BL_FIELD_INT, BL_AT(struct bl_endpoint_port, port), .min = 1,
	 .max = 65535, .help = "port number of the endpoints"},
	{BL_NAME("protocol"), .type = BL_FIELD_ENUM, BL_AT(struct bl_endpoint_port, protocol),
	 .names = bl_protocol_names, .value = BL_PROTOCOL_TCP, .help = "TCP (default), UDP, SCTP"},
	{BL_NAME("appProtocol"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_endpoint_port, app_protocol), .help = "what is spoken, such as 'http'"},
};

static const struct bl_type type_port = {
	.name = "EndpointPort",
	BL_TYPE(port_fields, struct bl_endpoint_port),
};

/* The order of fields that Kubernetes has in slices. */
static const struct bl_field slice_port_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_endpoint_port, name),
	 .always = true, .help = "name of the Service's port that this one serves"},
	{BL_NAME("protocol"), .type = BL_FIELD_ENUM, BL_AT(struct bl_endpoint_port, protocol),
	 .names = bl_protocol_names, .value = BL_PROTOCOL_TCP, .help = "TCP (default), UDP, SCTP"},
	{BL_NAME("port"), .type = BL_FIELD_INT, BL_AT(struct bl_endpoint_port, port), .min = 1,
	 .max = 65535, .help = "port number of the endpoints"},
	{BL_NAME("appProtocol"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_endpoint_port, app_protocol), .help = "what is spoken, such as 'http'"},
};

static const struct bl_type type_slice_port = {
	.name = "EndpointPort",
	BL_TYPE(slice_port_fields, struct bl_endpoint_port),
};

static const struct bl_field subset_fields[] = {
	{BL_NAME("addresses"), .type = BL_FIELD_LIST, BL_AT(struct bl_endpoint_subset, addresses),
	 .sub = &type_address, .help = "endpoints that serve"},
	{BL_NAME("notReadyAddresses"), .type = BL_FIELD_LIST,
	 BL_AT(struct bl_endpoint_subset, not_ready_addresses), .sub = &type_address,
	 .help = "endpoints that do not serve now"},
	{BL_NAME("ports"), .type = BL_FIELD_LIST, BL_AT(struct bl_endpoint_subset, ports),
	 .sub = &type_port, .help = "ports of these endpoints"},
};

static const struct bl_type type_subset = {
	.name = "EndpointSubset",
	BL_TYPE(subset_fields, struct bl_endpoint_subset),
};

static const struct bl_field endpoints_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta, .help = "name (that of the Service), namespace, labels"},
	{BL_NAME("subsets"), .type = BL_FIELD_LIST, BL_AT(struct bl_endpoints, subsets),
	 .sub = &type_subset, .help = "addresses with the ports that they have"},
};

const struct bl_type bl_type_endpoints = {
	.name = "Endpoints",
	BL_TYPE(endpoints_fields, struct bl_endpoints),
};

/* A level that slices have in text only: the rows are relative to the endpoint. */
static const struct bl_field conditions_fields[] = {
	{BL_NAME("ready"), .type = BL_FIELD_BOOL, AT(ready),
	 .help = "may take new connections; not given: yes"},
	{BL_NAME("serving"), .type = BL_FIELD_BOOL, AT(serving),
	 .help = "as ready, but also while it ends"},
	{BL_NAME("terminating"), .type = BL_FIELD_BOOL, AT(terminating), .help = "it is ending"},
};

static const struct bl_type type_conditions = {
	.name = "EndpointConditions",
	BL_TYPE(conditions_fields, struct bl_slice_endpoint),
};

static const struct bl_field hints_fields[] = {
	{BL_NAME("forZones"), .type = BL_FIELD_NAMED_STRINGS,
	 BL_AT(struct bl_endpoint_hints, zones), .key = "name",
	 .help = "zones whose clients should use it"},
	{BL_NAME("forNodes"), .type = BL_FIELD_NAMED_STRINGS,
	 BL_AT(struct bl_endpoint_hints, nodes), .key = "name",
	 .help = "nodes whose clients should use it"},
};

static const struct bl_type type_hints = {
	.name = "EndpointHints",
	BL_TYPE(hints_fields, struct bl_endpoint_hints),
};

static const struct bl_field endpoint_fields[] = {
	{BL_NAME("addresses"), .type = BL_FIELD_STRINGS, AT(addresses), .required = true,
	 .help = "addresses of one endpoint; the first one is used"},
	{BL_NAME("conditions"), .type = BL_FIELD_STRUCT, .sub = &type_conditions, .always = true,
	 .help = "whether it serves"},
	{BL_NAME("hostname"), .type = BL_FIELD_STRING, AT(hostname),
	 .help = "name of the endpoint in DNS"},
	{BL_NAME("targetRef"), .type = BL_FIELD_OPTIONAL, AT(target), .sub = &bl_type_target_ref,
	 .atomic = true, .help = "the pod behind the address"},
	{BL_NAME("deprecatedTopology"), .type = BL_FIELD_PAIRS, AT(topology),
	 .help = "of v1beta1; without effect"},
	{BL_NAME("nodeName"), .type = BL_FIELD_STRING, AT(node_name),
	 .help = "the node that the endpoint is on"},
	{BL_NAME("zone"), .type = BL_FIELD_STRING, AT(zone), .help = "the zone of that node"},
	{BL_NAME("hints"), .type = BL_FIELD_OPTIONAL, AT(hints), .sub = &type_hints,
	 .help = "which clients should use it"},
};

static const struct bl_type type_endpoint = {
	.name = "Endpoint",
	BL_TYPE(endpoint_fields, struct bl_slice_endpoint),
};

static const struct bl_enum_name address_type_names[] = {
	{"IPv4", BL_ADDRESS_TYPE_IPV4},
	{"IPv6", BL_ADDRESS_TYPE_IPV6},
	{"FQDN", BL_ADDRESS_TYPE_FQDN},
	{NULL, 0},
};

static const struct bl_field slice_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta,
	 .help = "label kubernetes.io/service-name says which Service it belongs to"},
	{BL_NAME("addressType"), .type = BL_FIELD_ENUM,
	 BL_AT(struct bl_endpoint_slice, address_type), .names = address_type_names,
	 .required = true, .help = "IPv4, IPv6 or FQDN"},
	{BL_NAME("endpoints"), .type = BL_FIELD_ENDPOINTS,
	 BL_AT(struct bl_endpoint_slice, endpoints), .sub = &type_endpoint, .always = true,
	 .help = "the endpoints, at most 1,000"},
	{BL_NAME("ports"), .type = BL_FIELD_LIST, BL_AT(struct bl_endpoint_slice, ports),
	 .sub = &type_slice_port, .always = true, .help = "ports of all endpoints of this slice"},
};

const struct bl_type bl_type_endpoint_slice = {
	.name = "EndpointSlice",
	BL_TYPE(slice_fields, struct bl_endpoint_slice),
};
