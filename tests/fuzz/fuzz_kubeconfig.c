/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a kubeconfig and as what a credential plugin printed. What is taken must be whole. */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kube/config.h"
#include "kube/exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_config(const char *text, size_t size)
{
	struct bl_kube_config config = {0}, copy = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_kube_config_parse("/nowhere/config", text, size, NULL, &config, &diag);

	if (r == 0) {
		if (!config.server || diag.error_count ||
		    (config.exec.command && !config.exec.api_version) ||
		    (config.token.text && strpbrk(config.token.text, " \r\n")))
			abort();
		if (bl_kube_config_copy(&config, &copy) < 0)
			abort();
	} else if (!diag.error_count) {
		abort(); /* without a word */
	}
	bl_kube_config_done(&config);
	bl_kube_config_done(&copy);
	bl_diag_done(&diag);
}

static void fuzz_credential(const char *text, size_t size)
{
	struct bl_kube_exec_answer answer;
	struct json_object *tree = NULL;
	struct bl_err err = {0};

	if (bl_kube_exec_parse(text, size, "client.authentication.k8s.io/v1", &tree, &answer,
			       &err) == 0) {
		if ((!answer.token && !answer.certificate) || !answer.certificate != !answer.key)
			abort();
		(void)json_object_put(tree);
	} else if (!err.text[0]) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_config(text, size);
	fuzz_credential(text, size);
	free(text);
	return 0;
}
