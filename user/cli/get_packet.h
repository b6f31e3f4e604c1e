/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `get` shows beside objects: flows and Maglev tables. */
#ifndef CLI_GET_PACKET_H
#define CLI_GET_PACKET_H

#include "cli/cli.h"

/* Is the word one of these, and no type of objects? */
bool bl_is_packet_word(const char *word);
/* The command, when its first word is one of these. */
int bl_get_packet(struct bl_cli *cli);

#endif
