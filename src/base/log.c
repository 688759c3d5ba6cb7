#include "base/log.h"

#include <unistd.h>

#include "base/json_writer.h"

static void begin(struct json_writer *w, const char *level, const char *event)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ");
    jw_init(w, NULL, true);
    jw_object_begin(w, NULL);
    jw_string(w, "time", time);
    jw_string(w, "level", level);
    jw_string(w, "event", event);
}

/* In one write, so that lines of several threads do not mix. */
static void end(struct json_writer *w)
{
    jw_object_end(w);
    GString *line = jw_take(w);
    if (line->len == 0 || line->str[line->len - 1] != '\n')
        g_string_append_c(line, '\n');
    (void)!write(STDERR_FILENO, line->str, line->len);
    g_string_free(line, TRUE);
    g_string_free(w->buffer, TRUE);
}

void log_line(const char *level, const char *format, ...)
{
    struct json_writer w;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    begin(&w, level, "message");
    jw_string(&w, "message", text);
    end(&w);
}

void log_request(const struct log_request *r)
{
    struct json_writer w;
    begin(&w, r->status >= 500 ? "error" : "info", "request");
    jw_string(&w, "request_id", r->id);
    jw_string(&w, "method", r->method);
    jw_string(&w, "path", r->path);
    jw_string_opt(&w, "route", r->route);
    jw_u64(&w, "status", r->status);
    jw_u64(&w, "bytes", r->bytes);
    jw_decimal(&w, "milliseconds", (double)r->microseconds / 1000, 3);
    jw_string(&w, "remote", r->remote);
    jw_string_opt(&w, "user", r->user);
    jw_string_opt(&w, "reason", r->reason);
    end(&w);
}
