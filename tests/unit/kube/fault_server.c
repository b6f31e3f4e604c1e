/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fault_server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/cleanup.h"

struct fault_server {
	pid_t pid;
	FILE *to, *from;
	uint16_t port;
	char folder[64];
	char url[64];
};

static struct json_object *read_reply(struct fault_server *server)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	struct json_object *reply = NULL;

	if (getline(&line, &room, server->from) > 0)
		reply = json_tokener_parse(line);
	cr_assert(reply, "the server has ended");
	return reply;
}

static void spawn(struct fault_server *server, char *const *argv)
{
	posix_spawn_file_actions_t files;
	int in[2], out[2];

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	cr_assert_eq(posix_spawn_file_actions_init(&files), 0);
	cr_assert_eq(posix_spawn_file_actions_adddup2(&files, in[0], 0), 0);
	cr_assert_eq(posix_spawn_file_actions_adddup2(&files, out[1], 1), 0);
	cr_assert_eq(posix_spawnp(&server->pid, argv[0], &files, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)close(in[0]);
	(void)close(out[1]);
	server->to = fdopen(in[1], "w");
	server->from = fdopen(out[0], "r");
	cr_assert(server->to && server->from);
}

static struct fault_server *start(char *const *argv, const char *scheme)
{
	struct fault_server *server = calloc(1, sizeof(*server));
	struct json_object *reply, *port, *folder;

	cr_assert(server);
	spawn(server, argv);
	reply = read_reply(server);
	cr_assert(json_object_object_get_ex(reply, "port", &port));
	if (json_object_object_get_ex(reply, "folder", &folder))
		(void)snprintf(server->folder, sizeof(server->folder), "%s",
			       json_object_get_string(folder));
	server->port = (uint16_t)json_object_get_int(port);
	(void)snprintf(server->url, sizeof(server->url), "%s://127.0.0.1:%u", scheme, server->port);
	(void)json_object_put(reply);
	return server;
}

struct fault_server *fault_server_start(unsigned int flags)
{
	char python[] = "/usr/bin/python3", script[] = FAULT_SERVER;
	char tls[] = "--tls", http1[] = "--http1", client_ca[] = "--client-ca", ca[] = "ca";
	char *argv[10] = {python, script};
	size_t count = 2;

	if (flags & FAULT_TLS)
		argv[count++] = tls;
	if (flags & FAULT_HTTP1)
		argv[count++] = http1;
	if (flags & FAULT_CLIENT_CA) {
		argv[count++] = client_ca;
		argv[count++] = ca;
	}
	return start(argv, flags & FAULT_TLS ? "https" : "http");
}

#ifdef API_SERVER
struct fault_server *api_server_start(void)
{
	char python[] = "/usr/bin/python3", script[] = API_SERVER;
	char *argv[] = {python, script, NULL};

	return start(argv, "http");
}
#endif

void fault_server_stop(struct fault_server *server)
{
	if (!server)
		return;
	(void)fclose(server->to); /* ends it */
	(void)fclose(server->from);
	(void)waitpid(server->pid, NULL, 0);
	free(server);
}

__attribute__((format(printf, 2, 0))) static struct json_object *
command(struct fault_server *server, const char *format, va_list args)
{
	_cleanup_free_ char *line = NULL;
	struct json_object *reply, *result = NULL;

	cr_assert_geq(vasprintf(&line, format, args), 0);
	for (char *at = line; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	cr_assert_geq(fprintf(server->to, "%s\n", line), 0);
	cr_assert_eq(fflush(server->to), 0);
	reply = read_reply(server);
	if (!json_object_object_get_ex(reply, "ok", &result)) {
		/* The other server's answer is the result. */
		cr_assert_not(json_object_object_get_ex(reply, "error", &result), "%s", line);
		result = reply;
	}
	result = json_object_get(result);
	(void)json_object_put(reply);
	return result;
}

struct json_object *fault_server_do(struct fault_server *server, const char *format, ...)
{
	struct json_object *result;
	va_list args;

	va_start(args, format);
	result = command(server, format, args);
	va_end(args);
	return result;
}

void fault_server_tell(struct fault_server *server, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)json_object_put(command(server, format, args));
	va_end(args);
}

uint16_t fault_server_port(const struct fault_server *server)
{
	return server->port;
}

const char *fault_server_url(const struct fault_server *server)
{
	return server->url;
}

const char *fault_server_folder(const struct fault_server *server)
{
	return server->folder;
}

char *fault_server_path(const struct fault_server *server, const char *name)
{
	char *path = NULL;

	cr_assert_geq(asprintf(&path, "%s/%s", server->folder, name), 0);
	return path;
}

char *fault_server_read(const struct fault_server *server, const char *name)
{
	_cleanup_free_ char *path = fault_server_path(server, name);
	struct bl_buf text = {0};

	cr_assert_eq(bl_buf_read_file(&text, path, 1u << 20), 0, "%s", path);
	return bl_buf_take(&text);
}

void fault_server_write(const struct fault_server *server, const char *name, const char *text)
{
	_cleanup_free_ char *path = fault_server_path(server, name);

	cr_assert_eq(bl_write_file_atomic(path, text, strlen(text), 0600), 0);
}
