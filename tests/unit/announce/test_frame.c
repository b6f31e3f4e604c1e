/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of ARP and neighbour discovery: what others send, and what we make. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "announce/frame.h"
#include "base/cleanup.h"

static const uint8_t ours[BL_MAC_LEN] = {2, 0, 0, 0, 0, 0x0a};
static const uint8_t theirs[BL_MAC_LEN] = {2, 0, 0, 0, 0, 0x0b};

/* As a router's kernel sent them, hex. */
#define ARP_REQUEST                                                                                \
	"ffffffffffff02000000000b0806000108000604000102000000000bc0a84d01000000000000c0a84df1"
#define ARP_PROBE                                                                                  \
	"ffffffffffff02000000000b0806000108000604000102000000000b00000000000000000000c0a84df1"
#define ARP_REPLY                                                                                  \
	"02000000000a02000000000b0806000108000604000202000000000bc0a84df102000000000ac0a84d01"
#define ARP_GRATUITOUS                                                                             \
	"ffffffffffff02000000000b0806000108000604000102000000000bc0a84df1000000000000c0a84df1"
/* fd00:77::1 asks for fd00:77::f1, with its link-layer address. */
#define SOLICITATION                                                                               \
	"3333ff0000f102000000000b86dd6000000000203afffd0000770000000000000000000000"               \
	"01ff0200000000000000000001ff0000f187007ac100000000fd0000770000000000000000"               \
	"000000f1010102000000000b"

static size_t unhex(const char *text, uint8_t *ret)
{
	size_t len = strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		cr_assert_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
		ret[i] = (uint8_t)byte;
	}
	return len;
}

static struct bl_addr addr(const char *text)
{
	struct bl_addr address;

	cr_assert_eq(bl_addr_parse(text, &address), 0);
	return address;
}

static void expect(const uint8_t *bytes, size_t len, enum bl_frame_kind kind, const char *address,
		   const char *sender, const uint8_t *mac)
{
	struct bl_frame frame;
	char text[BL_ADDR_TEXT];

	cr_assert_eq(bl_frame_parse(bytes, len, &frame), 0);
	cr_expect_eq(frame.kind, kind);
	cr_expect_str_eq(bl_addr_format(&frame.address, text), address);
	cr_expect_str_eq(bl_addr_format(&frame.sender, text), sender);
	cr_expect_arr_eq(frame.mac, mac, BL_MAC_LEN);
}

Test(frame, questions_and_answers_of_others_are_understood)
{
	static const struct {
		const char *hex;
		enum bl_frame_kind kind;
		const char *address;
		const char *sender;
	} rows[] = {
		{ARP_REQUEST, BL_FRAME_ASK, "192.168.77.241", "192.168.77.1"},
		{ARP_PROBE, BL_FRAME_ASK, "192.168.77.241", "0.0.0.0"},
		{ARP_REPLY, BL_FRAME_TELL, "192.168.77.241", "192.168.77.241"},
		{ARP_GRATUITOUS, BL_FRAME_TELL, "192.168.77.241", "192.168.77.241"},
		{SOLICITATION, BL_FRAME_ASK, "fd00:77::f1", "fd00:77::1"},
	};
	uint8_t bytes[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(bytes, unhex(rows[i].hex, bytes), rows[i].kind, rows[i].address,
		       rows[i].sender, theirs);
}

Test(frame, every_cut_is_refused)
{
	static const char *const rows[] = {ARP_REQUEST, SOLICITATION};
	uint8_t bytes[128];
	struct bl_frame frame;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = unhex(rows[i], bytes);

		for (size_t cut = 0; cut < len; cut++) {
			/* Of its own size, so that a sanitizer sees a byte too far. */
			uint8_t *copy = malloc(cut + 1);

			memcpy(copy, bytes, cut);
			cr_expect_eq(bl_frame_parse(copy, cut, &frame), -EBADMSG, "%zu %zu", i,
				     cut);
			free(copy);
		}
	}
}

