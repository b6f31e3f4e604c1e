/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/get_packet.h"
#include "cli/print.h"

static struct bl_printer make_printer(const struct bl_cli *cli, const struct bl_targets *targets)
{
	return (struct bl_printer){
		.form = bl_form_of(bl_arg(&cli->args, "output")),
		.heads = !bl_arg_flag(&cli->args, "no-headers"),
		.namespaces = bl_arg_flag(&cli->args, "all-namespaces"),
		.labels = bl_arg_flag(&cli->args, "show-labels"),
		.with_kind = targets->several_kinds,
		.now = time(NULL),
		.out = cli->out,
	};
}

static void say_nothing_found(const struct bl_cli *cli, const struct bl_targets *targets)
{
	bool namespaced = false;

	for (size_t i = 0; i < targets->count; i++)
		namespaced = namespaced || bl_kind_info(targets->items[i].kind)->namespaced;
	if (namespaced && bl_cli_namespace(cli))
		fprintf(cli->err, "No resources found in %s namespace.\n", bl_cli_namespace(cli));
	else
		fprintf(cli->err, "No resources found\n");
}

struct watch {
	struct bl_printer *printer;
	enum bl_kind kind;
	struct bl_err *err;
};

static int on_event(struct json_object *event, void *data)
{
	struct watch *watch = data;
	const char *type = bl_json_str_or(event, "type", "");
	const struct bl_found found = {.kind = watch->kind, .object = bl_json_at(event, "object")};
	int r;

	if (strcmp(type, "BOOKMARK") == 0)
		return 0;
	if (strcmp(type, "ERROR") == 0)
		return bl_err_set(watch->err, -EREMOTEIO, "Error from server (%s): %s",
				  bl_json_str_or(event, "object.reason", "Unknown"),
				  bl_json_str_or(event, "object.message", "the watch ended"));
	watch->printer->now = time(NULL);
	r = bl_print_one(watch->printer, &found);
	if (r < 0)
		return bl_err_set(watch->err, r, "cannot print an object");
	/* Whoever reads us wants the event now; if nobody does any more, stop. */
	if (fflush(watch->printer->out) != 0)
		return bl_err_set(watch->err, -EPIPE, "cannot write the output: %m");
	return 0;
}

static int watch_target(struct bl_cli *cli, const struct bl_target *target, const char *version,
			struct bl_printer *printer, struct bl_err *err)
{
	struct watch watch = {.printer = printer, .kind = target->kind, .err = err};
	_cleanup_free_ char *path = NULL, *extra = NULL;
	struct bl_client *client;
	int r;

	if (asprintf(&extra, "watch=1&resourceVersion=%s", version ? version : "") < 0)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	r = bl_cli_list_path(cli, target, extra, &path);
	if (r < 0)
		return bl_err_set(err, r, "cannot allocate a path");
	r = bl_cli_client(cli, &client, err);
	if (r < 0)
		return r;
	r = bl_client_watch(client, path, on_event, &watch, err);
	return r == 0 ? bl_err_set(err, -ECONNRESET, "the agent ended the watch") : r;
}

/* How many connections pods have, where that is shown. Another server than an agent cannot say, and
 * a watch does not tell of it. */
static void ask_live(struct bl_cli *cli, const struct bl_found_list *found,
		     struct bl_printer *printer)
{
	struct bl_client *client;
	bool pods = false;

	for (size_t i = 0; i < found->count; i++)
		pods = pods || found->items[i].kind == BL_KIND_POD;
	if (pods && printer->form == BL_FORM_WIDE && bl_cli_client(cli, &client, NULL) >= 0)
		(void)bl_client_call(client, BL_METHOD_GET, "/beeline/v1/live", NULL,
				     &printer->live, NULL);
}

/* A table for all at once, so that it is aligned; documents one by one. */
static int print_first(struct bl_printer *printer, const struct bl_found_list *found)
{
	int r = 0;

	if (printer->form <= BL_FORM_WIDE)
		return bl_print_found(printer, found, true);
	for (size_t i = 0; r == 0 && i < found->count; i++)
		r = bl_print_one(printer, &found->items[i]);
	return r;
}

static int get_and_watch(struct bl_cli *cli, const struct bl_targets *targets)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	_cleanup_(bl_printer_done) struct bl_printer printer = make_printer(cli, targets);
	struct bl_err err = {0};
	int r;

	if (targets->count != 1)
		return bl_cli_usage(cli, "one type, or one name of it, can be watched at a time");
	r = bl_cli_find_list(cli, &targets->items[0], &found, &err);
	if (r == 0 && !bl_arg_flag(&cli->args, "watch-only"))
		r = print_first(&printer, &found);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	fflush(cli->out);
	r = watch_target(cli, &targets->items[0], found.version, &printer, &err);
	return bl_cli_fail(cli, r, &err);
}

static int get_once(struct bl_cli *cli, const struct bl_targets *targets)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	_cleanup_(bl_printer_done) struct bl_printer printer = make_printer(cli, targets);
	bool as_list = targets->count != 1 || !targets->items[0].name;
	struct bl_err err = {0};
	int r;

	r = bl_cli_find(cli, targets, &found, &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	ask_live(cli, &found, &printer);
	r = bl_print_found(&printer, &found, as_list);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	if (found.count == 0 && !found.some_missing && printer.form <= BL_FORM_WIDE &&
	    !bl_arg_flag(&cli->args, "ignore-not-found"))
		say_nothing_found(cli, targets);
	return found.some_missing ? BL_EXIT_FAILURE : BL_EXIT_OK;
}

int bl_cmd_get(struct bl_cli *cli)
{
	_cleanup_(bl_targets_done) struct bl_targets targets = {0};
	struct bl_err err = {0};
	int r;

	if (cli->args.word_count > 0 && bl_is_packet_word(cli->args.words[0]))
		return bl_get_packet(cli);
	r = bl_targets_parse(cli->args.words, cli->args.word_count, &targets, &err);
	if (r < 0)
		return bl_cli_usage(cli, "%s", err.text);
	if (bl_arg_flag(&cli->args, "watch") || bl_arg_flag(&cli->args, "watch-only"))
		return get_and_watch(cli, &targets);
	return get_once(cli, &targets);
}
