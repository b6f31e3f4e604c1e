/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>

#include "model/codec.h"
#include "model/words.h"

static struct bl_object *decode(struct bl_item_decoder *decoder, const char *name, const char *app)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object = NULL;
	struct json_object *json;
	char text[400];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\": {\"name\": \"%s\", \"namespace\": \"shop\", \"labels\": "
		       "{\"app.kubernetes.io/name\": \"%s\"}}, \"spec\": {\"ports\": "
		       "[{\"port\": 80}]}}",
		       name, app);
	json = json_tokener_parse(text);
	cr_assert_eq(bl_item_decode(decoder, json, &object, &diag), 0);
	json_object_put(json);
	bl_diag_done(&diag);
	return object;
}

Test(words, what_a_second_object_brings_too_the_third_only_points_to)
{
	struct bl_item_decoder *decoder;
	struct bl_object *objects[3];

	cr_assert_eq(bl_item_decoder_new(BL_KIND_SERVICE, &decoder), 0);
	objects[0] = decode(decoder, "a", "one");
	objects[1] = decode(decoder, "b", "two");
	objects[2] = decode(decoder, "c", "three");
	cr_expect_neq(objects[0]->meta.labels.items[0].key, objects[1]->meta.labels.items[0].key);
	cr_expect_eq(objects[1]->meta.labels.items[0].key, objects[2]->meta.labels.items[0].key);
	cr_expect_eq(objects[1]->meta.ns, objects[2]->meta.ns);
	bl_item_decoder_free(decoder);
	/* Words stay as long as the last that has them, whichever goes first. */
	bl_object_unref(objects[1]);
	cr_expect_str_eq(objects[2]->meta.ns, "shop");
	cr_expect_str_eq(bl_pairs_get(&objects[2]->meta.labels, "app.kubernetes.io/name"), "three");
	bl_object_unref(objects[0]);
	bl_object_unref(objects[2]);
}

Test(words, a_text_that_one_object_has_twice_is_no_word)
{
	struct bl_words words = {0};

	cr_assert_eq(bl_words_begin(&words), 0);
	cr_expect_null(bl_words_find(&words, "web", 3));
	cr_expect_null(bl_words_find(&words, "web", 3));
	cr_assert_eq(bl_words_begin(&words), 0);
	cr_expect_str_eq(bl_words_find(&words, "web", 3), "web");
	cr_expect_null(bl_words_find(&words, "we", 2));
	bl_words_done(&words);
}

Test(words, a_word_is_looked_up_but_not_learnt_once_the_size_is_known)
{
	struct bl_words words = {0};

	cr_assert_eq(bl_words_begin(&words), 0);
	cr_expect_null(bl_words_find(&words, "web", 3));
	cr_assert_eq(bl_words_begin(&words), 0);
	words.learns = false;
	cr_expect_null(bl_words_find(&words, "web", 3));
	cr_expect_null(bl_words_find(&words, "web", 3));
	bl_words_done(&words);
}

Test(words, many_words_take_many_pages_and_stay_what_they_were)
{
	struct bl_item_decoder *decoder;
	struct bl_object *objects[1000];
	char app[100];

	cr_assert_eq(bl_item_decoder_new(BL_KIND_SERVICE, &decoder), 0);
	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(app, sizeof(app), "%080zu", i / 4);
		objects[i] = decode(decoder, "a", app);
	}
	bl_item_decoder_free(decoder);
	for (size_t i = 0; i < 1000; i += 3) {
		bl_object_unref(objects[i]);
		objects[i] = NULL;
	}
	for (size_t i = 0; i < 1000; i++) {
		if (!objects[i])
			continue;
		(void)snprintf(app, sizeof(app), "%080zu", i / 4);
		cr_expect_str_eq(bl_pairs_get(&objects[i]->meta.labels, "app.kubernetes.io/name"),
				 app);
		cr_expect_str_eq(objects[i]->meta.ns, "shop");
		bl_object_unref(objects[i]);
	}
}
