/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kubeconfig files and service accounts: what is read of them, and what is said of bad ones. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "kube/base64.h"
#include "kube/config.h"

#define PEM64 "LS0tLS1CRUdJTiBYLS0tLS0K" /* "-----BEGIN X-----\n" */

static const char head[] = "apiVersion: v1\n"
			   "kind: Config\n"
			   "current-context: here\n"
			   "contexts:\n"
			   "- name: here\n"
			   "  context: {cluster: prod, user: node}\n"
			   "- name: there\n"
			   "  context: {cluster: test, user: other}\n";

static int parse(const char *text, const char *context, struct bl_kube_config *ret,
		 struct bl_diag *diag)
{
	return bl_kube_config_parse("/etc/kubernetes/beeline.conf", text, strlen(text), context,
				    ret, diag);
}

static char *join(const char *a, const char *b)
{
	char *whole = NULL;

	cr_assert_geq(asprintf(&whole, "%s%s", a, b), 0);
	return whole;
}

Test(kubeconfig, a_whole_one_is_read)
{
	_cleanup_free_ char *text =
		join(head, "clusters:\n"
			   "- name: test\n"
			   "  cluster: {server: 'nonsense'}\n" /* of no interest here */
			   "- name: prod\n"
			   "  cluster:\n"
			   "    server: https://10.0.0.1:6443/prefix/\n"
			   "    certificate-authority-data: " PEM64 "\n"
			   "    tls-server-name: kubernetes\n"
			   "    proxy-url: socks5://127.0.0.1:1080\n"
			   "    disable-compression: true\n"
			   "    made-up: 1\n"
			   "    extensions:\n"
			   "    - name: client.authentication.k8s.io/exec\n"
			   "      extension: {audience: a, n: 1}\n"
			   "users:\n"
			   "- name: node\n"
			   "  user:\n"
			   "    client-certificate-data: " PEM64 "\n"
			   "    client-key-data: " PEM64 "\n"
			   "    exec:\n"
			   "      apiVersion: client.authentication.k8s.io/v1\n"
			   "      command: ./bin/login\n"
			   "      args: [get, '7']\n"
			   "      env: [{name: A, value: b}]\n"
			   "      interactiveMode: IfAvailable\n"
			   "      provideClusterInfo: true\n"
			   "      installHint: ask around\n");
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0}, copy = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert_eq(parse(text, NULL, &config, &diag), 0, "%s",
		     diag.count ? diag.problems[0].text : "");
	cr_expect_eq(diag.count, 0);
	cr_assert_eq(bl_kube_config_copy(&config, &copy), 0);
	cr_expect_str_eq(copy.origin, "kubeconfig '/etc/kubernetes/beeline.conf'");
	cr_expect_str_eq(copy.server, "https://10.0.0.1:6443/prefix");
	cr_expect_str_eq(copy.tls_server_name, "kubernetes");
	cr_expect_str_eq(copy.proxy_url, "socks5://127.0.0.1:1080");
	cr_expect_str_eq(copy.ca.text, "-----BEGIN X-----\n");
	cr_expect_eq(copy.ca.len, 18);
	cr_expect_str_eq(copy.client_certificate.text, copy.ca.text);
	cr_expect_str_eq(copy.client_key.text, copy.ca.text);
	cr_expect_null(copy.token.text);
	cr_expect_str_eq(copy.exec.command, "/etc/kubernetes/./bin/login");
	cr_expect_str_eq(copy.exec.args[0], "get");
	cr_expect_str_eq(copy.exec.args[1], "7");
	cr_expect_null(copy.exec.args[2]);
	cr_expect_eq(copy.exec.env_count, 1);
	cr_expect_str_eq(copy.exec.env[0].value, "b");
	cr_expect_str_eq(copy.exec.api_version, "client.authentication.k8s.io/v1");
	cr_expect_str_eq(copy.exec.install_hint, "ask around");
	cr_expect_str_eq(copy.exec.cluster_config, "{\"audience\":\"a\",\"n\":1}");
	cr_expect(copy.exec.provide_cluster_info);
	cr_expect_not(copy.insecure_skip_tls_verify);
	bl_diag_done(&diag);
}

Test(kubeconfig, json_is_read_and_another_context_chosen)
{
	static const char text[] =
		"{\"kind\":\"Config\",\"contexts\":[{\"name\":\"there\",\"context\":"
		"{\"cluster\":\"c\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":"
		"\"http://127.0.0.1:8001\"}}]}";
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert_eq(parse(text, "there", &config, &diag), 0);
	cr_expect_str_eq(config.server, "http://127.0.0.1:8001");
	cr_expect_null(config.exec.command);
	bl_diag_done(&diag);
}

