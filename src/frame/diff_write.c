#include <string.h>

#include "base/text.h"
#include "frame/diff.h"
#include "frame/field.h"
#include "frame/record_json.h"

static const char *const what_names[DIFF_WHAT_COUNT] = {
    [DIFF_ADDED] = "added",       [DIFF_REMOVED] = "removed",       [DIFF_CHANGED] = "changed",
    [DIFF_UPGRADED] = "upgraded", [DIFF_DOWNGRADED] = "downgraded",
};

/* --- text ---------------------------------------------------------------------------------------
 */

/* A member as text: through its JSON form, without the name. */
static void append_value(GString *out, const struct frame_field *f, const void *record)
{
    struct json_writer w;
    if (field_is_string(f)) {
        const char *s = field_string(record, f);
        g_autofree char *safe = text_safe(s);
        g_string_append(out, s != NULL ? safe : "none");
        return;
    }
    jw_init(&w, NULL, true);
    field_write(&w, f, record);
    g_autoptr(GString) text = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    /* "name":value, or nothing when absent */
    const char *value = text->len > strlen(f->name) + 3 ? text->str + strlen(f->name) + 3 : "none";
    g_autofree char *safe = text_safe(value);
    size_t len = strlen(safe);
    if (len >= 2 && safe[0] == '"' && safe[len - 1] == '"') {
        safe[len - 1] = '\0';
        g_string_append(out, safe + 1);
    } else {
        g_string_append(out, safe);
    }
}

static void append_changes(GString *out, const struct diff_change *c)
{
    const char *between = ": ";
    for (size_t i = 0; i < frame_kinds[c->kind].field_count; i++) {
        const struct frame_field *f = &frame_kinds[c->kind].fields[i];
        if (!diff_field_changed(c->kind, f, c->before, c->after))
            continue;
        g_string_append_printf(out, "%s%s ", between, f->name);
        append_value(out, f, c->before);
        g_string_append(out, " -> ");
        append_value(out, f, c->after);
        between = ", ";
    }
}

static char *system_name(const struct frame_os *os)
{
    const char *title = os->pretty_name != NULL ? os->pretty_name
                        : os->name != NULL      ? os->name
                                                : os->id;
    g_autofree char *raw =
        title != NULL ? g_strdup_printf("%s (%s)", os->root, title) : g_strdup(os->root);
    return text_safe(raw);
}

/* What the record is, in few words. */
static void append_subject(GString *out, const struct diff_change *c)
{
    const void *record = c->before != NULL ? c->before : c->after;
    g_autofree char *raw = NULL;
    if (c->kind == FRAME_PACKAGE) {
        const struct frame_package *p = record, *q = c->after;
        bool moved = c->before != NULL && q != NULL && !g_str_equal(p->version, q->version);
        raw = g_strdup_printf("%s%s%s %s%s%s", p->name, p->arch != NULL ? ":" : "",
                              p->arch != NULL ? p->arch : "", p->version, moved ? " -> " : "",
                              moved ? q->version : "");
    } else if (c->kind == FRAME_COVERAGE) {
        const struct frame_coverage *v = record;
        raw = g_strdup_printf("%s %s", v->kind, v->object);
        if (c->before == NULL || c->after == NULL) {
            g_autofree char *first = g_steal_pointer(&raw);
            raw =
                g_strdup_printf("%s %s%s%s", first, coverage_state_name(v->state),
                                v->reason != NULL ? ": " : "", v->reason != NULL ? v->reason : "");
        }
    } else {
        raw = g_strdup(field_string(record, &frame_kinds[c->kind].fields[0]));
    }
    g_autofree char *safe = text_safe(raw);
    g_string_append(out, safe);
}

static void headings(struct diff *d, enum frame_kind kind, GString *out)
{
    bool new_system =
        !d->said_any || d->system_before != d->said_before || d->system_after != d->said_after;
    if (new_system) {
        const struct frame_os *os = d->system_after != NULL ? d->system_after : d->system_before;
        g_autofree char *name = os != NULL ? system_name(os) : g_strdup("target");
        g_string_append_printf(out, "%s%s\n", d->said_any ? "\n" : "", name);
        d->said_any = true;
        d->said_before = d->system_before;
        d->said_after = d->system_after;
        d->said_kind = -1;
    }
    if (d->said_kind != (int)kind)
        g_string_append_printf(out, "  %s\n", frame_kinds[kind].name);
    d->said_kind = (int)kind;
}

void diff_text_emit(struct diff *d, const struct diff_change *c)
{
    static const char marks[DIFF_WHAT_COUNT] = { '+', '-', '~', '>', '<' };
    g_autoptr(GString) out = g_string_new(NULL);
    bool versions = c->what == DIFF_UPGRADED || c->what == DIFF_DOWNGRADED;
    headings(d, c->kind, out);
    g_string_append_printf(out, "    %c ", marks[c->what]);
    append_subject(out, c);
    if (versions)
        g_string_append_printf(out, " (%s)", what_names[c->what]);
    else if (c->before != NULL && c->after != NULL)
        append_changes(out, c);
    g_string_append_c(out, '\n');
    (void)fwrite(out->str, 1, out->len, d->out);
}

void diff_text_end(struct diff *d)
{
    if (d->files_left_out)
        (void)fputs("Files were not compared: only one frame lists them.\n", d->out);
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void json_emit(struct diff *d, const struct diff_change *c)
{
    struct json_writer *w = &d->w;
    jw_object_begin(w, NULL);
    jw_string(w, "kind", frame_kinds[c->kind].name);
    jw_string(w, "change", what_names[c->what]);
    if (d->system_before != NULL || d->system_after != NULL) {
        jw_string(w, "system_before", d->system_before != NULL ? d->system_before->root : NULL);
        jw_string(w, "system_after", d->system_after != NULL ? d->system_after->root : NULL);
    }
    if (c->before != NULL && c->after != NULL) {
        jw_array_begin(w, "fields");
        for (size_t i = 0; i < frame_kinds[c->kind].field_count; i++) {
            const struct frame_field *f = &frame_kinds[c->kind].fields[i];
            if (diff_field_changed(c->kind, f, c->before, c->after))
                jw_string(w, NULL, f->name);
        }
        jw_array_end(w);
    }
    if (c->before != NULL)
        record_write(w, "before", c->kind, c->before);
    if (c->after != NULL)
        record_write(w, "after", c->kind, c->after);
    jw_object_end(w);
}

static void side(struct json_writer *w, const char *key, const struct frame *f)
{
    g_autofree char *created = text_time(f->created);
    jw_object_begin(w, key);
    jw_string(w, "target", f->target);
    jw_string(w, "created", created);
    jw_string(w, "state", coverage_state_name(frame_coverage_worst(f)));
    jw_object_end(w);
}

void diff_json_begin(struct diff *d)
{
    d->emit = json_emit;
    jw_init(&d->w, d->out, false);
    jw_object_begin(&d->w, NULL);
    jw_string(&d->w, "schema", "assay.diff/1");
    side(&d->w, "before", d->a);
    side(&d->w, "after", d->b);
    jw_array_begin(&d->w, "changes");
}

bool diff_json_end(struct diff *d, GError **error)
{
    jw_array_end(&d->w);
    jw_bool(&d->w, "files_left_out", d->files_left_out);
    jw_bool(&d->w, "differ", d->differ);
    jw_object_end(&d->w);
    return jw_finish(&d->w, error);
}
