/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "model/codec.h"
#include "recorder.h"
#include "source/objects.h"

static struct bl_source *open_source(const char *folder, struct recorder *recorder)
{
	struct bl_source_handler handler = recorder_handler(recorder);
	struct bl_source *source = NULL;
	struct bl_err err = {0};

	cr_assert_eq(bl_objects_new(folder, &handler, &source), 0);
	cr_assert_geq(bl_source_start(source, NULL, &err), 0, "%s", err.text);
	return source;
}

static struct bl_object *decode(const char *text)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object;

	cr_assert_eq(bl_decode("t", text, strlen(text), &bl_limits_default, 0, &list, &diag), 0);
	object = bl_object_ref(list.items[0]);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return object;
}

Test(objects, what_was_written_is_there_after_a_restart_and_gone_after_a_removal)
{
	const struct bl_source_name name = {BL_KIND_SERVICE, "default", "web"};
	struct recorder recorder = {0};
	struct bl_object *object = decode(service_yaml("web", 80)), *read = NULL;
	struct bl_source *source;
	struct bl_err err = {0};
	char folder[64];

	make_folder(folder);
	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "full;");
	cr_assert_eq(bl_objects_write(source, object, &err), 0, "%s", err.text);
	cr_assert_eq(bl_objects_read(source, &name, &read), 0);
	cr_assert(bl_object_equal(read, object));
	cr_assert_null(read->origin.file);
	bl_object_unref(read);
	bl_source_free(source);

	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "+service/default/web=80;full;");
	cr_assert_eq(bl_source_info(source).files, 1);
	cr_assert_eq(bl_objects_remove(source, &name, &err), 0);
	cr_assert_eq(bl_objects_remove(source, &name, &err), 0);
	cr_assert_eq(bl_objects_read(source, &name, &read), -ENOENT);
	bl_source_free(source);

	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "full;");
	bl_source_free(source);
	bl_object_unref(object);
	recorder_done(&recorder);
	remove_folder(folder);
}

Test(objects, a_file_that_is_not_what_its_path_says_is_reported_and_left)
{
	static const struct {
		const char *file;
		const char *text;
	} rows[] = {
		{"other.yaml", "name of the object differs"},
		{"broken.yaml", "kind: ["},
	};
	struct recorder recorder = {0};
	struct bl_source *source;
	char folder[64], services[128], path[256];

	make_folder(folder);
	(void)snprintf(services, sizeof(services), "%s/services", folder);
	cr_assert_eq(mkdir(services, 0700), 0);
	(void)snprintf(services, sizeof(services), "%s/services/default", folder);
	cr_assert_eq(mkdir(services, 0700), 0);
	write_text(services, rows[0].file, service_yaml("web", 80));
	write_text(services, rows[1].file, rows[1].text);
	write_text(services, "web.yaml.Xy12ab", "left by a crash");
	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "full;");
	cr_assert(strstr(recorder_take_reports(&recorder), "other.yaml: expected exactly"));
	cr_assert_eq(bl_source_info(source).problems, 2);
	(void)snprintf(path, sizeof(path), "%s/broken.yaml", services);
	cr_assert_eq(access(path, F_OK), 0);
	bl_source_free(source);
	recorder_done(&recorder);
	remove_folder(folder);
}

Test(objects, a_name_with_a_slash_never_leaves_the_folder)
{
	static const struct bl_source_name rows[] = {
		{BL_KIND_SERVICE, "default", "../../x"},
		{BL_KIND_SERVICE, "..", "x"},
		{BL_KIND_NODE, NULL, ".hidden"},
	};
	struct recorder recorder = {0};
	struct bl_source *source;
	char folder[64];

	make_folder(folder);
	source = open_source(folder, &recorder);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_eq(bl_objects_remove(source, &rows[i], NULL), -EINVAL);
	bl_source_free(source);
	recorder_done(&recorder);
	remove_folder(folder);
}

/* From here on a system call fails in this process, without having done anything. */
static bool break_call(long number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* A file of at most so many bytes: what goes beyond is written in part, and then refused. */
static bool break_size(long bytes, int unused)
{
	const struct rlimit limit = {.rlim_cur = (rlim_t)bytes, .rlim_max = (rlim_t)bytes};

	(void)unused;
	return signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static size_t count_files(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	cr_assert_not_null(dir);
	for (const struct dirent *item = readdir(dir); item; item = readdir(dir))
		count += item->d_name[0] != '.';
	closedir(dir);
	return count;
}

Test(objects, a_write_that_fails_leaves_the_old_object_and_nothing_else)
{
	static const struct {
		const char *what;
		bool (*break_it)(long number, int error);
		long number;
		int error;
	} rows[] = {
		{"no room", break_call, SYS_write, ENOSPC},
		{"a broken disk at the write", break_call, SYS_write, EIO},
		{"a broken disk at the sync", break_call, SYS_fsync, EIO},
		{"no room for a name", break_call, SYS_openat, ENOSPC},
		{"half a write", break_size, 40, EFBIG},
#ifdef SYS_rename
		{"a broken disk at the rename", break_call, SYS_rename, EIO},
#endif
	};
	struct recorder recorder = {0};
	struct bl_object *old = decode(service_yaml("web", 80)),
			 *now = decode(service_yaml("web", 81));
	struct bl_source *source;
	char folder[64], services[128];

	make_folder(folder);
	(void)snprintf(services, sizeof(services), "%s/services/default", folder);
	source = open_source(folder, &recorder);
	cr_assert_eq(bl_objects_write(source, old, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			struct bl_err err = {0};
			int r = -1;

			if (rows[i].break_it(rows[i].number, rows[i].error))
				r = bl_objects_write(source, now, &err);
			_exit(r == -rows[i].error && strstr(err.text, "cannot write '") ? 0 : 1);
		}
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: no error, or another",
			  rows[i].what);
		cr_expect_eq(count_files(services), 1, "%s: something is left", rows[i].what);
	}
	bl_source_free(source);
	(void)recorder_take(&recorder);
	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "+service/default/web=80;full;");
	bl_source_free(source);
	bl_object_unref(old);
	bl_object_unref(now);
	recorder_done(&recorder);
	remove_folder(folder);
}
