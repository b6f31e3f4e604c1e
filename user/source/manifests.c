/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/manifests.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/map.h"
#include "model/codec.h"
#include "source/manifest_set.h"
#include "source/names.h"
#include "source/seen.h"

/*
 * A change is looked at almost at once, but a flood of them must not cost a pass each: between two
 * passes there is as much time as the last one took, within these bounds.
 */
#define SETTLE_MIN_USEC 1000ull
#define SETTLE_MAX_USEC (200 * 1000ull)
/* A file that was only just made is mostly complete soon, and one that went may come back: there
 * are editors that move the old one away first. */
#define DOUBT_USEC (20 * 1000ull)
/* How often the targets of links are looked at, and what part of the time that may take. */
#define LINKS_USEC (500 * 1000ull)
#define LINKS_SHARE 100u
/* How often a folder that is missing is looked for. */
#define MISSING_USEC (500 * 1000ull)

#define FOLDER_EVENTS                                                                              \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF |   \
	 IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
#define PARENT_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)

struct manifests {
	struct bl_source source;
	char *folder;
	char *parent;     /* of the folder */
	const char *base; /* its name there, inside `folder` */
	struct bl_manifest_set *set;
	struct bl_seen *seen;
	struct bl_map *dirty;    /* file names to look at; values are unused */
	struct bl_map *doubtful; /* file names to look at a little later */
	bool dirty_all;
	bool force; /* read files again that look unchanged */
	bool synced;
	bool missing;
	uint32_t moved_cookie;         /* of the last file that was moved away, */
	char moved_name[NAME_MAX + 1]; /* and its name */
	int inotify_fd;
	int folder_watch; /* -1: none */
	int parent_watch;
	uint64_t due;      /* when the next pass is; 0: no need of one */
	uint64_t doubt_at; /* when the newest of `doubtful` came */
	uint64_t pass_end;
	uint64_t pass_usec; /* how long it took */
	sd_event *loop;
	sd_event_source *io;
	sd_event_source *timer;
	sd_event_source *links; /* off while there is none */
};

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool bl_manifests_is_name(const char *name)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	size_t len = strlen(name);

	if (name[0] == '.' || name[0] == '#')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t ending = strlen(endings[i]);

		if (len > ending && !strcmp(name + len - ending, endings[i]))
			return true;
	}
	return false;
}

/* A problem of one subject that has no document to point at. */
static void report(struct manifests *manifests, const char *subject, const char *text)
{
	struct bl_source *source = &manifests->source;
	struct bl_pos pos = {.file = subject};
	struct bl_diag diag = BL_DIAG_INIT;

	if (text)
		bl_diag_add(&diag, BL_SEVERITY_ERROR, &pos, NULL, "%s", text);
	if (source->handler.report)
		source->handler.report(source, subject, &diag, source->handler.userdata);
	bl_diag_done(&diag);
}

static void forget(struct manifests *manifests, const char *name, const char *path)
{
	bl_seen_remove(manifests->seen, name);
	bl_manifest_set_drop(manifests->set, path);
}

/* A file that is there but cannot be read keeps what it brought before. */
static int put_unreadable(struct manifests *manifests, const char *path, const char *why, int code)
{
	struct bl_object_list none = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_pos pos = {.file = path};
	int r;

	bl_diag_add(&diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot read the file: %s",
		    why ? why : strerror(-code));
	r = bl_manifest_set_put(manifests->set, path, &none, &diag);
	bl_diag_done(&diag);
	return r;
}

static int put_text(struct manifests *manifests, const char *path, const struct bl_buf *text)
{
	_cleanup_(bl_object_list_done) struct bl_object_list objects = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_pos pos = {.file = path};
	int r;

	r = bl_decode(path, text->data ? text->data : "", text->len, &bl_limits_default,
		      BL_DECODE_SKIP_UNKNOWN_KINDS, &objects, &diag);
	if (r == -ENOMEM) {
		bl_diag_done(&diag);
		return r;
	}
	if (r < 0 && !diag.error_count)
		bl_diag_add(&diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot decode the file: %s",
			    strerror(-r));
	r = bl_manifest_set_put(manifests->set, path, &objects, &diag);
	bl_diag_done(&diag);
	return r;
}

