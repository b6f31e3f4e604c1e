/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/selector.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "api/json.h"
#include "model/node.h"
#include "model/pod.h"
#include "model/service.h"

enum operation {
	OPERATION_EQUALS,
	OPERATION_DIFFERS,
	OPERATION_IN,
	OPERATION_NOT_IN,
	OPERATION_EXISTS,
	OPERATION_ABSENT,
};

struct term {
	bool field; /* not a label */
	enum operation operation;
	const char *key;
	const char *values[BL_SELECTOR_TERMS_MAX];
	size_t count;
};

struct bl_selector {
	struct bl_arena *arena;
	const char *const *known;
	struct term *terms[BL_SELECTOR_TERMS_MAX];
	size_t count;
};

const char *const *bl_selector_fields(enum bl_kind kind)
{
	static const char *const of_any[] = {"metadata.name", "metadata.namespace", NULL};
	static const char *const of_service[] = {"metadata.name", "metadata.namespace",
						 "spec.clusterIP", "spec.type", NULL};
	static const char *const of_pod[] = {"metadata.name",
					     "metadata.namespace",
					     "spec.nodeName",
					     "spec.hostNetwork",
					     "status.phase",
					     "status.podIP",
					     NULL};
	static const char *const of_node[] = {"metadata.name", "metadata.namespace",
					      "spec.unschedulable", NULL};
	static const char *const of_namespace[] = {"metadata.name", "metadata.namespace",
						   "status.phase", NULL};

	switch (kind) {
	case BL_KIND_SERVICE:
		return of_service;
	case BL_KIND_POD:
		return of_pod;
	case BL_KIND_NODE:
		return of_node;
	case BL_KIND_NAMESPACE:
		return of_namespace;
	default:
		return of_any;
	}
}

struct bl_selector *bl_selector_free(struct bl_selector *selector)
{
	if (selector)
		bl_arena_free(selector->arena);
	free(selector);
	return NULL;
}

static const char *skip_space(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '/' ||
	       c == ':' || c == '\\';
}

/* A key or value; empty ones are left to the caller. */
static const char *word(struct bl_selector *selector, const char **at)
{
	const char *start = skip_space(*at), *end = start;
	char *text;

	while (is_word(*end))
		end++;
	text = bl_arena_strndup(selector->arena, start, (size_t)(end - start));
	*at = skip_space(end);
	return text;
}

static bool keyword(const char **at, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(*at, name, len) || is_word((*at)[len]))
		return false;
	*at = skip_space(*at + len);
	return true;
}

/* "(a, b)" */
static int parse_set(struct bl_selector *selector, struct term *term, const char **at,
		     struct bl_err *err)
{
	if (**at != '(')
		return bl_err_set(err, -EINVAL, "expected '(' after 'in', got '%.20s'", *at);
	do {
		(*at)++;
		if (term->count == BL_SELECTOR_TERMS_MAX)
			return bl_err_set(err, -EINVAL, "more than %u values in one selector term",
					  BL_SELECTOR_TERMS_MAX);
		term->values[term->count] = word(selector, at);
		if (!term->values[term->count++])
			return -ENOMEM;
	} while (**at == ',');
	if (**at != ')')
		return bl_err_set(err, -EINVAL, "expected ',' or ')', got '%.20s'", *at);
	*at = skip_space(*at + 1);
	return 0;
}

static int parse_value(struct bl_selector *selector, struct term *term, const char **at)
{
	term->values[0] = word(selector, at);
	term->count = 1;
	return term->values[0] ? 0 : -ENOMEM;
}

static int parse_operation(struct bl_selector *selector, struct term *term, const char **at,
			   struct bl_err *err)
{
	if (!strncmp(*at, "!=", 2)) {
		*at += 2;
		term->operation = OPERATION_DIFFERS;
		return parse_value(selector, term, at);
	}
	if (**at == '=') {
		*at += (*at)[1] == '=' ? 2 : 1;
		term->operation = OPERATION_EQUALS;
		return parse_value(selector, term, at);
	}
	if (keyword(at, "notin")) {
		term->operation = OPERATION_NOT_IN;
		return parse_set(selector, term, at, err);
	}
	if (keyword(at, "in")) {
		term->operation = OPERATION_IN;
		return parse_set(selector, term, at, err);
	}
	term->operation = OPERATION_EXISTS;
	return 0;
}

static int check_field(const struct bl_selector *selector, const struct term *term,
		       struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf names = {0};

	if (term->operation != OPERATION_EQUALS && term->operation != OPERATION_DIFFERS)
		return bl_err_set(err, -EINVAL, "a field selector needs '=' or '!=' after '%s'",
				  term->key);
	for (size_t i = 0; selector->known[i]; i++) {
		if (!strcmp(term->key, selector->known[i]))
			return 0;
		bl_buf_addf(&names, "%s%s", i ? ", " : "", selector->known[i]);
	}
	return bl_err_set(err, -EINVAL, "field '%s' cannot be selected by; these can: %s",
			  term->key, names.failed ? "" : names.data);
}

static int parse_term(struct bl_selector *selector, bool field, const char **at, struct bl_err *err)
{
	struct term *term = bl_arena_alloc(selector->arena, sizeof(*term));
	bool absent;
	int r;

	if (!term)
		return -ENOMEM;
	if (selector->count == BL_SELECTOR_TERMS_MAX)
		return bl_err_set(err, -EINVAL, "more than %u terms in a selector",
				  BL_SELECTOR_TERMS_MAX);
	*at = skip_space(*at);
	absent = **at == '!';
	*at += absent;
	term->field = field;
	term->key = word(selector, at);
	if (!term->key)
		return -ENOMEM;
	if (!term->key[0])
		return bl_err_set(err, -EINVAL, "expected a key, got '%.20s'", *at);
	term->operation = OPERATION_ABSENT;
	r = absent ? 0 : parse_operation(selector, term, at, err);
	if (r >= 0 && field)
		r = check_field(selector, term, err);
	if (r >= 0)
		selector->terms[selector->count++] = term;
	return r;
}

