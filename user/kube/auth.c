/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/auth.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "kube/exec.h"

#define FILE_MAX (1u << 20)
#define RERUN_US 10000000u /* a plugin whose answer is refused is not asked more often */
#define RETRY_US 1000000u  /* after a failure: doubled each time */
#define RETRY_MAX_US 60000000u
#define EARLY_S 10 /* before it expires, a token is replaced */

enum {
	TOKEN,
	CERTIFICATE,
	KEY,
	CA,
	KINDS,
};

static const char *const kind_names[KINDS] = {
	[TOKEN] = "token",
	[CERTIFICATE] = "client certificate",
	[KEY] = "client key",
	[CA] = "certificate authority",
};

struct material { /* one of the four, as it was last read */
	const struct bl_kube_secret *secret;
	char *text;
	size_t len;
	bool is_read;
	struct stat stamp;
};

struct bl_kube_auth {
	sd_event *loop;
	const struct bl_kube_config *config;
	bl_kube_auth_ready_fn *ready;
	void *userdata;
	struct material materials[KINDS];
	uint64_t generation;
	/* the plugin */
	struct bl_kube_exec_run *run;
	struct material given[KINDS]; /* what it gave; without files */
	bool has_given;
	int64_t renew_at;      /* seconds since the epoch */
	uint64_t started_us;   /* of its last run; 0: never ran */
	uint64_t retry_us;     /* not to be run before */
	unsigned int failures; /* in a row */
	struct bl_err failure; /* of the last run; code 0: none */
};

static uint64_t now_us(const struct bl_kube_auth *auth)
{
	uint64_t now = 0;

	(void)sd_event_now(auth->loop, CLOCK_MONOTONIC, &now);
	return now;
}

static void forget(struct material *material)
{
	if (material->text)
		explicit_bzero(material->text, material->len);
	free(material->text);
	material->text = NULL;
	material->len = 0;
	material->is_read = false;
}

int bl_kube_auth_new(sd_event *loop, const struct bl_kube_config *config,
		     bl_kube_auth_ready_fn *ready, void *userdata, struct bl_kube_auth **ret)
{
	struct bl_kube_auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return -ENOMEM;
	auth->loop = loop;
	auth->config = config;
	auth->ready = ready;
	auth->userdata = userdata;
	auth->materials[TOKEN].secret = &config->token;
	auth->materials[CERTIFICATE].secret = &config->client_certificate;
	auth->materials[KEY].secret = &config->client_key;
	auth->materials[CA].secret = &config->ca;
	*ret = auth;
	return 0;
}

struct bl_kube_auth *bl_kube_auth_free(struct bl_kube_auth *auth)
{
	if (!auth)
		return NULL;
	(void)bl_kube_exec_cancel(auth->run);
	for (size_t i = 0; i < KINDS; i++) {
		forget(&auth->materials[i]);
		forget(&auth->given[i]);
	}
	free(auth);
	return NULL;
}

/* Files */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* White space around a token is not part of it; inside it would be another header. */
static int check_token(struct bl_buf *text, const char *path, struct bl_err *err)
{
	size_t start = text->len ? strspn(text->data, " \t\r\n") : 0;

	while (text->len > start && strchr(" \t\r\n", text->data[text->len - 1]))
		text->len--;
	if (text->len == start)
		return bl_err_set(err, -EINVAL, "token file '%s' is empty", path);
	memmove(text->data, text->data + start, text->len - start);
	text->len -= start;
	text->data[text->len] = '\0';
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] <= ' ' || (unsigned char)text->data[i] >= 0x7f)
			return bl_err_set(err, -EINVAL,
					  "token file '%s': expected one word, got white space or "
					  "other bytes in it",
					  path);
	return 0;
}

static int check_text(struct bl_buf *text, size_t kind, const char *path, struct bl_err *err)
{
	if (kind == TOKEN)
		return check_token(text, path, err);
	if (!text->data || !strstr(text->data, "-----BEGIN "))
		return bl_err_set(err, -EINVAL, "%s '%s': expected PEM, got no '-----BEGIN ' in it",
				  kind_names[kind], path);
	return 0;
}

static int read_file(struct material *material, size_t kind, const char *path, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	int r = bl_buf_read_file(&text, path, FILE_MAX);

	if (r < 0)
		return bl_err_set(err, r, "cannot read %s file '%s': %s", kind_names[kind], path,
				  strerror(-r));
	r = check_text(&text, kind, path, err);
	if (r < 0) {
		if (text.data)
			explicit_bzero(text.data, text.len);
		return r;
	}
	forget(material);
	material->len = text.len;
	material->text = bl_buf_take(&text);
	material->is_read = true;
	return 1;
}

/* 1: it is another text than before. What cannot be read again stays as it was. */
static int refresh(struct material *material, size_t kind, bool force, struct bl_err *err)
{
	const char *path = material->secret->text ? NULL : material->secret->file;
	struct stat stamp;
	int r;

	if (!path)
		return 0;
	if (stat(path, &stamp) < 0) {
		if (material->is_read)
			return 0;
		r = -errno;
		return bl_err_set(err, r, "cannot read %s file '%s': %s", kind_names[kind], path,
				  strerror(-r));
	}
	if (!force && material->is_read && is_same_file(&stamp, &material->stamp))
		return 0;
	r = read_file(material, kind, path, err);
	if (r < 0)
		return material->is_read ? 0 : r;
	material->stamp = stamp;
	return r;
}

