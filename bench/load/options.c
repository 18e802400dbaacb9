/* The command line; README.md tells what each is for. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

struct options options = {
	.path = "/",
	.until = "joined",
	.members = 1,
	.senders = 1,
	.connecting_max = 64,
	.bytes = 150,
	.rate = 20,
	.seconds = 5,
	.warm_up_seconds = 1,
	.drain_seconds = 5,
	.connect_seconds = 60,
	.drop_for_seconds = 2,
	.stopped_seconds = 5,
	.reconnect_ms = 1000,
};

static void parse_ports(char *list)
{
	for (char *port = strtok(list, ","); port != NULL; port = strtok(NULL, ",")) {
		if (options.ports_count == PORTS_MAX)
			give_up("at most %d ports", PORTS_MAX);
		options.ports[options.ports_count++] = atoi(port);
	}
}

static void parse_rooms(char *list)
{
	for (char *room = strtok(list, ","); room != NULL; room = strtok(NULL, ",")) {
		options.rooms = grow(options.rooms, (size_t)(options.rooms_count + 1) * sizeof *options.rooms);
		options.rooms[options.rooms_count++] = room;
	}
}

static void parse_watch(char *pair)
{
	char *equals = strchr(pair, '=');
	if (equals == NULL || options.watched_count == WATCHED_MAX)
		give_up("--watch NAME=PID, at most %d times", WATCHED_MAX);
	*equals = '\0';
	options.watched[options.watched_count++] = (struct watched){pair, atoi(equals + 1)};
}

static void parse_speech(char *name)
{
	static const struct speech *const known[] = {&leams, &plain, &socketio};
	for (size_t at = 0; at < sizeof known / sizeof *known; at++)
		if (strcmp(known[at]->name, name) == 0)
			speech = known[at];
	if (speech == NULL)
		give_up("--speech is leams, plain or socketio");
	options.comes_back = speech == &leams;
}

struct flag {
	const char *name;
	enum { SWITCH, WHOLE, REAL, TEXT } kind;
	void *target;
	void (*parse)(char *value);
};

static const struct flag flags[] = {
	{"--speech", TEXT, NULL, parse_speech},
	{"--ports", TEXT, NULL, parse_ports},
	{"--rooms", TEXT, NULL, parse_rooms},
	{"--watch", TEXT, NULL, parse_watch},
	{"--path", TEXT, &options.path, NULL},
	{"--tokens", TEXT, &options.tokens_path, NULL},
	{"--until", TEXT, &options.until, NULL},
	{"--members", WHOLE, &options.members, NULL},
	{"--senders", WHOLE, &options.senders, NULL},
	{"--bytes", WHOLE, &options.bytes, NULL},
	{"--connecting", WHOLE, &options.connecting_max, NULL},
	{"--receive-bytes", WHOLE, &options.receive_bytes, NULL},
	{"--rate", REAL, &options.rate, NULL},
	{"--seconds", REAL, &options.seconds, NULL},
	{"--warm-up", REAL, &options.warm_up_seconds, NULL},
	{"--drain", REAL, &options.drain_seconds, NULL},
	{"--connect-seconds", REAL, &options.connect_seconds, NULL},
	{"--drop-every", REAL, &options.drop_every_seconds, NULL},
	{"--drop-for", REAL, &options.drop_for_seconds, NULL},
	{"--stopped-share", REAL, &options.stopped_share, NULL},
	{"--stopped-seconds", REAL, &options.stopped_seconds, NULL},
	{"--reconnect-ms", REAL, &options.reconnect_ms, NULL},
	{"--storm", SWITCH, &options.is_storm, NULL},
	{"--first-port-only", SWITCH, &options.is_first_port_only, NULL},
	{"--tickets", SWITCH, &options.has_tickets, NULL},
	{"--resend", SWITCH, &options.is_resending, NULL},
	{"--interactive", SWITCH, &options.is_interactive, NULL},
};

static const struct flag *find_flag(const char *name)
{
	for (size_t at = 0; at < sizeof flags / sizeof *flags; at++)
		if (strcmp(flags[at].name, name) == 0)
			return &flags[at];
	give_up("%s is unknown: bench/load/README.md lists the options", name);
}

static void set_flag(const struct flag *flag, char *value)
{
	switch (flag->kind) {
	case SWITCH:
		*(bool *)flag->target = true;
		break;
	case WHOLE:
		*(int *)flag->target = atoi(value);
		break;
	case REAL:
		*(double *)flag->target = atof(value);
		break;
	case TEXT:
		if (flag->parse != NULL)
			flag->parse(value);
		else
			*(const char **)flag->target = value;
	}
}

void parse_options(int argc, char **argv)
{
	for (int at = 1; at < argc; at++) {
		const struct flag *flag = find_flag(argv[at]);
		if (flag->kind != SWITCH && ++at == argc)
			give_up("%s needs a value", flag->name);
		set_flag(flag, argv[at]);
	}
	if (speech == NULL || options.ports_count == 0 || options.rooms_count == 0)
		give_up("--speech, --ports and --rooms are needed");
	if (options.is_storm)
		options.connecting_max = options.members;
	if (options.senders > options.members || options.members < options.rooms_count)
		give_up("fewer members than senders or rooms");
	options.run = (uint32_t)getpid() << 16 ^ (uint32_t)(clock_ns() >> 10);
}

/* A token a line, the first for the first member; members beyond the last line are guests. */
void read_tokens(void)
{
	FILE *file = fopen(options.tokens_path, "r");
	char line[2048];
	if (file == NULL)
		give_up("can't read %s", options.tokens_path);
	for (int at = 0; at < options.members && fgets(line, sizeof line, file) != NULL; at++) {
		line[strcspn(line, "\n")] = '\0';
		seats[at].token = strdup(line);
	}
	fclose(file);
}

void free_options(void)
{
	free(options.rooms);
}
