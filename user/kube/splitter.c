/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/splitter.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

#define KEY_MAX 128u /* bytes of a member's name */
/* A buffer that a large piece made larger than this is given back. */
#define BUFFER_KEPT 65536u

enum state {
	START,      /* of the body, or between events */
	FIRST_KEY,  /* behind '{': a key or '}' */
	NEXT_KEY,   /* behind ',': a key */
	KEY,        /* in the text of a key */
	COLON,      /* behind a key */
	MEMBER,     /* the value of a key starts */
	BEHIND,     /* a member has ended: ',' or '}' */
	FIRST_ITEM, /* behind '[': an item or ']' */
	NEXT_ITEM,  /* behind ',': an item */
	BEHIND_ITEM,
	PIECE, /* in a value that is handed over whole */
	END,   /* of a list: only blanks */
	BROKEN,
};

struct bl_splitter {
	struct bl_splitter_handler handler;
	enum bl_splitter_shape shape;
	enum state state;
	enum state next; /* behind the piece */
	bool is_member;  /* the piece is a member, else an item or event */
	bool in_string;
	bool escaped;
	bool is_scalar; /* ends before a delimiter, not with a bracket */
	unsigned int depth;
	char key[KEY_MAX + 1];
	size_t key_len;
	struct bl_buf kept; /* of the piece, from portions before this one */
};

int bl_splitter_new(const struct bl_splitter_handler *handler, struct bl_splitter **ret)
{
	struct bl_splitter *splitter = calloc(1, sizeof(*splitter));

	if (!splitter)
		return -ENOMEM;
	splitter->handler = *handler;
	splitter->state = BROKEN;
	*ret = splitter;
	return 0;
}

struct bl_splitter *bl_splitter_free(struct bl_splitter *splitter)
{
	if (splitter)
		bl_buf_done(&splitter->kept);
	free(splitter);
	return NULL;
}

static void drop_kept(struct bl_splitter *splitter)
{
	if (splitter->kept.capacity > BUFFER_KEPT || splitter->kept.failed) {
		bl_buf_done(&splitter->kept);
		splitter->kept = (struct bl_buf){0};
	}
	splitter->kept.len = 0;
}

