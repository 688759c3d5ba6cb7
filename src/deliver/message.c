#include "deliver/message.h"

#include <jansson.h>
#include <string.h>

#include "advisory/severity.h"
#include "base/text.h"

#define FINDINGS_CHANGED "findings.changed"
#define FINDINGS_SHOWN   100

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static enum severity severity_of(const json_t *finding)
{
    enum severity severity = SEVERITY_UNKNOWN;
    (void)severity_parse(text_of(finding, "severity"), &severity);
    return severity;
}

bool message_reaches(const char *kind, const char *data, const char *severity)
{
    static const char *const lists[] = { "new", "worse" };
    enum severity least;
    if (!g_str_equal(kind, FINDINGS_CHANGED) || !severity_parse(severity, &least))
        return true;
    json_t *d = json_loads(data, 0, NULL), *one;
    bool found = false;
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        size_t n;
        json_array_foreach(json_object_get(d, lists[i]), n, one)
            found = found || severity_of(one) >= least;
    }
    json_decref(d);
    return found;
}

/* --- for programs ------------------------------------------------------------------------------
 */

char *message_json(const struct message *m)
{
    const struct delivery *d = m->delivery;
    g_autofree char *time = text_time(d->time / (int64_t)G_USEC_PER_SEC);
    json_t *data = json_loads(d->data, 0, NULL);
    json_t *top =
        json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:s, s:O?}}", "delivery", d->id,
                  "notification", m->notification, "project", "id", d->project, "name", m->project,
                  "event", "id", d->event, "kind", d->kind, "time", time, "data", data);
    char *text = json_dumps(top, JSON_COMPACT);
    json_decref(data);
    json_decref(top);
    return text;
}

/* --- for people --------------------------------------------------------------------------------
 */

/* "node db1", "image x.qcow2". g_free() */
static char *thing_of(const json_t *data)
{
    const char *kind = json_object_get(data, "image") != NULL ? "image" : "node";
    g_autofree char *name = text_safe(text_of(data, "name"));
    return g_strdup_printf("%s %s", kind, name);
}

/* How many new ones there are: those in the list, or as many as are counted beside it. */
static json_int_t count_of(const json_t *data, const char *list, const char *count)
{
    const json_t *n = json_object_get(json_object_get(data, "counts"), list);
    if (n == NULL)
        n = json_object_get(data, count);
    return json_is_integer(n) ? json_integer_value(n)
                              : (json_int_t)json_array_size(json_object_get(data, list));
}

/* " (1 critical, 2 high)" of those in the list; "" when it is empty. g_free() */
static char *severities(const json_t *list)
{
    unsigned counts[SEVERITY_COUNT] = { 0 };
    GString *text = g_string_new(NULL);
    json_t *one;
    size_t n;
    json_array_foreach((json_t *)list, n, one)
        counts[severity_of(one)]++;
    for (int s = SEVERITY_COUNT - 1; s >= 0; s--) {
        if (counts[s] > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : " (", counts[s],
                                   severity_name((enum severity)s));
    }
    g_string_append(text, text->len > 0 ? ")" : "");
    return g_string_free(text, FALSE);
}

static char *subject_of(const struct message *m, const json_t *data)
{
    const char *kind = m->delivery->kind, *dot = strrchr(kind, '.');
    g_autofree char *thing = thing_of(data);
    if (g_str_equal(kind, FINDINGS_CHANGED)) {
        g_autofree char *of = severities(json_object_get(data, "new"));
        json_int_t count = count_of(data, "new", "new_count");
        return g_strdup_printf("%" JSON_INTEGER_FORMAT " new finding%s%s on %s", count,
                               count == 1 ? "" : "s", of, thing);
    }
    if (g_str_has_prefix(kind, "introspection."))
        return g_strdup_printf("introspection of %s %s", thing, dot + 1);
    return g_strdup_printf("%s: %s", kind, m->notification);
}

char *message_subject(const struct message *m)
{
    json_t *data = json_loads(m->delivery->data, 0, NULL);
    g_autofree char *rest = subject_of(m, data);
    g_autofree char *line = g_strdup_printf("[assay] %s: %s", m->project, rest);
    json_decref(data);
    /* Names hold nothing else; whatever comes here, a header stays one line of ASCII. */
    for (char *p = line; *p != '\0'; p++) {
        if (!g_ascii_isprint(*p))
            *p = '?';
    }
    return g_steal_pointer(&line);
}

static void add_row(GString *text, const char *name, const char *value)
{
    g_autofree char *safe = text_safe(value);
    if (safe[0] != '\0')
        g_string_append_printf(text, "%-14s %s\n", name, safe);
}

static void add_findings(GString *text, const char *title, const json_t *list, json_int_t count)
{
    json_t *one;
    size_t n;
    if (count == 0)
        return;
    g_string_append_printf(text, "\n%s: %" JSON_INTEGER_FORMAT "\n", title, count);
    json_array_foreach((json_t *)list, n, one) {
        g_autofree char *id = text_safe(text_of(one, "id"));
        g_autofree char *package = text_safe(text_of(one, "package"));
        g_autofree char *fixed = text_safe(text_of(one, "fixed_version"));
        if (n == FINDINGS_SHOWN)
            break;
        g_string_append_printf(
            text, "  %-10s %-18s %s%s%s%s\n", text_of(one, "severity"), id, package,
            fixed[0] != '\0' ? ", fixed in " : "", fixed,
            json_is_true(json_object_get(one, "known_exploited")) ? ", known to be exploited" : "");
    }
    if ((size_t)count > n)
        g_string_append_printf(text, "  and %" JSON_INTEGER_FORMAT " more\n",
                               count - (json_int_t)n);
}

static void add_doubt(GString *text, const json_t *data)
{
    bool gone = count_of(data, "gone", "gone_count") > 0;
    if (json_is_false(json_object_get(data, "complete")))
        g_string_append_printf(text, "\nNot everything could be examined and judged%s.\n",
                               gone ? ": what is gone may only not have been seen" : "");
}

char *message_text(const struct message *m)
{
    const struct delivery *d = m->delivery;
    json_t *data = json_loads(d->data, 0, NULL);
    GString *text = g_string_new(NULL);
    g_autofree char *subject = subject_of(m, data);
    g_autofree char *time = text_time(d->time / (int64_t)G_USEC_PER_SEC);
    g_string_append_printf(text, "%s\n\n", subject);
    add_row(text, "project", m->project);
    add_row(text, "node", json_object_get(data, "node") != NULL ? text_of(data, "name") : "");
    add_row(text, "image", json_object_get(data, "image") != NULL ? text_of(data, "name") : "");
    add_row(text, "time", time);
    add_row(text, "coverage", text_of(data, "coverage"));
    add_row(text, "reason", text_of(data, "reason"));
    add_row(text, "introspection", text_of(data, "introspection"));
    add_findings(text, "new findings", json_object_get(data, "new"),
                 count_of(data, "new", "new_count"));
    add_findings(text, "worse than before", json_object_get(data, "worse"),
                 count_of(data, "worse", "worse_count"));
    add_findings(text, "gone", json_object_get(data, "gone"), count_of(data, "gone", "gone_count"));
    add_doubt(text, data);
    g_string_append_printf(text, "\n-- \nassay, by the notification %s of the project %s\n",
                           m->notification, m->project);
    json_decref(data);
    return g_string_free(text, FALSE);
}
