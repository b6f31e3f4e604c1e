/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notes what a source hands over, as one line of text an event. */
#ifndef TESTS_UNIT_SOURCE_RECORDER_H
#define TESTS_UNIT_SOURCE_RECORDER_H

#include "base/buf.h"
#include "source/source.h"

struct recorder {
	struct bl_buf log; /* "+service/default/web=80;" "-pod/default/a;" "full;" */
	struct bl_buf reports;
	unsigned int batches;
};

struct bl_source_handler recorder_handler(struct recorder *recorder);
/* What was noted since the last call; "" for nothing. */
const char *recorder_take(struct recorder *recorder);
/* The reports since the last call: "subject: text;" or "subject: ok;". */
const char *recorder_take_reports(struct recorder *recorder);
void recorder_done(struct recorder *recorder);

/* Text of a Service with one port. */
const char *service_yaml(const char *name, int port);
/* Writes a file the usual way: open, write, close. */
void write_text(const char *folder, const char *name, const char *text);
/* A new folder under /tmp, and its end. */
void make_folder(char path[static 64]);
void remove_folder(const char *path);

#endif
