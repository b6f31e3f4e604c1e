/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/shape.h"
#include "api/strategic.h"
#include "base/cleanup.h"

struct row {
	const char *what;
	enum bl_kind kind;
	const char *target;
	const char *patch;
	const char *expected; /* a JSON text; NULL: refused */
};

#define PORTS                                                                                      \
	"{'spec':{'ports':[{'name':'a','port':80,'protocol':'TCP','nodePort':30001},"              \
	"{'name':'b','port':81,'protocol':'TCP','nodePort':30002}]}}"

static const struct row rows[] = {
	{"fields are set, changed and taken away", BL_KIND_SERVICE,
	 "{'metadata':{'labels':{'a':'1','b':'2'}},'spec':{'type':'NodePort'}}",
	 "{'metadata':{'labels':{'a':null,'c':'3'}},'spec':{'type':'ClusterIP'}}",
	 "{'metadata':{'labels':{'b':'2','c':'3'}},'spec':{'type':'ClusterIP'}}"},
	{"a port is found by its number", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'ports':[{'port':81,'name':'c'}]}}",
	 "{'spec':{'ports':[{'name':'a','port':80,'protocol':'TCP','nodePort':30001},"
	 "{'name':'c','port':81,'protocol':'TCP','nodePort':30002}]}}"},
	{"a new port stands behind the others", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'ports':[{'port':82}]}}",
	 "{'spec':{'ports':[{'name':'a','port':80,'protocol':'TCP','nodePort':30001},"
	 "{'name':'b','port':81,'protocol':'TCP','nodePort':30002},{'port':82}]}}"},
	{"a port is taken out by a directive", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'ports':[{'$patch':'delete','port':80}]}}",
	 "{'spec':{'ports':[{'name':'b','port':81,'protocol':'TCP','nodePort':30002}]}}"},
	{"the list is replaced by a directive", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'ports':[{'$patch':'replace'},{'port':90}]}}",
	 "{'spec':{'ports':[{'port':90}]}}"},
	{"the order of the patch is taken", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'$setElementOrder/ports':[{'port':82},{'port':81},{'port':80}],"
	 "'ports':[{'port':82}]}}",
	 "{'spec':{'ports':[{'port':82},"
	 "{'name':'b','port':81,'protocol':'TCP','nodePort':30002},"
	 "{'name':'a','port':80,'protocol':'TCP','nodePort':30001}]}}"},
	{"the order alone may change", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'$setElementOrder/ports':[{'port':81},{'port':80}]}}",
	 "{'spec':{'ports':["
	 "{'name':'b','port':81,'protocol':'TCP','nodePort':30002},"
	 "{'name':'a','port':80,'protocol':'TCP','nodePort':30001}]}}"},
	{"an item that the order leaves out keeps its place", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'$setElementOrder/ports':[{'port':81},{'port':82}],'ports':[{'port':82}]}}",
	 "{'spec':{'ports':[{'name':'a','port':80,'protocol':'TCP','nodePort':30001},"
	 "{'name':'b','port':81,'protocol':'TCP','nodePort':30002},{'port':82}]}}"},
	{"two ports of one number are told apart by their protocol", BL_KIND_SERVICE,
	 "{'spec':{'ports':[{'port':53,'protocol':'TCP'},{'port':53,'protocol':'UDP'}]}}",
	 "{'spec':{'ports':[{'port':53,'protocol':'UDP','name':'u'}]}}",
	 "{'spec':{'ports':[{'port':53,'protocol':'TCP'},"
	 "{'port':53,'protocol':'UDP','name':'u'}]}}"},
	{"a second port of one number is new when the order says so", BL_KIND_SERVICE,
	 "{'spec':{'ports':[{'port':53,'protocol':'TCP'}]}}",
	 "{'spec':{'$setElementOrder/ports':[{'port':53},{'port':53}],"
	 "'ports':[{'port':53,'protocol':'UDP','name':'u'}]}}",
	 "{'spec':{'ports':[{'port':53,'protocol':'TCP'},"
	 "{'port':53,'protocol':'UDP','name':'u'}]}}"},
	{"a directive takes all ports of the number, as an API server does", BL_KIND_SERVICE,
	 "{'spec':{'ports':[{'name':'t','port':53,'protocol':'TCP'},"
	 "{'name':'w','port':80},{'name':'u','port':53,'protocol':'UDP'}]}}",
	 "{'spec':{'$setElementOrder/ports':[{'port':53},{'port':80}],"
	 "'ports':[{'$patch':'delete','name':'u','port':53,'protocol':'UDP'}]}}",
	 "{'spec':{'ports':[{'name':'w','port':80}]}}"},
	{"and leaves those that the patch itself brings, wherever it stands", BL_KIND_SERVICE,
	 "{'spec':{'ports':[{'name':'t','port':53,'protocol':'TCP'},"
	 "{'name':'u','port':53,'protocol':'UDP'}]}}",
	 "{'spec':{'ports':[{'name':'t','port':53,'protocol':'TCP'},"
	 "{'$patch':'delete','port':53}]}}",
	 "{'spec':{'ports':[{'name':'t','port':53,'protocol':'TCP'}]}}"},
	{"an item to be taken out needs its merge key", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'ports':[{'$patch':'delete','name':'a'}]}}", NULL},
	{"a port's protocol can change", BL_KIND_SERVICE,
	 "{'spec':{'ports':[{'port':53,'protocol':'TCP'}]}}",
	 "{'spec':{'$setElementOrder/ports':[{'port':53}],"
	 "'ports':[{'port':53,'protocol':'UDP'}]}}",
	 "{'spec':{'ports':[{'port':53,'protocol':'UDP'}]}}"},
	{"lists without a key are replaced", BL_KIND_SERVICE,
	 "{'spec':{'externalIPs':['192.0.2.1','192.0.2.2']}}",
	 "{'spec':{'externalIPs':['192.0.2.3']}}", "{'spec':{'externalIPs':['192.0.2.3']}}"},
	{"lists of words with the strategy are joined", BL_KIND_SERVICE,
	 "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
	 "{'metadata':{'finalizers':['a','b','c']}}"},
	{"words are taken out of such a list", BL_KIND_SERVICE,
	 "{'metadata':{'finalizers':['a','b','c']}}",
	 "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a','x'],"
	 "'$setElementOrder/finalizers':['c','b']}}",
	 "{'metadata':{'finalizers':['c','b']}}"},
	{"containers are merged by name and their environment too", BL_KIND_POD,
	 "{'spec':{'containers':[{'name':'a','image':'x','env':[{'name':'A','value':'1'}]},"
	 "{'name':'b','image':'y'}]}}",
	 "{'spec':{'containers':[{'name':'a','env':[{'name':'B','value':'2'}]}]}}",
	 "{'spec':{'containers':[{'name':'a','image':'x','env':[{'name':'A','value':'1'},"
	 "{'name':'B','value':'2'}]},{'name':'b','image':'y'}]}}"},
	{"a volume keeps only what retainKeys names", BL_KIND_POD,
	 "{'spec':{'volumes':[{'name':'v','hostPath':{'path':'/x'}}]}}",
	 "{'spec':{'volumes':[{'$retainKeys':['name','emptyDir'],'name':'v','emptyDir':{}}]}}",
	 "{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}"},
	{"conditions are found by type", BL_KIND_NODE,
	 "{'status':{'conditions':[{'type':'Ready','status':'True'}]}}",
	 "{'status':{'conditions':[{'type':'Ready','status':'False','reason':'x'}]}}",
	 "{'status':{'conditions':[{'type':'Ready','status':'False','reason':'x'}]}}"},
	{"a mapping is replaced by a directive", BL_KIND_SERVICE, "{'spec':{'selector':{'a':'1'}}}",
	 "{'spec':{'selector':{'$patch':'replace','b':'2'}}}", "{'spec':{'selector':{'b':'2'}}}"},
	{"a mapping is taken away by a directive", BL_KIND_SERVICE,
	 "{'spec':{'selector':{'a':'1'},'type':'ClusterIP'}}",
	 "{'spec':{'selector':{'$patch':'delete'}}}", "{'spec':{'type':'ClusterIP'}}"},
	{"directives do not stay in what is new", BL_KIND_POD, "{}",
	 "{'spec':{'$setElementOrder/containers':[{'name':'a'}],"
	 "'containers':[{'name':'a','$setElementOrder/env':[{'name':'A'}],"
	 "'env':[{'name':'A','value':null}]}]}}",
	 "{'spec':{'containers':[{'name':'a','env':[{'name':'A'}]}]}}"},
	{"a value of another type takes the place of the old", BL_KIND_SERVICE,
	 "{'spec':{'selector':{'a':'1'}}}", "{'spec':{'selector':'x'}}",
	 "{'spec':{'selector':'x'}}"},
	{"an item without its merge key is refused", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'ports':[{'name':'c'}]}}", NULL},
	{"an unknown directive is refused", BL_KIND_SERVICE, "{}", "{'$patch':'spam'}", NULL},
	{"another unknown directive is refused", BL_KIND_SERVICE, "{}", "{'$spam':1}", NULL},
	{"retainKeys that leave out what is set are refused", BL_KIND_POD, "{}",
	 "{'spec':{'volumes':[{'$retainKeys':['name'],'name':'v','emptyDir':{}}]}}", NULL},
	{"a list of deletions that is none is refused", BL_KIND_SERVICE, "{}",
	 "{'metadata':{'$deleteFromPrimitiveList/finalizers':1}}", NULL},
	{"an order without keys is refused", BL_KIND_SERVICE, PORTS,
	 "{'spec':{'$setElementOrder/ports':[{'name':'a'}],'ports':[]}}", NULL},
};

