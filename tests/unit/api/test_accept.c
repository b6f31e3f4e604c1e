/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include "api/accept.h"

#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io"
#define TABLE_BETA "application/json;as=Table;v=v1beta1;g=meta.k8s.io"
#define DISCOVERY "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

Test(accept, the_first_alternative_that_is_offered_is_taken)
{
	static const struct {
		const char *header;
		enum bl_media media;
	} rows[] = {
		{NULL, BL_MEDIA_JSON},
		{"", BL_MEDIA_JSON},
		{"*/*", BL_MEDIA_JSON},
		{"application/*", BL_MEDIA_JSON},
		{"application/json, */*", BL_MEDIA_JSON},
		{TABLE "," TABLE_BETA ",application/json", BL_MEDIA_TABLE},
		{TABLE_BETA ",application/json", BL_MEDIA_TABLE_BETA},
		{"application/json ; as = Table ; v=v1 ; g=meta.k8s.io", BL_MEDIA_TABLE},
		{"application/json," TABLE, BL_MEDIA_JSON},
		{"application/json;q=0," TABLE, BL_MEDIA_TABLE},
		{"application/vnd.kubernetes.protobuf,application/json", BL_MEDIA_JSON},
		{"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
		 BL_MEDIA_METADATA_LIST},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(bl_accept(rows[i].header, BL_MEDIA_OF_OBJECTS), rows[i].media, "%s",
			     rows[i].header);
}

Test(accept, what_is_not_offered_is_none)
{
	static const char *const headers[] = {
		"application/vnd.kubernetes.protobuf",
		"text/html",
		DISCOVERY,
		"application/json;as=Table;v=v2;g=meta.k8s.io",
		"application/json;as=Table;v=v1;g=example.org",
		"application/json;as=Table",
		"application/json;as=Tables;v=v1;g=meta.k8s.io",
		"*/*;q=0",
		",;,",
		"application/jsonx",
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		cr_assert_eq(bl_accept(headers[i], BL_MEDIA_OF_OBJECTS), BL_MEDIA_NONE, "%s",
			     headers[i]);
}

Test(accept, both_spellings_of_the_protobuf_document_are_known_and_the_answer_has_the_valid_one)
{
	unsigned int offered = BL_MEDIA(JSON) | BL_MEDIA(OPENAPI_V2);

	cr_assert_eq(
		bl_accept("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", offered),
		BL_MEDIA_OPENAPI_V2);
	cr_assert_eq(
		bl_accept("application/com.github.proto-openapi.spec.v2.v1.0+protobuf", offered),
		BL_MEDIA_OPENAPI_V2);
	cr_assert_eq(bl_accept("application/json", offered), BL_MEDIA_JSON);
	cr_assert_str_eq(bl_media_type(BL_MEDIA_OPENAPI_V2),
			 "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
}
