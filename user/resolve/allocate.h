/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ClusterIPs and NodePorts as Kubernetes hands them out: fixed values are honoured, others come at
 * random from the dynamic band first (KEP-3070, KEP-3668), dual stack by ipFamilyPolicy, release on
 * type changes. Pure but for the random numbers, which are a parameter; persistence is the
 * caller's.
 */
#ifndef RESOLVE_ALLOCATE_H
#define RESOLVE_ALLOCATE_H

#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/service.h"

struct bl_allocator;

struct bl_allocator_config {
	const struct bl_prefix *service_cidrs; /* first: the primary family; at most two */
	size_t service_cidr_count;
	uint16_t node_port_first;           /* 30000 */
	uint16_t node_port_last;            /* 32767 */
	uint32_t (*random)(void *userdata); /* uniform over 32 bits */
	void *userdata;
};

int bl_allocator_new(const struct bl_allocator_config *config, struct bl_allocator **ret);
struct bl_allocator *bl_allocator_free(struct bl_allocator *allocator);
BL_DEFINE_CLEANUP(struct bl_allocator *, bl_allocator_free);

/*
 * Fills clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy, nodePorts and healthCheckNodePort of a
 * defaulted and validated Service, in place (memory from the object's arena). What the Service of
 * this name had before is kept where it still fits. All or nothing: on failure neither the Service
 * nor the allocator changes and err names the field and the owner of the conflict
 * ("provided port is already allocated" to 'ns/name', "port is not in the valid range" ...).
 * -EADDRINUSE, -ERANGE, -ENOSPC, -EINVAL (a family without a service CIDR), -ENOMEM.
 */
int bl_allocate(struct bl_allocator *allocator, struct bl_service *service, struct bl_err *err);
/* Releases all that a Service had. Unknown names are fine. */
void bl_allocate_release(struct bl_allocator *allocator, const char *ns, const char *name);

/*
 * The state file: what each Service has, as JSON, sorted. Restoring before the first allocation
 * keeps addresses over a restart: each entry is reserved for its Service until that Service turns
 * up or bl_allocator_forget_unclaimed says that all sources have delivered. A damaged text is
 * refused with -EINVAL and words; entries outside the configured ranges are dropped.
 */
int bl_allocator_save(struct bl_allocator *allocator, struct bl_buf *ret);
int bl_allocator_restore(struct bl_allocator *allocator, const char *text, size_t len,
			 struct bl_err *err);
void bl_allocator_forget_unclaimed(struct bl_allocator *allocator);

/* Does the next save differ from the last one? */
bool bl_allocator_is_dirty(const struct bl_allocator *allocator);

#endif
