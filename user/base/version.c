/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/version.h"

const char bl_version[] = BL_VERSION;