#define CLUSTER "clusters: [{name: prod, cluster: {server: 'https://a:1'}}]\n"
#define USER(fields) CLUSTER "users: [{name: node, user: {" fields "}}]\n"
#define EXEC(fields) USER("exec: {" fields "}")
#define V1 "apiVersion: client.authentication.k8s.io/v1, command: c, interactiveMode: Never"

Test(kubeconfig, what_is_wrong_is_said_with_its_place)
{
	static const struct {
		const char *text; /* behind the head */
		unsigned int line, column;
		const char *words;
	} rows[] = {
		{"", 6, 22,
		 "context 'here': field 'cluster': there is no cluster 'prod'; there "
		 "are: none"},
		{"clusters: [{name: a}, {name: b}]\n", 6, 22,
		 "there is no cluster 'prod'; there are: 'a', 'b'"},
		{"clusters: 7\n", 9, 11, "field 'clusters': expected a list, got a number"},
		{"clusters: [{name: prod}]\n", 9, 12, "cluster 'prod': it needs a 'server'"},
		{"clusters: [{name: prod, cluster: {server: 'a:1'}}]\n", 9, 43,
		 "cluster 'prod': field 'server': expected a URL such as "
		 "https://10.0.0.1:6443, got 'a:1'"},
		{"clusters: [{name: prod, cluster: {server: 6443}}]\n", 9, 43,
		 "expected a string, got a number; put it in quotes"},
		{"clusters: [{name: prod, cluster: {server: 'ftp://a'}}]\n", 9, 43,
		 "expected a URL"},
		{"clusters: [{name: prod, cluster: {server: 'https://u:p@a'}}]\n", 9, 43,
		 "a user or password in the URL"},
		{"clusters: [{name: prod, cluster: {server: 'https://a/?b=c'}}]\n", 9, 43,
		 "without a query"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    certificate-authority-data: '!!'\n",
		 13, 33, "field 'certificate-authority-data': it is no base64"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    certificate-authority-data: aGVsbG8=\n",
		 13, 33, "expected PEM in base64"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    certificate-authority: pki/ca.crt\n",
		 13, 28, "cannot read '/etc/kubernetes/pki/ca.crt': No such file or directory"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    certificate-authority-data: " PEM64 "\n    insecure-skip-tls-verify: true\n",
		 14, 31, "a certificate authority is given, which would not be used"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    proxy-url: ftp://a\n",
		 13, 16, "expected a URL of http, https or socks5, got 'ftp://a'"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    proxy-url: ftp://me:secret@proxy:3128\n",
		 13, 16, "expected a URL of http, https or socks5, got 'ftp://***@proxy:3128'"},
		{"clusters:\n- name: prod\n  cluster:\n    server: https://a\n"
		 "    proxy-url: me:se@cret@proxy\n",
		 13, 16, "expected a URL of http, https or socks5, got '***@proxy'"},
		{"clusters:\n- name: prod\n  cluster:\n    server: ftp://me:secret@a\n", 12, 13,
		 "a user or password in the URL is not supported"},
		{CLUSTER, 6, 34, "there is no user 'node'; there are: none"},
		{USER("username: u, password: p"), 10, 39,
		 "user 'node': field 'username': a user name and password are not supported"},
		{USER("auth-provider: {name: gcp}"), 10, 29, "nor is it by kubectl since 1.26"},
		{USER("as: admin"), 10, 33, "to act as somebody else is not supported"},
		{USER("client-key-data: " PEM64), 10, 28,
		 "user 'node': a client certificate needs its key, and a key its certificate"},
		{USER("token: 7"), 10, 36, "field 'token': expected a string, got a number"},
		{USER("token: 'a b'"), 10, 36, "expected one word, got white space"},
		{USER("tokenFile: token"), 10, 40, "cannot read '/etc/kubernetes/token'"},
		{EXEC("command: c"), 10, 35,
		 "user 'node': exec: it needs an 'apiVersion': client.authentication.k8s.io/v1"},
		{EXEC("apiVersion: client.authentication.k8s.io/v1alpha1, command: c"), 10, 48,
		 "or /v1beta1, got 'client.authentication.k8s.io/v1alpha1'"},
		{EXEC("apiVersion: client.authentication.k8s.io/v1, command: c"), 10, 35,
		 "it needs 'interactiveMode' with this apiVersion: Never or IfAvailable"},
		{EXEC("apiVersion: client.authentication.k8s.io/v1beta1"), 10, 35,
		 "it needs a 'command'"},
		{EXEC(V1 ", args: [1]"), 10, 117,
		 "field 'args': argument 1: expected a string; put it in quotes"},
		{EXEC(V1 ", env: [{name: A}]"), 10, 117,
		 "field 'env': variable 1: expected a 'name' and a 'value', both strings"},
		{EXEC("apiVersion: client.authentication.k8s.io/v1beta1, command: c, "
		      "interactiveMode: Always"),
		 10, 115, "an agent has no terminal; expected Never or IfAvailable"},
		{"clusters: [{name: prod, cluster: {server: 'http://10.0.0.1:80'}}]\n"
		 "users: [{name: node, user: {token: t}}]\n",
		 9, 43, "a token is not sent without TLS"},
		{"clusters: [\n", 10, 1, "did not find expected node content"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = join(head, rows[i].text);
		struct bl_kube_config config = {.mark = 7};
		struct bl_diag diag = BL_DIAG_INIT;
		const struct bl_problem *problem;

		cr_assert_eq(parse(text, NULL, &config, &diag), -EINVAL, "row %zu", i);
		cr_assert_gt(diag.error_count, 0, "row %zu", i);
		problem = &diag.problems[0];
		cr_expect(strstr(problem->text, rows[i].words), "row %zu: %s", i, problem->text);
		cr_expect(problem->line == rows[i].line && problem->column == rows[i].column,
			  "row %zu: %u:%u: %s", i, problem->line, problem->column, problem->text);
		cr_expect_str_eq(problem->file, "/etc/kubernetes/beeline.conf");
		cr_expect(config.mark == 7 && !config.server, "nothing is filled in");
		bl_diag_done(&diag);
	}
}

Test(kubeconfig, what_is_no_kubeconfig_is_refused)
{
	static const struct {
		const char *text, *context, *words;
	} rows[] = {
		{"", NULL, "the file is empty"},
		{"# nothing\n", NULL, "the file is empty"},
		{"hello\n", NULL, "expected a mapping with 'clusters'"},
		{"[]\n", NULL, "expected a mapping with 'clusters'"},
		{"kind: Service\n", NULL, "expected Config, got 'Service': this is no kubeconfig"},
		{"kind: Config\n", NULL, "it names no 'current-context'"},
		{"current-context: a\n", NULL,
		 "field 'current-context': there is no context 'a'; there are: none"},
		{"current-context: a\ncontexts: [{name: a}]\n", NULL,
		 "context 'a': it names no 'cluster'"},
		{"contexts: [{name: a}]\n", "b", "there is no context 'b'; there are: 'a'"},
		{"contexts: [{name: '1'}, {name: '2'}, {name: '3'}, {name: '4'}, {name: '5'}, "
		 "{name: '6'}, {name: '7'}, {name: '8'}, {name: '9'}, {name: '10'}]\n",
		 "b", "'8' and 2 more"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_kube_config config = {0};
		struct bl_diag diag = BL_DIAG_INIT;

		cr_expect_eq(parse(rows[i].text, rows[i].context, &config, &diag), -EINVAL,
			     "row %zu", i);
		cr_assert_eq(diag.error_count, 1, "row %zu: %zu", i, diag.error_count);
		cr_expect(strstr(diag.problems[0].text, rows[i].words), "row %zu: %s", i,
			  diag.problems[0].text);
		bl_diag_done(&diag);
	}
}

Test(kubeconfig, warnings_do_not_refuse)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"clusters: [{name: prod, cluster: {server: 'https://a', "
		 "insecure-skip-tls-verify: true}}]\nusers: [{name: node}]\n",
		 "anybody can pass for this server"},
		{USER("token: t, exec: {}"), "it is not used, since there is a token"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = join(head, rows[i].text);
		_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
		struct bl_diag diag = BL_DIAG_INIT;

		cr_expect_eq(parse(text, NULL, &config, &diag), 0, "row %zu", i);
		cr_assert_eq(diag.warning_count, 1, "row %zu", i);
		cr_expect(strstr(diag.problems[0].text, rows[i].words), "%s",
			  diag.problems[0].text);
		bl_diag_done(&diag);
	}
}

