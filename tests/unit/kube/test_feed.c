/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services of an API server, fed to a receiver that counts. */
#include <criterion/criterion.h>

#include "asking.h"
#include "kube/feed.h"

#define PATIENCE_MS 20000u

struct listener {
	struct bl_feed *feed;
	size_t puts;
	size_t removals;
	size_t lists;
	size_t answers;
	size_t lose; /* so many of the next objects */
	char problem[BL_ERR_TEXT];
};

static void on_put(struct bl_object *object, void *userdata)
{
	struct listener *listener = userdata;

	cr_assert_eq(object->kind, BL_KIND_SERVICE);
	if (listener->lose) {
		listener->lose--;
		bl_feed_lose(listener->feed);
		return;
	}
	listener->puts++;
}

static void on_refuse(const char *ns, const char *name, const struct bl_diag *diag, void *userdata)
{
	(void)userdata;
	cr_assert_fail("'%s/%s': %s", ns, name, diag->problems[0].text);
}

static void on_remove(const char *ns, const char *name, void *userdata)
{
	(void)ns;
	(void)name;
	((struct listener *)userdata)->removals++;
}

static void on_complete(void *userdata)
{
	struct listener *listener = userdata;

	cr_expect(bl_feed_saw(listener->feed, "shop", "web"));
	cr_expect_not(bl_feed_saw(listener->feed, "shop", "none"));
	listener->lists++;
}

static void on_flush(void *userdata)
{
	(void)userdata;
}

static void on_problem(const char *text, void *userdata)
{
	struct listener *listener = userdata;

	(void)snprintf(listener->problem, sizeof(listener->problem), "%s", text ? text : "");
}

static void on_answered(void *userdata)
{
	((struct listener *)userdata)->answers++;
}

static void put_service(struct fault_server *server, const char *name)
{
	fault_server_tell(server,
			  "{'do':'put','object':{'apiVersion':'v1','kind':'Service',"
			  "'metadata':{'namespace':'shop','name':'%s'},"
			  "'spec':{'clusterIP':'10.96.0.10','clusterIPs':['10.96.0.10'],"
			  "'ports':[{'port':80,'protocol':'TCP','targetPort':80}]}}}",
			  name);
}

static void listen_to(struct asking *asking, struct listener *listener)
{
	const struct bl_feed_config config = {
		.loop = asking->loop,
		.client = asking->client,
		.resource = {.kind = BL_KIND_SERVICE},
		.receiver = {.put = on_put,
			     .refuse = on_refuse,
			     .remove = on_remove,
			     .complete = on_complete,
			     .flush = on_flush,
			     .problem = on_problem,
			     .userdata = listener},
		.answered = on_answered,
	};

	cr_assert_eq(bl_feed_new(&config, &listener->feed), 0);
}

#define WAIT_FOR(asking, condition)                                                                \
	do {                                                                                       \
		for (unsigned int waited = 0; !(condition) && waited < PATIENCE_MS; waited += 10)  \
			ask_run(asking, 10);                                                       \
		cr_assert(condition);                                                              \
	} while (0)

Test(feed, what_changes_is_told_once_it_is_started, .timeout = 120)
{
	struct fault_server *server = api_server_start();
	struct listener listener = {0};
	struct asking asking;

	asking_init(&asking, server);
	asking_connect(&asking);
	put_service(server, "web");
	listen_to(&asking, &listener);
	ask_run(&asking, 50);
	cr_expect_eq(listener.answers, 0, "nothing is asked before");
	bl_feed_start(listener.feed);
	WAIT_FOR(&asking, listener.lists == 1 && listener.puts == 1);
	cr_expect_gt(listener.answers, 0);
	put_service(server, "api");
	WAIT_FOR(&asking, listener.puts == 2);
	fault_server_tell(server, "{'do':'delete','kind':'Service','namespace':'shop',"
				  "'name':'api'}");
	WAIT_FOR(&asking, listener.removals == 1);
	cr_expect_eq(bl_feed_info(listener.feed).state, BL_REFLECTOR_WATCHING);
	cr_expect_str_empty(listener.problem);
	listener.feed = bl_feed_free(listener.feed);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(feed, what_the_receiver_lost_comes_again_with_a_new_list, .timeout = 120)
{
	struct fault_server *server = api_server_start();
	struct listener listener = {.lose = 1};
	struct asking asking;

	asking_init(&asking, server);
	asking_connect(&asking);
	put_service(server, "web");
	listen_to(&asking, &listener);
	bl_feed_start(listener.feed);
	WAIT_FOR(&asking, listener.lists >= 1 && listener.puts == 1);
	listener.lose = 1;
	put_service(server, "api"); /* an event of the watch */
	WAIT_FOR(&asking, !listener.lose && listener.puts == 3);
	cr_expect_str_empty(listener.problem);
	listener.feed = bl_feed_free(listener.feed);
	asking_done(&asking);
	fault_server_stop(server);
}