static int read_file(struct manifests *manifests, const char *path, const struct stat *st)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	int r;

	if (S_ISDIR(st->st_mode))
		return put_unreadable(manifests, path, "it is a folder", 0);
	if (!S_ISREG(st->st_mode))
		return put_unreadable(manifests, path, "it is no regular file", 0);
	r = bl_buf_read_file(&text, path, bl_limits_default.bytes);
	if (r == -EFBIG)
		return put_unreadable(manifests, path, "it is too large, split it", 0);
	if (r < 0)
		return put_unreadable(manifests, path, NULL, r);
	return put_text(manifests, path, &text);
}

static int look_at(struct manifests *manifests, const char *name)
{
	_cleanup_free_ char *path = NULL;
	bool link = false;
	struct stat st;
	int r;

	if (asprintf(&path, "%s/%s", manifests->folder, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = bl_seen_stat(path, &st, &link);
	if (r == -ENOENT || r == -ENOTDIR) {
		forget(manifests, name, path);
		return 0;
	}
	if (r < 0)
		return put_unreadable(manifests, path, NULL, r);
	if (!bl_seen_has(manifests->seen, name) &&
	    bl_seen_count(manifests->seen) >= BL_MANIFEST_FILES_MAX) {
		report(manifests, path,
		       "the folder holds too many manifest files; this one is not read");
		return 0;
	}
	if (!manifests->force && bl_seen_same(manifests->seen, name, &st)) {
		bl_seen_meet(manifests->seen, name);
		return 0;
	}
	r = bl_seen_put(manifests->seen, name, &st, link);
	if (r >= 0 && st.st_mode)
		return read_file(manifests, path, &st);
	bl_manifest_set_drop(manifests->set, path); /* it may come back: the link is looked at */
	return r;
}

/* In order, so that the first file by name is the first to declare an object. */
static int look_at_names(struct manifests *manifests, struct bl_names *names)
{
	int r = 0;

	bl_names_sort(names);
	for (size_t i = 0; r >= 0 && i < names->count; i++)
		r = look_at(manifests, names->items[i]);
	return r;
}

/* Files that an earlier pass met and this one did not. */
static int drop_unseen(struct manifests *manifests)
{
	_cleanup_(bl_names_done) struct bl_names names = {0};
	size_t cursor = 0, len;
	const char *name;
	int r = 0;

	while (r >= 0 && bl_seen_next(manifests->seen, &cursor, &name, &len, NULL))
		r = bl_names_add(&names, name, len);
	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		char path[PATH_MAX];

		if (bl_seen_was_met(manifests->seen, names.items[i]))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", manifests->folder, names.items[i]);
		forget(manifests, names.items[i], path);
	}
	return r;
}

static int scan_all(struct manifests *manifests)
{
	_cleanup_(bl_names_done) struct bl_names names = {0};
	int r;

	bl_seen_begin_pass(manifests->seen);
	r = bl_names_add_folder(&names, manifests->folder, bl_manifests_is_name);
	if (r >= 0)
		r = look_at_names(manifests, &names);
	if (r >= 0)
		r = drop_unseen(manifests);
	return r;
}

/* Looks at the files of a map; they stay in it when that fails. */
static int scan_names(struct manifests *manifests, struct bl_map *map)
{
	_cleanup_(bl_names_done) struct bl_names names = {0};
	int r = bl_names_add_keys(&names, map);

	if (r >= 0)
		r = look_at_names(manifests, &names);
	if (r >= 0)
		bl_map_clear(map);
	return r;
}

static int scan_dirty(struct manifests *manifests)
{
	int r = scan_names(manifests, manifests->dirty);

	if (r >= 0 && now_usec() >= manifests->doubt_at + DOUBT_USEC)
		r = scan_names(manifests, manifests->doubtful);
	return r;
}

static void add_name(struct manifests *manifests, struct bl_map *map, const char *name)
{
	if (bl_map_put_str(map, name, manifests, NULL) < 0)
		manifests->dirty_all = true;
}

/* True when the target of a link is another file by now, or another text. */
static bool check_links(struct manifests *manifests)
{
	size_t cursor = 0, len;
	const char *key;
	bool changed = false, link;

	while (bl_seen_next(manifests->seen, &cursor, &key, &len, &link)) {
		char path[PATH_MAX];
		const char *name = path + strlen(manifests->folder) + 1;
		struct stat st = {0};

		if (!link)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%.*s", manifests->folder, (int)len, key);
		/* What cannot be looked at is reported when the file is. */
		if (bl_seen_stat(path, &st, &link) >= 0 && bl_seen_same(manifests->seen, name, &st))
			continue;
		add_name(manifests, manifests->dirty, name);
		changed = true;
	}
	return changed;
}

static int arm_links(struct manifests *manifests, uint64_t delay)
{
	int r = sd_event_source_set_time_relative(manifests->links, delay);

	return r < 0 ? r
		     : sd_event_source_set_enabled(manifests->links, bl_seen_links(manifests->seen)
									     ? SD_EVENT_ONESHOT
									     : SD_EVENT_OFF);
}

/* Puts watches on the folder and on its parent; the parent's tells when the folder is replaced. */
static int watch_folder(struct manifests *manifests)
{
	if (manifests->parent_watch < 0)
		manifests->parent_watch =
			inotify_add_watch(manifests->inotify_fd, manifests->parent, PARENT_EVENTS);
	if (manifests->folder_watch >= 0)
		return 0;
	manifests->folder_watch =
		inotify_add_watch(manifests->inotify_fd, manifests->folder, FOLDER_EVENTS);
	return manifests->folder_watch < 0 ? -errno : 0;
}

static void unwatch_folder(struct manifests *manifests)
{
	if (manifests->folder_watch >= 0)
		(void)inotify_rm_watch(manifests->inotify_fd, manifests->folder_watch);
	manifests->folder_watch = -1;
	manifests->dirty_all = true;
}

/* A pass that is due earlier than that stays due. */
static int arm(struct manifests *manifests, uint64_t delay)
{
	uint64_t due = now_usec() + delay;
	int r;

	if (manifests->due && manifests->due <= due)
		return 0;
	r = sd_event_source_set_time(manifests->timer, due);
	if (r >= 0)
		r = sd_event_source_set_enabled(manifests->timer, SD_EVENT_ONESHOT);
	if (r >= 0)
		manifests->due = due;
	return r;
}

static void say_missing(struct manifests *manifests, int code)
{
	char text[256];

	if (manifests->missing)
		return;
	manifests->missing = true;
	(void)snprintf(text, sizeof(text),
		       "cannot follow the folder of manifests: %s; %s until it is back",
		       strerror(-code),
		       manifests->synced ? "what it brought stays in force" : "nothing is changed");
	report(manifests, manifests->folder, text);
}

static int look(struct manifests *manifests)
{
	int r = watch_folder(manifests);

	if (r < 0)
		return r;
	if (!manifests->dirty_all)
		return scan_dirty(manifests);
	r = scan_all(manifests);
	if (r == -ENOENT || r == -ENOTDIR)
		unwatch_folder(manifests);
	if (r < 0)
		return r;
	bl_map_clear(manifests->dirty);
	bl_map_clear(manifests->doubtful);
	return 0;
}

/* Looks at what changed and hands it over. */
static int scan(struct manifests *manifests)
{
	uint64_t start = now_usec();
	int r;

	manifests->due = 0;
	r = look(manifests);
	if (r < 0) {
		if (r != -ENOMEM)
			say_missing(manifests, r);
		return arm(manifests, MISSING_USEC);
	}
	if (manifests->missing)
		report(manifests, manifests->folder, NULL);
	manifests->missing = false;
	manifests->dirty_all = false;
	manifests->force = false;
	r = bl_manifest_set_commit(manifests->set, &manifests->source, !manifests->synced);
	if (r < 0)
		return arm(manifests, MISSING_USEC);
	manifests->synced = true;
	manifests->pass_end = now_usec();
	manifests->pass_usec = manifests->pass_end - start;
	r = bl_seen_links(manifests->seen) &&
			    sd_event_source_get_enabled(manifests->links, NULL) <= 0
		    ? arm_links(manifests, LINKS_USEC)
		    : 0;
	if (r >= 0 && bl_map_count(manifests->doubtful))
		r = arm(manifests, DOUBT_USEC);
	return r;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)timer;
	(void)usec;
	return scan(userdata);
}

