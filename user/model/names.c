/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Syntax of names, after Kubernetes' apimachinery validation. */
#include <ctype.h>
#include <string.h>

#include "model/check.h"
#include "model/validate.h"

static bool is_lower_alnum(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_alnum(char byte)
{
	return is_lower_alnum(byte) || (byte >= 'A' && byte <= 'Z');
}

/* Lower-case letters, digits and '-', letters or digits at the ends. */
static bool is_label(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i + 1 == len;

		if (!is_lower_alnum(text[i]) && (edge || text[i] != '-'))
			return false;
	}
	return len > 0;
}

const char *bl_check_dns_label(const char *name)
{
	size_t len = strlen(name);

	if (len > 63)
		return "expected at most 63 characters";
	return is_label(name, len) ? NULL
				   : "expected lower-case letters, digits and '-', with a letter "
				     "or digit at both ends";
}

const char *bl_check_dns_subdomain(const char *name)
{
	if (strlen(name) > 253)
		return "expected at most 253 characters";
	for (const char *at = name;;) {
		size_t len = strcspn(at, ".");

		if (!is_label(at, len))
			return "expected lower-case letters, digits, '-' and '.', with a letter "
			       "or digit at both ends of each part";
		if (at[len] == '\0')
			return NULL;
		at += len + 1;
	}
}

const char *bl_check_port_name(const char *name)
{
	size_t len = strlen(name);
	bool letter = false;

	if (len > 15)
		return "expected at most 15 characters";
	for (size_t i = 0; i < len; i++)
		letter = letter || isalpha((unsigned char)name[i]);
	if (!is_label(name, len) || strstr(name, "--"))
		return "expected lower-case letters, digits and single '-', with a letter or "
		       "digit at both ends";
	return letter ? NULL : "expected at least one letter (a number is written without quotes)";
}

/* Letters, digits, '-', '_' and '.', letters or digits at the ends. */
static const char *check_word(const char *word)
{
	size_t len = strlen(word);

	if (len > 63)
		return "expected at most 63 characters";
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i + 1 == len;

		if (!is_alnum(word[i]) && (edge || !strchr("-_.", word[i])))
			return "expected letters, digits, '-', '_' and '.', with a letter or "
			       "digit at both ends";
	}
	return NULL;
}

const char *bl_check_qualified_name(const char *name)
{
	const char *slash = strchr(name, '/');
	const char *word = slash ? slash + 1 : name;
	char prefix[254];

	if (slash) {
		size_t len = (size_t)(slash - name);

		if (len == 0 || len >= sizeof(prefix))
			return "expected a DNS name of 1 to 253 characters before '/'";
		memcpy(prefix, name, len);
		prefix[len] = '\0';
		if (bl_check_dns_subdomain(prefix))
			return "expected a DNS name before '/'";
	}
	if (word[0] == '\0')
		return "expected a name";
	return check_word(word);
}

const char *bl_check_label_value(const char *value)
{
	return check_word(value);
}
