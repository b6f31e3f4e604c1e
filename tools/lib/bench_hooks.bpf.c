// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the socket programs are compared with: ways to remember what a socket dialled, and the bare
 * map operations that the aims are stated in. Made of the same cores as the programs themselves,
 * which are in this object too.
 */
#include "../../bpf/sock.bpf.c"

#define BENCH_SOCKETS_MAX 65536

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BENCH_SOCKETS_MAX);
	__type(key, __u64);
	__type(value, struct bl_translation);
} bench_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BENCH_SOCKETS_MAX);
	__type(key, __u64);
	__type(value, struct bl_translation);
} bench_hash SEC(".maps");

SEC("cgroup/connect4")
int bench_empty(struct bpf_sock_addr *ctx)
{
	return BL_ALLOW;
}

/* All that connect does for TCP except remembering. */
static __always_inline enum bl_reason
choose(struct bpf_sock_addr *ctx, struct bl_destination *dialled, struct bl_choice *choice)
{
	struct bl_client client;
	enum bl_reason reason;
	__u32 filter;

	read4(ctx, dialled);
	filter = bl_filter(&dialled->address);
	if (!filter || !bl_is_handled(dialled) || bl_is_marked(ctx))
		return BL_REASON_NOT_A_SERVICE;
	client = bl_client_of(ctx);
	reason = bl_select(&client, dialled, filter, choice);
	bl_count_reason(reason);
	if (bl_reason_is_rewrite(reason)) {
		bl_count_connection(choice->backend.service_id, choice->backend_id);
		write4(ctx, &choice->backend.address, choice->backend.port);
	}
	return reason;
}

static __always_inline void fill(struct bl_translation *translation,
				 const struct bl_destination *dialled,
				 const struct bl_choice *choice)
{
	bl_translation_set(translation, dialled, choice->backend_id, &choice->backend,
			   bpf_ktime_get_coarse_ns());
}

SEC("cgroup/connect4")
int bench_nothing(struct bpf_sock_addr *ctx)
{
	struct bl_destination dialled;
	struct bl_choice choice = {0};

	return finish(choose(ctx, &dialled, &choice));
}

SEC("cgroup/connect4")
int bench_by_storage(struct bpf_sock_addr *ctx)
{
	struct bl_destination dialled;
	struct bl_choice choice = {0};
	enum bl_reason reason = choose(ctx, &dialled, &choice);
	struct bl_sock *sock;

	if (bl_reason_is_rewrite(reason)) {
		sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (sock)
			fill(&sock->translation, &dialled, &choice);
	}
	return finish(reason);
}

SEC("cgroup/sock_release")
int bench_storage_release(struct bpf_sock *ctx)
{
	struct bl_sock *sock = bpf_sk_storage_get(&socks, ctx, NULL, 0);

	if (sock)
		bl_count_release(sock->translation.backend_id);
	return BL_ALLOW;
}

static __always_inline int remember_in(void *map, struct bpf_sock_addr *ctx)
{
	struct bl_translation translation = {0};
	struct bl_destination dialled;
	struct bl_choice choice = {0};
	enum bl_reason reason = choose(ctx, &dialled, &choice);
	__u64 cookie;

	if (bl_reason_is_rewrite(reason)) {
		cookie = bpf_get_socket_cookie(ctx);
		fill(&translation, &dialled, &choice);
		bpf_map_update_elem(map, &cookie, &translation, BPF_ANY);
	}
	return finish(reason);
}

SEC("cgroup/connect4")
int bench_by_lru(struct bpf_sock_addr *ctx)
{
	return remember_in(&bench_lru, ctx);
}

SEC("cgroup/connect4")
int bench_by_hash(struct bpf_sock_addr *ctx)
{
	return remember_in(&bench_hash, ctx);
}

SEC("cgroup/sock_release")
int bench_hash_release(struct bpf_sock *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct bl_translation *translation = bpf_map_lookup_elem(&bench_hash, &cookie);

	if (translation) {
		bl_count_release(translation->backend_id);
		bpf_map_delete_elem(&bench_hash, &cookie);
	}
	return BL_ALLOW;
}

/* The bare operations, with nothing around them. */
SEC("cgroup/connect4")
int bench_lru_insert(struct bpf_sock_addr *ctx)
{
	struct bl_translation translation = {.backend_id = ctx->user_ip4};
	__u64 cookie = bpf_get_socket_cookie(ctx);

	bpf_map_update_elem(&bench_lru, &cookie, &translation, BPF_ANY);
	return BL_ALLOW;
}

SEC("cgroup/connect4")
int bench_storage_create(struct bpf_sock_addr *ctx)
{
	struct bl_sock *sock;

	sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (sock)
		sock->translation.backend_id = 0;
	return BL_ALLOW;
}

SEC("cgroup/sendmsg4")
int bench_send_empty(struct bpf_sock_addr *ctx)
{
	return BL_ALLOW;
}

SEC("cgroup/sendmsg4")
int bench_two_lookups(struct bpf_sock_addr *ctx)
{
	struct bl_frontend4_key key = {.port = (__be16)ctx->user_port, .protocol = IPPROTO_UDP};
	const struct bl_frontend *frontend;
	const struct bl_backend *backend;
	__u32 address = ctx->user_ip4, id;

	__builtin_memcpy(key.address, &address, sizeof(address));
	frontend = bpf_map_lookup_elem(&frontends4, &key);
	if (!frontend)
		return BL_ALLOW;
	id = frontend->service_id; /* the bench gives both the same number */
	backend = bpf_map_lookup_elem(&backends, &id);
	if (backend)
		write4(ctx, &backend->address, backend->port);
	return BL_ALLOW;
}
