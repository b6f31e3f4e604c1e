/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shown to a server, and whom the client believes: TLS, tokens, plugins, proxies. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "asking.h"
#include "base/cleanup.h"
#include "kube/exec.h"

static char *text_of_request(struct fault_server *server, size_t index, const char *field)
{
	struct json_object *all = fault_server_do(server, "{'do':'requests'}");
	struct json_object *at = json_object_array_get_idx(all, index), *headers, *value = NULL;
	char *text;

	cr_assert(at, "there is no request %zu", index);
	cr_assert(json_object_object_get_ex(at, "headers", &headers));
	if (!json_object_object_get_ex(at, field, &value))
		(void)json_object_object_get_ex(headers, field, &value);
	text = strdup(value ? json_object_get_string(value) : "");
	(void)json_object_put(all);
	return text;
}

static void expect_request(struct fault_server *server, size_t index, const char *field,
			   const char *expected)
{
	_cleanup_free_ char *text = text_of_request(server, index, field);

	cr_expect_str_eq(text, expected, "request %zu: %s: %s", index, field, text);
}

static size_t count_requests(struct fault_server *server)
{
	struct json_object *all = fault_server_do(server, "{'do':'requests'}");
	size_t count = json_object_array_length(all);

	(void)json_object_put(all);
	return count;
}

static void drop_secret(struct bl_kube_secret *secret)
{
	free(secret->text);
	secret->text = NULL;
	secret->len = 0;
}

/* TLS */

Test(kube_auth, only_the_kubeconfigs_own_ca_is_believed)
{
	static const struct {
		const char *certificate, *ca;
		const char *name; /* tls-server-name */
		bool insecure;
		enum bl_kube_end end;
		const char *words;
	} rows[] = {
		{"server", "ca.pem", NULL, false, BL_KUBE_END_COMPLETE, ""},
		{"server", "other-ca.pem", NULL, false, BL_KUBE_END_TLS, "certificate"},
		{"server", NULL, NULL, false, BL_KUBE_END_TLS, "certificate"},
		{"other", "ca.pem", NULL, false, BL_KUBE_END_TLS, "certificate"},
		{"expired", "ca.pem", NULL, false, BL_KUBE_END_TLS, "certificate has expired"},
		{"wrong-name", "ca.pem", NULL, false, BL_KUBE_END_TLS, "127.0.0.1"},
		{"wrong-name", "ca.pem", "example.org", false, BL_KUBE_END_COMPLETE, ""},
		{"server", "ca.pem", "kubernetes.default.svc", false, BL_KUBE_END_COMPLETE, ""},
		{"server", "ca.pem", "example.org", false, BL_KUBE_END_TLS, "example.org"},
		{"other", NULL, NULL, true, BL_KUBE_END_COMPLETE, ""},
		{"expired", "ca.pem", NULL, true, BL_KUBE_END_COMPLETE, ""},
	};
	struct fault_server *server = fault_server_start(FAULT_TLS);

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct asked asked = {0};
		struct asking asking;

		fault_server_tell(server, "{'do':'certificate','name':'%s'}", rows[i].certificate);
		asking_init(&asking, server);
		drop_secret(&asking.config.ca);
		if (rows[i].ca)
			set_secret_from(&asking.config.ca, server, rows[i].ca);
		asking.config.tls_server_name = rows[i].name ? strdup(rows[i].name) : NULL;
		asking.config.insecure_skip_tls_verify = rows[i].insecure;
		asking_connect(&asking);
		ask(&asking, "/x", &asked);
		cr_expect_eq(asked.outcome.end, rows[i].end, "row %zu: %s: %s", i,
			     bl_kube_end_name(asked.outcome.end), asked.text);
		cr_expect(strstr(asked.text, rows[i].words), "row %zu: %s", i, asked.text);
		asked_done(&asked);
		asking_done(&asking);
	}
	fault_server_stop(server);
}