Test(frame, what_is_not_whole_or_came_from_afar_is_refused)
{
	static const struct {
		size_t at;
		uint8_t value;
		int expected;
		const char *what;
	} rows[] = {
		{21, 254, -EBADMSG, "a router on the way"},
		{56, 0, -EBADMSG, "the checksum"},
		{55, 1, -EBADMSG, "the code"},
		{79, 0, -EBADMSG, "an option without length"},
		{79, 9, -EBADMSG, "an option beyond the end"},
		{54, 133, -ENOENT, "a router solicitation"},
		{20, 17, -ENOENT, "UDP"},
		{12, 8, -ENOENT, "another protocol"},
		{19, 255, -EBADMSG, "longer than the frame"},
		{19, 8, -EBADMSG, "shorter than the message"},
	};
	uint8_t bytes[128];
	struct bl_frame frame;
	size_t len = unhex(SOLICITATION, bytes);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t before = bytes[rows[i].at];

		bytes[rows[i].at] = rows[i].value;
		cr_expect_eq(bl_frame_parse(bytes, len, &frame), rows[i].expected, "%s",
			     rows[i].what);
		bytes[rows[i].at] = before;
	}
}

Test(frame, arp_of_other_networks_and_operations_is_not_ours)
{
	static const size_t places[] = {15, 17, 18, 19, 21};
	uint8_t bytes[128];
	struct bl_frame frame;
	size_t len = unhex(ARP_REQUEST, bytes);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint8_t before = bytes[places[i]];

		bytes[places[i]] = 77;
		cr_expect_eq(bl_frame_parse(bytes, len, &frame), -ENOENT, "%zu", places[i]);
		bytes[places[i]] = before;
	}
}

Test(frame, what_we_ask_and_tell_is_what_others_would_understand)
{
	static const char *const addresses[] = {"192.168.77.241", "fd00:77::f1"};
	static const char *const nobody[] = {"0.0.0.0", "::"};
	uint8_t bytes[BL_FRAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct bl_addr address = addr(addresses[i]);

		expect(bytes, bl_frame_ask(&address, ours, bytes), BL_FRAME_ASK, addresses[i],
		       nobody[i], ours);
		expect(bytes, bl_frame_tell(&address, ours, false, bytes), BL_FRAME_TELL,
		       addresses[i], addresses[i], ours);
		expect(bytes, bl_frame_tell(&address, ours, true, bytes), BL_FRAME_TELL,
		       addresses[i], addresses[i], ours);
	}
}

Test(frame, answers_go_to_who_asked)
{
	static const char *const rows[] = {ARP_REQUEST, SOLICITATION};
	static const char *const addresses[] = {"192.168.77.241", "fd00:77::f1"};
	uint8_t bytes[128], answer[BL_FRAME_MAX];
	struct bl_frame question;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = unhex(rows[i], bytes);

		cr_assert_eq(bl_frame_parse(bytes, len, &question), 0);
		len = bl_frame_answer(&question, ours, answer);
		expect(answer, len, BL_FRAME_TELL, addresses[i], addresses[i], ours);
		cr_expect_arr_eq(answer, theirs, BL_MAC_LEN);
	}
	/* Solicited and override; to the one that asked. */
	cr_expect_eq(answer[58], 0x60);
	cr_expect_arr_eq(answer + 38, bytes + 22, 16);
}

Test(frame, who_has_no_address_yet_gets_an_advertisement_to_all)
{
	static const uint8_t all_nodes[BL_MAC_LEN] = {0x33, 0x33, 0, 0, 0, 1};
	struct bl_frame question = {.kind = BL_FRAME_ASK,
				    .address = addr("fd00:77::f1"),
				    .sender = {.family = BL_FAMILY_IPV6}};
	uint8_t answer[BL_FRAME_MAX];
	size_t len = bl_frame_answer(&question, ours, answer);

	expect(answer, len, BL_FRAME_TELL, "fd00:77::f1", "fd00:77::f1", ours);
	cr_expect_arr_eq(answer, all_nodes, BL_MAC_LEN);
	cr_expect_eq(answer[58], 0x20, "override, not solicited");
}

Test(frame, the_group_of_an_address_has_its_last_three_bytes)
{
	struct bl_addr address = addr("fd00:77::12:3456");
	struct bl_addr group = bl_frame_group(&address);
	char text[BL_ADDR_TEXT];

	cr_expect_str_eq(bl_addr_format(&group, text), "ff02::1:ff12:3456");
}
