/* Connections: one epoll, one scratch buffer to read into, no copy unless a frame is cut. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define READ_BYTES (256 << 10)
#define SCRATCH_BYTES (8 << 20) /* the longest frame: a `joined` of 500 events is 200 kB */
#define PORTS_OF_AN_ADDRESS 10000 /* 28,000 ephemeral ports less those that wait after their close */
#define EVENTS 512

int64_t now_ns;
int links_connecting, links_open;
bool has_command;

static int epoll = -1, opened;
static char *scratch;
static struct link *dead;

void start_links(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	scratch = grow(NULL, SCRATCH_BYTES);
	if (options.is_interactive) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
		epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	}
}

static void watch(struct link *link, int operation)
{
	struct epoll_event event = {.data.ptr = link};
	event.events = EPOLLIN | (link->is_waiting_to_write ? EPOLLOUT : 0);
	if (epoll_ctl(epoll, operation, link->fd, &event) != 0)
		give_up("epoll_ctl: %s", strerror(errno));
}

/* A source address for each 10,000 connections: one address has too few ports for 20,000 that come and go. */
static void bind_source(int fd)
{
	int on = 1, address = 1 + opened++ / PORTS_OF_AN_ADDRESS % 200;
	struct sockaddr_in source = {.sin_family = AF_INET};
	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)address);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
		give_up("bind to 127.0.0.%d: %s", address, strerror(errno));
}

/* NULL when nothing listens there. */
struct link *open_link(struct seat *seat, int port)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		give_up("socket: %s: raise the limit of open files", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (options.receive_bytes && !seat->is_prompt)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_bytes, sizeof options.receive_bytes);
	bind_source(fd);
	struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS) {
		close(fd);
		return NULL;
	}
	struct link *link = grow(NULL, sizeof *link);
	*link = (struct link){.fd = fd, .epoch = -1, .seat = seat, .is_waiting_to_write = true};
	watch(link, EPOLL_CTL_ADD);
	links_connecting++;
	links_open++;
	return link;
}

/* Ends the connection without a word; the memory goes when no event of this turn can name it any more. */
void close_link(struct link *link)
{
	if (link->state == LINK_CLOSED)
		return;
	if (link->state < LINK_READY)
		links_connecting--;
	links_open--;
	link->state = LINK_CLOSED;
	close(link->fd);
	link->next_dead = dead;
	dead = link;
}

static void bury(void)
{
	while (dead != NULL) {
		struct link *link = dead;
		dead = link->next_dead;
		free(link->in.data);
		free(link->out.data);
		free(link);
	}
}

void stop_reading(struct link *link)
{
	if (link->state == LINK_CLOSED || link->is_stopped)
		return;
	link->is_stopped = true;
	epoll_ctl(epoll, EPOLL_CTL_DEL, link->fd, NULL); /* a mask of nothing would still tell of hang-ups, for ever */
}

void resume_reading(struct link *link)
{
	if (link->state == LINK_CLOSED || !link->is_stopped)
		return;
	link->is_stopped = false;
	watch(link, EPOLL_CTL_ADD);
}

