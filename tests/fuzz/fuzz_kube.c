/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a server's answer: the first byte chooses list or watch and how the rest is cut. The
 * pieces are the same however it is cut, and every piece can be read or is refused.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kube/piece.h"
#include "kube/splitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	enum bl_splitter_shape shape;
	struct bl_piece_reader *readers[2];
	struct bl_buf pieces;
};

static void read_piece(struct bl_piece_reader *reader, enum bl_splitter_shape shape,
		       const char *text, size_t len)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_piece piece = {0};
	struct bl_err err = {0};
	int r = shape == BL_SPLITTER_LIST
			? bl_piece_read_item(reader, text, len, &piece, &diag, &err)
			: bl_piece_read_event(reader, text, len, &piece, &diag, &err);

	if (r == 0 && piece.type == BL_PIECE_PUT && !piece.object && !diag.error_count)
		abort(); /* neither an object nor a reason */
	if (r < 0 && !err.text[0])
		abort();
	bl_object_unref(piece.object);
	bl_diag_done(&diag);
}

static int on_piece(const char *text, size_t len, void *userdata)
{
	struct run *run = userdata;

	bl_buf_add(&run->pieces, text, len);
	bl_buf_add(&run->pieces, "\n", 1);
	for (size_t i = 0; i < 2 && run->readers[i]; i++)
		read_piece(run->readers[i], run->shape, text, len);
	return 0;
}

static int on_member(const char *key, const char *text, size_t len, void *userdata)
{
	struct run *run = userdata;
	struct bl_kube_status status = {0};
	struct bl_list_meta meta;

	bl_buf_addf(&run->pieces, "%s:", key);
	bl_buf_add(&run->pieces, text, len);
	if (!run->readers[0])
		return 0;
	bl_piece_read_status(run->readers[0], key, text, len, &status);
	(void)bl_piece_read_list_meta(run->readers[0], text, len, &meta, NULL);
	return 0;
}

static int feed(struct run *run, const uint8_t *data, size_t size, size_t step)
{
	const struct bl_splitter_handler handler = {on_piece, on_member, run};
	struct bl_splitter *splitter = NULL;
	struct bl_err err = {0};
	int r = 0;

	if (bl_splitter_new(&handler, &splitter) < 0)
		abort();
	bl_splitter_start(splitter, run->shape);
	for (size_t at = 0; r == 0 && at < size; at += step) {
		size_t len = size - at < step ? size - at : step;
		char *copy = malloc(len);

		memcpy(copy, data + at, len);
		r = bl_splitter_feed(splitter, copy, len, &err);
		free(copy);
	}
	if (r == 0)
		r = bl_splitter_end(splitter, &err);
	if (r < 0 && !err.text[0])
		abort();
	bl_splitter_free(splitter);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run whole = {0}, cut = {0};

	if (size < 1)
		return 0;
	whole.shape = cut.shape = data[0] & 1 ? BL_SPLITTER_WATCH : BL_SPLITTER_LIST;
	if (bl_piece_reader_new(BL_KIND_SERVICE, &whole.readers[0]) < 0 ||
	    bl_piece_reader_new(BL_KIND_ENDPOINT_SLICE, &whole.readers[1]) < 0)
		abort();
	if (feed(&whole, data + 1, size - 1, size) !=
		    feed(&cut, data + 1, size - 1, 1 + data[0] / 2) ||
	    whole.pieces.len != cut.pieces.len ||
	    (whole.pieces.len && memcmp(whole.pieces.data, cut.pieces.data, whole.pieces.len) != 0))
		abort();
	bl_buf_done(&whole.pieces);
	bl_buf_done(&cut.pieces);
	bl_piece_reader_free(whole.readers[0]);
	bl_piece_reader_free(whole.readers[1]);
	return 0;
}
