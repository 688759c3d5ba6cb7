/* Schedules: when a node or image is examined by itself.
 *
 * Either an interval ("15m", "6h", "1d"), counted from when it was set, or five fields as in
 * crontab(5): minute, hour, day of the month, month, day of the week; with *, numbers, names of
 * months and days (jan, sun), ranges, lists and steps. When both days are restricted (neither field
 * begins with *), either of them is enough. Times are UTC, so no hour is missing or comes twice.
 *
 * So that things with the same schedule do not all start at once, each is late by a time of its own
 * that follows from its identifier: for intervals up to a tenth of it and at most 15 minutes, for
 * crontab fields less than a minute, so that it starts within the minute that was named. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct schedule {
    int64_t interval;                       /* seconds; 0: the fields below */
    uint64_t minutes;                       /* a bit for each number that is meant */
    uint32_t hours, days, months, weekdays; /* weekdays: 0 is Sunday */
    bool either_day;
};
/* "" is a valid schedule that never comes: interval and minutes are 0. False with
 * ASSAY_ERROR_INVALID, also for fields that name no day of any year (30 February). */
bool schedule_parse(const char *text, struct schedule *out, GError **error);

/* Of fields: the first minute that they name and that begins later than `after`, both in seconds
 * since 1970, without lateness; 0: there is none. */
int64_t schedule_minute_after(const struct schedule *s, int64_t after);

/* All other times are Unix microseconds; key is the identifier whose own lateness is added. */

/* The first time for a schedule that was set at now; 0: never. */
int64_t schedule_first(const struct schedule *s, const char *key, int64_t now);
/* The time after now, when the last one was due: those that were missed in between are not made up
 * for. 0: never. */
int64_t schedule_next(const struct schedule *s, const char *key, int64_t due, int64_t now);
