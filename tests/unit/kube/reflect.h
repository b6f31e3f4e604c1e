/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reflector over a transport and a clock that the test plays. */
#ifndef TEST_KUBE_REFLECT_H
#define TEST_KUBE_REFLECT_H

#include "base/buf.h"
#include "base/map.h"
#include "kube/reflector.h"
#include "recording.h"

struct reflect {
	struct bl_reflector *reflector;
	uint64_t now_ms;
	uint64_t wake_ms; /* UINT64_MAX: none */
	bool in_call;
	char path[1024]; /* of the last request */
	struct bl_reflector_get get;
	size_t sent;
	size_t cancelled;
	int send_failure;      /* what the next send returns */
	uint32_t random;       /* state */
	size_t portion;        /* bytes a portion; 0: of random sizes */
	struct bl_map *force;  /* "ns/name" -> struct bl_object */
	struct bl_buf log;     /* "+ns/name;" "-ns/name;" "full;" */
	struct bl_buf refused; /* "ns/name: TEXT;" */
	char problem[1024];    /* "": none */
	size_t problems;       /* how often there was a new one */
	size_t flushes;
};

void reflect_open(struct reflect *reflect, enum bl_kind kind, bool streams);
void reflect_close(struct reflect *reflect);

/* The answer to the call in hand, portion by portion; `how` says how it ends. */
void reflect_answer(struct reflect *reflect, int status, uint64_t retry_after_ms, const char *body,
		    size_t len, enum bl_kube_end how);
void reflect_text(struct reflect *reflect, int status, const char *body);
/* Head and bytes without an end. */
void reflect_begin(struct reflect *reflect, int status, const char *body, size_t len);
void reflect_more(struct reflect *reflect, const char *text);
void reflect_finish(struct reflect *reflect, enum bl_kube_end how);
/* A call that got no head: refused, TLS ... */
void reflect_fail(struct reflect *reflect, enum bl_kube_end how, const char *text);
void reflect_play(struct reflect *reflect, const char *name);

/* Lets time pass; the reflector is woken when it wants to be. */
void reflect_pass(struct reflect *reflect, uint64_t ms);
/* Passes exactly until it wants to be woken; how long that was. */
uint64_t reflect_wait(struct reflect *reflect);

/* What happened since the last time, as text; the same buffer every time. */
const char *reflect_log(struct reflect *reflect);
const struct bl_object *reflect_find(const struct reflect *reflect, const char *key);
size_t reflect_count(const struct reflect *reflect);
bool reflect_asked(const struct reflect *reflect, const char *part);

#endif
