/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
	int exit_code = bl_cli_main(argc, argv, stdout, stderr);

	/* A full disk must not look like success. */
	if (fflush(stdout) != 0 && exit_code == BL_EXIT_OK) {
		fprintf(stderr, "beeline: cannot write the output: %s\n", strerror(errno));
		exit_code = BL_EXIT_FAILURE;
	}
	return exit_code;
}
