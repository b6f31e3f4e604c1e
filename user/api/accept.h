/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client wants to be answered with: the Accept header of HTTP, with Kubernetes' parameters
 * (`application/json;as=Table;v=v1;g=meta.k8s.io`). */
#ifndef API_ACCEPT_H
#define API_ACCEPT_H

enum bl_media {
	BL_MEDIA_NONE, /* nothing that is offered: 406 */
	BL_MEDIA_JSON, /* the object itself */
	BL_MEDIA_TABLE,
	BL_MEDIA_TABLE_BETA,
	BL_MEDIA_METADATA, /* PartialObjectMetadata */
	BL_MEDIA_METADATA_BETA,
	BL_MEDIA_METADATA_LIST,
	BL_MEDIA_METADATA_LIST_BETA,
	BL_MEDIA_DISCOVERY, /* APIGroupDiscoveryList */
	BL_MEDIA_DISCOVERY_BETA,
	BL_MEDIA_OPENAPI_V2, /* protobuf */
	BL_MEDIA_COUNT,
};

#define BL_MEDIA(name) (1u << BL_MEDIA_##name)
#define BL_MEDIA_OF_OBJECTS                                                                        \
	(BL_MEDIA(JSON) | BL_MEDIA(TABLE) | BL_MEDIA(TABLE_BETA) | BL_MEDIA(METADATA) |            \
	 BL_MEDIA(METADATA_BETA) | BL_MEDIA(METADATA_LIST) | BL_MEDIA(METADATA_LIST_BETA))

/* The first of the header's alternatives that is among `offered`; NULL or empty takes JSON. What
 * has q=0 is left out, other weights do not count: clients name first what they like best. */
enum bl_media bl_accept(const char *header, unsigned int offered);
/* As a Content-Type says it; static. */
const char *bl_media_type(enum bl_media media);

#endif