static int schedule(struct manifests *manifests)
{
	uint64_t now = now_usec(), pause = manifests->pass_usec, due;

	if (!manifests->dirty_all && !bl_map_count(manifests->dirty))
		return arm(manifests, DOUBT_USEC);
	if (pause > SETTLE_MAX_USEC)
		pause = SETTLE_MAX_USEC;
	due = manifests->pass_end + pause;
	return arm(manifests, due > now + SETTLE_MIN_USEC ? due - now : SETTLE_MIN_USEC);
}

static int on_links(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct manifests *manifests = userdata;
	uint64_t start = now_usec(), delay;
	int r = check_links(manifests) ? schedule(manifests) : 0;

	(void)timer;
	(void)usec;
	delay = (now_usec() - start) * LINKS_SHARE;
	return r < 0 ? r : arm_links(manifests, delay > LINKS_USEC ? delay : LINKS_USEC);
}

static void note_name(struct manifests *manifests, const struct inotify_event *event)
{
	if (event->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM)) {
		manifests->doubt_at = now_usec();
		add_name(manifests, manifests->doubtful, event->name);
		if (event->mask & IN_MOVED_FROM) {
			manifests->moved_cookie = event->cookie;
			(void)snprintf(manifests->moved_name, sizeof(manifests->moved_name), "%s",
				       event->name);
		}
		return;
	}
	(void)bl_map_remove_str(manifests->doubtful, event->name);
	add_name(manifests, manifests->dirty, event->name);
	/* Only its name has changed: the old one is looked at in the same pass. */
	if (event->cookie && event->cookie == manifests->moved_cookie)
		add_name(manifests, manifests->dirty, manifests->moved_name);
}

