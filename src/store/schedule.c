#include "store/schedule.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"

#define MINUTE         60
#define HOUR           3600
#define DAY            86400
#define LATEST         (15 * MINUTE)
#define INTERVAL_MAX   (366 * DAY)
#define EPOCH_JULIAN   719163 /* GDate's number of 1970-01-01 */
#define CALENDAR_CYCLE 146097 /* days of 400 years, after which dates and weekdays repeat */

/* --- reading ------------------------------------------------------------------------------------
 */

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun",
                                           "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

static const struct field {
    const char *what;
    unsigned min, max;
    const char *const *names; /* of min and those after it */
    unsigned name_count;
} fields[] = {
    { "minute", 0, 59, NULL, 0 },
    { "hour", 0, 23, NULL, 0 },
    { "day of the month", 1, 31, NULL, 0 },
    { "month", 1, 12, month_names, 12 },
    { "day of the week", 0, 7, day_names, 7 }, /* 7 is Sunday too */
};
enum { FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT };

static bool read_value(const struct field *f, const char *text, size_t len, unsigned *value)
{
    uint64_t number;
    for (unsigned i = 0; i < f->name_count; i++) {
        if (len == 3 && g_ascii_strncasecmp(text, f->names[i], 3) == 0) {
            *value = f->min + i;
            return true;
        }
    }
    if (!parse_u64(text, len, &number) || number < f->min || number > f->max)
        return false;
    *value = (unsigned)number;
    return true;
}

/* One of a list: "*", "4", "1-5", each range perhaps with "/2". */
static bool read_part(const struct field *f, const char *part, uint64_t *bits)
{
    uint64_t step = 1;
    unsigned first = f->min, last = f->max;
    const char *slash = strchr(part, '/');
    size_t len = slash != NULL ? (size_t)(slash - part) : strlen(part);
    const char *dash = memchr(part, '-', len);
    if (slash != NULL &&
        (!parse_u64(slash + 1, strlen(slash + 1), &step) || step < 1 || step > f->max))
        return false;
    if (dash != NULL) {
        size_t before = (size_t)(dash - part);
        if (!read_value(f, part, before, &first) ||
            !read_value(f, dash + 1, len - before - 1, &last))
            return false;
        if (f == &fields[FIELD_WEEKDAY] && last == 0)
            last = 7; /* "fri-sun" */
    } else if (!(len == 1 && part[0] == '*')) {
        if (slash != NULL || !read_value(f, part, len, &first))
            return false;
        last = first;
    }
    for (uint64_t i = first; i <= last; i += step)
        *bits |= UINT64_C(1) << i;
    return first <= last;
}

static bool read_field(const struct field *f, const char *text, uint64_t *bits, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    *bits = 0;
    for (char **p = parts; *p != NULL; p++) {
        if (!read_part(f, *p, bits))
            return fail(error, ASSAY_ERROR_INVALID, "schedule: '%s' is not a %s", text, f->what);
    }
    return true;
}

static bool read_interval(const char *text, size_t len, int64_t *seconds)
{
    uint64_t count;
    const char unit = text[len - 1];
    int64_t one = unit == 'm' ? MINUTE : unit == 'h' ? HOUR : DAY;
    if (strchr("mhd", unit) == NULL || !parse_u64(text, len - 1, &count) || count < 1 ||
        count > (uint64_t)(INTERVAL_MAX / one))
        return false;
    *seconds = (int64_t)count * one;
    return true;
}

/* The words of a line; blanks and tabs are between them. */
static GStrv split(const char *text)
{
    GStrvBuilder *words = g_strv_builder_new();
    for (const char *p = text + strspn(text, " \t"); *p != '\0'; p += strspn(p, " \t")) {
        size_t len = strcspn(p, " \t");
        g_autofree char *word = g_strndup(p, len);
        g_strv_builder_add(words, word);
        p += len;
    }
    GStrv all = g_strv_builder_end(words);
    g_strv_builder_unref(words);
    return all;
}

