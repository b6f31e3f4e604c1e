// SPDX-License-Identifier: GPL-3.0-or-later
#include "synthetic.h"

#include <errno.h>
#include <stdlib.h>

static int parse_number(const char *text, uint32_t most, uint32_t *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value == 0 || value > most)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

int synthetic_parse(struct synthetic *synthetic, char **words, struct bl_err *err)
{
	uint32_t port, backend_port;
	struct synthetic parsed = {0};

	if (bl_addr_parse(words[0], &parsed.frontend) < 0 ||
	    bl_addr_parse(words[1], &parsed.backend) < 0 ||
	    parsed.frontend.family != parsed.backend.family)
		return bl_err_set(err, -EINVAL,
				  "cannot use addresses '%s' and '%s': expected two of one family",
				  words[0], words[1]);
	if (parse_number(words[2], UINT16_MAX, &port) < 0 ||
	    parse_number(words[3], UINT16_MAX, &backend_port) < 0 ||
	    parse_number(words[4], 60000, &parsed.services) < 0 ||
	    parse_number(words[5], 100, &parsed.backends) < 0)
		return bl_err_set(
			err, -EINVAL,
			"cannot use '%s %s %s %s': expected two ports, at most 60000 services "
			"and at most 100 backends",
			words[2], words[3], words[4], words[5]);
	parsed.port = (uint16_t)port;
	parsed.backend_port = (uint16_t)backend_port;
	*synthetic = parsed;
	return 0;
}

void synthetic_frontend(const struct synthetic *synthetic, uint32_t service, struct bl_addr *ret)
{
	(void)bl_addr_add(&synthetic->frontend, service, ret);
}

void synthetic_backend(const struct synthetic *synthetic, uint32_t service, uint32_t backend,
		       struct bl_addr *ret)
{
	(void)bl_addr_add(&synthetic->backend, (uint64_t)service * synthetic->backends + backend,
			  ret);
}
