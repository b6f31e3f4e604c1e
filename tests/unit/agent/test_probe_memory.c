/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was ready is so again, once, and only for the same container. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe_memory.h"
#include "fixture.h"

static struct bl_object *pod_at(const char *name, const char *address, const char *container)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"
		       "spec: {containers: [{name: main, image: x}]}\n"
		       "status: {podIP: %s, containerStatuses: [{name: main, image: x, imageID: '',"
		       " restartCount: 0, ready: true, containerID: '%s'}]}\n",
		       name, address, container);
	return decode_one("a.yaml", text);
}

static void write_file(char path[static 64], const char *text, size_t len)
{
	int fd;

	(void)snprintf(path, 64, "/tmp/beeline-probe-memory-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
}

static bool claim(struct bl_probe_memory *memory, const struct bl_object *pod,
		  enum bl_probe_kind kind)
{
	return bl_probe_memory_claim(memory, bl_pod_of(pod), "main", kind);
}

Test(probe_memory, what_was_ready_is_told_once)
{
	struct bl_object *a = pod_at("a", "10.0.0.1", "containerd://1");
	struct bl_object *b = pod_at("b", "10.0.0.2", "");
	struct bl_object *moved = pod_at("b", "10.0.0.3", "");
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_probe_memory memory = {0};
	char path[64];

	bl_probe_memory_add(&text, bl_pod_of(a), "main", BL_PROBE_READINESS);
	bl_probe_memory_add(&text, bl_pod_of(a), "main", BL_PROBE_STARTUP);
	bl_probe_memory_add(&text, bl_pod_of(b), "main", BL_PROBE_READINESS);
	cr_assert_not(text.failed);
	write_file(path, text.data, text.len);
	cr_assert_eq(bl_probe_memory_open(&memory, path), 0);
	cr_expect(claim(&memory, a, BL_PROBE_READINESS));
	cr_expect_not(claim(&memory, a, BL_PROBE_READINESS), "told once");
	cr_expect(claim(&memory, a, BL_PROBE_STARTUP));
	cr_expect_not(claim(&memory, b, BL_PROBE_STARTUP), "nobody said so");
	cr_expect_not(claim(&memory, moved, BL_PROBE_READINESS), "another address");
	cr_expect_not(claim(&memory, b, BL_PROBE_READINESS), "the name is used up");
	bl_probe_memory_done(&memory);
	cr_expect_null(memory.good);
	cr_expect_not(claim(&memory, b, BL_PROBE_READINESS));
	(void)unlink(path);
	bl_object_unref(a);
	bl_object_unref(b);
	bl_object_unref(moved);
}

Test(probe_memory, another_container_is_not_the_one_that_was_ready)
{
	struct bl_object *before = pod_at("a", "10.0.0.1", "containerd://1");
	struct bl_object *now = pod_at("a", "10.0.0.1", "containerd://2");
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_probe_memory memory = {0};
	char path[64];

	bl_probe_memory_add(&text, bl_pod_of(before), "main", BL_PROBE_READINESS);
	write_file(path, text.data, text.len);
	cr_assert_eq(bl_probe_memory_open(&memory, path), 0);
	cr_expect_not(claim(&memory, now, BL_PROBE_READINESS));
	bl_probe_memory_done(&memory);
	(void)unlink(path);
	bl_object_unref(before);
	bl_object_unref(now);
}

Test(probe_memory, a_file_that_is_missing_or_damaged_says_nothing_wrong)
{
	static const char damaged[] = "readiness\n\nreadiness default/a/main\n \nreadiness "
				      "default/a/main 10.0.0.1,\nreadiness default/a/main "
				      "10.0.0.9,\0\xff\n";
	struct bl_object *pod = pod_at("a", "10.0.0.1", "");
	struct bl_probe_memory memory = {0};
	char path[64];

	cr_assert_eq(bl_probe_memory_open(&memory, "/nonexistent/probes"), 0);
	cr_expect_not(claim(&memory, pod, BL_PROBE_READINESS));
	bl_probe_memory_done(&memory);
	write_file(path, damaged, sizeof(damaged) - 1);
	cr_assert_eq(bl_probe_memory_open(&memory, path), 0);
	cr_expect_not(claim(&memory, pod, BL_PROBE_READINESS), "the last line counts");
	bl_probe_memory_done(&memory);
	(void)unlink(path);
	bl_object_unref(pod);
}
