/* Leams' own wire in JSON, as docs/wire.md tells it: hello, join by position, events with offsets, acks. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { ID_HELLO = 1, ID_JOIN = 2, ID_SAY = 16 }; /* ID_SAY + n: the message n */

#define KEY_EPOCH "\"epoch\":\""
#define KEY_OFFSET "\"offset\":"
#define KEY_TEXT "\"text\":\"~"
#define KEY_ENTRY "{\"offset\":"

/* The value behind a key; NULL where there is none.  `hint` is where the last frame had it: mostly it is there again. */
static const char *find(const char *text, const char *end, const char *key, size_t size, long *hint)
{
	if (hint != NULL && end - text > *hint + (long)size && memcmp(text + *hint, key, size) == 0)
		return text + *hint + size;
	const char *found = memmem(text, (size_t)(end - text), key, size);
	if (found == NULL)
		return NULL;
	if (hint != NULL)
		*hint = found - text;
	return found + size;
}

#define FIND(text, end, key, hint) find(text, end, key, sizeof(key) - 1, hint)

static int64_t read_number(const char *text)
{
	int64_t number = 0;
	while (*text >= '0' && *text <= '9')
		number = number * 10 + (*text++ - '0');
	return number;
}

static int read_epoch(const char *text, const char *end, int guess, long *hint)
{
	const char *name = FIND(text, end, KEY_EPOCH, hint);
	if (name == NULL)
		return -1;
	if (guess >= 0) {
		size_t size = strlen(epoch_name(guess));
		if ((size_t)(end - name) > size && name[size] == '"' && memcmp(name, epoch_name(guess), size) == 0)
			return guess;
	}
	const char *quote = memchr(name, '"', (size_t)(end - name));
	return quote == NULL ? -1 : epoch_number(name, (size_t)(quote - name));
}

static int64_t read_field(const char *text, const char *end, const char *key, size_t size)
{
	const char *value = find(text, end, key, size, NULL);
	return value == NULL ? -1 : read_number(value);
}

#define FIELD(text, end, key) read_field(text, end, key, sizeof(key) - 1)

static char *copy_field(const char *text, const char *end, const char *key, size_t size)
{
	const char *value = find(text, end, key, size, NULL);
	const char *quote = value == NULL ? NULL : memchr(value, '"', (size_t)(end - value));
	return quote == NULL ? NULL : strndup(value, (size_t)(quote - value));
}

/* -- what a member says -- */

static void hello(struct link *link)
{
	char frame[4096];
	struct seat *seat = link->seat;
	int size;
	if (options.has_tickets && seat->ticket != NULL)
		size = snprintf(frame, sizeof frame, "{\"t\":\"hello\",\"id\":%d,\"ticket\":\"%s\"}", ID_HELLO, seat->ticket);
	else if (seat->token != NULL)
		size = snprintf(frame, sizeof frame, "{\"t\":\"hello\",\"id\":%d,\"token\":\"%s\"}", ID_HELLO, seat->token);
	else
		size = snprintf(frame, sizeof frame, "{\"t\":\"hello\",\"id\":%d}", ID_HELLO);
	write_text(link, frame, (size_t)size);
}

static void join(struct link *link)
{
	char frame[512];
	struct seat *seat = link->seat;
	const char *room = rooms[seat->room].name;
	int size;
	seat->has_asked_with_position = seat->epoch >= 0;
	if (seat->has_asked_with_position)
		size = snprintf(frame, sizeof frame,
			"{\"t\":\"join\",\"id\":%d,\"room\":\"%s\",\"epoch\":\"%s\",\"offset\":%lld}",
			ID_JOIN, room, epoch_name(seat->epoch), (long long)seat->offset);
	else
		size = snprintf(frame, sizeof frame, "{\"t\":\"join\",\"id\":%d,\"room\":\"%s\"}", ID_JOIN, room);
	write_text(link, frame, (size_t)size);
}

static void say(struct link *link, int number)
{
	char frame[4096], text[2048];
	write_marked_text(text, sizeof text, number, (size_t)options.bytes);
	int size = snprintf(frame, sizeof frame,
		"{\"t\":\"send\",\"id\":%d,\"room\":\"%s\",\"nonce\":\"%x.%d\",\"text\":\"%s\"}",
		ID_SAY + number, rooms[link->seat->room].name, options.run, number, text);
	write_text(link, frame, (size_t)size);
}

/* -- what the server says -- */

/* The seat shows what has the next offset and passes over what it has; each link must have every offset once. */
static void take_event(struct link *link, const char *text, const char *end)
{
	static long epoch_hint, offset_hint, text_hint;
	struct seat *seat = link->seat;
	if (link->is_rejoining)
		return; /* its `joined` tells these again */
	int epoch = read_epoch(text, end, link->epoch, &epoch_hint);
	const char *place = FIND(text, end, KEY_OFFSET, &offset_hint);
	int64_t offset = place == NULL ? -1 : read_number(place);
	const char *said = FIND(text, end, KEY_TEXT, &text_hint);
	int number = said == NULL ? -1 : read_marked_text(said, end);
	if (epoch != link->epoch || (offset <= link->offset && number >= 0 && !has_seen(seat, number)))
		figures.disorder++;
	else if (offset <= link->offset)
		figures.twice++;
	else
		figures.gaps += offset - link->offset - 1;
	if (epoch != link->epoch || offset > link->offset)
		link->offset = offset;
	link->epoch = epoch;
	if (said != NULL) {
		figures.deliveries++;
		figures.delivered_bytes += (uint64_t)(end - text);
	}
	if (seat->epoch == epoch && offset <= seat->offset) {
		figures.overlaps++; /* the other link was first */
		return;
	}
	seat->epoch = epoch;
	seat->offset = offset;
	if (number >= 0)
		deliver(seat, number, DELIVERED_LIVE, epoch, offset);
}