bool schedule_parse(const char *text, struct schedule *out, GError **error)
{
    struct schedule s = { 0 };
    uint64_t bits[FIELD_COUNT];
    size_t len = strlen(text);
    if (len == 0 || read_interval(text, len, &s.interval)) {
        *out = s;
        return true;
    }
    g_auto(GStrv) words = split(text);
    if (g_strv_length(words) != FIELD_COUNT)
        return fail(error, ASSAY_ERROR_INVALID,
                    "schedule '%s': an interval such as 15m, 6h, 1d, or five fields as in "
                    "crontab(5)",
                    text);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!read_field(&fields[i], words[i], &bits[i], error))
            return false;
    }
    s.minutes = bits[FIELD_MINUTE];
    s.hours = (uint32_t)bits[FIELD_HOUR];
    s.days = (uint32_t)bits[FIELD_DAY];
    s.months = (uint32_t)bits[FIELD_MONTH];
    s.weekdays = (uint32_t)((bits[FIELD_WEEKDAY] | bits[FIELD_WEEKDAY] >> 7) & 0x7f);
    s.either_day = words[FIELD_DAY][0] != '*' && words[FIELD_WEEKDAY][0] != '*';
    if (schedule_minute_after(&s, 0) == 0)
        return fail(error, ASSAY_ERROR_INVALID, "schedule '%s': there is no such day", text);
    *out = s;
    return true;
}

/* --- counting -----------------------------------------------------------------------------------
 */

static bool day_matches(const struct schedule *s, const GDate *date)
{
    bool day = s->days >> g_date_get_day(date) & 1;
    bool weekday = s->weekdays >> (g_date_get_weekday(date) % 7) & 1; /* GDate's Sunday is 7 */
    return (s->months >> g_date_get_month(date) & 1) &&
           (s->either_day ? day || weekday : day && weekday);
}

/* The first minute of a day, not before the given one, that the fields name; -1: none. */
static int first_minute(const struct schedule *s, int from)
{
    for (int hour = from / 60; hour < 24; hour++) {
        if ((s->hours >> hour & 1) == 0)
            continue;
        for (int minute = hour == from / 60 ? from % 60 : 0; minute < 60; minute++) {
            if (s->minutes >> minute & 1)
                return hour * 60 + minute;
        }
    }
    return -1;
}

int64_t schedule_minute_after(const struct schedule *s, int64_t after)
{
    int64_t minute = after / MINUTE + 1;
    int64_t day = minute / (DAY / MINUTE);
    int from = (int)(minute % (DAY / MINUTE));
    GDate date;
    g_date_clear(&date, 1);
    g_date_set_julian(&date, (guint32)(EPOCH_JULIAN + day));
    for (int i = 0; i <= CALENDAR_CYCLE; i++) {
        int found = day_matches(s, &date) ? first_minute(s, from) : -1;
        if (found >= 0)
            return (day + i) * DAY + (int64_t)found * MINUTE;
        g_date_add_days(&date, 1);
        from = 0;
    }
    return 0;
}

/* Evenly spread over 0 … below: FNV-1a, then the finisher of MurmurHash3, as identifiers made in
 * one moment differ in few characters. */
static int64_t lateness(const struct schedule *s, const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    int64_t below = s->interval > 0 ? MIN(s->interval / 10, LATEST) : MINUTE;
    for (const char *p = key; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return (int64_t)(hash % (uint64_t)(below * G_USEC_PER_SEC));
}

static bool never(const struct schedule *s)
{
    return s->interval == 0 && s->minutes == 0;
}

static int64_t next_named(const struct schedule *s, const char *key, int64_t now)
{
    int64_t late = lateness(s, key);
    int64_t minute = schedule_minute_after(s, MAX(now - late, 0) / G_USEC_PER_SEC);
    return minute > 0 ? minute * G_USEC_PER_SEC + late : 0;
}

int64_t schedule_first(const struct schedule *s, const char *key, int64_t now)
{
    if (never(s))
        return 0;
    return s->interval > 0 ? now + s->interval * G_USEC_PER_SEC + lateness(s, key)
                           : next_named(s, key, now);
}

int64_t schedule_next(const struct schedule *s, const char *key, int64_t due, int64_t now)
{
    if (never(s))
        return 0;
    if (s->interval == 0)
        return next_named(s, key, now);
    int64_t interval = s->interval * G_USEC_PER_SEC;
    return now < due ? due : due + ((now - due) / interval + 1) * interval;
}