/* Where the trust of the whole machine is, which must not count. */
Test(kube_auth, the_systems_trust_does_not_add_to_a_ca)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	_cleanup_free_ char *trusted = fault_server_path(server, "other-ca.pem");
	struct asked asked = {0};
	struct asking asking;

	cr_assert_eq(setenv("SSL_CERT_FILE", trusted, 1), 0);
	cr_assert_eq(setenv("CURL_CA_BUNDLE", trusted, 1), 0);
	fault_server_tell(server, "{'do':'certificate','name':'other'}");
	asking_init(&asking, server);
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_TLS, "%s", asked.text);
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, a_client_certificate_is_shown_and_its_lack_is_told)
{
	struct fault_server *server = fault_server_start(FAULT_TLS | FAULT_CLIENT_CA);
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	asking_init(&asking, server);
	set_secret_from(&asking.config.client_certificate, server, "client.pem");
	set_secret_from(&asking.config.client_key, server, "client.key");
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	expect_request(server, 0, "peer", "beeline");
	expect_request(server, 0, "version", "2");
	asked_done(&asked);
	asking_done(&asking);

	asking_init(&asking, server);
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_TLS, "%s: %s",
		     bl_kube_end_name(asked.outcome.end), asked.text);
	cr_expect(strstr(asked.text, "certificate required"), "%s", asked.text);
	asked_done(&asked);
	asking_done(&asking);

	asking_init(&asking, server);
	set_secret_from(&asking.config.client_certificate, server, "client.pem");
	set_secret_from(&asking.config.client_key, server, "client2.key");
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_TLS, "%s", asked.text);
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, client_certificate_files_are_read_again_when_they_were_replaced)
{
	struct fault_server *server = fault_server_start(FAULT_TLS | FAULT_CLIENT_CA | FAULT_HTTP1);
	_cleanup_free_ char *first = fault_server_read(server, "client.pem");
	_cleanup_free_ char *first_key = fault_server_read(server, "client.key");
	_cleanup_free_ char *second = fault_server_read(server, "client2.pem");
	_cleanup_free_ char *second_key = fault_server_read(server, "client2.key");
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	fault_server_write(server, "mine.pem", first);
	fault_server_write(server, "mine.key", first_key);
	asking_init(&asking, server);
	asking.config.client_certificate.file = fault_server_path(server, "mine.pem");
	asking.config.client_key.file = fault_server_path(server, "mine.key");
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	expect_request(server, 0, "peer", "beeline");
	fault_server_write(server, "mine.pem", second);
	fault_server_write(server, "mine.key", second_key);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	expect_request(server, 1, "peer", "beeline-renewed");
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

/* Tokens */

Test(kube_auth, a_token_file_is_read_again_when_it_was_replaced)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	_cleanup_free_ char *path = fault_server_path(server, "token");
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	fault_server_tell(server, "{'do':'tokens','tokens':['one']}");
	asking_init(&asking, server);
	asking.config.token.file = strdup(path);
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_AUTH);
	cr_expect_eq(asked.outcome.error, -ENOENT);
	cr_expect(strstr(asked.text, "cannot read token file '") &&
			  strstr(asked.text, "No such file"),
		  "%s", asked.text);
	fault_server_write(server, "token", " \n");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_AUTH);
	cr_expect(strstr(asked.text, "is empty"), "%s", asked.text);
	fault_server_write(server, "token", "one\r\nX-Evil: yes\n");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_AUTH);
	cr_expect(strstr(asked.text, "expected one word"), "%s", asked.text);
	cr_expect_eq(count_requests(server), 0);
	fault_server_write(server, "token", "one\n");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200);
	expect_request(server, 0, "authorization", "Bearer one");
	fault_server_tell(server, "{'do':'tokens','tokens':['two']}");
	fault_server_write(server, "token", "two\n");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200);
	cr_expect_eq(count_requests(server), 2, "at once with the new one");
	cr_assert_eq(unlink(path), 0);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "what was read before is still good");
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, a_refused_token_is_read_again_and_the_owner_hears_of_the_last_answer_alone)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	_cleanup_free_ char *path = fault_server_path(server, "token");
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	fault_server_tell(server, "{'do':'tokens','tokens':['two']}");
	fault_server_write(server, "token", "one");
	asking_init(&asking, server);
	asking.config.token.file = strdup(path);
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 401);
	cr_expect_eq(asked.heads, 1);
	cr_expect(strstr(asked.body.data, "\"Unauthorized\""), "the answer's body is there");
	cr_expect_eq(count_requests(server), 1, "the same token is not tried twice");
	/* Written in place, of the same size and time: nothing but its content tells. */
	cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 401);
	{
		FILE *file = fopen(path, "r+");

		cr_assert(file && fputs("two", file) >= 0 && fclose(file) == 0);
	}
	cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	cr_expect_eq(asked.heads, 1);
	cr_expect_str_eq(asked.body.data, "x");
	cr_expect_eq(count_requests(server), 4);
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