/* The entries of `joined`, which lie after the seat's position (or are the backfill of one that has none). */
static void take_entries(struct seat *seat, const char *text, const char *end, int epoch, bool is_recovered)
{
	const char *entry = FIND(text, end, KEY_ENTRY, NULL);
	while (entry != NULL) {
		const char *next = FIND(entry, end, KEY_ENTRY, NULL);
		const char *stop = next == NULL ? end : next;
		int64_t offset = read_number(entry);
		const char *said = FIND(entry, stop, KEY_TEXT, NULL);
		int own_epoch = read_epoch(entry, stop, epoch, NULL);
		bool is_known = is_recovered && seat->epoch == epoch && offset <= seat->offset;
		int number = said == NULL ? -1 : read_marked_text(said, stop);
		if (is_recovered && !is_known) {
			if (offset <= seat->offset)
				figures.twice++;
			seat->offset = offset;
		}
		if (number >= 0 && !is_known)
			deliver(seat, number, is_recovered ? DELIVERED_RECOVERED : DELIVERED_BACKFILL,
				own_epoch >= 0 ? own_epoch : epoch, offset);
		entry = next;
	}
}

static void take_joined(struct link *link, const char *text, const char *end)
{
	struct seat *seat = link->seat;
	int epoch = read_epoch(text, end, seat->epoch, NULL);
	int64_t offset = FIELD(text, end, KEY_OFFSET);
	bool is_recovered = FIND(text, end, "],\"recovered\":true", NULL) != NULL;
	take_entries(seat, text, end, epoch, is_recovered);
	if (!is_recovered) {
		seat->base_epoch = epoch;
		seat->base_offset = offset;
	}
	if (!is_recovered || offset > seat->offset || seat->epoch != epoch) { /* the other link may be further */
		seat->epoch = epoch;
		seat->offset = offset;
	}
	link->epoch = epoch;
	link->offset = offset;
	seat_joined(link, is_recovered);
}

static void take_ack(struct link *link, const char *text, const char *end)
{
	int64_t number = FIELD(text, end, "\"id\":") - ID_SAY;
	if (number < 0 || number >= messages_size) {
		figures.faults++;
		return;
	}
	seat_answered(link->seat, (int)number);
	settle_message((int)number, MESSAGE_ACKED, read_epoch(text, end, link->epoch, NULL), FIELD(text, end, KEY_OFFSET));
}

static void take_error(struct link *link, const char *text, const char *end)
{
	int64_t id = FIELD(text, end, "\"id\":");
	bool is_temporary = FIND(text, end, "\"temporary\":true", NULL) != NULL;
	char *code = copy_field(text, end, "\"code\":\"", 8);
	if (code != NULL)
		count_name(&figures.refused, code, strlen(code));
	free(code);
	if (id >= ID_SAY && options.is_resending && is_temporary) {
		int64_t after_ms = FIELD(text, end, "\"retry_after_ms\":");
		seat_says_again(link->seat, (int)(id - ID_SAY), after_ms > 0 ? after_ms : 250);
	} else if (id >= ID_SAY && id - ID_SAY < messages_size) {
		seat_answered(link->seat, (int)(id - ID_SAY));
		settle_message((int)(id - ID_SAY), MESSAGE_REFUSED, -1, 0);
	} else if (id == ID_JOIN) {
		seat_refused_to_join(link, is_temporary);
	} else if (id == ID_HELLO && link->seat->ticket != NULL) {
		free(link->seat->ticket);
		link->seat->ticket = NULL;
		hello(link);
	} else {
		seat_lost(link, 1006); /* the database is away: come back later */
	}
}

static void take_welcome(struct link *link, const char *text, const char *end)
{
	char *ticket = copy_field(text, end, "\"ticket\":\"", 10);
	if (ticket != NULL) {
		free(link->seat->ticket);
		link->seat->ticket = ticket;
	}
	seat_welcomed(link);
}

static void reload(struct link *link)
{
	figures.reloads++;
	link->is_rejoining = true;
	link->seat->epoch = -1;
	join(link);
}

static void taken(struct link *link, char *text, size_t size)
{
	static const char begin[] = "{\"t\":\"";
	const char *end = text + size, *kind = text + sizeof begin - 1;
	if (size < 12 || memcmp(text, begin, sizeof begin - 1) != 0) {
		figures.faults++;
		return;
	}
	if (memcmp(kind, "event", 5) == 0)
		take_event(link, text, end);
	else if (memcmp(kind, "ack", 3) == 0)
		take_ack(link, text, end);
	else if (memcmp(kind, "joined", 6) == 0)
		take_joined(link, text, end);
	else if (memcmp(kind, "welcome", 7) == 0)
		take_welcome(link, text, end);
	else if (memcmp(kind, "error", 5) == 0)
		take_error(link, text, end);
	else if (memcmp(kind, "reload", 6) == 0)
		reload(link);
	else if (memcmp(kind, "reconnect", 9) == 0)
		seat_moves(link->seat, FIELD(text, end, "\"after_ms\":"));
}

const struct speech leams = {
	.name = "leams",
	.subprotocol = "leams.v1.json",
	.has_acks = true,
	.has_offsets = true,
	.opened = hello,
	.taken = taken,
	.join = join,
	.say = say,
};
