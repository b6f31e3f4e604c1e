/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the reflector share. Private to this folder. */
#ifndef KUBE_REFLECTOR_PARTS_H
#define KUBE_REFLECTOR_PARTS_H

#include "kube/hashes.h"
#include "kube/piece.h"
#include "kube/reflector.h"
#include "kube/splitter.h"

/* What the call in hand asks for. */
enum bl_reflector_ask {
	BL_ASK_LIST,
	BL_ASK_STREAM, /* a watch that begins with all there is */
	BL_ASK_WATCH,
};

/* What was wrong with the body, beside what the transport says. */
enum bl_reflector_fault {
	BL_FAULT_NONE,
	BL_FAULT_BODY,      /* no JSON, or not what was asked for */
	BL_FAULT_EVENT,     /* the server sent an ERROR event */
	BL_FAULT_NO_STREAM, /* the server does not know such lists */
	BL_FAULT_MEMORY,
};

#define BL_STREAM_AGAIN_MS 3600000u

struct bl_reflector {
	struct bl_reflector_config config;
	struct bl_splitter *splitter;
	struct bl_piece_reader *reader;
	struct bl_reflector_info info; /* `version` and `problem` are filled in when asked */
	char *version;                 /* owned; NULL: from the beginning */
	char problem[1024];
	bool fresh;               /* the next list must not be an old one */
	bool can_stream;          /* until the server says no */
	uint64_t stream_again_ms; /* when it is asked again all the same */
	bool unpaged;             /* a token for the next page had expired */
	unsigned int cut_streams;
	unsigned int stale; /* times in a row that a version was too old */
	uint64_t wake_ms;
	enum bl_reflector_ask next; /* after waiting */

	/* The list in hand. */
	uint64_t seed;
	struct bl_hashes seen;
	char *more; /* owned: token of the next page */
	char *list_version;

	/* The call in hand. */
	bool in_call;
	bool judged_body; /* the last failure was in a body, which a good head does not mend */
	enum bl_reflector_ask ask;
	int http; /* 0: no head yet */
	uint64_t sent_ms;
	uint64_t heard_ms;
	uint64_t pieces; /* of this call */
	struct bl_kube_status status;
	enum bl_reflector_fault fault;
	struct bl_err err; /* of the fault */
};

/* What to do after a call. */
struct bl_verdict {
	enum bl_reflector_ask next;
	bool at_once;      /* else after the back-off */
	bool quiet;        /* no problem as long as it does not happen again */
	uint64_t delay_ms; /* the back-off is no shorter */
	char text[768];    /* what went wrong; "": nothing */
};

/* How a call ended that did not bring what was asked for. */
void bl_reflector_judge(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome,
			struct bl_verdict *ret);

#endif