static int refresh_all(struct bl_kube_auth *auth, bool force, struct bl_err *err)
{
	int changed = 0;

	for (size_t i = 0; i < KINDS; i++) {
		int r = refresh(&auth->materials[i], i, force, err);

		if (r < 0)
			return r;
		changed |= r;
	}
	auth->generation += changed ? 1 : 0;
	return 0;
}

/* The plugin */

static int keep(struct material *material, const char *text)
{
	forget(material);
	if (!text)
		return 0;
	material->text = strdup(text);
	material->len = strlen(text);
	return material->text ? 0 : -ENOMEM;
}

static int take_answer(struct bl_kube_auth *auth, const struct bl_kube_exec_answer *answer,
		       struct bl_err *err)
{
	int64_t now = time(NULL), early;
	int r;

	for (const char *at = answer->token; at && *at; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return bl_err_set(err, -EINVAL,
					  "credential plugin '%s': its token has white space or "
					  "other bytes in it",
					  auth->config->exec.command);
	if (answer->expires <= now)
		return bl_err_set(err, -ESTALE,
				  "credential plugin '%s': what it gave has expired already",
				  auth->config->exec.command);
	r = keep(&auth->given[TOKEN], answer->token);
	if (r == 0)
		r = keep(&auth->given[CERTIFICATE], answer->certificate);
	if (r == 0)
		r = keep(&auth->given[KEY], answer->key);
	if (r < 0)
		return bl_err_set(err, r, "no memory for credentials");
	early = (answer->expires - now) / 10;
	auth->renew_at = answer->expires - (early > EARLY_S ? EARLY_S : early);
	return 0;
}

static void note_failure(struct bl_kube_auth *auth, const struct bl_err *err)
{
	uint64_t wait = RETRY_MAX_US;

	if (auth->failures < 6)
		wait = RETRY_US << auth->failures;
	auth->failures++;
	auth->failure = *err;
	if (!auth->failure.code)
		auth->failure.code = -EIO;
	auth->retry_us = now_us(auth) + wait;
}

static void on_answer(const struct bl_kube_exec_answer *answer, const struct bl_err *failure,
		      void *userdata)
{
	struct bl_kube_auth *auth = userdata;
	struct bl_err err = *failure;

	auth->run = NULL;
	auth->has_given = false;
	if (answer && take_answer(auth, answer, &err) == 0) {
		auth->has_given = true;
		auth->generation++;
		auth->failures = 0;
		auth->failure.code = 0;
		auth->retry_us = 0;
	} else {
		note_failure(auth, &err);
	}
	auth->ready(auth->userdata);
}

/* -EAGAIN when it runs now. */
static int run_plugin(struct bl_kube_auth *auth, struct bl_err *err)
{
	struct bl_err failure = {0};

	if (auth->run)
		return -EAGAIN;
	if (now_us(auth) < auth->retry_us)
		return bl_err_set(err, auth->failure.code, "%s", auth->failure.text);
	auth->started_us = now_us(auth);
	if (bl_kube_exec_start(auth->loop, auth->config, on_answer, auth, &auth->run, &failure) <
	    0) {
		note_failure(auth, &failure);
		return bl_err_set(err, auth->failure.code, "%s", auth->failure.text);
	}
	return -EAGAIN;
}

/* For all */

static struct bl_kube_text text_of(const struct bl_kube_auth *auth, size_t kind)
{
	const struct material *material = &auth->materials[kind];
	const struct bl_kube_secret *secret = material->secret;

	if (auth->config->exec.command && auth->given[kind].text)
		material = &auth->given[kind];
	else if (secret->text)
		return (struct bl_kube_text){.text = secret->text, .len = secret->len};
	return (struct bl_kube_text){.text = material->text, .len = material->len};
}

int bl_kube_auth_get(struct bl_kube_auth *auth, struct bl_kube_credentials *ret, struct bl_err *err)
{
	int r = refresh_all(auth, false, err);

	if (r < 0)
		return r;
	if (auth->config->exec.command && (!auth->has_given || time(NULL) >= auth->renew_at)) {
		r = run_plugin(auth, err);
		if (r < 0)
			return r;
	}
	*ret = (struct bl_kube_credentials){
		.token = text_of(auth, TOKEN),
		.certificate = text_of(auth, CERTIFICATE),
		.key = text_of(auth, KEY),
		.ca = text_of(auth, CA),
		.generation = auth->generation,
	};
	return 0;
}

bool bl_kube_auth_refused(struct bl_kube_auth *auth, uint64_t generation)
{
	struct bl_err err = {0};
	_cleanup_free_ char *before = NULL;
	struct material *token = &auth->materials[TOKEN];

	if (auth->generation != generation)
		return true;
	if (auth->config->exec.command) {
		if (auth->run)
			return true;
		if (auth->started_us && now_us(auth) < auth->started_us + RERUN_US)
			return false;
		auth->has_given = false;
		return run_plugin(auth, &err) == -EAGAIN;
	}
	before = token->text ? strdup(token->text) : NULL;
	if (!before || refresh(token, TOKEN, true, &err) <= 0 || !strcmp(before, token->text))
		return false;
	auth->generation++;
	return true;
}