/* Plugins */

/* Writes a script and makes it the plugin. */
static void use_plugin(struct asking *asking, struct fault_server *server, const char *script)
{
	_cleanup_free_ char *path = fault_server_path(server, "plugin");

	fault_server_write(server, "plugin", script);
	cr_assert_eq(chmod(path, 0700), 0);
	asking->config.exec.command = strdup(path);
	asking->config.exec.api_version = strdup("client.authentication.k8s.io/v1");
	asking->config.exec.timeout_ms = 500;
}

#define CREDENTIAL(status)                                                                         \
	"{\\\"kind\\\":\\\"ExecCredential\\\","                                                    \
	"\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1\\\",\\\"status\\\":{" status "}}"

Test(kube_auth, a_plugin_gives_the_token_and_is_asked_once)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct bl_kube_env env[] = {{(char *)(uintptr_t) "WORD", (char *)(uintptr_t) "wonder"}};
	char *args[] = {(char *)(uintptr_t) "an arg", NULL};
	struct asked first = {0}, second = {0};
	_cleanup_free_ char *seen = NULL;
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	asking_init(&asking, server);
	use_plugin(&asking, server,
		   "#!/bin/sh\necho \"$1/$WORD/$KUBERNETES_EXEC_INFO\" >>\"${0%/*}/runs\"\n"
		   "read line && echo input\n"
		   "echo chatter >&2\nsleep 0.1\n"
		   "echo \"" CREDENTIAL("\\\"token\\\":\\\"$WORD\\\"") "\"\n");
	asking.config.exec.args = args;
	asking.config.exec.env = env;
	asking.config.exec.env_count = 1;
	asking_connect(&asking);
	asking.config.exec.args = NULL;
	asking.config.exec.env = NULL;
	asking.config.exec.env_count = 0;
	ask_start(&asking, "/a", NULL, &first);
	ask_start(&asking, "/b", NULL, &second);
	ask_wait(&asking, &first);
	ask_wait(&asking, &second);
	cr_expect_eq(first.outcome.status, 200, "%s", first.text);
	cr_expect_eq(second.outcome.status, 200, "%s", second.text);
	expect_request(server, 0, "authorization", "Bearer wonder");
	expect_request(server, 1, "authorization", "Bearer wonder");
	seen = fault_server_read(server, "runs");
	cr_expect_str_eq(seen, "an arg/wonder/{\"kind\":\"ExecCredential\",\"apiVersion\":"
			       "\"client.authentication.k8s.io/v1\",\"spec\":{\"interactive\":"
			       "false}}\n");
	asked_done(&first);
	asked_done(&second);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, a_plugin_hears_of_the_cluster_when_it_wants_to)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	_cleanup_free_ char *seen = NULL;
	struct json_object *info, *spec, *cluster, *value, *more;
	struct asked asked = {0};
	struct asking asking;

	asking_init(&asking, server);
	use_plugin(&asking, server,
		   "#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO\" >\"${0%/*}/info\"\n"
		   "echo \"" CREDENTIAL("\\\"token\\\":\\\"t\\\"") "\"\n");
	asking.config.exec.provide_cluster_info = true;
	asking.config.exec.cluster_config = strdup("{\"audience\":\"a\"}");
	asking.config.tls_server_name = strdup("localhost");
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	seen = fault_server_read(server, "info");
	info = json_tokener_parse(seen);
	cr_assert(json_object_object_get_ex(info, "spec", &spec), "%s", seen);
	cr_assert(json_object_object_get_ex(spec, "cluster", &cluster), "%s", seen);
	cr_assert(json_object_object_get_ex(cluster, "server", &value));
	cr_expect_str_eq(json_object_get_string(value), fault_server_url(server));
	cr_assert(json_object_object_get_ex(cluster, "tls-server-name", &value));
	cr_expect_str_eq(json_object_get_string(value), "localhost");
	cr_assert(json_object_object_get_ex(cluster, "certificate-authority-data", &value));
	cr_expect(strstr(json_object_get_string(value), "LS0tLS1CRUdJTi"), "PEM in base64");
	cr_assert(json_object_object_get_ex(cluster, "config", &value));
	cr_assert(json_object_object_get_ex(value, "audience", &more));
	cr_expect_str_eq(json_object_get_string(more), "a");
	(void)json_object_put(info);
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, a_plugin_gives_a_client_certificate)
{
	struct fault_server *server = fault_server_start(FAULT_TLS | FAULT_CLIENT_CA);
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	asking_init(&asking, server);
	use_plugin(&asking, server,
		   "#!/usr/bin/python3\nimport json, os\nhere = os.path.dirname(__file__)\n"
		   "print(json.dumps({'kind': 'ExecCredential',\n"
		   "  'apiVersion': 'client.authentication.k8s.io/v1', 'status': {\n"
		   "  'clientCertificateData': open(here + '/client2.pem').read(),\n"
		   "  'clientKeyData': open(here + '/client2.key').read()}}))\n");
	asking.config.exec.timeout_ms = 5000;
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	expect_request(server, 0, "peer", "beeline-renewed");
	expect_request(server, 0, "authorization", "");
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, a_plugin_is_asked_again_when_its_token_expires)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	asking_init(&asking, server);
	use_plugin(&asking, server,
		   "#!/bin/sh\necho x >>\"${0%/*}/runs\"\n"
		   "at=$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)\n"
		   "n=$(wc -l <\"${0%/*}/runs\")\n"
		   "echo \"" CREDENTIAL("\\\"token\\\":\\\"t$n\\\","
					"\\\"expirationTimestamp\\\":\\\"$at\\\"") "\"\n");
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	ask(&asking, "/x", &asked);
	expect_request(server, 1, "authorization", "Bearer t1");
	ask_run(&asking, 2100);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	expect_request(server, 2, "authorization", "Bearer t2");
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_auth, a_plugin_whose_token_is_refused_at_once_is_not_run_in_a_circle)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct asked asked = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'tokens','tokens':['other']}");
	asking_init(&asking, server);
	use_plugin(&asking, server,
		   "#!/bin/sh\necho x >>\"${0%/*}/runs\"\n"
		   "echo \"" CREDENTIAL("\\\"token\\\":\\\"t\\\"") "\"\n");
	asking_connect(&asking);
	for (int i = 0; i < 3; i++) {
		ask(&asking, "/x", &asked);
		cr_expect_eq(asked.outcome.status, 401);
	}
	{
		_cleanup_free_ char *runs = fault_server_read(server, "runs");

		cr_expect_str_eq(runs, "x\n");
	}
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