Test(kubeconfig, files_are_found_beside_it)
{
	char folder[] = "/tmp/beeline-kubeconfig-XXXXXX";
	_cleanup_free_ char *path = NULL, *token = NULL, *text = NULL, *other = NULL;
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert(mkdtemp(folder));
	path = join(folder, "/config");
	token = join(folder, "/token");
	other = join(folder, "/none");
	text = join(head, USER("tokenFile: token, token: ignored"));
	cr_assert_eq(bl_write_file_atomic(path, text, strlen(text), 0600), 0);
	cr_assert_eq(bl_write_file_atomic(token, "t", 1, 0600), 0);
	cr_expect_eq(bl_kube_config_read(path, NULL, &config, &diag), 0);
	cr_expect_str_eq(config.token.file, token);
	cr_expect_null(config.token.text);
	cr_expect_eq(bl_kube_config_read(other, NULL, &config, &diag), -ENOENT);
	cr_expect_str_eq(diag.problems[0].text,
			 "cannot read the kubeconfig: No such file or directory");
	(void)unlink(token);
	(void)unlink(path);
	(void)rmdir(folder);
	bl_diag_done(&diag);
}

Test(in_cluster, the_service_account_is_read)
{
	char folder[] = "/tmp/beeline-account-XXXXXX";
	_cleanup_free_ char *token = NULL, *ca = NULL;
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0}, other = {0};
	struct bl_err err = {0};

	cr_assert(mkdtemp(folder));
	token = join(folder, "/token");
	ca = join(folder, "/ca.crt");
	(void)unsetenv("KUBERNETES_SERVICE_HOST");
	cr_expect_eq(bl_kube_config_in_cluster(NULL, folder, &config, &err), -ENOENT);
	cr_expect(strstr(err.text, "this is no pod"), "%s", err.text);
	cr_expect_eq(bl_kube_config_in_cluster("10.0.0.1", folder, &config, &err), -EINVAL);
	cr_assert_eq(setenv("KUBERNETES_SERVICE_HOST", "fd00:10:96::1", 1), 0);
	cr_assert_eq(setenv("KUBERNETES_SERVICE_PORT", "443", 1), 0);
	cr_expect_eq(bl_kube_config_in_cluster(NULL, folder, &config, &err), -ENOENT);
	cr_expect(strstr(err.text, "automountServiceAccountToken"), "%s", err.text);
	cr_assert_eq(bl_write_file_atomic(token, "t", 1, 0600), 0);
	cr_expect_eq(bl_kube_config_in_cluster(NULL, folder, &config, &err), -ENOENT);
	cr_expect(strstr(err.text, "cannot read the cluster's CA"), "%s", err.text);
	cr_assert_eq(bl_write_file_atomic(ca, "c", 1, 0600), 0);
	cr_expect_eq(bl_kube_config_in_cluster(NULL, folder, &config, &err), 0);
	cr_expect_str_eq(config.server, "https://[fd00:10:96::1]:443");
	cr_expect_str_eq(config.token.file, token);
	cr_expect_str_eq(config.ca.file, ca);
	/* The agent serves the address above itself, so there is another way to the server. */
	cr_expect_eq(bl_kube_config_in_cluster("https://192.0.2.7:6443", folder, &other, &err), 0);
	cr_expect_str_eq(other.server, "https://192.0.2.7:6443");
	(void)unlink(token);
	(void)unlink(ca);
	(void)rmdir(folder);
}

