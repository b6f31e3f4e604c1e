/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Services of the benchmark: number i has the address `frontend` + i, and its backend j the
 * address `backend` + i * backends + j. Both programs that fill maps read the same options.
 */
#ifndef TOOLS_BENCH_D_SYNTHETIC_H
#define TOOLS_BENCH_D_SYNTHETIC_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct synthetic {
	struct bl_addr frontend;
	struct bl_addr backend;
	uint16_t port;         /* that is dialled */
	uint16_t backend_port; /* that answers */
	uint32_t services;
	uint32_t backends; /* of each */
};

/* Reads six words: frontend, backend, port, backend port, services, backends. */
int synthetic_parse(struct synthetic *synthetic, char **words, struct bl_err *err);
#define SYNTHETIC_WORDS 6

void synthetic_frontend(const struct synthetic *synthetic, uint32_t service, struct bl_addr *ret);
void synthetic_backend(const struct synthetic *synthetic, uint32_t service, uint32_t backend,
		       struct bl_addr *ret);

#endif
