/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/selector.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "model/pod.h"

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
	struct term *terms[BL_SELECTOR_TERMS_MAX];
	size_t count;
};

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

static int check_field(const struct term *term, struct bl_err *err)
{
	static const char *const known[] = {"metadata.name", "metadata.namespace", "spec.nodeName"};

	if (term->operation != OPERATION_EQUALS && term->operation != OPERATION_DIFFERS)
		return bl_err_set(err, -EINVAL, "a field selector needs '=' or '!=' after '%s'",
				  term->key);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(term->key, known[i]))
			return 0;
	return bl_err_set(err, -EINVAL,
			  "field '%s' cannot be selected by; metadata.name, metadata.namespace and "
			  "spec.nodeName can",
			  term->key);
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
		r = check_field(term, err);
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

int bl_selector_parse(const char *labels, const char *fields, struct bl_selector **ret,
		      struct bl_err *err)
{
	_cleanup_(bl_selector_free) struct bl_selector *selector = calloc(1, sizeof(*selector));
	int r;

	if (!selector)
		return -ENOMEM;
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

static const char *field_of(const struct bl_object *object, const char *key)
{
	const char *value = NULL;

	if (!strcmp(key, "metadata.name"))
		value = object->meta.name;
	else if (!strcmp(key, "metadata.namespace"))
		value = object->meta.ns;
	else if (object->kind == BL_KIND_POD)
		value = bl_pod_of(object)->spec.node_name;
	return value ? value : ""; /* a field is never absent */
}

static bool among(const struct term *term, const char *value)
{
	for (size_t i = 0; value && i < term->count; i++)
		if (!strcmp(term->values[i], value))
			return true;
	return false;
}

static bool match_term(const struct term *term, const struct bl_object *object)
{
	const char *value = term->field ? field_of(object, term->key)
					: bl_pairs_get(&object->meta.labels, term->key);

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
	for (size_t i = 0; i < selector->count; i++)
		if (!match_term(selector->terms[i], object))
			return false;
	return true;
}