/* Notes what one event means; true when there is something to look at. */
static bool note_event(struct manifests *manifests, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";

	if (event->mask & IN_Q_OVERFLOW) {
		manifests->dirty_all = true;
		return true;
	}
	if (event->wd == manifests->parent_watch) {
		if (event->mask & IN_IGNORED)
			manifests->parent_watch = -1;
		else if (strcmp(name, manifests->base))
			return false;
		unwatch_folder(manifests);
		return true;
	}
	if (event->wd != manifests->folder_watch)
		return false; /* of a watch that was taken away */
	if (event->mask & IN_IGNORED)
		manifests->folder_watch = -1;
	if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) {
		unwatch_folder(manifests);
		return true;
	}
	if (!strncmp(name, "..", 2)) { /* ..data of a ConfigMap */
		manifests->dirty_all = true;
		return true;
	}
	if (!bl_manifests_is_name(name))
		return false;
	note_name(manifests, event);
	return true;
}

static int on_inotify(sd_event_source *io, int fd, uint32_t revents, void *userdata)
{
	struct manifests *manifests = userdata;
	union {
		struct inotify_event event;
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	} buffer;
	bool changed = false;
	ssize_t len;

	(void)io;
	(void)revents;
	len = read(fd, &buffer, sizeof(buffer));
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (const char *at = buffer.bytes; at < buffer.bytes + len;) {
		const struct inotify_event *event = (const void *)at;

		changed |= note_event(manifests, event);
		at += sizeof(*event) + event->len;
	}
	return changed ? schedule(manifests) : 0;
}