static bool is_alive(struct fault_server *server)
{
	_cleanup_free_ char *text = fault_server_read(server, "pid");
	pid_t pid = (pid_t)strtol(text, NULL, 10);

	return kill(pid, 0) == 0;
}

/* What a plugin has started dies with it; who reaps it may take a moment. */
static void expect_dead(struct fault_server *server)
{
	for (int i = 0; i < 1500 && is_alive(server); i++)
		(void)usleep(20000);
	cr_expect_not(is_alive(server));
}

Test(kube_auth, a_plugin_that_fails_is_described)
{
	static const struct {
		const char *script;
		const char *words;
	} rows[] = {
		{"#!/bin/sh\necho first >&2; echo 'not logged in' >&2; exit 3\n",
		 "ended with status 3: not logged in"},
		/* What a terminal would obey, and what is no UTF-8, is not for a log. */
		{"#!/bin/sh\nprintf '\\033[2J\\302\\233gr\\303\\274n \\303 "
		 "\\377\\n' >&2; exit 1\n",
		 "ended with status 1: ?[2J??gr\303\274n ? ?"},
		{"#!/bin/sh\nkill -9 $$\n", "killed by signal 9"},
		{"#!/bin/sh\necho hello\n", "printed no JSON object"},
		{"#!/bin/sh\n", "printed no JSON object"},
		{"#!/bin/sh\necho '{}'\n", "no ExecCredential"},
		{"#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":"
		 "\"client.authentication.k8s.io/v1beta1\"}'\n",
		 "of another apiVersion than 'client.authentication.k8s.io/v1'"},
		{"#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":"
		 "\"client.authentication.k8s.io/v1\"}'\n",
		 "no 'status'"},
		{"#!/bin/sh\necho \"" CREDENTIAL("") "\"\n", "neither a token nor"},
		{"#!/bin/sh\necho \"" CREDENTIAL("\\\"token\\\":7") "\"\n",
		 "'status.token': expected a string"},
		{"#!/bin/sh\necho \"" CREDENTIAL("\\\"token\\\":\\\"a b\\\"") "\"\n",
		 "its token has white space"},
		{"#!/bin/sh\necho \"" CREDENTIAL("\\\"clientKeyData\\\":\\\"k\\\"") "\"\n",
		 "without 'clientCertificateData'"},
		{"#!/bin/sh\necho \"" CREDENTIAL(
			 "\\\"token\\\":\\\"t\\\",\\\"expirationTimestamp\\\":\\\"later\\\"") "\""
											      "\n",
		 "expected a time such as"},
		{"#!/bin/sh\necho \"" CREDENTIAL("\\\"token\\\":\\\"t\\\","
						 "\\\"expirationTimestamp\\\":"
						 "\\\"2020-01-01T00:00:00Z\\\"") "\"\n",
		 "has expired already"},
		{"#!/bin/sh\nyes\n", "printed more than 262144 bytes"},
		{"#!/bin/sh\nsleep 600 &\necho $! >\"${0%/*}/pid\"\nwait\n",
		 "was not done within 0.5 s and was killed"},
		{"#!/nowhere/sh\n", "cannot run '"},
	};
	struct fault_server *server = fault_server_start(0);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct asked asked = {0};
		struct asking asking;

		asking_init(&asking, server);
		use_plugin(&asking, server, rows[i].script);
		asking_connect(&asking);
		ask(&asking, "/x", &asked);
		cr_expect_eq(asked.outcome.end, BL_KUBE_END_AUTH);
		cr_expect(strstr(asked.text, rows[i].words), "row %zu: %s", i, asked.text);
		cr_expect(strstr(asked.text, "credential plugin"), "row %zu: %s", i, asked.text);
		ask(&asking, "/x", &asked); /* too early to run it again */
		cr_expect_eq(asked.outcome.end, BL_KUBE_END_AUTH);
		cr_expect(strstr(asked.text, rows[i].words), "row %zu: %s", i, asked.text);
		asked_done(&asked);
		asking_done(&asking);
	}
	cr_expect_eq(count_requests(server), 0);
	expect_dead(server);
	fault_server_stop(server);
}