Test(server_url, only_tls_and_this_machine_are_private)
{
	static const struct {
		const char *url;
		bool is_private;
	} rows[] = {
		{"https://10.0.0.1", true},       {"http://127.0.0.1:8001", true},
		{"http://127.9.9.9:8001", true},  {"http://[::1]:8001", true},
		{"http://localhost:8001", true},  {"http://10.0.0.1:8001", false},
		{"http://[fd00::1]:8001", false}, {"http://localhost.example.org", false},
		{"http://example.org", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
		struct bl_err err = {0};

		cr_assert_eq(bl_kube_config_set_server(&config, rows[i].url, &err), 0);
		cr_expect_eq(bl_kube_config_is_private(&config), rows[i].is_private, "%s",
			     rows[i].url);
	}
}

Test(base64, all_lengths_survive_and_other_text_is_refused)
{
	static const char *const bad[] = {
		"A", "AA", "AAA", "====", "A===", "AA=A", "AAA=AAAA", "AA A", "AA-_"};
	static const char bytes[] = "\0\xff\x10 any bytes at all";

	for (size_t len = 0; len < sizeof(bytes); len++) {
		struct bl_buf text = {0}, back = {0};

		bl_base64_encode(&text, bytes, len);
		cr_expect_eq(text.len, (len + 2) / 3 * 4);
		cr_expect(bl_base64_decode(&back, text.data ? text.data : "", text.len));
		cr_expect(back.len == len && (!len || memcmp(back.data, bytes, len) == 0));
		bl_buf_done(&text);
		bl_buf_done(&back);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bl_buf back = {0};

		cr_expect_not(bl_base64_decode(&back, bad[i], strlen(bad[i])), "%s", bad[i]);
		bl_buf_done(&back);
	}
}