void bl_splitter_start(struct bl_splitter *splitter, enum bl_splitter_shape shape)
{
	drop_kept(splitter);
	splitter->shape = shape;
	splitter->state = START;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

static const char *expected(enum state state)
{
	static const char *const words[] = {
		[START] = "an object",        [FIRST_KEY] = "a key or '}'",
		[NEXT_KEY] = "a key",         [COLON] = "':'",
		[MEMBER] = "a value",         [BEHIND] = "',' or '}'",
		[FIRST_ITEM] = "a value",     [NEXT_ITEM] = "a value",
		[BEHIND_ITEM] = "',' or ']'", [END] = "the end of the body",
	};

	return state < END + 1 && words[state] ? words[state] : "JSON";
}

static int unexpected(struct bl_splitter *splitter, char byte, struct bl_err *err)
{
	unsigned char value = (unsigned char)byte;

	if (value > ' ' && value < 0x7f)
		return bl_err_set(err, -EBADMSG, "expected %s, got '%c'", expected(splitter->state),
				  byte);
	return bl_err_set(err, -EBADMSG, "expected %s, got byte 0x%02x", expected(splitter->state),
			  value);
}

static int hand_over(struct bl_splitter *splitter, const char *text, size_t len)
{
	const struct bl_splitter_handler *handler = &splitter->handler;

	if (!splitter->is_member)
		return handler->piece(text, len, handler->userdata);
	return handler->member ? handler->member(splitter->key, text, len, handler->userdata) : 0;
}

static bool is_special(char byte)
{
	return byte == '"' || byte == '{' || byte == '}' || byte == '[' || byte == ']';
}

/* Goes on in a string; returns where it went to. */
static const char *skip_string(struct bl_splitter *splitter, const char *at, const char *end)
{
	while (at < end) {
		if (splitter->escaped) {
			splitter->escaped = false;
		} else if (*at == '\\') {
			splitter->escaped = true;
		} else if (*at == '"') {
			splitter->in_string = false;
			return at + 1;
		}
		at++;
	}
	return at;
}

/* Behind the end of the piece, or NULL when it goes on in the next portion. A scalar ends before
 * what stands behind it. */
static const char *find_end(struct bl_splitter *splitter, const char *at, const char *end)
{
	while (at < end) {
		if (splitter->in_string) {
			at = skip_string(splitter, at, end);
			if (!splitter->in_string && !splitter->depth && !splitter->is_scalar)
				return at;
			continue;
		}
		if (splitter->is_scalar) {
			if (is_blank(*at) || *at == ',' || *at == '}' || *at == ']')
				return at;
			at++;
			continue;
		}
		while (at < end && !is_special(*at))
			at++;
		if (at == end)
			return NULL;
		if (*at == '"')
			splitter->in_string = true;
		else if (*at == '{' || *at == '[')
			splitter->depth++;
		else
			splitter->depth--;
		at++;
		if (!splitter->depth && !splitter->in_string)
			return at;
		if (splitter->depth > BL_SPLITTER_DEPTH_MAX)
			return at; /* the caller looks */
	}
	return NULL;
}

static int too_large(struct bl_err *err)
{
	return bl_err_set(err, -E2BIG, "an object is larger than %u bytes", BL_SPLITTER_PIECE_MAX);
}

static int keep(struct bl_splitter *splitter, const char *at, size_t len, struct bl_err *err)
{
	if (splitter->kept.len + len > BL_SPLITTER_PIECE_MAX)
		return too_large(err);
	bl_buf_add(&splitter->kept, at, len);
	return splitter->kept.failed ? bl_err_set(err, -ENOMEM, "no memory for an object") : 0;
}

/* Inside a piece that starts, or goes on, at `*at`. */
static int take_piece(struct bl_splitter *splitter, const char **at, const char *end,
		      struct bl_err *err)
{
	const char *start = *at;
	const char *behind = find_end(splitter, start, end);
	size_t len = (size_t)((behind ? behind : end) - start);
	int r;

	*at = behind ? behind : end;
	if (splitter->depth > BL_SPLITTER_DEPTH_MAX)
		return bl_err_set(err, -E2BIG, "an object is nested deeper than %u levels",
				  BL_SPLITTER_DEPTH_MAX);
	if (!behind)
		return keep(splitter, start, len, err);
	splitter->state = splitter->next;
	if (!splitter->kept.len)
		return len > BL_SPLITTER_PIECE_MAX ? too_large(err)
						   : hand_over(splitter, start, len);
	r = keep(splitter, start, len, err);
	if (r == 0)
		r = hand_over(splitter, splitter->kept.data, splitter->kept.len);
	drop_kept(splitter);
	return r;
}

/* At the first byte of a value, which stays to be taken. */
static void start_piece(struct bl_splitter *splitter, bool is_member, enum state next, char byte)
{
	splitter->is_member = is_member;
	splitter->next = next;
	splitter->depth = 0;
	splitter->in_string = false;
	splitter->escaped = false;
	splitter->is_scalar = byte != '{' && byte != '[' && byte != '"';
	splitter->state = PIECE;
}

static bool starts_value(char byte)
{
	return byte == '{' || byte == '[' || byte == '"' || byte == '-' || byte == 't' ||
	       byte == 'f' || byte == 'n' || (byte >= '0' && byte <= '9');
}

static int take_key(struct bl_splitter *splitter, const char **at, const char *end,
		    struct bl_err *err)
{
	const char *start = *at;
	const char *stop = skip_string(splitter, start, end);
	size_t len = (size_t)(stop - start) - !splitter->in_string;

	*at = stop;
	if (splitter->key_len + len > KEY_MAX)
		return bl_err_set(err, -E2BIG, "a key is longer than %u bytes", KEY_MAX);
	memcpy(splitter->key + splitter->key_len, start, len);
	splitter->key_len += len;
	splitter->key[splitter->key_len] = '\0';
	if (!splitter->in_string)
		splitter->state = COLON;
	return 0;
}

static void start_key(struct bl_splitter *splitter)
{
	splitter->state = KEY;
	splitter->key_len = 0;
	splitter->in_string = true;
	splitter->escaped = false;
}

/* Where the next byte decides what comes; true when it fits and was taken. */
static bool take_mark(struct bl_splitter *splitter, char byte)
{
	switch (splitter->state) {
	case START:
		if (byte == '{' && splitter->shape == BL_SPLITTER_LIST)
			splitter->state = FIRST_KEY;
		return byte == '{' && splitter->shape == BL_SPLITTER_LIST;
	case FIRST_KEY:
	case NEXT_KEY:
		if (byte == '"')
			start_key(splitter);
		else if (byte == '}' && splitter->state == FIRST_KEY)
			splitter->state = END;
		else
			return false;
		return true;
	case COLON:
		splitter->state = MEMBER;
		return byte == ':';
	case MEMBER:
		if (byte != '[' || strcmp(splitter->key, "items") != 0)
			return false;
		splitter->state = FIRST_ITEM;
		return true;
	case BEHIND:
		splitter->state = byte == ',' ? NEXT_KEY : END;
		return byte == ',' || byte == '}';
	case FIRST_ITEM:
		if (byte == ']')
			splitter->state = BEHIND;
		return byte == ']';
	case BEHIND_ITEM:
		splitter->state = byte == ',' ? NEXT_ITEM : BEHIND;
		return byte == ',' || byte == ']';
	default:
		return false;
	}
}

/* The byte starts a value here: true, and the byte is not taken yet. */
static bool take_start(struct bl_splitter *splitter, char byte)
{
	if (splitter->state == START && splitter->shape == BL_SPLITTER_WATCH && byte == '{')
		start_piece(splitter, false, START, byte);
	else if (splitter->state == MEMBER && starts_value(byte))
		start_piece(splitter, true, BEHIND, byte);
	else if ((splitter->state == FIRST_ITEM || splitter->state == NEXT_ITEM) && byte == '{')
		start_piece(splitter, false, BEHIND_ITEM, byte);
	else
		return false;
	return true;
}

static int step(struct bl_splitter *splitter, const char **at, const char *end, struct bl_err *err)
{
	enum state before = splitter->state;

	if (splitter->state == PIECE)
		return take_piece(splitter, at, end, err);
	if (splitter->state == KEY)
		return take_key(splitter, at, end, err);
	if (is_blank(**at) || take_mark(splitter, **at)) {
		(*at)++;
		return 0;
	}
	splitter->state = before;
	return take_start(splitter, **at) ? 0 : unexpected(splitter, **at, err);
}

int bl_splitter_feed(struct bl_splitter *splitter, const char *bytes, size_t len,
		     struct bl_err *err)
{
	const char *at = bytes, *end = bytes + len;

	if (splitter->state == BROKEN)
		return bl_err_set(err, -EBADMSG, "the body was broken before");
	while (at < end) {
		int r = step(splitter, &at, end, err);

		if (r < 0) {
			splitter->state = BROKEN;
			return r;
		}
	}
	return 0;
}

int bl_splitter_end(struct bl_splitter *splitter, struct bl_err *err)
{
	bool whole = splitter->shape == BL_SPLITTER_LIST ? splitter->state == END
							 : splitter->state == START;

	splitter->state = BROKEN;
	drop_kept(splitter);
	return whole ? 0 : bl_err_set(err, -EBADMSG, "the body ends too early");
}
