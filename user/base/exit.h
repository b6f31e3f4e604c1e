/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exit statuses of the beeline command, also in its man page. */
#ifndef BASE_EXIT_H
#define BASE_EXIT_H

enum bl_exit {
	BL_EXIT_OK = 0,
	BL_EXIT_FAILURE = 1,
	BL_EXIT_USAGE = 2,
	BL_EXIT_CHECK_FAILED = 3, /* verify found a difference, check a missing requirement */
	BL_EXIT_NEEDS_PRIVILEGE = 4,
	BL_EXIT_NO_AGENT = 5, /* nobody answers on the socket */
};

#endif
