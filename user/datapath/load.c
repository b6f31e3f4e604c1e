/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/load.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "sock_skel.h"

/* The verifier writes into one region, a part for each program. Untouched memory costs nothing, and
 * older kernels fail a load whose log does not fit, so the parts are large. */
#define LOG_PART ((size_t)8 * 1024 * 1024)
#define LOG_PARTS 16u
#define LOG_LINES 20
#define LOG_BYTES ((size_t)600) /* what an error has room for */

/* What libbpf said last that names a cause; it knows one callback for the process. */
static _Thread_local char warning[256];

__attribute__((format(printf, 2, 0))) static int keep_warning(enum libbpf_print_level level,
							      const char *format, va_list args)
{
	char line[sizeof(warning)];
	const char *text = line;

	if (level != LIBBPF_WARN)
		return 0;
	(void)vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(text, "libbpf: ", 8) == 0)
		text += 8;
	if (strncmp(text, "failed to load ", 15) != 0)
		(void)snprintf(warning, sizeof(warning), "%s", text);
	return 0;
}

/* The last lines of a log, without the newline at its end. */
static const char *last_lines(char *log)
{
	size_t len = strlen(log);
	const char *start;
	int lines = 0;

	while (len > 0 && log[len - 1] == '\n')
		log[--len] = '\0';
	for (start = log + len; start > log; start--) {
		if (start[-1] == '\n' && ++lines == LOG_LINES)
			break;
		if ((size_t)(log + len - start) >= LOG_BYTES) {
			const char *line_end = strchr(start, '\n');

			return line_end ? line_end + 1 : start;
		}
	}
	return start;
}

static void set_logs(struct bpf_object *object, char *logs)
{
	struct bpf_program *program;
	size_t i = 0;

	bpf_object__for_each_program(program, object)
	{
		if (i < LOG_PARTS)
			(void)bpf_program__set_log_buf(program, logs + i * LOG_PART, LOG_PART);
		i++;
	}
}

static int load_failed(struct bpf_object *object, int code, struct bl_err *err)
{
	struct bpf_program *program;

	if (code == -EPERM)
		return bl_err_set(err, code,
				  "cannot load programs: not permitted; run as root, or with "
				  "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN");
	errno = -code;
	bpf_object__for_each_program(program, object)
	{
		size_t size;
		char *log = (char *)(uintptr_t)bpf_program__log_buf(program, &size);

		if (!bpf_program__autoload(program) || !log || log[0] == '\0')
			continue;
		return bl_err_set(err, code, "cannot load program '%s': %m; the verifier says:\n%s",
				  bpf_program__name(program), last_lines(log));
	}
	return bl_err_set(err, code, "cannot load programs: %m (%s)", warning);
}

static bool is_left_out(const char *program, const struct bl_datapath_config *config,
			unsigned int left_out, const char *const *optional)
{
	for (unsigned int i = 0; i < left_out; i++) {
		if (strcmp(program, optional[i]) == 0)
			return true;
	}
	for (size_t i = 0; i < bl_program_count; i++) {
		if (strcmp(program, bl_programs[i].name) == 0)
			return bl_programs[i].for_bind && !config->refuse_bind;
	}
	return false;
}

static int check_pinned(const struct bpf_map *map, int fd, struct bl_err *err)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	int r = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (r < 0)
		return bl_err_set(err, r, "cannot look at pinned map '%s': %m", bpf_map__name(map));
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.map_flags == bpf_map__map_flags(map))
		return 0;
	return bl_err_set(err, -EEXIST,
			  "pinned map '%s' is of another kind: expected type %u, key %u, value %u, "
			  "flags %#x, got %u, %u, %u, %#x; run 'beeline unload' and load again",
			  bpf_map__name(map), bpf_map__type(map), bpf_map__key_size(map),
			  bpf_map__value_size(map), bpf_map__map_flags(map), info.type,
			  info.key_size, info.value_size, info.map_flags);
}

/* Maps whose size is part of the contract. */
static bool has_fixed_size(enum bl_map_id id)
{
	return id == BL_MAP_ID_ABI || id == BL_MAP_ID_ADDR_FILTER || id == BL_MAP_ID_TCP_PEERS ||
	       id == BL_MAP_ID_REASONS || id == BL_MAP_ID_PACKET_PORTS ||
	       id == BL_MAP_ID_PACKET_STATE || id == BL_MAP_ID_PACKET_GUARD;
}

int bl_load_share_map(struct bpf_map *map, enum bl_map_id id, const struct bl_map_set *pinned,
		      struct bl_err *err)
{
	int r = check_pinned(map, pinned->fds[id], err);

	if (r < 0)
		return r;
	if (has_fixed_size(id) && pinned->sizes[id] != bpf_map__max_entries(map))
		return bl_err_set(err, -EEXIST,
				  "pinned map '%s' has %u entries, expected %u; run 'beeline "
				  "unload' and load again",
				  bl_map_names[id], pinned->sizes[id], bpf_map__max_entries(map));
	r = bpf_map__set_max_entries(map, pinned->sizes[id]);
	if (r == 0)
		r = bpf_map__reuse_fd(map, pinned->fds[id]);
	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot share pinned map '%s': %m", bl_map_names[id]);
	}
	return 0;
}

