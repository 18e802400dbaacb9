/* One line of JSON for each step. */
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "load.h"

static struct {
	int64_t wall_ns, own_ns, watched_ns[WATCHED_MAX];
	long deliveries;
	uint64_t bytes_in, delivered_bytes;
} before;

static int64_t own_cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

/* All threads of another process, to the nanosecond; -1 when it is gone.  Source: clock_getcpuclockid(3). */
static int64_t cpu_ns_of(int pid)
{
	clockid_t clock;
	struct timespec time;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
		return -1;
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

void begin_measure(void)
{
	before.wall_ns = clock_ns();
	before.own_ns = own_cpu_ns();
	for (int at = 0; at < options.watched_count; at++)
		before.watched_ns[at] = cpu_ns_of(options.watched[at].pid);
	before.deliveries = figures.deliveries;
	before.bytes_in = figures.bytes_in;
	before.delivered_bytes = figures.delivered_bytes;
}

void begin_step(void)
{
	memset(&figures, 0, sizeof figures);
	begin_measure();
}

static void print_histogram(const char *name, const struct histogram *histogram)
{
	if (histogram->count == 0)
		return;
	printf("\"%s\":{\"count\":%llu,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f},", name,
		(unsigned long long)histogram->count, histogram_ms(histogram, 0.5), histogram_ms(histogram, 0.9),
		histogram_ms(histogram, 0.99), histogram_ms(histogram, 0.999), (double)histogram->max_ns / MS_NS);
}

static void print_counts(const char *name, const struct counts *counts)
{
	printf("\"%s\":{", name);
	for (int at = 0; at < counts->size; at++)
		printf("%s\"%s\":%ld", at ? "," : "", counts->names[at], counts->values[at]);
	printf("},");
}

/* What the step cost since `begin_measure`; ends the object. */
static void print_cost(void)
{
	double wall = (double)(clock_ns() - before.wall_ns);
	printf("\"cpu_seconds\":{");
	for (int at = 0; at < options.watched_count; at++) {
		int64_t after_ns = cpu_ns_of(options.watched[at].pid);
		bool is_known = after_ns >= 0 && before.watched_ns[at] >= 0;
		printf("%s\"%s\":", at ? "," : "", options.watched[at].name);
		if (is_known)
			printf("%.6f", (double)(after_ns - before.watched_ns[at]) / SECOND_NS);
		else
			printf("null");
	}
	printf("},\"wall_seconds\":%.3f,\"own_cpu_share\":%.3f}\n", wall / SECOND_NS,
		(double)(own_cpu_ns() - before.own_ns) / wall);
	fflush(stdout);
}

void report_ready(void)
{
	double wall_seconds = (double)(clock_ns() - before.wall_ns) / SECOND_NS;
	printf("{\"event\":\"ready\",\"speech\":\"%s\",\"members\":%d,\"ready\":%d,\"per_second\":%.1f,", speech->name,
		options.members, seats_ready, seats_ready / wall_seconds);
	print_histogram("enter_ms", &figures.entered);
	print_counts("closed", &figures.closed);
	print_counts("refused", &figures.refused);
	print_cost();
}

void report_step(double rate, double seconds, int from, int to, int64_t drain_ns)
{
	struct losses losses = count_losses(from, to);
	printf("{\"event\":\"step\",\"speech\":\"%s\",\"members\":%d,\"ready\":%d,\"rooms\":%d,\"rate\":%g,\"seconds\":%g,",
		speech->name, options.members, seats_ready, options.rooms_count, rate, seconds);
	printf("\"said\":%d,\"measured\":%d,\"sent\":%ld,\"acked\":%ld,\"unsent\":%ld,\"resent\":%ld,", to - from,
		to - measured_from, figures.sent, figures.acked, figures.unsent, figures.resent);
	printf("\"expected\":%ld,\"lost\":%ld,\"declared_lost\":%ld,\"lost_of_away\":%ld,", losses.expected, losses.lost,
		losses.declared, losses.away);
	printf("\"twice\":%ld,\"disorder\":%ld,\"gaps\":%ld,\"faults\":%ld,\"overlaps\":%ld,", figures.twice,
		figures.disorder, figures.gaps, figures.faults, figures.overlaps);
	printf("\"deliveries\":%ld,\"foreign\":%ld,", figures.deliveries - before.deliveries, figures.foreign);
	printf("\"dropped\":%ld,\"recovered\":%ld,\"unrecovered\":%ld,\"reloads\":%ld,", figures.dropped, figures.recovered,
		figures.unrecovered, figures.reloads);
	print_counts("closed", &figures.closed);
	print_counts("refused", &figures.refused);
	print_histogram("latency_ms", &figures.latency);
	print_histogram("to_last_ms", &figures.to_last);
	print_histogram("ack_ms", &figures.ack);
	print_histogram("recovered_latency_ms", &figures.recovered_latency);
	print_histogram("slow_latency_ms", &figures.slow_latency);
	print_histogram("foreign_latency_ms", &figures.foreign_latency);
	print_histogram("back_ms", &figures.back);
	printf("\"drain_ms\":%.3f,\"send_lag_max_ms\":%.3f,", (double)drain_ns / MS_NS,
		(double)figures.send_lag_max_ns / MS_NS);
	printf("\"bytes_in\":%llu,\"delivered_bytes\":%llu,", (unsigned long long)(figures.bytes_in - before.bytes_in),
		(unsigned long long)(figures.delivered_bytes - before.delivered_bytes));
	print_cost();
}
