/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pods from text, for the tests of this folder. */
#ifndef PODS_H
#define PODS_H

#include "model/pod.h"

/* A whole manifest, which must be good. */
struct bl_pod *pod_of_text(const char *text);
/* A pod 'p' at 10.0.0.1 with these fields of its one container and of its status. */
struct bl_pod *pod_with(const char *container, const char *status);

#endif
