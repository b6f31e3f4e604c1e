// SPDX-License-Identifier: GPL-2.0
/*
 * What beeline's hooks are measured against: the least that a program at the same hook can do.
 * - empty: nothing.
 * - lookup: one hash lookup, one array lookup, rewrite.
 * - lru: the same, and remembers the translation in an LRU map by socket cookie; the map is full.
 * - lrudel: the same with room in the map, and a delete when the socket closes.
 * - hash: the same with a preallocated hash map.
 * - storage: the same with socket storage.
 * The maps of `lookup` hold as many entries as the largest run of beeline, with the same keys.
 */
#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "beeline/abi.h"

#define ALLOW 1
#define COMPARE_MAX 131072
#define LRU_MAX 65536

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, COMPARE_MAX);
	__type(key, struct bl_frontend4_key);
	__type(value, __u32);
} cmp_hash4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, COMPARE_MAX);
	__type(key, struct bl_frontend6_key);
	__type(value, __u32);
} cmp_hash6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COMPARE_MAX);
	__type(key, __u32);
	__type(value, struct bl_backend);
} cmp_backends SEC(".maps");

struct lru_key {
	__u64 cookie;
	union bl_ip address;
	__be16 port;
	__u16 pad[3];
};

struct lru_value {
	union bl_ip address;
	__be16 port;
	__u16 pad;
	__u32 service_id;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LRU_MAX);
	__type(key, struct lru_key);
	__type(value, struct lru_value);
} cmp_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LRU_MAX);
	__type(key, __u64);
	__type(value, struct lru_value);
} cmp_lrudel SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LRU_MAX);
	__type(key, __u64);
	__type(value, struct lru_value);
} cmp_cookies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bl_sock);
} cmp_socks SEC(".maps");

static __always_inline struct bl_backend *find4(const struct bpf_sock_addr *ctx)
{
	struct bl_frontend4_key key = {.port = ctx->user_port, .protocol = ctx->protocol};
	__u32 address = ctx->user_ip4;

	__builtin_memcpy(key.address, &address, sizeof(address));
	__u32 *id = bpf_map_lookup_elem(&cmp_hash4, &key);
	return id ? bpf_map_lookup_elem(&cmp_backends, id) : 0;
}

static __always_inline struct bl_backend *find6(const struct bpf_sock_addr *ctx)
{
	struct bl_frontend6_key key = {.port = ctx->user_port, .protocol = ctx->protocol};
	__u32 words[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	__builtin_memcpy(key.address, words, sizeof(words));
	__u32 *id = bpf_map_lookup_elem(&cmp_hash6, &key);
	return id ? bpf_map_lookup_elem(&cmp_backends, id) : 0;
}

static __always_inline void rewrite4(struct bpf_sock_addr *ctx, const struct bl_backend *backend)
{
	ctx->user_ip4 = backend->address.words[0];
	ctx->user_port = backend->port;
}

static __always_inline void rewrite6(struct bpf_sock_addr *ctx, const struct bl_backend *backend)
{
	ctx->user_ip6[0] = backend->address.words[0];
	ctx->user_ip6[1] = backend->address.words[1];
	ctx->user_ip6[2] = backend->address.words[2];
	ctx->user_ip6[3] = backend->address.words[3];
	ctx->user_port = backend->port;
}

static __always_inline union bl_ip dialled4(const struct bpf_sock_addr *ctx)
{
	return (union bl_ip){.words = {ctx->user_ip4}};
}

static __always_inline union bl_ip dialled6(const struct bpf_sock_addr *ctx)
{
	return (union bl_ip){
		.words = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}};
}

static __always_inline void remember_lru(struct bpf_sock_addr *ctx, const union bl_ip *dialled,
					 const struct bl_backend *backend)
{
	struct lru_key key = {
		.cookie = bpf_get_socket_cookie(ctx),
		.address = backend->address,
		.port = backend->port,
	};
	struct lru_value value = {
		.address = *dialled,
		.port = ctx->user_port,
		.service_id = backend->service_id,
	};

	bpf_map_update_elem(&cmp_lru, &key, &value, BPF_ANY);
}

/* Keyed by the cookie alone, so that the program that sees the socket close finds the entry. */
static __always_inline void remember_cookie(struct bpf_sock_addr *ctx, void *map,
					    const union bl_ip *dialled,
					    const struct bl_backend *backend)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct lru_value value = {
		.address = *dialled,
		.port = ctx->user_port,
		.service_id = backend->service_id,
	};

	bpf_map_update_elem(map, &cookie, &value, BPF_ANY);
}

