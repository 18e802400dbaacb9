/* A member's life: comes, is dropped, stops reading, comes back with its position, repeats what had no answer. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define BACKOFF_MAX_MS 10000
#define AGAIN_MS 500 /* a refused join that may be tried again */

enum timer_kind { TIMER_CONNECT, TIMER_MOVE, TIMER_DROP, TIMER_RESUME, TIMER_SAY, TIMER_JOIN };

struct timer {
	int64_t due_ns;
	enum timer_kind kind;
	int seat, generation, number;
};

struct seat *seats;
int seats_ready;

static struct timer *timers; /* a binary heap: the next one is first */
static int timers_size, timers_room;
static bool is_dropping;
static int next_to_connect;

/* -- timers -- */

static void set_timer(enum timer_kind kind, struct seat *seat, int64_t after_ns, int number)
{
	if (timers_size == timers_room) {
		timers_room = timers_room ? timers_room * 2 : 1024;
		timers = grow(timers, (size_t)timers_room * sizeof *timers);
	}
	struct timer timer = {now_ns + after_ns, kind, seat->number, seat->generation, number};
	int at = timers_size++;
	for (; at > 0 && timers[(at - 1) / 2].due_ns > timer.due_ns; at = (at - 1) / 2)
		timers[at] = timers[(at - 1) / 2];
	timers[at] = timer;
}

static struct timer take_timer(void)
{
	struct timer first = timers[0], last = timers[--timers_size];
	int at = 0;
	for (;;) {
		int child = 2 * at + 1;
		if (child + 1 < timers_size && timers[child + 1].due_ns < timers[child].due_ns)
			child++;
		if (child >= timers_size || timers[child].due_ns >= last.due_ns)
			break;
		timers[at] = timers[child];
		at = child;
	}
	timers[at] = last;
	return first;
}

int64_t next_timer_ns(void)
{
	return timers_size ? timers[0].due_ns : INT64_MAX;
}

/* -- coming and going -- */

void start_seats(void)
{
	seats = calloc((size_t)options.members, sizeof *seats);
	rooms = calloc((size_t)options.rooms_count, sizeof *rooms);
	if (seats == NULL || rooms == NULL)
		give_up("out of memory");
	int stopped = (int)(options.stopped_share * options.members + 0.5);
	for (int number = 0; number < options.members; number++) {
		struct seat *seat = &seats[number];
		seat->number = number;
		seat->room = number % options.rooms_count;
		seat->port = options.is_first_port_only ? 0 : number % options.ports_count;
		seat->epoch = seat->base_epoch = -1;
		seat->is_prompt = number < options.members - stopped; /* the last ones stop: the first ones speak */
		struct room *room = &rooms[seat->room];
		room->name = options.rooms[seat->room];
		room->members++;
		room->prompt_members += seat->is_prompt;
	}
}

static void come_back_later(struct seat *seat)
{
	int64_t most_ms = (int64_t)options.reconnect_ms << (seat->attempts < 8 ? seat->attempts : 8);
	seat->attempts++;
	seat->port++;
	if (most_ms > BACKOFF_MAX_MS)
		most_ms = BACKOFF_MAX_MS;
	set_timer(TIMER_CONNECT, seat, (int64_t)random_below((uint32_t)most_ms * 1000 + 1) * 1000, 0);
}

static void connect_seat(struct seat *seat)
{
	if (seat->link != NULL || seat->is_gone)
		return;
	seat->began_ns = now_ns;
	seat->link = open_link(seat, options.ports[seat->port % options.ports_count]);
	if (seat->link == NULL)
		come_back_later(seat);
}

/* Opens the connections of the first fill, no more at a time than allowed; called until all seats are ready. */
void connect_seats(void)
{
	while (next_to_connect < options.members && links_connecting < options.connecting_max)
		connect_seat(&seats[next_to_connect++]);
}