static void keep(struct bytes *bytes, const char *data, size_t size)
{
	if (bytes->size + size > bytes->room) {
		bytes->room = (bytes->size + size) * 2;
		bytes->data = grow(bytes->data, bytes->room);
	}
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

void write_link(struct link *link, const char *data, size_t size)
{
	if (link->state == LINK_CLOSED)
		return;
	size_t sent = 0;
	if (link->out.size == 0) {
		ssize_t count = send(link->fd, data, size, MSG_NOSIGNAL);
		if (count > 0)
			sent = (size_t)count;
	}
	if (sent == size)
		return;
	keep(&link->out, data + sent, size - sent);
	if (link->is_waiting_to_write)
		return;
	link->is_waiting_to_write = true;
	if (!link->is_stopped)
		watch(link, EPOLL_CTL_MOD);
}

static void flush_link(struct link *link, bool has_failed)
{
	if (has_failed) {
		seat_lost(link, 1006);
		return;
	}
	if (link->state == LINK_CONNECTING) {
		link->state = LINK_UPGRADING;
		link->is_waiting_to_write = false;
		watch(link, EPOLL_CTL_MOD);
		write_upgrade(link);
		return;
	}
	ssize_t count = send(link->fd, link->out.data, link->out.size, MSG_NOSIGNAL);
	if (count > 0) {
		link->out.size -= (size_t)count;
		memmove(link->out.data, link->out.data + count, link->out.size);
	}
	if (link->out.size == 0) {
		link->is_waiting_to_write = false;
		watch(link, EPOLL_CTL_MOD);
	}
}

static void read_link(struct link *link)
{
	size_t kept = link->in.size;
	if (kept + READ_BYTES > SCRATCH_BYTES)
		give_up("a frame is longer than %d bytes", SCRATCH_BYTES - READ_BYTES);
	memcpy(scratch, link->in.data ? link->in.data : "", kept);
	ssize_t count = recv(link->fd, scratch + kept, READ_BYTES, 0);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		seat_lost(link, 1006);
		return;
	}
	now_ns = clock_ns();
	figures.bytes_in += (uint64_t)count;
	size_t size = kept + (size_t)count, used = 0;
	if (link->state == LINK_UPGRADING)
		used = take_upgrade(link, scratch, size);
	if (link->state > LINK_UPGRADING && link->state != LINK_CLOSED)
		used += take_frames(link, scratch + used, size - used);
	if (link->state == LINK_CLOSED)
		return;
	link->in.size = 0;
	if (used < size) {
		keep(&link->in, scratch + used, size - used);
	} else if (link->in.room > 4096) {
		free(link->in.data);
		link->in = (struct bytes){0};
	}
}

/* To the nanosecond where the kernel can (Linux 5.11; Valgrind can't), else to the millisecond. */
static int wait_for_events(struct epoll_event *events, int64_t wait_ns)
{
	static bool is_coarse;
	struct timespec wait = {.tv_sec = wait_ns / SECOND_NS, .tv_nsec = wait_ns % SECOND_NS};
	if (!is_coarse) {
		int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
		if (count >= 0 || errno != ENOSYS)
			return count;
		is_coarse = true;
	}
	int64_t wait_ms = wait_ns / MS_NS;
	return epoll_wait(epoll, events, EVENTS, wait_ms < SECOND_NS / MS_NS ? (int)wait_ms : 1000);
}

/* Waits for the sockets until then at the latest, serves them, and runs what is due. */
void turn(int64_t until_ns, bool reads_commands)
{
	struct epoll_event events[EVENTS];
	int64_t timer_ns = next_timer_ns(), wait_ns;
	now_ns = clock_ns();
	wait_ns = (timer_ns < until_ns ? timer_ns : until_ns) - now_ns;
	if (wait_ns < 0)
		wait_ns = 0;
	int count = wait_for_events(events, wait_ns);
	now_ns = clock_ns();
	has_command = false;
	for (int at = 0; at < count; at++) {
		struct link *link = events[at].data.ptr;
		if (link == NULL) {
			has_command = reads_commands;
			if (!reads_commands && events[at].events & EPOLLHUP)
				give_up("nobody waits for the figures any more");
			continue;
		}
		if (link->state == LINK_CLOSED || link->is_stopped)
			continue;
		if (events[at].events & EPOLLOUT)
			flush_link(link, link->state == LINK_CONNECTING && events[at].events & (EPOLLERR | EPOLLHUP));
		if (link->state != LINK_CLOSED && events[at].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			read_link(link);
		say_what_is_due();
	}
	run_timers();
	bury();
}

void free_links(void)
{
	bury();
	free(scratch);
	close(epoll);
}
