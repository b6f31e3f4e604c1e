/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `get flows` and `get maglev SERVICE`: what the agent shows that is no object. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/get_packet.h"
#include "cli/grid.h"
#include "cli/print.h"

#define SHOWN_MOST 10000 /* of each family; docs/api.md */

struct column {
	const char *head;
	const char *key;
};

static void add_cell(struct bl_grid *grid, struct json_object *item, const char *key)
{
	struct json_object *value = bl_json_at(item, key);

	bl_grid_add(grid, value ? json_object_get_string(value) : "<none>");
}

static void add_heads(struct bl_grid *grid, const struct bl_cli *cli, const struct column *columns,
		      size_t count)
{
	bl_grid_init(grid, count);
	for (size_t i = 0; !bl_arg_flag(&cli->args, "no-headers") && i < count; i++)
		bl_grid_add(grid, columns[i].head);
}

static int print_json(const struct bl_cli *cli, struct json_object *answer)
{
	fprintf(cli->out, "%s\n",
		json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	return BL_EXIT_OK;
}

static int print_flows(const struct bl_cli *cli, struct json_object *answer)
{
	static const struct column columns[] = {
		{"PROTOCOL", "protocol"},
		{"KIND", "kind"},
		{"STATE", "state"},
		{"SOURCE", "source"},
		{"DESTINATION", "destination"},
		{"NEW-SOURCE", "newSource"},
		{"NEW-DESTINATION", "newDestination"},
		{"NAMESPACE", "namespace"},
		{"SERVICE", "service"},
		{"PACKETS", "packets"},
		{"BYTES", "bytes"},
		{"IDLE", "idleSeconds"},
	};
	__attribute__((cleanup(bl_grid_done_p))) struct bl_grid grid;

	add_heads(&grid, cli, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < bl_json_len(answer); i++)
		for (size_t k = 0; k < ARRAY_SIZE(columns); k++)
			add_cell(&grid, bl_json_item(answer, i), columns[k].key);
	return bl_grid_print(&grid, cli->out) < 0 ? BL_EXIT_FAILURE : BL_EXIT_OK;
}

static void add_table(struct bl_grid *grid, struct json_object *table)
{
	struct json_object *backends = bl_json_at(table, "backends");
	int64_t size = bl_json_int(table, "size", 0);

	for (size_t i = 0; i < bl_json_len(backends); i++) {
		struct json_object *backend = bl_json_item(backends, i);
		int64_t entries = bl_json_int(backend, "entries", 0);
		char share[32];

		(void)snprintf(share, sizeof(share), "%.1f%%",
			       size ? 100.0 * (double)entries / (double)size : 0.0);
		add_cell(grid, table, "port");
		add_cell(grid, table, "protocol");
		add_cell(grid, table, "size");
		add_cell(grid, backend, "address");
		add_cell(grid, backend, "weight");
		add_cell(grid, backend, "entries");
		bl_grid_add(grid, share);
	}
}

static int print_maglev(const struct bl_cli *cli, struct json_object *answer)
{
	static const struct column columns[] = {
		{"PORT", "port"},       {"PROTOCOL", "protocol"}, {"SIZE", "size"},
		{"BACKEND", "address"}, {"WEIGHT", "weight"},     {"ENTRIES", "entries"},
		{"SHARE", "share"},
	};
	__attribute__((cleanup(bl_grid_done_p))) struct bl_grid grid;
	bool some = false;

	add_heads(&grid, cli, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < bl_json_len(answer); i++) {
		struct json_object *table = bl_json_item(answer, i);

		some = some || bl_json_int(table, "size", 0) > 0;
		add_table(&grid, table);
	}
	if (!some) {
		fprintf(cli->err, "The service chooses at random: it has no table.\n");
		return BL_EXIT_OK;
	}
	return bl_grid_print(&grid, cli->out) < 0 ? BL_EXIT_FAILURE : BL_EXIT_OK;
}

static int call(struct bl_cli *cli, const char *path, struct json_object **ret, struct bl_err *err)
{
	struct bl_client *client;
	int r = bl_cli_client(cli, &client, err);

	return r < 0 ? r : bl_client_call(client, BL_METHOD_GET, path, NULL, ret, err);
}

static int get_maglev(struct bl_cli *cli, const char *service, struct json_object **ret,
		      struct bl_err *err)
{
	const char *ns = bl_cli_namespace(cli);
	_cleanup_free_ char *ns_text = bl_client_escape(ns ? ns : "default");
	_cleanup_free_ char *name = bl_client_escape(service);
	_cleanup_free_ char *path = NULL;

	if (!ns_text || !name ||
	    asprintf(&path, "/beeline/v1/maglev?namespace=%s&service=%s", ns_text, name) < 0) {
		path = NULL;
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	}
	return call(cli, path, ret, err);
}

/* Flows of one namespace's Services, where one is named. */
static int choose_flows(const struct bl_cli *cli, struct json_object **answer)
{
	const char *ns =
		bl_arg_flag(&cli->args, "all-namespaces") ? NULL : bl_arg(&cli->args, "namespace");
	struct json_object *chosen;

	if (bl_json_len(*answer) >= SHOWN_MOST)
		fprintf(cli->err,
			"There are more flows than are shown: the agent lists %d of each family.\n",
			SHOWN_MOST);
	if (!ns)
		return 0;
	chosen = json_object_new_array();
	if (!chosen)
		return -ENOMEM;
	for (size_t i = 0; i < bl_json_len(*answer); i++) {
		struct json_object *flow = bl_json_item(*answer, i);
		const char *of = bl_json_str(flow, "namespace");

		if (of && !strcmp(of, ns))
			json_object_array_add(chosen, json_object_get(flow));
	}
	json_object_put(*answer);
	*answer = chosen;
	return 0;
}

/* Options of `get` that mean something for objects alone; NULL: none is given. */
static const char *foreign_option(const struct bl_args *args)
{
	static const char *const names[] = {"selector", "field-selector", "watch", "watch-only",
					    "show-labels"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (bl_arg_given(args, names[i]))
			return names[i];
	return NULL;
}

bool bl_is_packet_word(const char *word)
{
	return word && (!strcmp(word, "flows") || !strcmp(word, "maglev"));
}

int bl_get_packet(struct bl_cli *cli)
{
	_cleanup_json_ struct json_object *answer = NULL;
	const struct bl_args *args = &cli->args;
	bool flows = !strcmp(args->words[0], "flows");
	enum bl_form form = bl_form_of(bl_arg(args, "output"));
	struct bl_err err = {0};
	int r;

	if (args->word_count != (flows ? 1 : 2))
		return bl_cli_usage(cli, flows ? "'get flows' takes no names"
					       : "expected 'get maglev SERVICE'");
	if (foreign_option(args))
		return bl_cli_usage(cli, "'get %s' does not know option '--%s'", args->words[0],
				    foreign_option(args));
	if (form != BL_FORM_TABLE && form != BL_FORM_WIDE && form != BL_FORM_JSON)
		return bl_cli_usage(cli, "'get %s' knows the output 'json' alone", args->words[0]);
	r = flows ? call(cli, "/beeline/v1/flows", &answer, &err)
		  : get_maglev(cli, args->words[1], &answer, &err);
	if (r == 0 && flows && choose_flows(cli, &answer) < 0)
		r = bl_err_set(&err, -ENOMEM, "no memory for the flows");
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	if (form == BL_FORM_JSON)
		return print_json(cli, answer);
	return flows ? print_flows(cli, answer) : print_maglev(cli, answer);
}
