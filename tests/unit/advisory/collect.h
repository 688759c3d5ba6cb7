/* Runs a feed driver over a text and writes down the records it makes, one line a fact. */
#pragma once
#include <glib.h>

#include "advisory/cve.h"
#include "advisory/feed.h"
#include "advisory/splitter.h"

struct collect {
    const struct feed_driver *driver;
    struct feed_context context;
    GString *out;
    unsigned records, malformed;
};

static inline bool collect_record(const struct record *r, void *user, GError **error)
{
    struct collect *c = user;
    c->records++;
    g_string_append_printf(c->out, "%s %s", r->feed ? r->feed : c->driver->name, r->id);
    if (r->withdrawn)
        g_string_append(c->out, " withdrawn");
    if (r->severity != SEVERITY_UNKNOWN)
        g_string_append_printf(c->out, " %s", severity_name(r->severity));
    if (r->known_exploited)
        g_string_append_printf(c->out, " exploited%s due %" G_GINT64_FORMAT,
                               r->ransomware ? " ransomware" : "", r->kev_due);
    if (r->epss >= 0)
        g_string_append_printf(c->out, " epss %.5f %.5f", r->epss, r->epss_percentile);
    for (guint i = 0; i < r->cves->len; i++) {
        char text[CVE_TEXT_MAX];
        g_string_append_printf(c->out, " %s",
                               cve_format(g_array_index(r->cves, uint32_t, i), text));
    }
    g_string_append(c->out, "\n");
    if (r->title != NULL)
        g_string_append_printf(c->out, "  title %s\n", r->title);
    for (guint i = 0; i < r->vectors->len; i++) {
        const struct record_vector *v = &g_array_index(r->vectors, struct record_vector, i);
        g_string_append_printf(c->out, "  score %s %s %s\n", v->source ? v->source : "-",
                               v->vector ? v->vector : "-", severity_name(v->severity));
    }
    for (guint i = 0; i < r->statements->len; i++) {
        const struct record_statement *s =
            &g_array_index(r->statements, struct record_statement, i);
        g_string_append_printf(c->out, "  %s|%s|%s", s->ecosystem, s->package,
                               finding_state_name(s->state));
        if (s->introduced != NULL)
            g_string_append_printf(c->out, " >=%s", s->introduced);
        if (s->fixed != NULL)
            g_string_append_printf(c->out, " <%s", s->fixed);
        if (s->last_affected != NULL)
            g_string_append_printf(c->out, " <=%s", s->last_affected);
        if (s->module != NULL)
            g_string_append_printf(c->out, " module %s", s->module);
        if (s->severity != SEVERITY_UNKNOWN)
            g_string_append_printf(c->out, " %s", severity_name(s->severity));
        g_string_append(c->out, "\n");
    }
    return true;
}

static inline bool collect_document(const char *key, const char *text, size_t len,
                                    const char *broken, void *user, GError **error)
{
    struct collect *c = user;
    const struct feed_document doc = { .name = "test", .key = key, .text = text, .len = len };
    g_autofree char *malformed = NULL;
    if (broken != NULL) {
        c->malformed++;
        g_string_append_printf(c->out, "broken: %s\n", broken);
        return true;
    }
    if (!feed_parse(c->driver, &c->context, &doc, &malformed, error))
        return false;
    if (malformed != NULL) {
        c->malformed++;
        g_string_append_printf(c->out, "malformed: %s\n", malformed);
    }
    return true;
}

/* Pushes the text in pieces of the size given (0: at once). The result is out; g_free(). */
static inline char *collect_text(const char *driver, const char *text, size_t len, size_t piece,
                                 unsigned *records, unsigned *malformed)
{
    g_autoptr(GError) error = NULL;
    struct collect c = { .driver = feed_driver_find(driver), .out = g_string_new(NULL) };
    feed_context_init(&c.context, (struct record_sink){ .emit = collect_record, .user = &c });
    g_autoptr(splitter) s =
        splitter_new(c.driver->form, c.driver->xml_element, collect_document, &c);
    if (piece == 0)
        piece = MAX(len, 1);
    bool ok = true;
    for (size_t at = 0; ok && at < len; at += piece)
        ok = splitter_push(s, text + at, MIN(piece, len - at), &error);
    ok = ok && splitter_finish(s, &error);
    if (!ok)
        g_string_append_printf(c.out, "failed: %s\n", error->message);
    feed_context_done(&c.context);
    if (records != NULL)
        *records = c.records;
    if (malformed != NULL)
        *malformed = c.malformed;
    return g_string_free(c.out, FALSE);
}

/* The driver recognises the text, no other does, and its records are those expected. */
static inline void assert_feed(const char *driver, const char *text, const char *expected)
{
    struct feed_head head;
    size_t len = strlen(text);
    feed_head_init(&head, text, len, true);
    const struct feed_driver *found = feed_driver_detect(&head);
    g_assert_nonnull(found);
    g_assert_cmpstr(found->name, ==, driver);
    unsigned claims = 0;
    for (const struct feed_driver *const *d = feed_drivers; *d != NULL; d++)
        claims += (*d)->detect(&head);
    g_assert_cmpuint(claims, ==, 1);
    feed_head_done(&head);
    g_autofree char *whole = collect_text(driver, text, len, 0, NULL, NULL);
    g_assert_cmpstr(whole, ==, expected);
    g_autofree char *bytes = collect_text(driver, text, len, 1, NULL, NULL);
    g_assert_cmpstr(bytes, ==, expected);
}
