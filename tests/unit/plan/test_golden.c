/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests to exact map contents: tests/data/golden/plan/NAME.yaml gives NAME.plan.txt. With
 * BL_UPDATE_GOLDEN=1 in the environment the texts are written anew; look at the difference.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/codec.h"
#include "plan/plan.h"
#include "store/store.h"

#define MANIFEST_MAX 65536

static struct bl_store *read_store(const char *path)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object_list list = {0};
	struct bl_store *store;
	int r;

	cr_assert_eq(bl_buf_read_file(&text, path, MANIFEST_MAX), 0, "cannot read %s", path);
	r = bl_decode(path, text.data, text.len, &bl_limits_default, 0, &list, &diag);
	if (r < 0)
		bl_diag_print(&diag, stderr);
	cr_assert_eq(r, 0);
	cr_assert_eq(bl_store_new(&store), 0);
	for (size_t i = 0; i < list.count; i++)
		cr_assert_eq(bl_store_put(store, list.items[i], 1000, NULL), 0);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return store;
}

static void put_services(const struct bl_store *store, struct bl_plan *plan, FILE *out)
{
	struct bl_addr addresses[3];
	const struct bl_local_node node = {
		.name = "node-1",
		.zone = "a",
		.addresses = addresses,
		.address_count = ARRAY_SIZE(addresses),
	};
	_cleanup_free_ const struct bl_object **services = NULL;
	size_t count = 0;

	cr_assert_eq(bl_addr_parse("127.0.0.1", &addresses[0]), 0);
	cr_assert_eq(bl_addr_parse("::1", &addresses[1]), 0);
	cr_assert_eq(bl_addr_parse("192.0.2.10", &addresses[2]), 0);
	cr_assert_eq(bl_store_list(store, BL_KIND_SERVICE, NULL, &services, &count), 0);
	for (size_t i = 0; i < count; i++) {
		_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
		struct bl_delta delta = BL_DELTA_INIT;
		struct bl_err err = {0};

		cr_assert_eq(bl_resolve(store, &node, bl_service_of(services[i]), &resolved), 0);
		if (resolved->skipped)
			(void)fprintf(out, "skipped %s: %s\n", resolved->name, resolved->skipped);
		cr_assert_eq(bl_plan_put(plan, resolved, &delta, &err), 0, "%s", err.text);
		bl_delta_done(&delta);
	}
}

static char *make_text(const char *name)
{
	_cleanup_(bl_store_free) struct bl_store *store = NULL;
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	char path[512];
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cr_assert_not_null(out);
	(void)snprintf(path, sizeof(path), "%s/%s.yaml", GOLDEN_DIR, name);
	store = read_store(path);
	cr_assert_eq(bl_plan_new(&bl_plan_limits_default, &plan), 0);
	put_services(store, plan, out);
	bl_plan_print(plan, out);
	(void)fclose(out);
	return text;
}

static void check(const char *name)
{
	_cleanup_(bl_buf_done) struct bl_buf expected = {0};
	_cleanup_free_ char *text = make_text(name);
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s.plan.txt", GOLDEN_DIR, name);
	if (getenv("BL_UPDATE_GOLDEN"))
		cr_assert_eq(bl_write_file_atomic(path, text, strlen(text), 0644), 0);
	cr_assert_eq(bl_buf_read_file(&expected, path, MANIFEST_MAX), 0, "cannot read %s", path);
	cr_assert_str_eq(text, expected.data);
}

Test(golden, case_69_case_72_case_73_ports)
{
	check("ports");
}

Test(golden, case_60_case_61_case_62_policies)
{
	check("policies");
}

Test(golden, sources_of_endpoints_and_services_without_frontends)
{
	check("sources");
}

Test(golden, case_40_case_93_clients_from_outside)
{
	check("outside");
}
