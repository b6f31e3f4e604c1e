/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands that run without an agent share. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "base/err.h"
#include "base/exit.h"

/* Logs the error and says how the command exits. */
enum bl_exit bl_command_failed(int code, const struct bl_err *err);

#endif
