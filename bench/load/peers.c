/* The peers' wires: raw WebSocket messages (nchan, websockets, Starlette) and Socket.IO over Engine.IO 4. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define KEY_TEXT "\"text\":\"~"

/* `~run.number.sender.due ` and words, so many bytes in all: what identifies a message, whatever carries it. */
size_t write_marked_text(char *into, size_t room, int number, size_t bytes)
{
	static const char words[] = "the clip of that jump was seen by half of us and still no one knows how it was done ";
	const struct message *message = &messages[number];
	size_t size = (size_t)snprintf(into, room, "~%x.%d.%d.%lld ", options.run, number, message->sender,
		(long long)message->due_ns);
	while (size < bytes && size + 2 < room) {
		into[size] = words[size % (sizeof words - 1)];
		size++;
	}
	into[size - 1] = '.'; /* an end that no clean-up of white space takes away */
	into[size] = '\0';
	return size;
}

/* The number of one of our messages; -1 for what another process said, which is timed here. */
int read_marked_text(const char *text, const char *end)
{
	char *stop;
	if (end - text < 24)
		return -1;
	uint32_t run = (uint32_t)strtoul(text, &stop, 16);
	if (*stop != '.')
		return -1;
	long number = strtol(stop + 1, &stop, 10);
	if (run == options.run)
		return (int)number;
	if (*stop != '.')
		return -1;
	strtol(stop + 1, &stop, 10);
	if (*stop != '.')
		return -1;
	figures.foreign++;
	histogram_add(&figures.foreign_latency, now_ns - strtoll(stop + 1, NULL, 10));
	return -1;
}

static void take_payload(struct link *link, const char *text, size_t size)
{
	const char *said = memmem(text, size, KEY_TEXT, sizeof KEY_TEXT - 1);
	if (said == NULL) {
		figures.faults++;
		return;
	}
	figures.deliveries++;
	figures.delivered_bytes += size;
	int number = read_marked_text(said + sizeof KEY_TEXT - 1, text + size);
	if (number >= 0)
		deliver(link->seat, number, DELIVERED_LIVE, -1, 0);
}

/* A message of `options.bytes` bytes with this around its text. */
static void write_payload(struct link *link, int number, const char *before, const char *after)
{
	char frame[4096];
	size_t around = strlen(before) + strlen(after), size = strlen(before);
	memcpy(frame, before, size);
	size += write_marked_text(frame + size, sizeof frame - around, number, (size_t)options.bytes - around);
	memcpy(frame + size, after, strlen(after));
	write_text(link, frame, size + strlen(after));
	settle_message(number, MESSAGE_SENT, -1, 0);
}

static void join_by_path(struct link *link)
{
	seat_joined(link, false);
}

/* -- plain -- */

static void plain_say(struct link *link, int number)
{
	write_payload(link, number, "{\"text\":\"", "\"}");
}

static void plain_taken(struct link *link, char *text, size_t size)
{
	take_payload(link, text, size);
}

const struct speech plain = {
	.name = "plain",
	.opened = seat_welcomed,
	.taken = plain_taken,
	.join = join_by_path,
	.say = plain_say,
};

/* -- Socket.IO: protocol 5 over Engine.IO 4 -- */

static void wait_for_open(struct link *link)
{
	(void)link; /* the server speaks first: 0{…} */
}

static void socketio_taken(struct link *link, char *text, size_t size)
{
	if (size > 0 && text[0] == '0')
		write_text(link, "40", 2); /* open → connect */
	else if (size > 0 && text[0] == '2')
		write_text(link, "3", 1); /* ping → pong */
	else if (size > 1 && memcmp(text, "40", 2) == 0)
		seat_welcomed(link);
	else if (size > 1 && memcmp(text, "42", 2) == 0)
		take_payload(link, text, size);
	else
		figures.faults++;
}

static void socketio_say(struct link *link, int number)
{
	write_payload(link, number, "42[\"said\",{\"text\":\"", "\"}]");
}

const struct speech socketio = {
	.name = "socketio",
	.opened = wait_for_open,
	.taken = socketio_taken,
	.join = join_by_path,
	.say = socketio_say,
};
