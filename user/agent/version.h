/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The version of the build, from meson.build. */
#ifndef AGENT_VERSION_H
#define AGENT_VERSION_H

#ifndef BL_VERSION
#error "BL_VERSION comes from meson.build"
#endif

#endif