static void leave(struct seat *seat)
{
	seat->generation++;
	if (seat->successor != NULL)
		close_link(seat->successor);
	if (seat->link != NULL)
		close_link(seat->link);
	seat->link = seat->successor = NULL;
	seats_ready -= seat->is_ready;
	seat->is_ready = false;
}

/* Everybody goes; what they know by now (tickets, positions) they keep for `begin_seats`. */
void empty_seats(void)
{
	for (int number = 0; number < options.members; number++) {
		leave(&seats[number]);
		seats[number].away_since_ns = 0;
	}
	next_to_connect = options.members;
}

void begin_seats(void)
{
	next_to_connect = 0;
}

static void finish_link(struct link *link)
{
	struct seat *seat = link->seat;
	if (link->state != LINK_READY)
		links_connecting--;
	link->state = LINK_READY;
	if (link == seat->successor) {
		close_link(seat->link);
		seat->link = link;
		seat->successor = NULL;
	}
	seat->attempts = 0;
	if (!seat->is_ready) {
		seat->is_ready = true;
		seats_ready++;
		histogram_add(&figures.entered, now_ns - seat->began_ns);
	}
	if (seat->away_since_ns) {
		histogram_add(&figures.back, now_ns - seat->away_since_ns);
		seat->away_since_ns = 0;
	}
	for (int at = 0; at < seat->outstanding_size; at++) {
		speech->say(link, seat->outstanding[at]);
		figures.resent++;
	}
	if (is_dropping && options.drop_every_seconds > 0)
		set_timer(TIMER_DROP, seat, (int64_t)(options.drop_every_seconds * SECOND_NS), 0);
}

void seat_opened(struct link *link)
{
	link->state = LINK_GREETING;
	if (strcmp(options.until, "open") == 0)
		finish_link(link);
	else
		speech->opened(link);
}

void seat_welcomed(struct link *link)
{
	link->state = LINK_JOINING;
	if (strcmp(options.until, "welcome") == 0)
		finish_link(link);
	else
		speech->join(link);
}

/* The caller has put the position of the answer into the seat and the link. */
void seat_joined(struct link *link, bool is_recovered)
{
	struct seat *seat = link->seat;
	if (seat->has_asked_with_position) {
		figures.recovered += is_recovered;
		figures.unrecovered += !is_recovered;
	}
	if (link->is_rejoining)
		link->is_rejoining = false;
	else
		finish_link(link);
}

void seat_refused_to_join(struct link *link, bool is_temporary)
{
	if (is_temporary)
		set_timer(TIMER_JOIN, link->seat, AGAIN_MS * MS_NS, 0);
	else
		give_up("a member may not join: %s", rooms[link->seat->room].name);
}

/* RFC 6455's and ours that mean: come back (docs/wire.md); below 1000 it is the status of a refused handshake. */
static bool is_passing(int code)
{
	return code < 1000 || code == 1001 || code == 1006 || (code >= 1011 && code <= 1013) || (code >= 4000 && code < 4500);
}

void seat_lost(struct link *link, int code)
{
	struct seat *seat = link->seat;
	bool was_first = seat->link == link;
	count_number(&figures.closed, code);
	close_link(link);
	if (!was_first) {
		seat->successor = NULL;
		seat_moves(seat, AGAIN_MS);
		return;
	}
	seat->link = seat->successor;
	seat->successor = NULL;
	seats_ready -= seat->is_ready;
	seat->is_ready = false;
	seat->generation++;
	if (!seat->away_since_ns)
		seat->away_since_ns = now_ns;
	if (seat->link != NULL)
		return;
	if (options.comes_back && is_passing(code))
		come_back_later(seat);
	else
		seat->is_gone = true;
}

/* The process drains: another link takes over, and this one stays until that one has joined. */
void seat_moves(struct seat *seat, int64_t after_ms)
{
	if (seat->successor == NULL)
		set_timer(TIMER_MOVE, seat, after_ms * MS_NS, 0);
}

