/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A real folder, real inotify, a real event loop. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "recorder.h"
#include "source/manifests.h"

struct fixture {
	char root[64];
	char folder[128];
	struct recorder recorder;
	sd_event *loop;
	struct bl_source *source;
};

static void setup(struct fixture *fixture, bool make)
{
	struct bl_source_handler handler;

	*fixture = (struct fixture){0};
	make_folder(fixture->root);
	(void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/manifests", fixture->root);
	if (make)
		cr_assert_eq(mkdir(fixture->folder, 0700), 0);
	handler = recorder_handler(&fixture->recorder);
	cr_assert_geq(sd_event_new(&fixture->loop), 0);
	cr_assert_eq(bl_manifests_new(fixture->folder, &handler, &fixture->source), 0);
}

static void start(struct fixture *fixture)
{
	struct bl_err err = {0};

	cr_assert_geq(bl_source_start(fixture->source, fixture->loop, &err), 0, "%s", err.text);
}

static void teardown(struct fixture *fixture)
{
	bl_source_free(fixture->source);
	sd_event_unref(fixture->loop);
	recorder_done(&fixture->recorder);
	remove_folder(fixture->root);
}

/* Turns the loop until something was handed over, or for half a minute. */
static const char *wait_for_batch(struct fixture *fixture)
{
	unsigned int before = fixture->recorder.batches;

	for (int i = 0; i < 3000 && fixture->recorder.batches == before; i++)
		cr_assert_geq(sd_event_run(fixture->loop, 10000), 0);
	return recorder_take(&fixture->recorder);
}

/* Turns the loop for a while in which nothing may be handed over. */
static void expect_silence(struct fixture *fixture)
{
	for (int i = 0; i < 30; i++)
		cr_assert_geq(sd_event_run(fixture->loop, 10000), 0);
	cr_assert_str_eq(recorder_take(&fixture->recorder), "");
}

static void place(const struct fixture *fixture, const char *from, const char *to)
{
	char a[256], b[256];

	(void)snprintf(a, sizeof(a), "%s/%s", fixture->root, from);
	(void)snprintf(b, sizeof(b), "%s/%s", fixture->root, to);
	cr_assert_eq(rename(a, b), 0);
}

Test(manifests, only_manifest_names_are_read)
{
	static const struct {
		const char *name;
		bool yes;
	} rows[] = {
		{"a.yaml", true},   {"a.yml", true},       {"a.json", true}, {".a.yaml", false},
		{"a.yaml~", false}, {"a.yaml.swp", false}, {"4913", false},  {"#a.yaml#", false},
		{".yaml", false},   {"a.txt", false},      {"a", false},     {"a.YAML", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_eq(bl_manifests_is_name(rows[i].name), rows[i].yes, "%s", rows[i].name);
}

Test(manifests, the_first_list_is_full_even_when_empty)
{
	struct fixture fixture;

	setup(&fixture, true);
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "full;");
	cr_assert(bl_source_info(fixture.source).synced);
	teardown(&fixture);
}

Test(manifests, files_are_followed_as_they_come_change_and_go)
{
	struct fixture fixture;
	char path[256];

	setup(&fixture, true);
	write_text(fixture.folder, "a.yaml", service_yaml("a", 1));
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "+service/default/a=1;full;");
	write_text(fixture.folder, "b.yaml", service_yaml("b", 2));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/b=2;");
	write_text(fixture.folder, "a.yaml", service_yaml("a", 3));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=3;");
	(void)snprintf(path, sizeof(path), "%s/b.yaml", fixture.folder);
	cr_assert_eq(unlink(path), 0);
	cr_assert_str_eq(wait_for_batch(&fixture), "-service/default/b;");
	cr_assert_eq(bl_source_info(fixture.source).files, 1);
	teardown(&fixture);
}

Test(manifests, a_file_renamed_into_place_counts_once)
{
	struct fixture fixture;

	setup(&fixture, true);
	start(&fixture);
	(void)recorder_take(&fixture.recorder);
	write_text(fixture.folder, ".a.yaml.tmp", service_yaml("a", 1));
	expect_silence(&fixture);
	place(&fixture, "manifests/.a.yaml.tmp", "manifests/a.yaml");
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=1;");
	place(&fixture, "manifests/a.yaml", "gone.yaml");
	cr_assert_str_eq(wait_for_batch(&fixture), "-service/default/a;");
	teardown(&fixture);
}

Test(manifests, writes_in_quick_succession_become_one_batch)
{
	struct fixture fixture;

	setup(&fixture, true);
	start(&fixture);
	(void)recorder_take(&fixture.recorder);
	write_text(fixture.folder, "a.yaml", service_yaml("a", 1));
	write_text(fixture.folder, "b.yaml", service_yaml("b", 2));
	write_text(fixture.folder, "a.yaml", service_yaml("a", 3));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=3;+service/default/b=2;");
	expect_silence(&fixture);
	teardown(&fixture);
}

Test(manifests, half_a_file_takes_nothing_away)
{
	struct fixture fixture;

	setup(&fixture, true);
	write_text(fixture.folder, "a.yaml", service_yaml("a", 1));
	start(&fixture);
	(void)recorder_take(&fixture.recorder);
	(void)recorder_take_reports(&fixture.recorder);
	write_text(fixture.folder, "a.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  na");
	expect_silence(&fixture);
	cr_assert(strncmp(recorder_take_reports(&fixture.recorder), "a.yaml: ok", 10));
	write_text(fixture.folder, "a.yaml", service_yaml("a", 2));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=2;");
	cr_assert_str_eq(recorder_take_reports(&fixture.recorder), "a.yaml: ok;");
	teardown(&fixture);
}

Test(manifests, a_missing_folder_is_waited_for)
{
	struct fixture fixture;

	setup(&fixture, false);
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "");
	cr_assert_not(bl_source_info(fixture.source).synced);
	cr_assert(strstr(recorder_take_reports(&fixture.recorder), "No such file"));
	cr_assert_eq(mkdir(fixture.folder, 0700), 0);
	write_text(fixture.folder, "a.yaml", service_yaml("a", 1));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=1;full;");
	teardown(&fixture);
}

