/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* The version of this build, from meson.build: "0.1.0". */
extern const char bl_version[];

#endif
