/* What was said, and who has got it: each message once at each seat, in one order. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define EPOCHS_MAX 256

struct figures figures;
struct message *messages;
int messages_size, messages_complete, measured_from;
struct room *rooms;

static int messages_room;
static char epochs[EPOCHS_MAX][64];
static int epochs_size;

int plan_message(int64_t due_ns, int sender, int room)
{
	if (messages_size == messages_room) {
		messages_room = messages_room ? messages_room * 2 : 4096;
		messages = grow(messages, (size_t)messages_room * sizeof *messages);
	}
	messages[messages_size] =
		(struct message){.due_ns = due_ns, .sender = sender, .room = room, .epoch = -1, .place = -1};
	return messages_size++;
}

int epoch_number(const char *name, size_t size)
{
	for (int at = epochs_size - 1; at >= 0; at--)
		if (strlen(epochs[at]) == size && memcmp(epochs[at], name, size) == 0)
			return at;
	if (epochs_size == EPOCHS_MAX || size >= sizeof epochs[0])
		give_up("more epochs than a run can have: %.*s", (int)size, name);
	memcpy(epochs[epochs_size], name, size);
	epochs[epochs_size][size] = '\0';
	return epochs_size++;
}

const char *epoch_name(int epoch)
{
	return epochs[epoch];
}

/* An epoch is a text that sorts by birth: docs/wire.md. */
static bool is_after(int epoch, int64_t offset, int base_epoch, int64_t base_offset)
{
	if (base_epoch < 0)
		return true;
	if (epoch < 0)
		return false;
	int order = epoch == base_epoch ? 0 : strcmp(epochs[epoch], epochs[base_epoch]);
	return order > 0 || (order == 0 && offset > base_offset);
}

static void complete_if_so(struct message *message)
{
	bool has_answer = message->state == MESSAGE_ACKED || (message->state == MESSAGE_SENT && !speech->has_acks);
	bool is_everywhere = has_answer && message->received >= rooms[message->room].members;
	if (message->is_complete || (!is_everywhere && message->state != MESSAGE_REFUSED))
		return;
	message->is_complete = true;
	messages_complete++;
}

/* The same message has the same place wherever it is told. */
static void check_place(struct message *message, int epoch, int64_t offset)
{
	if (message->epoch < 0) {
		message->epoch = epoch;
		message->offset = offset;
	} else if (message->epoch != epoch || message->offset != offset) {
		figures.disorder++;
	}
}

void settle_message(int number, enum message_state state, int epoch, int64_t offset)
{
	struct message *message = &messages[number];
	if (message->state == MESSAGE_ACKED || message->state == MESSAGE_REFUSED)
		return;
	message->state = state;
	if (state == MESSAGE_ACKED) {
		figures.acked++;
		if (number >= measured_from)
			histogram_add(&figures.ack, now_ns - message->due_ns);
		check_place(message, epoch, offset);
	}
	complete_if_so(message);
}

/* True the first time. */
static bool mark_seen(struct seat *seat, int number)
{
	int word = number / 64;
	uint64_t bit = 1ULL << (number % 64);
	if (word >= seat->seen_words) {
		int words = word + 16 + seat->seen_words / 2;
		seat->seen = grow(seat->seen, (size_t)words * sizeof *seat->seen);
		memset(seat->seen + seat->seen_words, 0, (size_t)(words - seat->seen_words) * sizeof *seat->seen);
		seat->seen_words = words;
	}
	bool is_new = !(seat->seen[word] & bit);
	seat->seen[word] |= bit;
	return is_new;
}

bool has_seen(const struct seat *seat, int number)
{
	return number / 64 < seat->seen_words && seat->seen[number / 64] >> (number % 64) & 1;
}

/* Where there are no offsets, the first who sees a message gives it its place, and all others must agree. */
static void check_order(struct seat *seat, struct message *message)
{
	if (message->place < 0)
		message->place = rooms[message->room].places++;
	if (message->place < seat->next_place)
		figures.disorder++;
	else if (message->place > seat->next_place)
		figures.gaps += message->place - seat->next_place;
	if (message->place >= seat->next_place)
		seat->next_place = message->place + 1;
}

static void time_delivery(struct seat *seat, struct message *message, enum delivery delivery)
{
	struct histogram *histogram = &figures.latency;
	if (delivery == DELIVERED_RECOVERED)
		histogram = &figures.recovered_latency;
	else if (!seat->is_prompt)
		histogram = &figures.slow_latency;
	histogram_add(histogram, now_ns - message->due_ns);
	if (seat->is_prompt && ++message->received_prompt == rooms[message->room].prompt_members)
		histogram_add(&figures.to_last, now_ns - message->due_ns);
}

void deliver(struct seat *seat, int number, enum delivery delivery, int epoch, int64_t offset)
{
	if (number < 0 || number >= messages_size || messages[number].room != seat->room) {
		figures.faults++;
		return;
	}
	struct message *message = &messages[number];
	if (epoch >= 0)
		check_place(message, epoch, offset);
	if (!mark_seen(seat, number)) {
		figures.twice += delivery != DELIVERED_BACKFILL;
		return;
	}
	message->received++;
	if (!speech->has_offsets)
		check_order(seat, message);
	if (number >= measured_from && delivery != DELIVERED_BACKFILL)
		time_delivery(seat, message, delivery);
	complete_if_so(message);
}

/* What stands in the log (acknowledged; without acks: sent) and is not at its seats. */
struct losses count_losses(int from, int to)
{
	struct losses losses = {0};
	enum message_state promised = speech->has_acks ? MESSAGE_ACKED : MESSAGE_SENT;
	for (int at = 0; at < options.members; at++) {
		struct seat *seat = &seats[at];
		for (int number = from; number < to; number++) {
			struct message *message = &messages[number];
			if (message->room != seat->room || message->state != promised)
				continue;
			losses.expected++;
			if (has_seen(seat, number))
				continue;
			if (!seat->is_ready && !seat->is_gone && options.comes_back)
				losses.away++;
			else if (!is_after(message->epoch, message->offset, seat->base_epoch, seat->base_offset))
				losses.declared++;
			else
				losses.lost++;
		}
	}
	return losses;
}

void tally_free(void)
{
	free(messages);
	free(rooms);
}
