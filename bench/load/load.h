/* What the parts of the load generator know of each other; README.md tells what it does and how to read its figures.
 *
 * One thread, one epoll.  A `seat` is a member who stays through reconnects; a `link` is one of its connections; a
 * `message` is something that a seat said.  All times are nanoseconds of CLOCK_MONOTONIC. */
#ifndef LEAMS_LOAD_H
#define LEAMS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SECOND_NS 1000000000LL
#define MS_NS 1000000LL

/* -- options.c -- */

#define PORTS_MAX 8
#define WATCHED_MAX 8

struct watched { /* a process whose CPU time is asked for at the ends of every step */
	const char *name;
	int pid;
};

struct options {
	const char *speech, *path, *tokens_path;
	int ports[PORTS_MAX], ports_count;
	bool is_first_port_only; /* all begin at the first port; the others are for those who come back */
	int members, rooms_count, senders, connecting_max, bytes;
	char **rooms;
	double rate, seconds, warm_up_seconds, drain_seconds, connect_seconds;
	double drop_every_seconds, drop_for_seconds, stopped_share, stopped_seconds, reconnect_ms;
	int receive_bytes;
	bool is_storm, is_interactive, is_resending, comes_back, has_tickets;
	const char *until; /* how far a member goes: open, welcome, joined */
	struct watched watched[WATCHED_MAX];
	int watched_count;
	uint32_t run; /* marks the messages of this process */
};

extern struct options options;

void parse_options(int argc, char **argv);
void read_tokens(void);
void free_options(void);

/* -- histogram.c: 64 buckets for each power of two, so a value is off by 1.6 % at most -- */

#define BUCKETS (64 * 40)

struct histogram {
	uint64_t buckets[BUCKETS], count;
	int64_t max_ns;
};

void histogram_add(struct histogram *histogram, int64_t value_ns);
double histogram_ms(const struct histogram *histogram, double share);

/* -- named counts, for close codes and refusals -- */

#define NAMES_MAX 24

struct counts {
	char names[NAMES_MAX][32];
	long values[NAMES_MAX];
	int size;
};

void count_name(struct counts *counts, const char *name, size_t size);
void count_number(struct counts *counts, int number);

/* -- tally.c: what was said, and who has got it -- */

enum message_state { MESSAGE_PLANNED, MESSAGE_SENT, MESSAGE_ACKED, MESSAGE_REFUSED };

struct message {
	int64_t due_ns, last_ns, offset;
	int sender, room, epoch, received, received_prompt, place;
	enum message_state state;
	bool is_complete; /* everybody has it, or it was refused */
};

struct room {
	const char *name;
	int members, prompt_members; /* prompt: those who never stop reading on purpose */
	int places; /* messages that somebody has seen: their order, where the wire has no offsets */
};

struct figures { /* of one step */
	struct histogram latency, to_last, ack, recovered_latency, slow_latency, foreign_latency, back, entered;
	struct counts closed, refused;
	long sent, acked, deliveries, foreign, twice, disorder, gaps, overlaps, faults;
	long dropped, recovered, unrecovered, reloads, resent, unsent;
	int64_t send_lag_max_ns;
	uint64_t bytes_in, delivered_bytes;
};

struct losses {
	long expected, lost, declared, away;
};

struct seat;

extern struct figures figures;
extern struct message *messages;
extern int messages_size;
extern int messages_complete; /* everybody has them, or they were refused */
extern struct room *rooms;

int plan_message(int64_t due_ns, int sender, int room);
void settle_message(int number, enum message_state state, int epoch, int64_t offset);
int epoch_number(const char *name, size_t size);
const char *epoch_name(int epoch);
enum delivery { DELIVERED_LIVE, DELIVERED_RECOVERED, DELIVERED_BACKFILL };
bool has_seen(const struct seat *seat, int number);
void deliver(struct seat *seat, int number, enum delivery delivery, int epoch, int64_t offset);
extern int measured_from; /* earlier messages are the warm-up: their latency is left out */
struct losses count_losses(int from, int to);
void tally_free(void);

/* -- link.c and websocket.c: one connection -- */

enum link_state { LINK_CONNECTING, LINK_UPGRADING, LINK_GREETING, LINK_JOINING, LINK_READY, LINK_CLOSED };

struct bytes {
	char *data;
	size_t size, room;
};

struct link {
	int fd, epoch;
	enum link_state state;
	bool is_stopped, is_waiting_to_write, is_rejoining;
	struct seat *seat;
	struct bytes in, out; /* the begin of a frame; what the kernel did not take */
	int64_t offset; /* of the last event that came here */
	struct link *next_dead;
};

extern int64_t now_ns;
extern int links_connecting, links_open;

void start_links(void);
struct link *open_link(struct seat *seat, int port);
void close_link(struct link *link);
void stop_reading(struct link *link);
void resume_reading(struct link *link);
void write_link(struct link *link, const char *data, size_t size);
void turn(int64_t until_ns, bool reads_commands);
extern bool has_command;
void free_links(void);

void write_upgrade(struct link *link);
size_t take_upgrade(struct link *link, char *data, size_t size);
size_t take_frames(struct link *link, char *data, size_t size);
void write_text(struct link *link, const char *text, size_t size);

/* -- seat.c: a member's life -- */

struct seat {
	int number, room, port, attempts, generation;
	struct link *link, *successor;
	int epoch; /* the position: -1 before the first join */
	int64_t offset;
	int base_epoch; /* what lies at or before the base was never promised to this seat */
	int64_t base_offset;
	bool is_prompt, is_ready, is_gone, has_asked_with_position;
	int64_t away_since_ns, began_ns;
	uint64_t *seen; /* one bit for each message */
	int seen_words, next_place;
	int *outstanding; /* messages without an answer, in the order they were said */
	int outstanding_size, outstanding_room;
	char *token, *ticket;
};

extern struct seat *seats;
extern int seats_ready;

void start_seats(void);
void connect_seats(void);
void empty_seats(void);
void begin_seats(void);
void seat_opened(struct link *link);  /* the handshake is done */
void seat_welcomed(struct link *link);
void seat_joined(struct link *link, bool is_recovered);
void seat_refused_to_join(struct link *link, bool is_temporary);
void seat_lost(struct link *link, int code);
void seat_moves(struct seat *seat, int64_t after_ms);
void seat_says(struct seat *seat, int number);
void seat_says_again(struct seat *seat, int number, int64_t after_ms);
void seat_answered(struct seat *seat, int number);
void begin_faults(void);
void end_faults(void);
int64_t next_timer_ns(void);
void run_timers(void);
void free_seats(void);

/* -- the speeches: leams.c, peers.c -- */

struct speech {
	const char *name;
	const char *subprotocol;
	bool has_acks, has_offsets;
	void (*opened)(struct link *link); /* after the 101; calls seat_welcomed and seat_joined in the end */
	void (*taken)(struct link *link, char *text, size_t size);
	void (*join)(struct link *link);
	void (*say)(struct link *link, int number);
};

extern const struct speech leams, plain, socketio;
extern const struct speech *speech;

size_t write_marked_text(char *into, size_t room, int number, size_t bytes);
int read_marked_text(const char *text, const char *end);

/* -- report.c -- */

void begin_step(void);
void begin_measure(void);
void report_ready(void);
void report_step(double rate, double seconds, int from, int to, int64_t drain_ns);

/* -- main.c -- */

void say_what_is_due(void);
int64_t clock_ns(void);
uint32_t random_below(uint32_t limit);
void *grow(void *data, size_t bytes);
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
