#include "cli/examine.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/remote.h"

#define LOOK_MICROSECONDS 300000

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

char *examine_path(const struct examine_wish *w, const char *what)
{
    g_autofree char *format =
        g_strdup_printf("/v1/projects/%%s/%ss/%%s/%s", w->image ? "image" : "node", what);
    return remote_path(format, w->project, w->name);
}

char *examine_ask(const struct examine_wish *w, json_t **introspection, GError **error)
{
    g_autofree char *path = examine_path(w, "introspections");
    json_t *body = json_pack("{s:b, s:b}", "deep", w->deep, "fresh", w->fresh);
    bool ok = remote_call("POST", path, body, introspection, error);
    json_decref(body);
    const char *id = ok ? text_of(*introspection, "id") : NULL;
    if (id != NULL)
        return remote_path("/v1/projects/%s/introspections/%s", w->project, id);
    if (ok)
        (void)fail(error, ASSAY_ERROR_CORRUPT, "the answer names no introspection; is it assay?");
    return NULL;
}

/* One line that is written over: what is being done. */
static void tell_progress(const json_t *i)
{
    const char *step = text_of(i, "step"), *state = text_of(i, "state");
    g_autofree char *name = text_safe(text_of(i, "name"));
    g_autofree char *doing = text_safe(step != NULL ? step : state);
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r\033[K%s: %s", name, doing);
}

json_t *examine_wait(const char *path, GError **error)
{
    for (;;) {
        json_t *i = NULL;
        if (!remote_call("GET", path, NULL, &i, error))
            return NULL;
        if (!json_is_null(json_object_get(i, "finished"))) {
            if (isatty(STDERR_FILENO))
                (void)fputs("\r\033[K", stderr);
            return i;
        }
        tell_progress(i);
        json_decref(i);
        g_usleep(LOOK_MICROSECONDS);
    }
}

json_t *examine_report(const struct examine_wish *w, GError **error)
{
    json_t *report = NULL;
    g_autofree char *path = examine_path(w, "report?format=json");
    return remote_call("GET", path, NULL, &report, error) ? report : NULL;
}

static bool is_meant(const struct fail_on *f, const json_t *finding)
{
    enum severity severity = SEVERITY_UNKNOWN;
    const char *name = text_of(finding, "severity");
    const json_t *epss = json_object_get(finding, "epss");
    if (text_of(finding, "suppressed_by") != NULL)
        return false;
    if (name != NULL)
        (void)severity_parse(name, &severity);
    return (f->by_severity && severity >= f->severity) ||
           (f->known_exploited && json_is_true(json_object_get(finding, "known_exploited"))) ||
           (f->by_epss && json_number_value(epss) >= f->epss && epss != NULL);
}

enum cli_status examine_status(const json_t *report, const struct fail_on *fail_on)
{
    json_t *target, *system, *finding;
    size_t t, s, f;
    enum cli_status status = CLI_OK;
    json_array_foreach(json_object_get(report, "targets"), t, target) {
        if (!json_is_true(json_object_get(target, "complete")))
            status = CLI_INCOMPLETE;
        json_array_foreach(json_object_get(target, "systems"), s, system) {
            json_array_foreach(json_object_get(system, "findings"), f, finding) {
                if (is_meant(fail_on, finding))
                    return CLI_FINDINGS;
            }
        }
    }
    return status;
}