static int parse_terms(struct bl_selector *selector, const char *text, bool field,
		       struct bl_err *err)
{
	const char *at = text ? skip_space(text) : "";

	if (strlen(at) > BL_SELECTOR_TEXT_MAX)
		return bl_err_set(err, -EINVAL, "a selector has more than %u characters",
				  BL_SELECTOR_TEXT_MAX);
	while (*at) {
		int r = parse_term(selector, field, &at, err);

		if (r < 0)
			return r;
		if (*at && *at != ',')
			return bl_err_set(err, -EINVAL, "expected ',' in the selector, got '%.20s'",
					  at);
		if (*at == ',' && !*skip_space(++at))
			return bl_err_set(err, -EINVAL, "the selector ends with a comma");
	}
	return 0;
}

int bl_selector_parse(const char *labels, const char *fields, const char *const *known,
		      struct bl_selector **ret, struct bl_err *err)
{
	_cleanup_(bl_selector_free) struct bl_selector *selector = calloc(1, sizeof(*selector));
	int r;

	if (!selector)
		return -ENOMEM;
	selector->known = known;
	r = bl_arena_new(&selector->arena);
	if (r >= 0)
		r = parse_terms(selector, labels, false, err);
	if (r >= 0)
		r = parse_terms(selector, fields, true, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(selector);
	return 0;
}

static const char *bool_text(enum bl_tristate value)
{
	return value == BL_TRUE ? "true" : "false";
}

static const char *field_of_pod(const struct bl_pod *pod, const char *key)
{
	static const char *const phases[] = {
		[BL_POD_PENDING] = "Pending",       [BL_POD_RUNNING] = "Running",
		[BL_POD_SUCCEEDED] = "Succeeded",   [BL_POD_FAILED] = "Failed",
		[BL_POD_PHASE_UNKNOWN] = "Unknown",
	};

	if (!strcmp(key, "spec.nodeName"))
		return pod->spec.node_name;
	if (!strcmp(key, "spec.hostNetwork"))
		return bool_text(pod->spec.host_network);
	if (!strcmp(key, "status.podIP"))
		return pod->status.pod_ip;
	return phases[pod->status.phase];
}

static const char *field_of_service(const struct bl_service_spec *spec, const char *key)
{
	static const char *const types[] = {
		[BL_SERVICE_CLUSTER_IP] = "ClusterIP",
		[BL_SERVICE_NODE_PORT] = "NodePort",
		[BL_SERVICE_LOAD_BALANCER] = "LoadBalancer",
		[BL_SERVICE_EXTERNAL_NAME] = "ExternalName",
	};

	return strcmp(key, "spec.type") ? spec->cluster_ip : types[spec->type];
}

static const char *phase_of_namespace(const struct bl_namespace *ns)
{
	return ns->phase ? ns->phase : "Active";
}

/* Only what bl_selector_fields names. */
static const char *field_of(const struct bl_object *object, const char *key)
{
	const char *value = NULL;

	if (!strcmp(key, "metadata.name"))
		value = object->meta.name;
	else if (!strcmp(key, "metadata.namespace"))
		value = object->meta.ns;
	else if (object->kind == BL_KIND_POD)
		value = field_of_pod(bl_pod_of(object), key);
	else if (object->kind == BL_KIND_SERVICE)
		value = field_of_service(&bl_service_of(object)->spec, key);
	else if (object->kind == BL_KIND_NODE)
		value = bool_text(bl_node_of(object)->unschedulable);
	else if (object->kind == BL_KIND_NAMESPACE)
		value = phase_of_namespace((const struct bl_namespace *)object);
	return value ? value : ""; /* a field is never absent */
}

static bool among(const struct term *term, const char *value)
{
	for (size_t i = 0; value && i < term->count; i++)
		if (!strcmp(term->values[i], value))
			return true;
	return false;
}

static bool match_term(const struct term *term, const char *value)
{
	switch (term->operation) {
	case OPERATION_EQUALS:
	case OPERATION_IN:
		return among(term, value);
	case OPERATION_DIFFERS: /* also when there is no such label, as in Kubernetes */
	case OPERATION_NOT_IN:
		return !among(term, value);
	case OPERATION_EXISTS:
		return value;
	case OPERATION_ABSENT:
		break;
	}
	return !value;
}

bool bl_selector_match(const struct bl_selector *selector, const struct bl_object *object)
{
	for (size_t i = 0; i < selector->count; i++) {
		const struct term *term = selector->terms[i];

		if (!match_term(term, term->field ? field_of(object, term->key)
						  : bl_pairs_get(&object->meta.labels, term->key)))
			return false;
	}
	return true;
}

bool bl_selector_match_json(const struct bl_selector *selector, struct json_object *object)
{
	struct json_object *labels = bl_json_at(object, "metadata.labels");

	for (size_t i = 0; i < selector->count; i++) {
		const struct term *term = selector->terms[i];

		if (!match_term(term, term->field
					      ? bl_json_str_or(object, term->key, "")
					      : bl_json_str(bl_json_key(labels, term->key), "")))
			return false;
	}
	return true;
}