static void move(struct seat *seat)
{
	if (seat->link == NULL || seat->successor != NULL)
		return;
	seat->port++;
	seat->successor = open_link(seat, options.ports[seat->port % options.ports_count]);
	if (seat->successor == NULL)
		seat_moves(seat, AGAIN_MS);
}

static void drop(struct seat *seat)
{
	if (!is_dropping || seat->link == NULL)
		return;
	leave(seat);
	figures.dropped++;
	seat->away_since_ns = now_ns;
	set_timer(TIMER_CONNECT, seat, (int64_t)(options.drop_for_seconds * SECOND_NS), 0);
}

/* -- saying -- */

static void keep_outstanding(struct seat *seat, int number)
{
	if (seat->outstanding_size == seat->outstanding_room) {
		seat->outstanding_room = seat->outstanding_room ? seat->outstanding_room * 2 : 8;
		seat->outstanding = grow(seat->outstanding, (size_t)seat->outstanding_room * sizeof *seat->outstanding);
	}
	seat->outstanding[seat->outstanding_size++] = number;
}

void seat_says(struct seat *seat, int number)
{
	bool can_say = seat->link != NULL && seat->is_ready;
	if (!can_say && !speech->has_acks) {
		figures.unsent++;
		settle_message(number, MESSAGE_REFUSED, -1, 0);
		return;
	}
	messages[number].state = MESSAGE_SENT;
	figures.sent++;
	if (speech->has_acks)
		keep_outstanding(seat, number);
	if (can_say)
		speech->say(seat->link, number);
}

void seat_says_again(struct seat *seat, int number, int64_t after_ms)
{
	set_timer(TIMER_SAY, seat, after_ms * MS_NS, number);
}

void seat_answered(struct seat *seat, int number)
{
	int *outstanding = seat->outstanding;
	for (int at = 0; at < seat->outstanding_size; at++)
		if (outstanding[at] == number) {
			seat->outstanding_size--;
			memmove(outstanding + at, outstanding + at + 1,
				(size_t)(seat->outstanding_size - at) * sizeof *outstanding);
			return;
		}
}

/* -- faults that we make ourselves -- */

void begin_faults(void)
{
	for (int number = 0; number < options.members; number++) {
		struct seat *seat = &seats[number];
		if (options.drop_every_seconds > 0) {
			is_dropping = true;
			uint32_t every_us = (uint32_t)(options.drop_every_seconds * 1e6);
			set_timer(TIMER_DROP, seat, (int64_t)random_below(every_us) * 1000, 0);
		}
		if (!seat->is_prompt && seat->link != NULL) {
			stop_reading(seat->link);
			set_timer(TIMER_RESUME, seat, (int64_t)(options.stopped_seconds * SECOND_NS), 0);
		}
	}
}

void end_faults(void)
{
	is_dropping = false;
}

void run_timers(void)
{
	while (timers_size && timers[0].due_ns <= now_ns) {
		struct timer timer = take_timer();
		struct seat *seat = &seats[timer.seat];
		if (timer.generation != seat->generation && timer.kind != TIMER_CONNECT)
			continue; /* the link that it was meant for is gone */
		switch (timer.kind) {
		case TIMER_CONNECT:
			connect_seat(seat);
			break;
		case TIMER_MOVE:
			move(seat);
			break;
		case TIMER_DROP:
			drop(seat);
			break;
		case TIMER_RESUME:
			if (seat->link != NULL)
				resume_reading(seat->link);
			break;
		case TIMER_SAY: /* after a reconnect it was repeated already */
			if (seat->is_ready)
				speech->say(seat->link, timer.number);
			break;
		case TIMER_JOIN:
			if (seat->link != NULL)
				speech->join(seat->link);
			break;
		}
	}
}

void free_seats(void)
{
	for (int number = 0; number < options.members; number++) {
		struct seat *seat = &seats[number];
		leave(seat);
		free(seat->seen);
		free(seat->outstanding);
		free(seat->ticket);
		free(seat->token);
	}
	free(seats);
	free(timers);
}