Test(kube_auth, a_client_may_end_while_its_plugin_runs)
{
	struct fault_server *server = fault_server_start(0);
	struct asked asked = {0};
	struct asking asking;

	asking_init(&asking, server);
	use_plugin(&asking, server, "#!/bin/sh\nsleep 600 &\necho $! >\"${0%/*}/pid\"\nwait\n");
	asking.config.exec.timeout_ms = 60000;
	asking_connect(&asking);
	ask_start(&asking, "/x", NULL, &asked);
	ask_run(&asking, 300);
	asking.client = bl_kube_client_free(asking.client);
	ask_run(&asking, 100);
	expect_dead(server);
	asking_done(&asking);
	fault_server_stop(server);
}

/* Proxies */

Test(kube_auth, a_proxy_is_asked_for_a_tunnel_without_the_token)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct fault_server *proxy = fault_server_start(0);
	struct asked asked = {0};
	char expected[64];
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'body':'x'}}]}");
	fault_server_tell(proxy, "{'do':'rules','rules':[{'method':'CONNECT','answer':"
				 "{'tunnel':true}}]}");
	asking_init(&asking, server);
	set_secret(&asking.config.token, "secret");
	asking.config.proxy_url = strdup(fault_server_url(proxy));
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	cr_expect_eq(asked.heads, 1, "the proxy's own answer is not the server's");
	(void)snprintf(expected, sizeof(expected), "127.0.0.1:%u", fault_server_port(server));
	expect_request(proxy, 0, "host", expected);
	expect_request(proxy, 0, "authorization", "");
	expect_request(server, 0, "authorization", "Bearer secret");
	expect_request(server, 0, "version", "2");
	asking_done(&asking);

	fault_server_tell(proxy, "{'do':'stop'}");
	asking_init(&asking, server);
	asking.config.proxy_url = strdup(fault_server_url(proxy));
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_CONNECT, "%s", asked.text);
	asking_done(&asking);

	/* What the environment says of proxies is for people's tools. */
	cr_assert_eq(setenv("https_proxy", fault_server_url(proxy), 1), 0);
	asking_init(&asking, server);
	asking_connect(&asking);
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 200, "%s", asked.text);
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(proxy);
	fault_server_stop(server);
}