static int start(struct bl_source *source, sd_event *loop, struct bl_err *err)
{
	struct manifests *manifests = (struct manifests *)source;
	int r;

	manifests->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (manifests->inotify_fd < 0)
		return bl_err_set(err, -errno, "cannot follow '%s': inotify_init1: %m",
				  manifests->folder);
	manifests->loop = sd_event_ref(loop);
	r = sd_event_add_io(loop, &manifests->io, manifests->inotify_fd, EPOLLIN, on_inotify,
			    manifests);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &manifests->timer, CLOCK_MONOTONIC, 0, 1,
					       on_timer, manifests);
	if (r >= 0)
		r = sd_event_source_set_enabled(manifests->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &manifests->links, CLOCK_MONOTONIC, 0,
					       LINKS_USEC / 4, on_links, manifests);
	if (r >= 0)
		r = sd_event_source_set_enabled(manifests->links, SD_EVENT_OFF);
	if (r >= 0)
		r = scan(manifests);
	return r < 0 ? bl_err_set(err, r, "cannot follow '%s': %s", manifests->folder, strerror(-r))
		     : 0;
}

static void rescan(struct bl_source *source)
{
	struct manifests *manifests = (struct manifests *)source;

	manifests->dirty_all = true;
	manifests->force = true;
	(void)scan(manifests); /* a failure has set the timer */
}

static struct bl_source_info info(const struct bl_source *source)
{
	const struct manifests *manifests = (const struct manifests *)source;

	return (struct bl_source_info){
		.name = "manifests",
		.path = manifests->folder,
		.synced = manifests->synced,
		.files = bl_manifest_set_files(manifests->set),
		.objects = bl_manifest_set_objects(manifests->set),
		.problems = bl_manifest_set_problems(manifests->set) + manifests->missing,
	};
}

static void manifests_free(struct bl_source *source)
{
	struct manifests *manifests = (struct manifests *)source;

	sd_event_source_disable_unref(manifests->io);
	sd_event_source_disable_unref(manifests->timer);
	sd_event_source_disable_unref(manifests->links);
	sd_event_unref(manifests->loop);
	bl_close_p(&manifests->inotify_fd);
	bl_seen_free(manifests->seen);
	bl_map_free(manifests->dirty);
	bl_map_free(manifests->doubtful);
	bl_manifest_set_free(manifests->set);
	free(manifests->parent);
	free(manifests->folder);
	free(manifests);
}

static const struct bl_source_ops manifests_ops = {
	.start = start,
	.rescan = rescan,
	.info = info,
	.free = manifests_free,
};

/* "a/b/" is "a/b", with parent "a" and name "b"; "b" has the parent ".". */
static int set_folder(struct manifests *manifests, const char *folder)
{
	size_t len = strlen(folder);
	char *slash;

	while (len > 1 && folder[len - 1] == '/')
		len--;
	manifests->folder = strndup(folder, len);
	if (!manifests->folder)
		return -ENOMEM;
	slash = strrchr(manifests->folder, '/');
	manifests->base = slash ? slash + 1 : manifests->folder;
	if (!slash)
		manifests->parent = strdup(".");
	else
		manifests->parent =
			slash == manifests->folder
				? strdup("/")
				: strndup(manifests->folder, (size_t)(slash - manifests->folder));
	return manifests->parent ? 0 : -ENOMEM;
}

int bl_manifests_new(const char *folder, const struct bl_source_handler *handler,
		     struct bl_source **ret)
{
	struct manifests *manifests = calloc(1, sizeof(*manifests));
	int r;

	if (!manifests)
		return -ENOMEM;
	manifests->source = (struct bl_source){.ops = &manifests_ops, .handler = *handler};
	manifests->inotify_fd = -1;
	manifests->folder_watch = -1;
	manifests->parent_watch = -1;
	manifests->dirty_all = true;
	r = set_folder(manifests, folder);
	if (r >= 0)
		r = bl_manifest_set_new(&manifests->set);
	if (r >= 0)
		r = bl_seen_new(&manifests->seen);
	if (r >= 0)
		r = bl_map_new(&manifests->dirty);
	if (r >= 0)
		r = bl_map_new(&manifests->doubtful);
	if (r < 0) {
		manifests_free(&manifests->source);
		return r;
	}
	*ret = &manifests->source;
	return 0;
}
