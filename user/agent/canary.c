/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/canary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"

#define PERIOD_USEC (5 * 1000 * 1000ull)
#define DEADLINE_USEC (2 * 1000 * 1000ull)
#define CHILD_TIMEOUT_MS 1500
#define WORD_LEN 16
#define CGROUP_NAME "beeline-canary."

/* What the child found, as its exit status. */
enum outcome {
	OUTCOME_REACHED = 0,
	OUTCOME_REFUSED = 10,
	OUTCOME_TIMEOUT = 11,
	OUTCOME_STRANGER = 12, /* somebody else answered */
	OUTCOME_NO_CGROUP = 13,
	OUTCOME_NO_SOCKET = 14,
	OUTCOME_UNREACHABLE = 15,
};

struct bl_canary {
	sd_event *loop; /* borrowed */
	struct sockaddr_storage frontend;
	socklen_t frontend_len;
	int listener;
	uint8_t word[WORD_LEN];
	char *cgroup;     /* our folder; NULL: none */
	int cgroup_procs; /* -1: none */
	pid_t child;      /* 0: none */
	struct bl_canary_status status;
	sd_event_source *io;
	sd_event_source *timer;
	sd_event_source *deadline;
	sd_event_source *exit;
};

const char *bl_canary_state_name(enum bl_canary_state state)
{
	switch (state) {
	case BL_CANARY_IN_FORCE:
		return "in-force";
	case BL_CANARY_NOT_IN_FORCE:
		return "not-in-force";
	case BL_CANARY_UNKNOWN:
		break;
	}
	return "unknown";
}

const struct bl_canary_status *bl_canary_status(const struct bl_canary *canary)
{
	return &canary->status;
}

/* One line in the log a change of state. */
static void conclude(struct bl_canary *canary, enum bl_canary_state state, const char *reason)
{
	struct bl_canary_status *status = &canary->status;
	bool changed = status->state != state || !status->since_s;

	status->checked_s = time(NULL);
	(void)snprintf(status->reason, sizeof(status->reason), "%s", reason);
	if (!changed)
		return;
	status->state = state;
	status->since_s = status->checked_s;
	if (state == BL_CANARY_IN_FORCE)
		bl_log(BL_LOG_NOTICE, "the hooks are in force: a connect through them arrived");
	else if (state == BL_CANARY_NOT_IN_FORCE)
		bl_log(BL_LOG_ERROR, "the hooks are NOT in force: %s", reason);
	else
		bl_log(BL_LOG_WARNING, "it is unknown whether the hooks are in force: %s", reason);
}

static const char *words_of(int status)
{
	if (!WIFEXITED(status))
		return "the probe was killed";
	switch (WEXITSTATUS(status)) {
	case OUTCOME_REFUSED:
		return "the canary address refused the connection";
	case OUTCOME_TIMEOUT:
		return "the canary address did not answer in time";
	case OUTCOME_STRANGER:
		return "another program answered at the canary address";
	case OUTCOME_NO_CGROUP:
		return "the probe could not enter its cgroup";
	case OUTCOME_NO_SOCKET:
		return "the probe got no socket";
	case OUTCOME_UNREACHABLE:
		return "the canary address is unreachable; is the loopback device up?";
	default:
		return "the probe failed";
	}
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct bl_canary *canary = userdata;
	int status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status;
	int code = info->si_code == CLD_EXITED ? info->si_status : -1;

	(void)source;
	canary->child = 0;
	canary->exit = sd_event_source_disable_unref(canary->exit);
	canary->deadline = sd_event_source_disable_unref(canary->deadline);
	if (code == OUTCOME_REACHED)
		conclude(canary, BL_CANARY_IN_FORCE, "");
	else if (code == OUTCOME_NO_CGROUP || code == OUTCOME_NO_SOCKET ||
		 code == OUTCOME_UNREACHABLE)
		conclude(canary, BL_CANARY_UNKNOWN, words_of(status));
	else
		conclude(canary, BL_CANARY_NOT_IN_FORCE, words_of(status));
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bl_canary *canary = userdata;

	(void)source;
	(void)usec;
	if (canary->child > 0)
		(void)kill(canary->child, SIGKILL); /* on_child reports it */
	return 0;
}

