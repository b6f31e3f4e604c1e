/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packet programs of a test, with their maps.
 *
 * In an emulated guest the kernel takes ten seconds and more to verify them, so the first test with
 * the same constants pins what it loaded in the folder that BEELINE_TEST_PINS names, and the others
 * take it from there; they must run one after the other. Who sets the variable removes the folder.
 */
#ifndef TESTS_BPF_PACKET_PROGRAMS_H
#define TESTS_BPF_PACKET_PROGRAMS_H

#include <stdbool.h>

#include "packet_fixture.h"

/* True: they are those of a test before, and their maps hold what that one left. */
bool programs_up(const struct bl_packet_tunables *tunables);
void programs_down(void);
int program_fd(enum hook hook);
int map_fd(const char *name);
/* All elements of an array by one call: thousands of calls take long in an emulated guest. */
void packet_put_all(const char *map, uint32_t count, const void *values);
/* Those that wait, too. */
void packet_flows_clear(void);

#endif