static int set_maps(struct bpf_object *object, const struct bl_datapath_config *config,
		    const struct bl_map_set *pinned, struct bl_err *err)
{
	for (size_t i = 0; i < BL_MAP_ID_SOCK_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, bl_map_names[i]);
		uint32_t size = bl_map_wanted_size((enum bl_map_id)i, config);
		int r = 0;

		if (!map)
			return bl_err_set(err, -ENOENT, "the programs have no map '%s'",
					  bl_map_names[i]);
		if (pinned)
			r = bl_load_share_map(map, (enum bl_map_id)i, pinned, err);
		else if (size > 0)
			r = bpf_map__set_max_entries(map, size);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Iterators that newer kernels have, the newest first; the last is wanted most. */
static const char *const optional_programs[] = {BL_PROG_DESTROY_UDP, BL_PROG_FIND_STALE};

static int try_load(const struct bl_datapath_config *config, uint64_t host_netns_cookie,
		    const struct bl_map_set *pinned, char *logs, unsigned int left_out,
		    struct sock_bpf **ret, struct bl_err *err)
{
	_cleanup_(bl_load_free) struct sock_bpf *object = sock_bpf__open();
	struct bpf_program *program;
	int r;

	if (!object)
		return bl_err_set(err, -errno, "cannot open the programs: %m (%s)", warning);
	object->rodata->tunables = (struct bl_sock_tunables){
		.host_netns_cookie = host_netns_cookie,
		.probe_mark = config->probe_mark,
		.remember_peer = config->remember_peer,
		.refuse_bind = config->refuse_bind,
		.count = true,
		/* Older than what is left out first, so the first try says that it is there. */
		.cast_context = left_out == 0,
	};
	bpf_object__for_each_program(program, object->obj)
	{
		if (is_left_out(bpf_program__name(program), config, left_out, optional_programs))
			(void)bpf_program__set_autoload(program, false);
	}
	r = set_maps(object->obj, config, pinned, err);
	if (r < 0)
		return r;
	set_logs(object->obj, logs);
	r = sock_bpf__load(object);
	if (r < 0)
		return load_failed(object->obj, r, err);
	*ret = TAKE_PTR(object);
	return 0;
}

int bl_load(const struct bl_datapath_config *config, uint64_t host_netns_cookie,
	    const struct bl_map_set *pinned, struct sock_bpf **ret, struct bl_err *err)
{
	char *logs = mmap(NULL, LOG_PART * LOG_PARTS, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	libbpf_print_fn_t print_before;
	struct bl_err failure = {0}; /* of no interest once a later try works */
	int r = -EINVAL;

	if (logs == MAP_FAILED)
		return bl_err_set(err, -errno, "cannot map memory for the verifier's log: %m");
	print_before = libbpf_set_print(keep_warning);
	warning[0] = '\0';
	/* A kernel that cannot take an iterator gets the rest without it. */
	for (unsigned int left_out = 0; left_out <= ARRAY_SIZE(optional_programs); left_out++) {
		r = try_load(config, host_netns_cookie, pinned, logs, left_out, ret, &failure);
		if (r == 0 || r == -EPERM || r == -EEXIST || r == -ENOMEM)
			break;
	}
	(void)libbpf_set_print(print_before);
	(void)munmap(logs, LOG_PART * LOG_PARTS);
	if (r < 0 && err)
		*err = failure;
	return r;
}

/* Loads one of several objects, in a thread of its own. */
struct load_job {
	struct bpf_object *object;
	pthread_t thread;
	bool is_apart; /* has a thread to wait for */
	int result;
	struct bl_err err;
};

static int load_one(struct bpf_object *object, struct bl_err *err)
{
	char *logs = mmap(NULL, LOG_PART * LOG_PARTS, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r;

	if (logs == MAP_FAILED)
		return bl_err_set(err, -errno, "cannot map memory for the verifier's log: %m");
	warning[0] = '\0';
	set_logs(object, logs);
	r = bpf_object__load(object);
	if (r < 0)
		r = load_failed(object, r, err);
	(void)munmap(logs, LOG_PART * LOG_PARTS);
	return r;
}

static void *run_job(void *argument)
{
	struct load_job *job = argument;

	job->result = load_one(job->object, &job->err);
	return NULL;
}

/* Signals are the business of the thread that was there before. Without a thread more, the job is
 * done in this one, later. */
static void start_job(struct load_job *job)
{
	sigset_t every, before;

	(void)sigfillset(&every);
	(void)pthread_sigmask(SIG_SETMASK, &every, &before);
	job->is_apart = pthread_create(&job->thread, NULL, run_job, job) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int bl_load_objects(struct bpf_object *const objects[], size_t count, struct bl_err *err)
{
	libbpf_print_fn_t print_before = libbpf_set_print(keep_warning);
	struct load_job jobs[BL_LOAD_OBJECTS_MAX] = {0};
	int r = 0;

	assert(count <= BL_LOAD_OBJECTS_MAX);
	for (size_t i = 0; i < count; i++) {
		jobs[i].object = objects[i];
		if (i > 0)
			start_job(&jobs[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].is_apart)
			(void)pthread_join(jobs[i].thread, NULL);
		else
			(void)run_job(&jobs[i]);
	}
	(void)libbpf_set_print(print_before);
	for (size_t i = 0; i < count && r == 0; i++) {
		r = jobs[i].result;
		if (r < 0 && err)
			*err = jobs[i].err;
	}
	return r;
}

struct sock_bpf *bl_load_free(struct sock_bpf *object)
{
	sock_bpf__destroy(object);
	return NULL;
}

int bl_load_program_fd(const struct sock_bpf *object, const char *name)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(object->obj, name);
	int fd = program && bpf_program__autoload(program) ? bpf_program__fd(program) : -ENOENT;

	return fd < 0 ? -ENOENT : fd;
}

int bl_load_map_fd(const struct sock_bpf *object, enum bl_map_id id)
{
	return bpf_object__find_map_fd_by_name(object->obj, bl_map_names[id]);
}

uint32_t bl_load_map_size(const struct sock_bpf *object, enum bl_map_id id)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object->obj, bl_map_names[id]);

	return map ? bpf_map__max_entries(map) : 0;
}
