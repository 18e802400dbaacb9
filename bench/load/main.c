/* The phases: fill the rooms, talk on schedule, wait until everybody has everything, report. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define LEAD_NS (100 * MS_NS)

const struct speech *speech;

static struct { /* the schedule of this step */
	int64_t begins_ns;
	double rate;
	int from, count, measured_at;
	bool is_measuring;
} talk;

int64_t clock_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

/* xorshift64*, from a constant: two runs drop the same members at the same times. */
uint32_t random_below(uint32_t limit)
{
	static uint64_t state = 0x9E3779B97F4A7C15ULL;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(((state * 0x2545F4914F6CDD1DULL >> 32) * limit) >> 32);
}

void *grow(void *data, size_t bytes)
{
	data = realloc(data, bytes);
	if (data == NULL)
		give_up("out of memory");
	return data;
}

void give_up(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "load: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(1);
}

/* -- filling the rooms -- */

static void fill(void)
{
	now_ns = clock_ns();
	begin_step();
	int64_t limit_ns = now_ns + (int64_t)(options.connect_seconds * SECOND_NS);
	while (seats_ready < options.members) {
		connect_seats();
		turn(limit_ns, false);
		if (now_ns > limit_ns)
			break;
	}
	report_ready();
	if (seats_ready < options.members && !options.is_interactive)
		give_up("%d of %d members are there after %g s", seats_ready, options.members, options.connect_seconds);
}

/* -- talking -- */

static int64_t due_of(int index)
{
	return talk.begins_ns + (int64_t)(index / talk.rate * SECOND_NS);
}

/* Says what the schedule has until now: also between the sockets of one turn, so that reading delays no sender. */
void say_what_is_due(void)
{
	int index = messages_size - talk.from;
	if (index >= talk.count)
		return;
	now_ns = clock_ns();
	for (; index < talk.count && due_of(index) <= now_ns; index++) {
		struct seat *seat = &seats[index % options.senders];
		if (index == talk.measured_at && !talk.is_measuring) {
			talk.is_measuring = true;
			begin_measure();
			begin_faults();
		}
		if (now_ns - due_of(index) > figures.send_lag_max_ns)
			figures.send_lag_max_ns = now_ns - due_of(index);
		seat_says(seat, plan_message(due_of(index), seat->number, seat->room));
	}
}

static bool is_settled(void)
{
	return messages_complete == messages_size && seats_ready == options.members;
}

/* Waits for the last deliveries; how long after the last message was due the last of them came. */
static int64_t drain(int64_t last_due_ns)
{
	int64_t limit_ns = clock_ns() + (int64_t)(options.drain_seconds * SECOND_NS);
	while (!is_settled() && now_ns < limit_ns)
		turn(limit_ns, false);
	return now_ns - last_due_ns;
}

static void run_step(double rate, double seconds, double warm_up_seconds)
{
	begin_step();
	now_ns = clock_ns();
	talk.begins_ns = now_ns + LEAD_NS;
	talk.rate = rate;
	talk.from = messages_size;
	talk.measured_at = (int)(rate * warm_up_seconds + 0.5);
	talk.count = options.senders ? talk.measured_at + (int)(rate * seconds + 0.5) : 0;
	talk.is_measuring = false;
	measured_from = talk.from + talk.measured_at;
	if (talk.count == 0)
		begin_faults();
	int64_t ends_ns = talk.begins_ns + (int64_t)((warm_up_seconds + seconds) * SECOND_NS);
	while (messages_size - talk.from < talk.count || now_ns < ends_ns) {
		int index = messages_size - talk.from;
		turn(index < talk.count ? due_of(index) : ends_ns, false);
		say_what_is_due();
	}
	end_faults();
	int64_t drain_ns = drain(ends_ns);
	report_step(rate, seconds, talk.from, messages_size, drain_ns);
}

/* -- commands, one a line: talk RATE SECONDS WARM_UP; reconnect; quit -- */

/* Everybody leaves; the second between lets the server finish with them before its time is taken. */
static void come_again(void)
{
	empty_seats();
	for (int64_t until_ns = clock_ns() + SECOND_NS; now_ns < until_ns;)
		turn(until_ns, false);
	begin_seats();
	fill();
}

static void obey_commands(void)
{
	char line[128];
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		do
			turn(clock_ns() + SECOND_NS, true);
		while (!has_command);
		double rate, seconds, warm_up_seconds;
		if (fgets(line, sizeof line, stdin) == NULL || strncmp(line, "quit", 4) == 0)
			return;
		if (sscanf(line, "talk %lf %lf %lf", &rate, &seconds, &warm_up_seconds) == 3) {
			run_step(rate, seconds, warm_up_seconds);
		} else if (strncmp(line, "reconnect", 9) == 0) {
			come_again();
		} else {
			give_up("no such command: %s", line);
		}
	}
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	start_seats();
	if (options.tokens_path != NULL)
		read_tokens();
	start_links();
	fill();
	if (options.is_interactive)
		obey_commands();
	else
		run_step(options.rate, options.seconds, options.warm_up_seconds);
	free_seats();
	free_links();
	tally_free();
	free_options();
	return 0;
}
