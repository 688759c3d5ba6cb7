#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/columns.h"
#include "report/table.h"

#define STATE_WIDTH 12 /* of "unreadable" and two blanks */

static const char *const state_style[COVERAGE_STATE_COUNT] = {
    [COVERAGE_READ] = "32",
    [COVERAGE_PARTIAL] = "33",
    [COVERAGE_UNREADABLE] = "1;31",
    [COVERAGE_SKIPPED] = "2",
};

static void line_begin(struct table *t, enum coverage_state state)
{
    const char *name = coverage_state_name(state);
    g_string_append(t->out, "  ");
    table_style(t, state_style[state]);
    g_string_append(t->out, name);
    table_style(t, NULL);
    columns_pad(t->out, (unsigned)strlen(name), STATE_WIDTH);
}

/* "2 partitions", "1 package database", "3 directories"; "advisories" are not counted. */
static void append_count(GString *out, guint n, const char *kind)
{
    g_autofree char *safe = text_safe(kind);
    size_t len = strlen(safe);
    if (out->len > 0)
        g_string_append(out, ", ");
    if (g_str_has_suffix(safe, "ies"))
        g_string_append(out, safe);
    else if (n != 1 && g_str_has_suffix(safe, "y"))
        g_string_append_printf(out, "%u %.*sies", n, (int)len - 1, safe);
    else
        g_string_append_printf(out, "%u %s%s", n, safe, n != 1 ? "s" : "");
}

static void read_line(struct table *t, const struct report *r)
{
    /* Kinds in order of first appearance: coverage is sorted by kind. */
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        if (c->state != COVERAGE_READ)
            continue;
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, c->kind));
        if (n == 0)
            g_ptr_array_add(kinds, (gpointer)c->kind);
        (void)g_hash_table_insert(counts, (gpointer)c->kind, GUINT_TO_POINTER(n + 1));
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < kinds->len; i++) {
        const char *kind = g_ptr_array_index(kinds, i);
        append_count(text, GPOINTER_TO_UINT(g_hash_table_lookup(counts, kind)), kind);
    }
    line_begin(t, COVERAGE_READ);
    columns_append_wrapped(t->out, text->len > 0 ? text->str : "nothing", STATE_WIDTH + 2,
                           STATE_WIDTH + 2, t->options->width);
    g_string_append_c(t->out, '\n');
}

/* Entries that differ in the object alone are one line. */
struct entry {
    const struct frame_coverage *first;
    GString *objects;
    guint count;
};

static void entry_free(void *p)
{
    struct entry *e = p;
    g_string_free(e->objects, TRUE);
    g_free(e);
}

static bool same_but_object(const struct frame_coverage *a, const struct frame_coverage *b)
{
    return g_str_equal(a->kind, b->kind) && g_strcmp0(a->reason, b->reason) == 0 &&
           g_strcmp0(a->system, b->system) == 0;
}

static GPtrArray *entries_of(const struct report *r, enum coverage_state state)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(entry_free);
    g_autoptr(GHashTable) by_reason = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < r->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(r->coverage, i);
        if (c->state != state)
            continue;
        char *key = g_strdup_printf("%s\n%s\n%s", c->kind, c->reason != NULL ? c->reason : "",
                                    c->system != NULL ? c->system : "");
        struct entry *e = g_hash_table_lookup(by_reason, key);
        if (e == NULL || !same_but_object(e->first, c)) {
            e = g_new0(struct entry, 1);
            e->first = c;
            e->objects = g_string_new(NULL);
            g_ptr_array_add(entries, e);
            (void)g_hash_table_insert(by_reason, key, e);
        } else {
            g_free(key);
        }
        g_autofree char *object = text_safe(c->object);
        g_string_append_printf(e->objects, "%s%s", e->count > 0 ? ", " : "", object);
        e->count++;
    }
    return entries;
}

static void entry_line(struct table *t, const struct entry *e)
{
    g_autofree char *kind = text_safe(e->first->kind);
    g_autofree char *reason = text_safe(e->first->reason);
    g_autofree char *system = text_safe(e->first->system);
    g_autoptr(GString) text = g_string_new(NULL);
    if (e->count > 1)
        append_count(text, e->count, e->first->kind);
    else
        g_string_append(text, kind);
    g_string_append_printf(text, " %s", e->objects->str);
    if (*system != '\0')
        g_string_append_printf(text, " of %s", system);
    if (*reason != '\0')
        g_string_append_printf(text, ": %s", reason);
    line_begin(t, e->first->state);
    columns_append_wrapped(t->out, text->str, STATE_WIDTH + 2, STATE_WIDTH + 2, t->options->width);
    g_string_append_c(t->out, '\n');
}

void table_coverage(struct table *t, const struct report *r)
{
    static const enum coverage_state states[] = { COVERAGE_UNREADABLE, COVERAGE_PARTIAL,
                                                  COVERAGE_SKIPPED };
    bool incomplete = report_incomplete(r);
    g_string_append(t->out, "Coverage: ");
    table_style(t, incomplete ? "1;31" : "32");
    g_string_append(t->out, incomplete ? "incomplete" : "complete");
    table_style(t, NULL);
    g_string_append_c(t->out, '\n');
    read_line(t, r);
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(GPtrArray) entries = entries_of(r, states[i]);
        for (guint k = 0; k < entries->len; k++)
            entry_line(t, g_ptr_array_index(entries, k));
    }
}

#define OLD_DAYS 30 /* advisories older than this stand out */

static bool is_old(const struct advisory_feed *feed, int64_t now)
{
    int64_t date = feed->data_date != 0 ? feed->data_date : feed->imported;
    return date == 0 || (now - date) / 86400 > OLD_DAYS;
}

static char *age_of(const struct advisory_feed *feed, int64_t now)
{
    int64_t date = feed->data_date != 0 ? feed->data_date : feed->imported;
    int64_t days = (now - date) / 86400;
    g_autofree char *time = text_time(date);
    const char *what = feed->data_date != 0 ? "of" : "imported";
    if (date == 0)
        return g_strdup("of unknown date");
    if (days <= 0)
        return g_strdup_printf("%s %.10s (today)", what, time);
    return g_strdup_printf("%s %.10s (%" PRIi64 " day%s ago)", what, time, days,
                           days == 1 ? "" : "s");
}

void table_feeds(struct table *t, const struct report *r)
{
    guint count = r->feeds != NULL ? r->feeds->len : 0;
    unsigned width = 0;
    g_string_append(t->out, "Advisories:");
    if (count == 0) {
        table_style(t, "1;31");
        g_string_append(t->out, " none");
        table_style(t, NULL);
    }
    g_string_append_c(t->out, '\n');
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = text_safe(((struct advisory_feed *)r->feeds->pdata[i])->name);
        width = MAX(width, columns_of(name) + 2);
    }
    width = MAX(width, STATE_WIDTH);
    for (guint i = 0; i < count; i++) {
        const struct advisory_feed *feed = g_ptr_array_index(r->feeds, i);
        g_autofree char *name = text_safe(feed->name), *age = age_of(feed, r->now);
        g_string_append_printf(t->out, "  %s", name);
        columns_pad(t->out, columns_of(name), width);
        g_string_append_printf(t->out, "%" PRIu64 " record%s ", feed->records,
                               feed->records == 1 ? "" : "s");
        if (is_old(feed, r->now))
            table_style(t, "33");
        g_string_append(t->out, age);
        if (is_old(feed, r->now))
            table_style(t, NULL);
        if (feed->malformed > 0)
            g_string_append_printf(t->out, ", %" PRIu64 " malformed", feed->malformed);
        g_string_append_c(t->out, '\n');
    }
}