static __always_inline void forget_cookie(struct bpf_sock *ctx, void *map)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);

	bpf_map_delete_elem(map, &cookie);
}

static __always_inline void remember_storage(struct bpf_sock_addr *ctx, const union bl_ip *dialled,
					     const struct bl_backend *backend)
{
	struct bl_sock *sock;

	if (!ctx->sk)
		return;
	sock = bpf_sk_storage_get(&cmp_socks, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sock)
		return;
	sock->translation.dialled = *dialled;
	sock->translation.dialled_port = ctx->user_port;
	sock->translation.backend = backend->address;
	sock->translation.backend_port = backend->port;
	sock->translation.service_id = backend->service_id;
}

static __always_inline int lookup4(struct bpf_sock_addr *ctx)
{
	struct bl_backend *backend = find4(ctx);

	if (backend)
		rewrite4(ctx, backend);
	return ALLOW;
}

static __always_inline int lookup6(struct bpf_sock_addr *ctx)
{
	struct bl_backend *backend = find6(ctx);

	if (backend)
		rewrite6(ctx, backend);
	return ALLOW;
}

SEC("cgroup/connect4") int empty_connect4(struct bpf_sock_addr *ctx)
{
	return ALLOW;
}

SEC("cgroup/connect6") int empty_connect6(struct bpf_sock_addr *ctx)
{
	return ALLOW;
}

SEC("cgroup/sendmsg4") int empty_sendmsg4(struct bpf_sock_addr *ctx)
{
	return ALLOW;
}

SEC("cgroup/sendmsg6") int empty_sendmsg6(struct bpf_sock_addr *ctx)
{
	return ALLOW;
}

SEC("cgroup/connect4") int lookup_connect4(struct bpf_sock_addr *ctx)
{
	return lookup4(ctx);
}

SEC("cgroup/connect6") int lookup_connect6(struct bpf_sock_addr *ctx)
{
	return lookup6(ctx);
}

SEC("cgroup/sendmsg4") int lookup_sendmsg4(struct bpf_sock_addr *ctx)
{
	return lookup4(ctx);
}

SEC("cgroup/sendmsg6") int lookup_sendmsg6(struct bpf_sock_addr *ctx)
{
	return lookup6(ctx);
}

SEC("cgroup/connect4") int lru_connect4(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled4(ctx);
	struct bl_backend *backend = find4(ctx);

	if (backend) {
		remember_lru(ctx, &dialled, backend);
		rewrite4(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/connect6") int lru_connect6(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled6(ctx);
	struct bl_backend *backend = find6(ctx);

	if (backend) {
		remember_lru(ctx, &dialled, backend);
		rewrite6(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/connect4") int storage_connect4(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled4(ctx);
	struct bl_backend *backend = find4(ctx);

	if (backend) {
		remember_storage(ctx, &dialled, backend);
		rewrite4(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/connect6") int storage_connect6(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled6(ctx);
	struct bl_backend *backend = find6(ctx);

	if (backend) {
		remember_storage(ctx, &dialled, backend);
		rewrite6(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/connect4") int lrudel_connect4(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled4(ctx);
	struct bl_backend *backend = find4(ctx);

	if (backend) {
		remember_cookie(ctx, &cmp_lrudel, &dialled, backend);
		rewrite4(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/connect6") int lrudel_connect6(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled6(ctx);
	struct bl_backend *backend = find6(ctx);

	if (backend) {
		remember_cookie(ctx, &cmp_lrudel, &dialled, backend);
		rewrite6(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/sock_release") int lrudel_release(struct bpf_sock *ctx)
{
	forget_cookie(ctx, &cmp_lrudel);
	return ALLOW;
}

SEC("cgroup/connect4") int hash_connect4(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled4(ctx);
	struct bl_backend *backend = find4(ctx);

	if (backend) {
		remember_cookie(ctx, &cmp_cookies, &dialled, backend);
		rewrite4(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/connect6") int hash_connect6(struct bpf_sock_addr *ctx)
{
	union bl_ip dialled = dialled6(ctx);
	struct bl_backend *backend = find6(ctx);

	if (backend) {
		remember_cookie(ctx, &cmp_cookies, &dialled, backend);
		rewrite6(ctx, backend);
	}
	return ALLOW;
}

SEC("cgroup/sock_release") int hash_release(struct bpf_sock *ctx)
{
	forget_cookie(ctx, &cmp_cookies);
	return ALLOW;
}

char _license[] SEC("license") = "GPL";
