/* RFC 6455 as a client needs it: the handshake, masked text out, unmasked frames in. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* the answer to KEY: section 1.3 */

enum { TEXT = 0x1, BINARY = 0x2, CLOSE = 0x8, PING = 0x9, PONG = 0xA };

static void write_frame(struct link *link, int opcode, const char *data, size_t size)
{
	static char frame[1 << 17];
	uint32_t mask = random_below(UINT32_MAX) | 1;
	size_t at = 2;
	if (size + 16 > sizeof frame)
		give_up("a frame of %zu bytes is too large", size);
	frame[0] = (char)(0x80 | opcode);
	if (size < 126) {
		frame[1] = (char)(0x80 | size);
	} else if (size < 1 << 16) {
		frame[1] = (char)(0x80 | 126);
		frame[2] = (char)(size >> 8);
		frame[3] = (char)size;
		at = 4;
	} else {
		frame[1] = (char)(0x80 | 127);
		for (int byte = 0; byte < 8; byte++)
			frame[2 + byte] = (char)((uint64_t)size >> (8 * (7 - byte)));
		at = 10;
	}
	memcpy(frame + at, &mask, 4);
	for (size_t byte = 0; byte < size; byte++)
		frame[at + 4 + byte] = (char)(data[byte] ^ frame[at + (byte & 3)]);
	write_link(link, frame, at + 4 + size);
}

void write_text(struct link *link, const char *text, size_t size)
{
	write_frame(link, TEXT, text, size);
}

/* The path with its `{room}` filled in. */
static void write_path(char *into, size_t room, const char *name)
{
	const char *place = strstr(options.path, "{room}");
	if (place == NULL)
		snprintf(into, room, "%s", options.path);
	else
		snprintf(into, room, "%.*s%s%s", (int)(place - options.path), options.path, name, place + 6);
}

void write_upgrade(struct link *link)
{
	char head[1024], path[512], subprotocol[128] = "";
	write_path(path, sizeof path, rooms[link->seat->room].name);
	if (speech->subprotocol != NULL)
		snprintf(subprotocol, sizeof subprotocol, "Sec-WebSocket-Protocol: %s\r\n", speech->subprotocol);
	int size = snprintf(head, sizeof head,
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s\r\n", path, subprotocol);
	write_link(link, head, (size_t)size);
}

/* How much of `data` was the server's answer; 0: not whole yet. */
size_t take_upgrade(struct link *link, char *data, size_t size)
{
	char *end = memmem(data, size, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	size_t used = (size_t)(end - data) + 4;
	int status = size > 12 ? atoi(data + 9) : 0;
	if (status == 101 && memmem(data, used, ACCEPT, sizeof ACCEPT - 1) == NULL)
		status = 0;
	if (status != 101)
		seat_lost(link, status);
	else
		seat_opened(link);
	return used;
}

static void take_frame(struct link *link, int opcode, char *data, size_t size)
{
	switch (opcode) {
	case TEXT:
		speech->taken(link, data, size);
		break;
	case PING:
		write_frame(link, PONG, data, size);
		break;
	case PONG:
		break;
	case CLOSE: {
		int code = size >= 2 ? (unsigned char)data[0] << 8 | (unsigned char)data[1] : 1005;
		write_frame(link, CLOSE, data, size >= 2 ? 2 : 0);
		seat_lost(link, code);
		break;
	}
	default: /* binary and fragments are nothing that we asked for */
		figures.faults++;
	}
}

/* Takes every whole frame; how many bytes that were. */
size_t take_frames(struct link *link, char *data, size_t size)
{
	size_t used = 0;
	while (size - used >= 2 && link->state != LINK_CLOSED) {
		const unsigned char *head = (const unsigned char *)data + used;
		size_t length = head[1], at = 2;
		if (length == 126) {
			if (size - used < 4)
				break;
			length = (size_t)head[2] << 8 | head[3];
			at = 4;
		} else if (length == 127) {
			if (size - used < 10)
				break;
			length = 0;
			for (int byte = 2; byte < 10; byte++)
				length = length << 8 | head[byte];
			at = 10;
		}
		if (size - used < at + length)
			break;
		int opcode = head[0] & 0x7F; /* with the reserved bits: nothing is compressed */
		bool is_whole = head[0] & 0x80;
		used += at + length;
		take_frame(link, is_whole ? opcode : 0, data + used - length, length);
	}
	return used;
}