Test(manifests, a_folder_that_goes_away_takes_nothing_along)
{
	struct fixture fixture;

	setup(&fixture, true);
	write_text(fixture.folder, "a.yaml", service_yaml("a", 1));
	start(&fixture);
	(void)recorder_take(&fixture.recorder);
	place(&fixture, "manifests", "old");
	expect_silence(&fixture);
	cr_assert_eq(mkdir(fixture.folder, 0700), 0);
	write_text(fixture.folder, "b.yaml", service_yaml("b", 2));
	cr_assert_str_eq(wait_for_batch(&fixture), "-service/default/a;+service/default/b=2;");
	teardown(&fixture);
}

Test(manifests, a_folder_that_is_a_replaced_link_is_read_again)
{
	struct fixture fixture;
	char one[256], two[256], link[256];

	setup(&fixture, false);
	(void)snprintf(one, sizeof(one), "%s/one", fixture.root);
	(void)snprintf(two, sizeof(two), "%s/two", fixture.root);
	(void)snprintf(link, sizeof(link), "%s/link", fixture.root);
	cr_assert_eq(mkdir(one, 0700), 0);
	cr_assert_eq(mkdir(two, 0700), 0);
	write_text(one, "a.yaml", service_yaml("a", 1));
	write_text(two, "a.yaml", service_yaml("a", 2));
	cr_assert_eq(symlink("one", fixture.folder), 0);
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "+service/default/a=1;full;");
	cr_assert_eq(symlink("two", link), 0);
	place(&fixture, "link", "manifests");
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=2;");
	teardown(&fixture);
}

/* As kubelet mounts a ConfigMap: a.yaml -> ..data/a.yaml, ..data -> ..1, and ..data is swapped. */
Test(manifests, a_swapped_data_link_of_a_configmap_is_followed)
{
	struct fixture fixture;
	char path[256];

	setup(&fixture, true);
	for (int i = 1; i <= 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/..%d", fixture.folder, i);
		cr_assert_eq(mkdir(path, 0700), 0);
		write_text(path, "a.yaml", service_yaml("a", i));
	}
	(void)snprintf(path, sizeof(path), "%s/..data", fixture.folder);
	cr_assert_eq(symlink("..1", path), 0);
	(void)snprintf(path, sizeof(path), "%s/a.yaml", fixture.folder);
	cr_assert_eq(symlink("..data/a.yaml", path), 0);
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "+service/default/a=1;full;");
	(void)snprintf(path, sizeof(path), "%s/..tmp", fixture.folder);
	cr_assert_eq(symlink("..2", path), 0);
	place(&fixture, "manifests/..tmp", "manifests/..data");
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=2;");
	teardown(&fixture);
}

Test(manifests, the_target_of_a_link_is_followed_too)
{
	struct fixture fixture;
	char path[256], target[256];

	setup(&fixture, true);
	write_text(fixture.root, "target", service_yaml("a", 1));
	(void)snprintf(target, sizeof(target), "%s/target", fixture.root);
	(void)snprintf(path, sizeof(path), "%s/link.yaml", fixture.folder);
	cr_assert_eq(symlink(target, path), 0);
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "+service/default/a=1;full;");
	write_text(fixture.root, "target", service_yaml("a", 2));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=2;");
	cr_assert_eq(unlink(target), 0);
	cr_assert_str_eq(wait_for_batch(&fixture), "-service/default/a;");
	write_text(fixture.root, "target", service_yaml("a", 3));
	cr_assert_str_eq(wait_for_batch(&fixture), "+service/default/a=3;");
	cr_assert_eq(unlink(path), 0);
	cr_assert_str_eq(wait_for_batch(&fixture), "-service/default/a;");
	write_text(fixture.root, "target", service_yaml("a", 4));
	expect_silence(&fixture);
	teardown(&fixture);
}

/* Size and time of the file tell nothing when it is written twice within a step of the clock. */
Test(manifests, two_changes_of_the_same_size_in_quick_succession_are_both_seen)
{
	struct fixture fixture;

	setup(&fixture, true);
	start(&fixture);
	(void)recorder_take(&fixture.recorder);
	for (int i = 1; i <= 9; i++) {
		char expected[64];

		write_text(fixture.folder, "a.yaml", service_yaml("a", i));
		(void)snprintf(expected, sizeof(expected), "+service/default/a=%d;", i);
		cr_assert_str_eq(wait_for_batch(&fixture), expected);
	}
	teardown(&fixture);
}

Test(manifests, what_is_no_file_is_reported_and_not_opened)
{
	struct fixture fixture;
	char path[256];

	setup(&fixture, true);
	(void)snprintf(path, sizeof(path), "%s/pipe.yaml", fixture.folder);
	cr_assert_eq(mkfifo(path, 0600), 0);
	start(&fixture);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "full;");
	cr_assert(strstr(recorder_take_reports(&fixture.recorder), "no regular file"));
	teardown(&fixture);
}

Test(manifests, a_rescan_reads_everything_again)
{
	struct fixture fixture;

	setup(&fixture, true);
	write_text(fixture.folder, "a.yaml", service_yaml("a", 1));
	start(&fixture);
	(void)recorder_take(&fixture.recorder);
	bl_source_rescan(fixture.source);
	cr_assert_str_eq(recorder_take(&fixture.recorder), "+service/default/a=1;");
	teardown(&fixture);
}