/* The tables write ' for ": none of them has one inside a text. */
static struct json_object *parse(const char *text)
{
	char *copy = strdup(text);
	struct json_object *json;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_tokener_parse(copy);
	free(copy);
	return json;
}

Test(strategic, patches_follow_the_merge_keys_of_the_schema)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *target = parse(rows[i].target), *patch = parse(rows[i].patch);
		struct json_object *expected = rows[i].expected ? parse(rows[i].expected) : NULL;
		struct json_object *before = parse(rows[i].target), *got = NULL;
		struct bl_err err = {0};
		int r = bl_strategic_patch(rows[i].kind, target, patch, &got, &err);

		cr_expect_eq(r, expected ? 0 : -EINVAL, "%s: %d %s", rows[i].what, r, err.text);
		cr_expect(bl_json_same(got, expected), "%s: %s", rows[i].what,
			  json_object_to_json_string(got));
		cr_expect(bl_json_same(target, before), "%s: the target changed", rows[i].what);
		cr_expect_eq(err.text[0] != '\0', !expected, "%s: '%s'", rows[i].what, err.text);
		json_object_put(target);
		json_object_put(patch);
		json_object_put(expected);
		json_object_put(before);
		json_object_put(got);
	}
}

Test(strategic, a_patch_of_itself_changes_nothing)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *target = parse(rows[i].target), *got = NULL;

		cr_expect_eq(bl_strategic_patch(rows[i].kind, target, target, &got, NULL), 0, "%s",
			     rows[i].what);
		cr_expect(bl_json_same(got, target), "%s: %s", rows[i].what,
			  json_object_to_json_string(got));
		json_object_put(target);
		json_object_put(got);
	}
}
