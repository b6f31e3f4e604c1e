/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define JSON "application/json"
#define META "meta.k8s.io"
#define DISCOVERY "apidiscovery.k8s.io"
#define OPENAPI "application/com.github.proto-openapi.spec."

static const struct row {
	const char *as; /* NULL: no such parameter */
	const char *group;
	const char *version;
	const char *type; /* of the answer */
} rows[BL_MEDIA_COUNT] = {
	[BL_MEDIA_JSON] = {.type = JSON},
	[BL_MEDIA_TABLE] = {"Table", META, "v1", JSON},
	[BL_MEDIA_TABLE_BETA] = {"Table", META, "v1beta1", JSON},
	[BL_MEDIA_METADATA] = {"PartialObjectMetadata", META, "v1", JSON},
	[BL_MEDIA_METADATA_BETA] = {"PartialObjectMetadata", META, "v1beta1", JSON},
	[BL_MEDIA_METADATA_LIST] = {"PartialObjectMetadataList", META, "v1", JSON},
	[BL_MEDIA_METADATA_LIST_BETA] = {"PartialObjectMetadataList", META, "v1beta1", JSON},
	[BL_MEDIA_DISCOVERY] = {"APIGroupDiscoveryList", DISCOVERY, "v2",
				JSON ";g=" DISCOVERY ";v=v2;as=APIGroupDiscoveryList"},
	[BL_MEDIA_DISCOVERY_BETA] = {"APIGroupDiscoveryList", DISCOVERY, "v2beta1",
				     JSON ";g=" DISCOVERY ";v=v2beta1;as=APIGroupDiscoveryList"},
	[BL_MEDIA_OPENAPI_V2] = {.type = OPENAPI "v2.v1.0+protobuf"},
};

/* A piece of the header, without its end. */
struct text {
	const char *at;
	size_t len;
};

static struct text trim(struct text text)
{
	while (text.len && (*text.at == ' ' || *text.at == '\t')) {
		text.at++;
		text.len--;
	}
	while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Takes what stands before `separator` off `rest`; false: nothing is left. */
static bool next(struct text *rest, char separator, struct text *ret)
{
	const char *end;

	if (!rest->len)
		return false;
	end = memchr(rest->at, separator, rest->len);
	*ret = (struct text){rest->at, end ? (size_t)(end - rest->at) : rest->len};
	rest->at += ret->len + (end != NULL);
	rest->len -= ret->len + (end != NULL);
	*ret = trim(*ret);
	return true;
}

static bool is(struct text text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

struct wish {
	struct text type, as, group, version;
	bool refused;
};

static struct wish read_wish(struct text text)
{
	struct text parameter;
	struct wish wish = {0};

	(void)next(&text, ';', &wish.type);
	while (next(&text, ';', &parameter)) {
		struct text key = {0};

		(void)next(&parameter, '=', &key);
		parameter = trim(parameter);
		if (is(key, "as"))
			wish.as = parameter;
		else if (is(key, "g"))
			wish.group = parameter;
		else if (is(key, "v"))
			wish.version = parameter;
		else if (is(key, "q"))
			wish.refused = is(parameter, "0") || is(parameter, "0.0");
	}
	return wish;
}

static bool matches(const struct row *row, const struct wish *wish)
{
	if (row->as)
		return is(wish->type, JSON) && is(wish->as, row->as) &&
		       is(wish->group, row->group) && is(wish->version, row->version);
	if (wish->as.len)
		return false;
	if (is(wish->type, row->type))
		return true;
	/* What clients ask for, though '@' has no place in a type: they take none with it. */
	if (row == &rows[BL_MEDIA_OPENAPI_V2])
		return is(wish->type, OPENAPI "v2@v1.0+protobuf");
	return is(wish->type, "*/*") || is(wish->type, "application/*");
}

enum bl_media bl_accept(const char *header, unsigned int offered)
{
	struct text rest = {header, header ? strlen(header) : 0}, one;

	if (!rest.len)
		return BL_MEDIA_JSON;
	while (next(&rest, ',', &one)) {
		struct wish wish = read_wish(one);

		for (int i = BL_MEDIA_JSON; i < BL_MEDIA_COUNT && !wish.refused; i++)
			if (offered & 1u << i && matches(&rows[i], &wish))
				return (enum bl_media)i;
	}
	return BL_MEDIA_NONE;
}

const char *bl_media_type(enum bl_media media)
{
	return rows[media].type;
}
