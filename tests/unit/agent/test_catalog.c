/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "model/service.h"

#define NODE_PORT(name)                                                                            \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\n"                              \
	"spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n"
#define PLAIN(name, port)                                                                          \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {ports: [{port: " port   \
	"}]}\n"

static const struct bl_source_name web = {BL_KIND_SERVICE, "default", "web"};

static int write_one(struct fixture *fixture, enum bl_write write, const char *text,
		     struct bl_err *err)
{
	struct bl_object *object = decode_one(NULL, text);
	struct bl_diag diag = BL_DIAG_INIT;
	int r;

	*err = (struct bl_err){0};
	r = bl_catalog_write(fixture->catalog, write, object, false, &diag, err);
	bl_diag_done(&diag);
	bl_object_unref(object);
	return r;
}

Test(catalog, case_45_a_taken_node_port_is_waited_for)
{
	struct fixture fixture;

	fixture_setup(&fixture);
	deliver(&fixture, "/m/a.yaml", NODE_PORT("one"));
	deliver(&fixture, "/m/b.yaml", NODE_PORT("two"));
	cr_assert_null(find(&fixture, BL_KIND_SERVICE, "two"));
	cr_assert(strstr(problems(&fixture), "/m/b.yaml:1:"), "%s", problems(&fixture));
	cr_assert(strstr(problems(&fixture), "default/one"), "%s", problems(&fixture));
	withdraw(&fixture, BL_KIND_SERVICE, "default", "one");
	cr_assert_not_null(find(&fixture, BL_KIND_SERVICE, "two"));
	cr_assert_str_eq(problems(&fixture), "");
	fixture_done(&fixture);
}

Test(catalog, fixed_addresses_of_a_batch_come_before_drawn_ones)
{
	struct bl_object *objects[301];
	struct bl_source_batch batch = {.upserts = objects, .upsert_count = ARRAY_SIZE(objects)};
	struct fixture fixture;
	char text[512];

	fixture_setup(&fixture);
	/* The fixed one comes last, and its address could have been drawn. */
	for (size_t i = 0; i + 1 < ARRAY_SIZE(objects); i++) {
		(void)snprintf(text, sizeof(text),
			       "apiVersion: v1\nkind: Service\nmetadata: {name: s%zu}\n"
			       "spec: {type: NodePort, ports: [{port: 80}]}\n",
			       i);
		objects[i] = decode_one("/m/a.yaml", text);
	}
	objects[300] = decode_one("/m/a.yaml", "apiVersion: v1\nkind: Service\n"
					       "metadata: {name: fixed}\nspec: {type: NodePort, "
					       "ports: [{port: 80, nodePort: 30200}]}\n");
	cr_assert_eq(bl_catalog_deliver(fixture.catalog, &batch), 0);
	cr_assert_not_null(find(&fixture, BL_KIND_SERVICE, "fixed"));
	cr_assert_eq(bl_store_count(fixture.store, BL_KIND_SERVICE), ARRAY_SIZE(objects));
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		bl_object_unref(objects[i]);
	fixture_done(&fixture);
}

Test(catalog, a_namespace_in_use_is_made_and_comes_back)
{
	struct fixture fixture;

	fixture_setup(&fixture);
	deliver(&fixture, "/m/a.yaml", PLAIN("web", "80"));
	cr_assert_not_null(find(&fixture, BL_KIND_NAMESPACE, "default"));
	deliver(&fixture, "/m/n.yaml",
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n");
	cr_assert_not_null(find(&fixture, BL_KIND_NAMESPACE, "default")->origin.file);
	withdraw(&fixture, BL_KIND_NAMESPACE, NULL, "default");
	cr_assert_null(find(&fixture, BL_KIND_NAMESPACE, "default")->origin.file);
	fixture_done(&fixture);
}

Test(catalog, clients_cannot_change_what_a_manifest_or_the_agent_keeps)
{
	struct fixture fixture;
	struct bl_object *own;
	struct bl_err err = {0};

	fixture_setup(&fixture);
	deliver(&fixture, "/m/web.yaml", PLAIN("web", "80"));
	cr_assert_eq(write_one(&fixture, BL_WRITE_REPLACE, PLAIN("web", "81"), &err), -EACCES);
	cr_assert_str_eq(err.text,
			 "service 'default/web' comes from '/m/web.yaml': change it there");
	cr_assert_eq(write_one(&fixture, BL_WRITE_CREATE, PLAIN("web", "81"), &err), -EACCES);
	cr_assert_eq(bl_catalog_remove(fixture.catalog, &web, 0, false, &err), -EACCES);
	own = decode_one(NULL, "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n");
	cr_assert_eq(bl_catalog_put_own(fixture.catalog, own), 0);
	bl_object_unref(own);
	cr_assert_eq(write_one(&fixture, BL_WRITE_REPLACE,
			       "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n", &err),
		     -EACCES);
	fixture_done(&fixture);
}

Test(catalog, writes_of_clients_are_checked)
{
	struct fixture fixture;
	struct bl_err err = {0};
	char *ip;

	fixture_setup(&fixture);
	cr_assert_eq(write_one(&fixture, BL_WRITE_CREATE, PLAIN("web", "80"), &err), -ENOENT);
	cr_assert_str_eq(err.text, "namespaces \"default\" not found");
	deliver(&fixture, "/m/a.yaml", PLAIN("other", "80"));
	cr_assert_eq(write_one(&fixture, BL_WRITE_REPLACE, PLAIN("web", "80"), &err), -ENOENT);
	cr_assert_eq(write_one(&fixture, BL_WRITE_CREATE, PLAIN("web", "80"), &err), 0);
	cr_assert_eq(write_one(&fixture, BL_WRITE_CREATE, PLAIN("web", "80"), &err), -EEXIST);
	ip = strdup(bl_service_of(find(&fixture, BL_KIND_SERVICE, "web"))->spec.cluster_ip);
	cr_assert_eq(write_one(&fixture, BL_WRITE_REPLACE, PLAIN("web", "81"), &err), 0);
	cr_assert_str_eq(bl_service_of(find(&fixture, BL_KIND_SERVICE, "web"))->spec.cluster_ip,
			 ip);
	free(ip);
	cr_assert_eq(bl_catalog_remove(fixture.catalog, &web, 1, false, &err), -ESTALE);
	cr_assert_eq(bl_catalog_remove(fixture.catalog, &web, 0, true, &err), 0);
	cr_assert_not_null(find(&fixture, BL_KIND_SERVICE, "web"));
	cr_assert_eq(bl_catalog_remove(fixture.catalog, &web, 0, false, &err), 0);
	cr_assert_eq(bl_catalog_remove(fixture.catalog, &web, 0, false, &err), -ENOENT);
	fixture_done(&fixture);
}
