/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What happens when the verifier refuses a program: the linker puts a wrapper before libbpf's load,
 * which spoils the programs that a test names.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "datapath/kernel.h"
#include "datapath_fixture.h"

TestSuite(refused, .init = place_up, .fini = place_down, .timeout = 600);

static const char *spoilt[3];

int __real_bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton);
int __real_bpf_object__load(struct bpf_object *object);
int __wrap_bpf_object__load(struct bpf_object *object);

/* The first instruction reads a register that was never written. All others stay, because libbpf
 * still writes addresses into them. */
static void spoil(struct bpf_program *program)
{
	size_t count = bpf_program__insn_cnt(program);
	_cleanup_free_ struct bpf_insn *insns = calloc(count, sizeof(*insns));

	cr_assert_not_null(insns);
	memcpy(insns, bpf_program__insns(program), count * sizeof(*insns));
	insns[0] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X,
		.dst_reg = BPF_REG_0,
		.src_reg = BPF_REG_9,
	};
	cr_assert_eq(bpf_program__set_insns(program, insns, count), 0);
}

/* Those of the named ones that the object has. */
static void spoil_named(const struct bpf_object *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(spoilt) && spoilt[i]; i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(object, spoilt[i]);

		if (program && bpf_program__autoload(program))
			spoil(program);
	}
}

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton)
{
	spoil_named(*skeleton->obj);
	return __real_bpf_object__load_skeleton(skeleton);
}

int __wrap_bpf_object__load(struct bpf_object *object)
{
	spoil_named(object);
	return __real_bpf_object__load(object);
}

Test(refused, a_program_that_the_verifier_refuses_is_named_with_the_verifiers_words)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	spoilt[0] = "bl_sendmsg6";
	cr_expect_lt(bl_datapath_open(&place, &datapath, &err), 0);
	cr_expect(strstr(err.text, "'bl_sendmsg6'"), "%s", err.text);
	cr_expect(strstr(err.text, "R9 !read_ok"), "%s", err.text);
	cr_expect_not(err.truncated);
	cr_expect_null(datapath);
	cr_expect_neq(access(PLACE_BPFFS, F_OK), 0, "a failed first load leaves nothing");
}

Test(refused, adoption_that_fails_leaves_what_is_in_force_as_it_was)
{
	struct bl_datapath *datapath = place_open();
	const struct bl_program_status *status;
	uint32_t ids[16] = {0};
	size_t count;

	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		ids[i] = status[i].id;
	(void)bl_datapath_close(datapath);
	spoilt[0] = "bl_connect4";
	cr_expect_lt(bl_datapath_open(&place, &datapath, NULL), 0);

	cr_assert_eq(bl_datapath_open_read_only(&place, &datapath, NULL), 0);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++) {
		cr_expect(status[i].attached, "%s", status[i].name);
		cr_expect_eq(status[i].id, ids[i], "%s", status[i].name);
	}
	(void)bl_datapath_close(datapath);
}

Test(refused, without_the_destroying_iterator_the_rest_is_loaded)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	spoilt[0] = BL_PROG_DESTROY_UDP;
	cr_assert_eq(bl_datapath_open(&place, &datapath, &err), 0, "%s", err.text);
	cr_expect_str_empty(err.text);
	cr_expect_lt(((struct bl_kernel *)datapath)->destroy_udp_fd, 0);
	cr_expect_geq(((struct bl_kernel *)datapath)->find_stale_fd, 0);
	cr_expect_eq(bl_datapath_sweep_sockets(datapath, NULL, &err), 0, "%s", err.text);
}

Test(refused, without_any_iterator_a_sweep_says_that_it_cannot_look)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	spoilt[0] = BL_PROG_DESTROY_UDP;
	spoilt[1] = BL_PROG_FIND_STALE;
	cr_assert_eq(bl_datapath_open(&place, &datapath, &err), 0, "%s", err.text);
	cr_expect_eq(bl_datapath_sweep_sockets(datapath, NULL, &err), -ENOTSUP);
	cr_expect(strstr(err.text, "cannot look for stale UDP sockets"), "%s", err.text);
}

static void want_packets(void)
{
	place.packet = true;
	place.limits.maglev = 4096;
	place.limits.sources = 64;
	place.limits.dsr_backends = 64;
}

Test(refused, of_packet_programs_that_are_verified_side_by_side_the_first_is_named)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	want_packets();
	spoilt[0] = BL_PROG_TC_EGRESS;
	cr_expect_lt(bl_datapath_open(&place, &datapath, &err), 0);
	cr_expect(strstr(err.text, "'" BL_PROG_TC_EGRESS "'"), "%s", err.text);
	cr_expect(strstr(err.text, "R9 !read_ok"), "%s", err.text);
	spoilt[1] = BL_PROG_XDP;
	for (int i = 0; i < 3; i++) {
		err = (struct bl_err){0};
		cr_expect_lt(bl_datapath_open(&place, &datapath, &err), 0);
		cr_expect(strstr(err.text, "'" BL_PROG_XDP "'"), "%s", err.text);
		cr_expect_null(strstr(err.text, BL_PROG_TC_EGRESS), "%s", err.text);
		cr_expect(strstr(err.text, "R9 !read_ok"), "%s", err.text);
	}
	cr_expect_neq(access(PLACE_BPFFS, F_OK), 0, "a failed first load leaves nothing");
}

Test(refused, a_packet_program_that_fails_at_adoption_leaves_every_hook_as_it_was)
{
	struct bl_datapath *datapath = place_open();
	const struct bl_program_status *status;
	uint32_t ids[16] = {0};
	size_t count;

	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		ids[i] = status[i].id;
	(void)bl_datapath_close(datapath);
	want_packets();
	spoilt[0] = BL_PROG_TC_INGRESS;
	cr_expect_lt(bl_datapath_open(&place, &datapath, NULL), 0);

	cr_assert_eq(bl_datapath_open_read_only(&place, &datapath, NULL), 0);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		cr_expect_eq(status[i].id, ids[i], "%s", status[i].name);
	(void)bl_datapath_close(datapath);
}
