/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/codec.h"
#include "pods.h"
#include "probe/status.h"

#define PROBE "readinessProbe: {tcpSocket: {port: 80}}"
#define STARTUP "startupProbe: {tcpSocket: {port: 80}}"

/* "Running c:ready,started Ready=True ContainersReady=True" */
static const char *summary(const struct bl_pod *pod)
{
	static char text[512];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s",
				       pod->status.phase == BL_POD_RUNNING       ? "Running"
				       : pod->status.phase == BL_POD_PENDING     ? "Pending"
				       : pod->status.phase == BL_POD_SUCCEEDED   ? "Succeeded"
				       : pod->status.phase == BL_POD_PHASE_UNSET ? "-"
										 : "other");

	for (size_t i = 0; i < pod->status.container_statuses.count; i++) {
		const struct bl_container_status *status = &pod->status.container_statuses.items[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s:%s%s", status->name,
					 status->ready == BL_TRUE ? "ready" : "unready",
					 status->started == BL_TRUE ? "+started" : "");
	}
	for (size_t i = 0; i < pod->status.conditions.count; i++) {
		const struct bl_condition *condition = &pod->status.conditions.items[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s=%s",
					 condition->type,
					 condition->status == BL_TRUE ? "True" : "False");
	}
	return text;
}

Test(probe_status, what_nobody_says_about_a_pod_is_completed)
{
	static const struct {
		const char *container, *status;
		bool probed;
		const char *expected;
	} rows[] = {
		{"", "", true, "Running c:ready+started ContainersReady=True Ready=True"},
		{"", "", false, "Running c:ready+started ContainersReady=True Ready=True"},
		{"", "phase: Running", true,
		 "Running c:ready+started ContainersReady=True Ready=True"},
		{"", "phase: Pending", true, "Pending"},
		{"", "phase: Succeeded", true, "Succeeded"},
		{PROBE, "", true, "Running c:unready+started ContainersReady=False Ready=False"},
		{PROBE, "", false, "Running c:ready+started ContainersReady=True Ready=True"},
		{STARTUP, "", true, "Running c:unready ContainersReady=False Ready=False"},
		{"", "conditions: [{type: Ready, status: 'False'}]", true,
		 "Running c:unready+started Ready=False"},
		{"", "conditions: [{type: Ready, status: 'True'}]", true,
		 "Running c:ready+started Ready=True"},
		{PROBE, "conditions: [{type: Ready, status: 'True'}]", true,
		 "Running c:unready+started Ready=False ContainersReady=False"},
		{"", "containerStatuses: [{name: c, ready: false, started: true}]", true,
		 "Running c:unready+started ContainersReady=False Ready=False"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_pod *pod = pod_with(rows[i].container, rows[i].status);

		cr_assert_eq(bl_pod_status_complete(pod, NULL, rows[i].probed, 1000), 0);
		cr_expect_str_eq(summary(pod), rows[i].expected, "row %zu: %s", i, summary(pod));
		bl_object_unref(&pod->object);
	}
}

Test(probe_status, a_pod_without_an_address_is_pending_until_it_has_one)
{
	static const char bare[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
				   "spec: {containers: [{name: c, image: i}]}\n";
	struct bl_pod *pod = pod_of_text(bare);
	struct bl_pod *later = pod_of_text("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
					   "spec: {containers: [{name: c, image: i}]}\n"
					   "status: {phase: Pending, podIP: 192.0.2.1}\n");

	cr_assert_eq(bl_pod_status_complete(pod, NULL, true, 1000), 0);
	cr_expect_str_eq(summary(pod), "Pending");
	cr_assert_eq(bl_pod_status_complete(later, pod, false, 1000), 0);
	cr_expect_eq(later->status.phase, BL_POD_RUNNING);
	bl_object_unref(&later->object);
	bl_object_unref(&pod->object);
}

Test(probe_status, verdicts_become_statuses_and_conditions)
{
	const struct bl_container_verdict good = {"c", true, true}, bad = {"c", false, true};
	struct bl_pod *pod = pod_with(PROBE, "");
	const struct bl_condition *ready;
	bool changed = false;

	cr_assert_eq(bl_pod_status_complete(pod, NULL, true, 1000), 0);
	ready = bl_condition_find(&pod->status.conditions, "Ready");
	cr_expect_str_eq(ready->reason, "ContainersNotReady");
	cr_expect_str_eq(ready->message, "containers with unready status: [c]");
	cr_expect_eq(ready->last_transition_time, 1000);
	cr_assert_eq(bl_pod_status_apply(pod, &good, 1, 1010, &changed), 0);
	cr_expect(changed);
	cr_expect_str_eq(summary(pod), "Running c:ready+started ContainersReady=True Ready=True");
	ready = bl_condition_find(&pod->status.conditions, "Ready");
	cr_expect_eq(ready->last_transition_time, 1010);
	cr_expect_null(ready->reason);
	cr_assert_eq(bl_pod_status_apply(pod, &good, 1, 1020, &changed), 0);
	cr_expect_not(changed);
	cr_assert_eq(bl_pod_status_apply(pod, &bad, 1, 1030, &changed), 0);
	cr_expect(changed);
	cr_expect_str_eq(summary(pod),
			 "Running c:unready+started ContainersReady=False Ready=False");
	bl_object_unref(&pod->object);
}

Test(probe_status, every_readiness_gate_must_be_true)
{
	static const struct {
		const char *conditions, *expected, *message;
	} rows[] = {
		{"", "ContainersReady=True Ready=False",
		 "condition of readiness gate 'example.org/gate' is not there"},
		{", conditions: [{type: example.org/gate, status: 'False'}]",
		 "ContainersReady=True Ready=False",
		 "condition of readiness gate 'example.org/gate' is not True"},
		{", conditions: [{type: example.org/gate, status: 'True'}]",
		 "ContainersReady=True Ready=True", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct bl_condition *ready;
		struct bl_pod *pod;
		char text[600];

		(void)snprintf(text, sizeof(text),
			       "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
			       "spec: {readinessGates: [{conditionType: example.org/gate}],\n"
			       "  containers: [{name: c, image: i}]}\n"
			       "status: {podIP: 10.0.0.1%s}\n",
			       rows[i].conditions);
		pod = pod_of_text(text);
		cr_assert_eq(bl_pod_status_complete(pod, NULL, true, 1000), 0);
		cr_expect(strstr(summary(pod), rows[i].expected), "row %zu: %s", i, summary(pod));
		ready = bl_condition_find(&pod->status.conditions, "Ready");
		if (rows[i].message)
			cr_expect_str_eq(ready->message, rows[i].message);
		else
			cr_expect_null(ready->message);
		bl_object_unref(&pod->object);
	}
}

Test(probe_status, a_new_version_of_a_pod_goes_on_from_the_last_one)
{
	const struct bl_container_verdict good = {"c", true, true};
	struct bl_pod *old = pod_with(PROBE, ""), *labelled = pod_with(PROBE, ""),
		      *moved = pod_with(PROBE, ""), *unprobed = pod_with("", ""),
		      *restarted = pod_with(PROBE, "containerStatuses: [{name: c, containerID: "
						   "'containerd://2'}]");
	bool changed;

	cr_assert_eq(bl_pod_status_complete(old, NULL, true, 1000), 0);
	cr_assert_eq(bl_pod_status_apply(old, &good, 1, 1010, &changed), 0);
	cr_assert_eq(bl_pod_status_complete(labelled, old, true, 1020), 0);
	cr_expect(bl_object_equal(&labelled->object, &old->object),
		  "nothing changes while the manifest stays");
	moved->status.pod_ip = "10.0.0.2";
	cr_assert_eq(bl_pod_status_complete(moved, old, true, 1020), 0);
	cr_expect(strstr(summary(moved), "Ready=False"), "%s", summary(moved));
	cr_assert_eq(bl_pod_status_complete(restarted, old, true, 1020), 0);
	cr_expect(strstr(summary(restarted), "Ready=False"), "%s", summary(restarted));
	cr_assert_eq(bl_pod_status_complete(unprobed, restarted, true, 1030), 0);
	cr_expect(strstr(summary(unprobed), "Ready=True"), "%s", summary(unprobed));
	bl_object_unref(&old->object);
	bl_object_unref(&labelled->object);
	bl_object_unref(&moved->object);
	bl_object_unref(&restarted->object);
	bl_object_unref(&unprobed->object);
}

Test(probe_status, fields_that_are_only_kept_stay_with_their_item)
{
	struct bl_pod *pod = pod_of_text(
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
		"spec: {containers: [{name: c, image: i}, {name: d, image: i}]}\n"
		"status: {podIP: 10.0.0.1, containerStatuses: [{name: c, imageID: one}],\n"
		"  conditions: [{type: Initialized, status: 'True', observedGeneration: 7}]}\n");
	_cleanup_(bl_buf_done) struct bl_buf yaml = {0};

	cr_assert_eq(bl_pod_status_complete(pod, NULL, true, 1000), 0);
	cr_assert_eq(bl_encode_yaml(&pod->object, &yaml), 0);
	cr_expect(strstr(yaml.data, "imageID: one"), "%s", yaml.data);
	cr_expect(strstr(yaml.data, "observedGeneration: 7"), "%s", yaml.data);
	bl_object_unref(&pod->object);
}
