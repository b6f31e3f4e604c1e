/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>

#include "model/service.h"

static void on_deliver(struct bl_source *source, const struct bl_source_batch *batch,
		       void *userdata)
{
	struct recorder *recorder = userdata;

	(void)source;
	recorder->batches++;
	for (size_t i = 0; i < batch->removal_count; i++)
		bl_buf_addf(&recorder->log, "-%s/%s/%s;",
			    bl_kind_info(batch->removals[i].kind)->singular,
			    batch->removals[i].ns ? batch->removals[i].ns : "",
			    batch->removals[i].name);
	for (size_t i = 0; i < batch->upsert_count; i++) {
		const struct bl_object *object = batch->upserts[i];
		int port = 0;

		if (object->kind == BL_KIND_SERVICE)
			port = bl_service_of(object)->spec.ports.items[0].port;
		bl_buf_addf(&recorder->log, "+%s/%s/%s=%d;", bl_kind_info(object->kind)->singular,
			    object->meta.ns ? object->meta.ns : "", object->meta.name, port);
	}
	if (batch->full)
		bl_buf_add_str(&recorder->log, "full;");
}

static void on_report(struct bl_source *source, const char *subject, const struct bl_diag *diag,
		      void *userdata)
{
	struct recorder *recorder = userdata;
	const char *name = strrchr(subject, '/');

	(void)source;
	bl_buf_addf(&recorder->reports, "%s: %s;", name ? name + 1 : subject,
		    diag->error_count ? diag->problems[0].text : "ok");
}

struct bl_source_handler recorder_handler(struct recorder *recorder)
{
	return (struct bl_source_handler){on_deliver, on_report, recorder};
}

static const char *take(struct bl_buf *buf)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), "%s", buf->data ? buf->data : "");
	bl_buf_done(buf);
	*buf = (struct bl_buf){0};
	return text;
}

const char *recorder_take(struct recorder *recorder)
{
	return take(&recorder->log);
}

const char *recorder_take_reports(struct recorder *recorder)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), "%s", take(&recorder->reports));
	return text;
}

void recorder_done(struct recorder *recorder)
{
	bl_buf_done(&recorder->log);
	bl_buf_done(&recorder->reports);
}

const char *service_yaml(const char *name, int port)
{
	static char text[8][512];
	static unsigned int next;
	char *at = text[next++ % 8];

	(void)snprintf(at, sizeof(text[0]),
		       "apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\nspec:\n"
		       "  selector: {app: %s}\n  ports:\n  - port: %d\n",
		       name, name, port);
	return at;
}

void write_text(const char *folder, const char *name, const char *text)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0, "cannot write %s", path);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

void make_folder(char path[static 64])
{
	(void)snprintf(path, 64, "/tmp/beeline-test.%d.XXXXXX", (int)getpid());
	cr_assert_not_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void remove_folder(const char *path)
{
	(void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
