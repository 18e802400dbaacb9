/* Latencies in buckets, and counts by name. */
#include <string.h>

#include "load.h"

static int bucket_of(uint64_t value)
{
	if (value < 64)
		return (int)value;
	int exponent = 63 - __builtin_clzll(value); /* ≥ 6 */
	int bucket = (exponent - 5) * 64 + (int)((value >> (exponent - 6)) & 63);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static int64_t upper_end(int bucket)
{
	if (bucket < 64)
		return bucket;
	int exponent = bucket / 64 + 5;
	return ((int64_t)(64 + bucket % 64 + 1) << (exponent - 6)) - 1;
}

void histogram_add(struct histogram *histogram, int64_t value_ns)
{
	if (value_ns < 0)
		value_ns = 0;
	histogram->buckets[bucket_of((uint64_t)value_ns)]++;
	histogram->count++;
	if (value_ns > histogram->max_ns)
		histogram->max_ns = value_ns;
}

/* The smallest value that `share` of all do not exceed. */
double histogram_ms(const struct histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.999999), passed = 0;
	for (int bucket = 0; bucket < BUCKETS; bucket++) {
		passed += histogram->buckets[bucket];
		if (passed >= wanted && passed > 0) {
			int64_t end = upper_end(bucket);
			return (double)(end < histogram->max_ns ? end : histogram->max_ns) / MS_NS;
		}
	}
	return 0;
}

void count_name(struct counts *counts, const char *name, size_t size)
{
	if (size >= sizeof counts->names[0])
		size = sizeof counts->names[0] - 1;
	for (int at = 0; at < counts->size; at++)
		if (strlen(counts->names[at]) == size && memcmp(counts->names[at], name, size) == 0) {
			counts->values[at]++;
			return;
		}
	if (counts->size == NAMES_MAX)
		return;
	memcpy(counts->names[counts->size], name, size);
	counts->names[counts->size][size] = '\0';
	counts->values[counts->size++] = 1;
}

void count_number(struct counts *counts, int number)
{
	char name[16];
	int size = snprintf(name, sizeof name, "%d", number);
	count_name(counts, name, (size_t)size);
}
