/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a new leader learns of addresses that were given, from a server that answers as its script
 * says. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "agent/pool_survey.h"
#include "asking.h"
#include "base/cleanup.h"
#include "fixture.h"

/* Items of answers, in the quotes of commands to the server. */
#define ITEM(name, created, ip)                                                                    \
	"{\\'metadata\\':{\\'name\\':\\'" name                                                     \
	"\\',\\'namespace\\':\\'default\\',\\'creationTimestamp\\':\\'" created                    \
	"\\'},\\'spec\\':{\\'type\\':\\'LoadBalancer\\',\\'ports\\':[{\\'port\\':80}],"            \
	"\\'ipFamilies\\':[\\'IPv4\\']},\\'status\\':{\\'loadBalancer\\':{\\'ingress\\':"          \
	"[{\\'ip\\':\\'" ip "\\'}]}}}"
#define PAGE(more, items)                                                                          \
	"{'body':'{\\'metadata\\':{\\'resourceVersion\\':\\'9\\'" more "},\\'items\\':[" items     \
	"]}'}"
#define MORE ",\\'continue\\':\\'t1\\'"
#define OLD "2026-01-01T00:00:00Z"
#define NEW "2026-06-01T00:00:00Z"

struct survey {
	struct fault_server *server;
	struct asking asking;
	struct bl_pool *pool;
	struct bl_pool_survey *survey;
	unsigned int ends;
	bool failed;
	char words[256];
};

static void on_end(const char *words, void *userdata)
{
	struct survey *survey = userdata;

	survey->ends++;
	survey->failed = words != NULL;
	survey->survey = NULL;
	(void)snprintf(survey->words, sizeof(survey->words), "%s", words ? words : "");
}

static void begin(struct survey *survey, const char *rules)
{
	struct bl_prefix prefix;
	struct bl_err err = {0};

	*survey = (struct survey){.server = fault_server_start(0)};
	fault_server_tell(survey->server, "{'do':'rules','rules':[%s]}", rules);
	asking_init(&survey->asking, survey->server);
	asking_connect(&survey->asking);
	cr_assert_eq(bl_prefix_parse("192.0.2.0/30", &prefix), 0);
	cr_assert_eq(bl_pool_new(&prefix, 1, &survey->pool, &err), 0, "%s", err.text);
	cr_assert_eq(bl_pool_survey_start(survey->asking.client, survey->pool, on_end, survey,
					  &survey->survey),
		     0);
}

static void wait_for_end(struct survey *survey)
{
	for (int i = 0; !survey->ends && i < 1000; i++)
		ask_run(&survey->asking, 10);
	cr_assert_eq(survey->ends, 1);
}

static void end(struct survey *survey)
{
	(void)bl_pool_survey_cancel(survey->survey);
	asking_done(&survey->asking);
	(void)bl_pool_free(survey->pool);
	fault_server_stop(survey->server);
}

/* Who has an address; "": nobody. */
static const char *owner(const struct survey *survey, const char *address)
{
	struct bl_addr wanted, found;
	const char *service;
	size_t cursor = 0;

	cr_assert_eq(bl_addr_parse(address, &wanted), 0);
	while (bl_pool_next(survey->pool, &cursor, &found, &service))
		if (!bl_addr_compare(&found, &wanted))
			return service;
	return "";
}

/* Of the nth request; the caller frees it; NULL: there is none. */
static char *field(struct survey *survey, size_t index, const char *pointer)
{
	struct json_object *all = fault_server_do(survey->server, "{'do':'requests'}");
	struct json_object *at = json_object_array_get_idx(all, index), *value = NULL;
	char *text = NULL;

	if (at && json_pointer_get(at, pointer, &value) == 0 && value)
		text = strdup(json_object_get_string(value));
	(void)json_object_put(all);
	return text;
}

Test(pool_survey, all_pages_of_a_consistent_list_are_read)
{
	_cleanup_free_ char *path = NULL, *version = NULL, *more = NULL, *third = NULL;
	struct survey survey;

	begin(&survey,
	      "{'query':{'continue':null},'answer':" PAGE(
		      MORE,
		      ITEM("one", OLD, "192.0.2.1")) "},"
						     "{'answer':" PAGE("", ITEM("two", OLD,
										"192.0.2.2")) "}");
	wait_for_end(&survey);
	cr_expect_not(survey.failed, "%s", survey.words);
	cr_expect_str_eq(owner(&survey, "192.0.2.1"), "default/one");
	cr_expect_str_eq(owner(&survey, "192.0.2.2"), "default/two");
	path = field(&survey, 0, "/path");
	cr_expect_str_eq(path, "/api/v1/services");
	version = field(&survey, 0, "/query/resourceVersion");
	cr_expect_null(version, "what a cache has may be old: %s", version);
	more = field(&survey, 1, "/query/continue");
	cr_expect(more && !strcmp(more, "t1"), "%s", more);
	third = field(&survey, 2, "/path");
	cr_expect_null(third);
	end(&survey);
}

