/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recorded answers from tests/data/kubernetes, taken apart. */
#ifndef TEST_KUBE_RECORDING_H
#define TEST_KUBE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recording {
	char *bytes; /* owned: the whole file, chunk framing taken out of the body */
	const char *body;
	size_t len;
	int status;              /* 200 where the file is a body alone */
	uint64_t retry_after_ms; /* UINT64_MAX: not said */
	bool whole;              /* the last chunk was there */
};

/* `name` such as "errors/401-watch.http". Fails the test when it cannot be read. */
struct recording recording_read(const char *name);
void recording_done(struct recording *recording);

#endif
