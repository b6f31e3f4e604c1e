/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses for Services of type LoadBalancer, from the networks of --load-balancer-pool. An
 * address is put into status.loadBalancer.ingress when the Service is admitted, and is kept for it
 * over restarts. Where to look first follows from the Service's name. In a shared pool, that
 * several agents give from, all of it follows from the names of the Services that are there: they
 * choose anew, in an order of their own, each time that one comes or goes. Knows no sockets.
 */
#ifndef AGENT_POOL_H
#define AGENT_POOL_H

#include "base/buf.h"
#include "base/err.h"
#include "model/service.h"

struct bl_pool;

/* -EINVAL when networks overlap. */
int bl_pool_new(const struct bl_prefix *prefixes, size_t count, struct bl_pool **ret,
		struct bl_err *err);
struct bl_pool *bl_pool_free(struct bl_pool *pool); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_pool *, bl_pool_free);

/*
 * Gives the Service an address of each of its families that the pool has, or takes back what it had
 * when it has no claim any more (another type, a loadBalancerClass, a status that others wrote).
 * -ENOSPC, -EADDRINUSE and -ERANGE: without an address, err says why; the Service may come in all
 * the same. -ENOMEM.
 */
int bl_pool_assign(struct bl_pool *pool, struct bl_service *service, struct bl_err *err);
void bl_pool_release(struct bl_pool *pool, const char *ns, const char *name);

/* Other agents give from the same networks: see bl_pool_deal. bl_pool_assign only repeats then what
 * was dealt to a Service last. */
void bl_pool_set_shared(struct bl_pool *pool);
/* Between the two all Services choose by bl_pool_assign, in the order of bl_pool_compare: in a
 * shared pool as if nobody had an address yet, else those that have none. */
void bl_pool_deal(struct bl_pool *pool);
void bl_pool_dealt(struct bl_pool *pool);
/* Who wants a certain address comes first; then by a hash of the name, then by the name. */
int bl_pool_compare(const struct bl_service *a, const struct bl_service *b);

/* The order in which a new leader of a cluster's agents goes over them: who has an address keeps
 * it, and comes first; of those the older one. */
void bl_pool_sort(const struct bl_service **services, size_t count);

/* The state, as bl_allocator_save has it: JSON {"version":1,"services":{"ns/name":["ip"]}}. */
int bl_pool_save(struct bl_pool *pool, struct bl_buf *ret);
int bl_pool_restore(struct bl_pool *pool, const char *text, size_t len, struct bl_err *err);
bool bl_pool_is_dirty(const struct bl_pool *pool);
void bl_pool_forget_unclaimed(struct bl_pool *pool);

/* Walks over what is assigned to Services that are there; false at the end. */
bool bl_pool_next(const struct bl_pool *pool, size_t *cursor, struct bl_addr *ret_address,
		  const char **ret_service);

#endif
