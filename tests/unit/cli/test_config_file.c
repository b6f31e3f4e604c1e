/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"

#define WORDS_MAX 4

static void write_file(const char *text, char *ret_path, size_t size)
{
	_cleanup_close_ int fd = -1;

	(void)snprintf(ret_path, size, "/tmp/beeline-config-XXXXXX");
	fd = mkstemp(ret_path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The agent's options after a command line and then a file; what was wrong with the file, a line
 * each without its path. */
static int read_both(const char *const *argv, const char *text, struct bl_args *args,
		     struct bl_buf *ret_problems)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};
	char path[64];
	int argc = 0, r;

	while (argc < WORDS_MAX && argv[argc])
		argc++;
	cr_assert_eq(bl_args_parse(bl_command_find("agent"), argc, (char *const *)argv, args, &err),
		     0, "%s", err.text);
	write_file(text, path, sizeof(path));
	r = bl_args_add_file(args, path, &diag);
	unlink(path);
	for (size_t i = 0; i < diag.count; i++)
		bl_buf_addf(ret_problems, "%u:%u: %s\n", diag.problems[i].line,
			    diag.problems[i].column, diag.problems[i].text);
	bl_diag_done(&diag);
	return r;
}

Test(config_file, options_have_the_values_of_the_file)
{
	static const char *const argv[WORDS_MAX] = {NULL};
	_cleanup_(bl_buf_done) struct bl_buf problems = {0};
	_cleanup_(bl_args_done) struct bl_args args = {0};

	cr_assert_eq(read_both(argv,
			       "# the node's agent\n"
			       "manifests: /etc/beeline/manifests\n"
			       "service-cidr: [10.96.0.0/16, 'fd00:10:96::/112']\n"
			       "device: eth0\n"
			       "canary-port: 10\n"
			       "dns: true\n"
			       "answer-echo: false\n"
			       "lb-algorithm: maglev\n",
			       &args, &problems),
		     0, "%s", problems.data);
	cr_expect_str_eq(bl_arg(&args, "manifests"), "/etc/beeline/manifests");
	cr_expect_eq(bl_arg_list(&args, "service-cidr")->count, 2);
	cr_expect_str_eq(bl_arg_list(&args, "service-cidr")->items[1], "fd00:10:96::/112");
	cr_expect_str_eq(bl_arg(&args, "device"), "eth0");
	cr_expect_eq(bl_arg_int(&args, "canary-port", 0), 10);
	cr_expect(bl_arg_flag(&args, "dns"));
	cr_expect_not(bl_arg_flag(&args, "answer-echo"));
	cr_expect_str_eq(bl_arg(&args, "lb-algorithm"), "maglev");
}

Test(config_file, the_command_line_comes_first)
{
	static const char *const argv[WORDS_MAX] = {"--device=eth1", "--dns=false",
						    "--lb-algorithm=random", NULL};
	_cleanup_(bl_buf_done) struct bl_buf problems = {0};
	_cleanup_(bl_args_done) struct bl_args args = {0};

	cr_assert_eq(read_both(argv,
			       "device: [eth0, eth2]\ndns: true\nlb-algorithm: maglev\n"
			       "node-name: a\n",
			       &args, &problems),
		     0, "%s", problems.data);
	cr_expect_eq(bl_arg_list(&args, "device")->count, 1);
	cr_expect_str_eq(bl_arg(&args, "device"), "eth1");
	cr_expect_not(bl_arg_flag(&args, "dns"));
	cr_expect_str_eq(bl_arg(&args, "lb-algorithm"), "random");
	cr_expect_str_eq(bl_arg(&args, "node-name"), "a");
}

Test(config_file, what_is_wrong_is_said_with_its_place)
{
	static const char *const argv[WORDS_MAX] = {NULL};
	static const struct row {
		const char *text;
		const char *problems; /* start of them */
	} rows[] = {
		{"canary-port: 70000\nxdp-mod: tc\n",
		 "1:14: option '--canary-port': expected a number from 1 to 65535, got '70000'\n"
		 "2:1: unknown option 'xdp-mod' (did you mean 'xdp-mode'?)\n"},
		{"wholly-other: 1\n",
		 "1:1: unknown option 'wholly-other': 'beeline help agent' lists them\n"},
		{"node-name: [a]\n", "1:12: option 'node-name': expected NAME, got a list\n"},
		{"node-name: {a: b}\n", "1:12: option 'node-name': expected NAME, got a mapping\n"},
		{"node-name:\n", "1:11: option 'node-name': expected NAME, got nothing\n"},
		{"dns: perhaps\n", "1:6: option '--dns': expected true or false, got 'perhaps'\n"},
		{"lb-algorithm: best\n",
		 "1:15: option '--lb-algorithm': expected one of random|maglev, got 'best'\n"},
		{"config: other.yaml\n",
		 "1:1: option 'config' may stand on the command line only\n"},
		{"- device\n", "1:1: expected one mapping from option names to values"},
		{"dns: true\n---\ndns: true\n", "3:1: expected one mapping"},
		{"dns: [true\n", "2:1: "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_buf_done) struct bl_buf problems = {0};
		_cleanup_(bl_args_done) struct bl_args args = {0};

		cr_expect_eq(read_both(argv, rows[i].text, &args, &problems), -EINVAL, "row %zu",
			     i);
		cr_expect(problems.data && strncmp(problems.data, rows[i].problems,
						   strlen(rows[i].problems)) == 0,
			  "row %zu: got %s", i, problems.data);
	}
}

Test(config_file, options_of_other_commands_are_left_alone)
{
	_cleanup_(bl_args_done) struct bl_args args = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};
	char path[64];

	cr_assert_eq(bl_args_parse(bl_command_find("unload"), 0, NULL, &args, &err), 0);
	write_file("manifests: /etc/beeline\nbpffs: /sys/fs/bpf/other\n", path, sizeof(path));
	cr_expect_eq(bl_args_add_file(&args, path, &diag), 0);
	unlink(path);
	cr_expect_eq(diag.count, 0);
	cr_expect_str_eq(bl_arg(&args, "bpffs"), "/sys/fs/bpf/other");
	bl_diag_done(&diag);
}

Test(config_file, a_file_that_cannot_be_read_is_an_error)
{
	static const char *const argv[WORDS_MAX] = {NULL};
	_cleanup_(bl_args_done) struct bl_args args = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};

	cr_assert_eq(bl_args_parse(bl_command_find("agent"), 0, (char *const *)argv, &args, &err),
		     0);
	cr_expect_eq(bl_args_add_file(&args, "/nonexistent/agent.yaml", &diag), -ENOENT);
	cr_expect_eq(diag.count, 1);
	cr_expect_str_eq(diag.problems[0].text, "cannot read it: No such file or directory");
	bl_diag_done(&diag);
}
