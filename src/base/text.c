#include "base/text.h"

#include <string.h>

#include "base/number.h"

/* Length of the valid UTF-8 sequence at s, 0 if there is none. NUL counts as invalid. */
static size_t utf8_length(const char *s, size_t left)
{
    gunichar c = g_utf8_get_char_validated(s, (gssize)MIN(left, (size_t)6));
    if (c == (gunichar)-1 || c == (gunichar)-2 || c == 0)
        return 0;
    return (size_t)g_utf8_skip[(unsigned char)*s];
}

static bool is_control(gunichar c)
{
    /* C0, DEL, C1, line separators and the direction overrides that can disguise a name. */
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void text_append_safe(GString *out, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(bytes + i, len - i);
        if (n > 0 && !is_control(g_utf8_get_char(bytes + i))) {
            g_string_append_len(out, bytes + i, (gssize)n);
        } else {
            n = MAX(n, (size_t)1);
            for (size_t k = 0; k < n; k++)
                g_string_append_printf(out, "\\x%02x", (unsigned char)bytes[i + k]);
        }
        i += n;
    }
}

char *text_safe(const char *bytes)
{
    GString *out = g_string_new(NULL);
    if (bytes != NULL)
        text_append_safe(out, bytes, strlen(bytes));
    return g_string_free(out, FALSE);
}

void text_append_utf8(GString *out, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(bytes + i, len - i);
        if (n > 0)
            g_string_append_len(out, bytes + i, (gssize)n);
        else
            g_string_append(out, "\xef\xbf\xbd");
        i += MAX(n, (size_t)1);
    }
}

/* Days since 1970-01-01 to a civil date, and back; proleptic Gregorian, any year.
 * Source: the well-known era arithmetic over 400-year cycles of 146097 days. */
static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

char *text_time(int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400, year;
    int month, day;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    /* Beyond year 9999 there is no RFC 3339; clamp so that output stays well-formed. */
    days = CLAMP(days, -719528, 2932896);
    civil_from_days(days, &year, &month, &day);
    return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, month, day,
                           (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static bool two_digits(const char **s, int min, int max, int *out)
{
    if (!g_ascii_isdigit((*s)[0]) || !g_ascii_isdigit((*s)[1]))
        return false;
    *out = ((*s)[0] - '0') * 10 + (*s)[1] - '0';
    *s += 2;
    return *out >= min && *out <= max;
}

bool text_parse_time(const char *s, int64_t *out)
{
    uint64_t year;
    int month, day, hour = 0, minute = 0, second = 0, zone = 0;
    if (strlen(s) < 10 || !parse_u64(s, 4, &year) || s[4] != '-')
        return false;
    s += 5;
    if (!two_digits(&s, 1, 12, &month) || *s++ != '-' || !two_digits(&s, 1, 31, &day))
        return false;
    if (*s == 'T' || *s == 't' || *s == ' ') {
        s++;
        if (!two_digits(&s, 0, 23, &hour) || *s++ != ':' || !two_digits(&s, 0, 59, &minute))
            return false;
        if (*s == ':') {
            s++;
            if (!two_digits(&s, 0, 60, &second))
                return false;
        }
        if (*s == '.') {
            s++;
            while (g_ascii_isdigit(*s))
                s++;
        }
        if (*s == ' ')
            s++;
        if (*s == 'Z' || *s == 'z' || g_str_equal(s, "UTC")) {
            s += *s == 'U' ? 3 : 1;
        } else if (*s == '+' || *s == '-') {
            int sign = *s++ == '-' ? -1 : 1, zh, zm = 0;
            if (!two_digits(&s, 0, 23, &zh))
                return false;
            if (*s == ':')
                s++;
            if (*s != '\0' && !two_digits(&s, 0, 59, &zm))
                return false;
            zone = sign * (zh * 3600 + zm * 60);
        }
    }
    if (*s != '\0')
        return false;
    *out = days_from_civil((int64_t)year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
           zone;
    return true;
}

char *text_uuid(const uint8_t u[16])
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                           u[12], u[13], u[14], u[15]);
}

char *text_size(uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double n = (double)bytes;
    size_t unit = 0;
    while (n >= 1024 && unit + 1 < G_N_ELEMENTS(units)) {
        n /= 1024;
        unit++;
    }
    return g_strdup_printf(unit > 0 && n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

bool text_next_line(const char **pos, const char *end, const char **line, size_t *len)
{
    if (*pos >= end)
        return false;
    const char *newline = memchr(*pos, '\n', (size_t)(end - *pos));
    *line = *pos;
    *len = (size_t)((newline != NULL ? newline : end) - *pos);
    *pos = newline != NULL ? newline + 1 : end;
    return true;
}