Test(pool_survey, of_two_that_have_an_address_the_older_one_keeps_it)
{
	struct survey survey;

	begin(&survey, "{'answer':" PAGE("", ITEM("young", NEW, "192.0.2.1") "," ITEM(
						     "old", OLD, "192.0.2.1")) "}");
	wait_for_end(&survey);
	cr_expect_not(survey.failed);
	cr_expect_str_eq(owner(&survey, "192.0.2.1"), "default/old");
	end(&survey);
}

Test(pool_survey, what_is_deleted_meanwhile_holds_no_address)
{
	struct survey survey;

	begin(&survey, "{'answer':" PAGE("", ITEM("gone", OLD, "192.0.2.1") "," ITEM(
						     "here", OLD, "192.0.2.2")) "}");
	bl_pool_survey_skip(survey.survey, "default/gone");
	wait_for_end(&survey);
	cr_expect_not(survey.failed);
	cr_expect_str_eq(owner(&survey, "192.0.2.1"), "");
	cr_expect_str_eq(owner(&survey, "192.0.2.2"), "default/here");
	end(&survey);
}

Test(pool_survey, what_cannot_be_used_is_passed_over)
{
	struct survey survey;

	begin(&survey, "{'answer':" PAGE("", "{\\'metadata\\':{\\'name\\':\\'odd\\'},"
					     "\\'spec\\':{\\'ports\\':7}}," ITEM("good", OLD,
										 "192.0.2.2")) "}");
	wait_for_end(&survey);
	cr_expect_not(survey.failed, "%s", survey.words);
	cr_expect_str_eq(owner(&survey, "192.0.2.2"), "default/good");
	end(&survey);
}

Test(pool_survey, a_token_that_has_expired_begins_the_list_anew_once)
{
	struct survey survey;

	begin(&survey,
	      "{'query':{'continue':null},'times':1,'answer':" PAGE(
		      MORE,
		      ITEM("deleted", OLD,
			   "192.0.2.1")) "},"
					 "{'query':{'continue':'t1'},'answer':{'status':410,'body':"
					 "'{}'}},"
					 "{'answer':" PAGE("", ITEM("two", OLD, "192.0.2.2")) "}");
	wait_for_end(&survey);
	cr_expect_not(survey.failed, "%s", survey.words);
	cr_expect_str_eq(owner(&survey, "192.0.2.1"), "",
			 "it was in the list that came to nothing");
	cr_expect_str_eq(owner(&survey, "192.0.2.2"), "default/two");
	end(&survey);
	begin(&survey, "{'answer':{'status':410,'body':'{}'}}");
	wait_for_end(&survey);
	cr_expect(survey.failed);
	end(&survey);
}

Test(pool_survey, a_server_that_does_not_help_fails_it_in_words)
{
	static const struct {
		const char *answer, *words;
	} rows[] = {
		{"{'status':403,'body':'{\\'reason\\':\\'Forbidden\\',\\'message\\':\\'no\\'}'}",
		 "403 Forbidden: no"},
		{"{'body':'{\\'items\\':7}'}", "no list"},
		{"{'body':'hello'}", "no JSON"},
		{"{'body':'{\\'items\\':[','after':'cut'}", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct survey survey;
		char rules[256];

		(void)snprintf(rules, sizeof(rules), "{'answer':%s}", rows[i].answer);
		begin(&survey, rules);
		wait_for_end(&survey);
		cr_expect(survey.failed && survey.words[0] && strstr(survey.words, rows[i].words),
			  "%s: %s", rows[i].answer, survey.words);
		end(&survey);
	}
}

Test(pool_survey, one_that_is_cancelled_says_nothing)
{
	struct survey survey;

	begin(&survey, "{'answer':{'silent':true}}");
	ask_run(&survey.asking, 50);
	survey.survey = bl_pool_survey_cancel(survey.survey);
	ask_run(&survey.asking, 50);
	cr_expect_eq(survey.ends, 0);
	end(&survey);
}