/* The rest of the child: only calls that are safe after fork. */
static enum outcome dial(const struct bl_canary *canary)
{
	struct pollfd poll_fd = {.events = POLLOUT};
	uint8_t word[WORD_LEN];
	size_t got = 0;
	int error = 0;
	socklen_t len = sizeof(error);

	poll_fd.fd = socket(canary->frontend.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (poll_fd.fd < 0)
		return OUTCOME_NO_SOCKET;
	if (connect(poll_fd.fd, (const struct sockaddr *)&canary->frontend, canary->frontend_len) <
		    0 &&
	    errno != EINPROGRESS)
		return errno == ECONNREFUSED ? OUTCOME_REFUSED : OUTCOME_UNREACHABLE;
	if (poll(&poll_fd, 1, CHILD_TIMEOUT_MS) <= 0)
		return OUTCOME_TIMEOUT;
	if (getsockopt(poll_fd.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return error == ECONNREFUSED ? OUTCOME_REFUSED : OUTCOME_UNREACHABLE;
	poll_fd.events = POLLIN;
	while (got < sizeof(word)) {
		ssize_t n;

		if (poll(&poll_fd, 1, CHILD_TIMEOUT_MS) <= 0)
			return OUTCOME_STRANGER;
		n = read(poll_fd.fd, word + got, sizeof(word) - got);
		if (n <= 0)
			return OUTCOME_STRANGER;
		got += (size_t)n;
	}
	return memcmp(word, canary->word, sizeof(word)) ? OUTCOME_STRANGER : OUTCOME_REACHED;
}

static void child_main(const struct bl_canary *canary)
{
	/* A child that outlives its agent would hold the lock of the state folder. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(canary->cgroup_procs, "0", 1) != 1)
		_exit(OUTCOME_NO_CGROUP);
	/* Nor may it hold a lock in between. */
	(void)close_range(3, ~0u, 0);
	_exit(dial(canary));
}

static int watch_child(struct bl_canary *canary)
{
	int r = sd_event_add_child(canary->loop, &canary->exit, canary->child, WEXITED, on_child,
				   canary);

	if (r >= 0)
		r = sd_event_add_time_relative(canary->loop, &canary->deadline, CLOCK_MONOTONIC,
					       DEADLINE_USEC * 2, 1, on_deadline, canary);
	return r;
}

static void probe(struct bl_canary *canary)
{
	if (canary->child || canary->cgroup_procs < 0)
		return;
	canary->child = fork();
	if (canary->child == 0)
		child_main(canary);
	if (canary->child < 0) {
		canary->child = 0;
		conclude(canary, BL_CANARY_UNKNOWN, "no process for the probe could be made");
		return;
	}
	if (watch_child(canary) < 0) {
		(void)kill(canary->child, SIGKILL);
		(void)waitpid(canary->child, NULL, 0);
		canary->child = 0;
		canary->exit = sd_event_source_disable_unref(canary->exit);
	}
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)usec;
	probe(userdata);
	(void)sd_event_source_set_time_relative(timer, PERIOD_USEC);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static int on_listener(sd_event_source *io, int fd, uint32_t revents, void *userdata)
{
	struct bl_canary *canary = userdata;
	int client;

	(void)io;
	(void)revents;
	while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		/* A fresh socket has room for sixteen bytes; whoever gets fewer asks again. */
		(void)!send(client, canary->word, sizeof(canary->word), MSG_NOSIGNAL);
		(void)close(client);
	}
	return 0;
}

void bl_canary_remove_stale(const char *cgroup)
{
	DIR *dir = opendir(cgroup);
	const struct dirent *item;

	while (dir && (item = readdir(dir))) {
		_cleanup_free_ char *path = NULL;
		int pid, used = 0;

		if (sscanf(item->d_name, CGROUP_NAME "%d%n", &pid, &used) != 1 ||
		    item->d_name[used] || pid <= 0 || kill(pid, 0) >= 0 || errno != ESRCH)
			continue;
		if (asprintf(&path, "%s/%s", cgroup, item->d_name) >= 0)
			(void)rmdir(path); /* the next start tries again */
		else
			path = NULL;
	}
	if (dir)
		(void)closedir(dir);
}

static int make_cgroup(struct bl_canary *canary, const char *parent)
{
	_cleanup_free_ char *procs = NULL;

	bl_canary_remove_stale(parent);
	if (asprintf(&canary->cgroup, "%s/" CGROUP_NAME "%d", parent, (int)getpid()) < 0) {
		canary->cgroup = NULL;
		return -ENOMEM;
	}
	if (mkdir(canary->cgroup, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (asprintf(&procs, "%s/cgroup.procs", canary->cgroup) < 0) {
		procs = NULL;
		return -ENOMEM;
	}
	canary->cgroup_procs = open(procs, O_WRONLY | O_CLOEXEC);
	return canary->cgroup_procs < 0 ? -errno : 0;
}

void bl_canary_start(struct bl_canary *canary, const char *cgroup)
{
	char reason[160];
	int r = make_cgroup(canary, cgroup);

	if (r >= 0)
		r = sd_event_add_time_relative(canary->loop, &canary->timer, CLOCK_MONOTONIC, 0, 1,
					       on_timer, canary);
	if (r >= 0)
		return;
	(void)snprintf(reason, sizeof(reason), "no cgroup for the probe could be made: %s",
		       strerror(-r));
	conclude(canary, BL_CANARY_UNKNOWN, reason);
}

static int listen_on_loopback(struct bl_canary *canary, const struct bl_addr *loopback,
			      uint16_t *ret_port)
{
	struct sockaddr_storage address;
	socklen_t len = bl_addr_to_sockaddr(loopback, 0, &address);
	struct bl_addr bound;

	canary->listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (canary->listener < 0 ||
	    bind(canary->listener, (const struct sockaddr *)&address, len) < 0 ||
	    listen(canary->listener, 8) < 0 ||
	    getsockname(canary->listener, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	return bl_addr_from_sockaddr((const struct sockaddr *)&address, &bound, ret_port);
}

int bl_canary_new(sd_event *loop, const struct bl_addr *frontend, uint16_t frontend_port,
		  struct bl_canary **ret, struct bl_addr *ret_backend, uint16_t *ret_port,
		  struct bl_err *err)
{
	_cleanup_(bl_canary_free) struct bl_canary *canary = calloc(1, sizeof(*canary));
	struct bl_addr loopback;
	int r;

	if (!canary)
		return bl_err_set(err, -ENOMEM, "no memory");
	canary->loop = loop;
	canary->listener = -1;
	canary->cgroup_procs = -1;
	canary->frontend_len = bl_addr_to_sockaddr(frontend, frontend_port, &canary->frontend);
	if (getrandom(canary->word, sizeof(canary->word), 0) != sizeof(canary->word))
		return bl_err_set(err, -EIO, "no random numbers for the canary");
	r = bl_addr_parse(frontend->family == BL_FAMILY_IPV6 ? "::1" : "127.0.0.1", &loopback);
	if (r >= 0)
		r = listen_on_loopback(canary, &loopback, ret_port);
	if (r >= 0)
		r = sd_event_add_io(loop, &canary->io, canary->listener, EPOLLIN, on_listener,
				    canary);
	if (r < 0)
		return bl_err_set(err, r, "cannot listen for the canary: %s", strerror(-r));
	*ret_backend = loopback;
	*ret = TAKE_PTR(canary);
	return 0;
}

struct bl_canary *bl_canary_free(struct bl_canary *canary)
{
	if (!canary)
		return NULL;
	sd_event_source_disable_unref(canary->io);
	sd_event_source_disable_unref(canary->timer);
	sd_event_source_disable_unref(canary->deadline);
	sd_event_source_disable_unref(canary->exit);
	if (canary->child > 0) {
		(void)kill(canary->child, SIGKILL);
		(void)waitpid(canary->child, NULL, 0);
	}
	bl_close_p(&canary->cgroup_procs);
	bl_close_p(&canary->listener);
	/* A child that ended a moment ago leaves its cgroup a moment later. */
	for (int i = 0; canary->cgroup && rmdir(canary->cgroup) < 0 && errno == EBUSY && i < 50;
	     i++)
		(void)poll(NULL, 0, 2);
	free(canary->cgroup);
	free(canary);
	return NULL;
}
