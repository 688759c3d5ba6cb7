#include "advisory/suppression.h"

#include "advisory/suppression_set.h"
#include "base/error.h"
#include "base/glob.h"
#include "base/limits.h"
#include "base/text.h"

struct suppressions *suppressions_new(void)
{
    struct suppressions *s = g_new0(struct suppressions, 1);
    s->arena = arena_new(LIMIT_VEX_MEMORY);
    s->strings = g_string_chunk_new(4096);
    s->rules = g_ptr_array_new();
    s->by_id =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    s->any = g_ptr_array_new();
    s->sources = g_ptr_array_new();
    return s;
}

void suppressions_free(struct suppressions *s)
{
    if (s == NULL)
        return;
    g_ptr_array_unref(s->sources);
    g_ptr_array_unref(s->any);
    g_hash_table_unref(s->by_id);
    g_ptr_array_unref(s->rules);
    g_string_chunk_free(s->strings);
    arena_free(s->arena);
    g_free(s);
}

const char *suppressions_text(struct suppressions *s, const char *text)
{
    return text != NULL ? g_string_chunk_insert_const(s->strings, text) : NULL;
}

struct suppression_source *suppressions_add_source(struct suppressions *s, const char *path,
                                                   const char *kind, GError **error)
{
    struct suppression_source *source = arena_new0(s->arena, struct suppression_source);
    if (source == NULL) {
        (void)fail_limit(error, "%s: too many statements", path);
        return NULL;
    }
    source->path = suppressions_text(s, path);
    source->kind = kind;
    g_ptr_array_add(s->sources, source);
    return source;
}

bool suppressions_add(struct suppressions *s, const struct suppression *rule,
                      const char *const *ids, GError **error)
{
    struct suppression *kept = arena_new0(s->arena, struct suppression);
    if (kept == NULL || s->rules->len >= LIMIT_VEX_STATEMENTS)
        return fail_limit(error, "%s: too many statements", rule->source->path);
    *kept = *rule;
    kept->source->loaded++;
    g_ptr_array_add(s->rules, kept);
    if (kept->any_id)
        g_ptr_array_add(s->any, kept);
    for (const char *const *id = ids; id != NULL && *id != NULL; id++) {
        g_autofree char *upper = g_ascii_strup(*id, -1);
        GPtrArray *rules = g_hash_table_lookup(s->by_id, upper);
        if (rules == NULL) {
            rules = g_ptr_array_new();
            (void)g_hash_table_insert(s->by_id, (gpointer)suppressions_text(s, upper), rules);
        }
        g_ptr_array_add(rules, kept);
    }
    return true;
}

/* --- findings --------------------------------------------------------------------------------- */

struct applying {
    struct suppressions *set;
    const struct frame *frame;
    int64_t now;
    struct arena *scratch;
    struct subject subject; /* of the finding before: they come package by package */
    bool has_subject;
    struct finding *finding;
    const struct suppression *vex, *ignore; /* the best so far */
};

static bool ignores(const struct applying *a, const struct suppression *rule)
{
    const struct target_package *names = &a->subject.names;
    const char *path = a->finding->package->path;
    if (rule->expires != 0 && a->now > rule->expires)
        return false;
    if (rule->package != NULL && !glob_match(rule->package, names->name) &&
        (names->source == NULL || !glob_match(rule->package, names->source)))
        return false;
    return rule->path == NULL || (path != NULL && glob_match(rule->path, path));
}

static void consider(struct applying *a, const GPtrArray *rules, bool own_name)
{
    for (guint i = 0; rules != NULL && i < rules->len; i++) {
        const struct suppression *rule = g_ptr_array_index(rules, i);
        if (rule->effect == SUPPRESSION_IGNORE) {
            if (a->ignore == NULL && ignores(a, rule))
                a->ignore = rule;
        } else if (own_name && (a->vex == NULL || rule->time >= a->vex->time) &&
                   product_matches(rule->products, &a->subject)) {
            a->vex = rule;
        }
    }
}

static void consider_name(struct applying *a, const char *name, bool own_name)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    consider(a, g_hash_table_lookup(a->set->by_id, upper), own_name);
}

/* An advisory may be about many vulnerabilities: what VEX says about one of them is said about no
 * other, but who ignores an advisory ignores all of it. */
static void consider_all(struct applying *a)
{
    a->vex = a->ignore = NULL;
    consider_name(a, a->finding->id, true);
    for (const char *const *name = a->finding->aliases; name != NULL && *name != NULL; name++)
        consider_name(a, *name, true);
    for (const char *const *name = a->finding->advisories; name != NULL && *name != NULL; name++)
        consider_name(a, *name, false);
    consider(a, a->set->any, true);
}

static void suppress(struct finding *f, const struct suppression *rule)
{
    f->suppressed_by = rule->by;
    f->suppressed_reason = rule->reason;
    rule->source->suppressed++;
}

static void settle(struct finding *f, const struct suppression *vex,
                   const struct suppression *ignore)
{
    bool suppressed = vex != NULL &&
                      (vex->effect == SUPPRESSION_NOT_AFFECTED || vex->effect == SUPPRESSION_FIXED);
    if (suppressed) {
        f->state = FINDING_NOT_AFFECTED;
        suppress(f, vex);
    } else if (vex != NULL && vex->effect == SUPPRESSION_UNDER_INVESTIGATION) {
        f->state = FINDING_UNDER_INVESTIGATION;
    } else if (vex != NULL && f->state == FINDING_UNDER_INVESTIGATION) {
        f->state = FINDING_AFFECTED;
    }
    if (!suppressed && ignore != NULL)
        suppress(f, ignore);
}

static void take_subject(struct applying *a)
{
    if (a->has_subject && a->subject.package == a->finding->package)
        return;
    if (a->has_subject)
        subject_done(&a->subject);
    arena_clear(a->scratch);
    subject_init(&a->subject, a->scratch, a->frame, a->finding->system, a->finding->package);
    a->has_subject = true;
}

/* --- coverage --------------------------------------------------------------------------------- */

static bool add_coverage(struct arena *arena, GPtrArray *coverage, const char *kind,
                         const char *object, enum coverage_state state, const char *reason,
                         GError **error)
{
    struct frame_coverage *c = arena_new0(arena, struct frame_coverage);
    if (c == NULL)
        return fail_limit(error, "too many suppressions");
    c->kind = kind;
    c->object = arena_strdup(arena, object);
    c->state = state;
    c->reason = arena_strdup(arena, reason);
    if (c->object == NULL || c->reason == NULL)
        return fail_limit(error, "too many suppressions");
    g_ptr_array_add(coverage, c);
    return true;
}

static bool report_source(const struct suppression_source *s, struct arena *arena,
                          GPtrArray *coverage, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "%u statement%s", s->loaded, s->loaded != 1 ? "s" : "");
    if (s->unusable > 0)
        g_string_append_printf(text, ", %u more without vulnerability or product", s->unusable);
    g_string_append_printf(text, "; %u finding%s suppressed", s->suppressed,
                           s->suppressed != 1 ? "s" : "");
    return add_coverage(arena, coverage, s->kind, s->path, COVERAGE_READ, text->str, error);
}

static bool report_expired(const struct suppression *rule, struct arena *arena, GPtrArray *coverage,
                           GError **error)
{
    g_autofree char *object = g_strdup_printf("%s line %u", rule->source->path, rule->line);
    g_autofree char *day = text_time(rule->expires);
    g_autofree char *reason = g_strdup_printf("expired on %.10s: ignores nothing any more", day);
    return add_coverage(arena, coverage, rule->source->kind, object, COVERAGE_SKIPPED, reason,
                        error);
}

static bool report_all(const struct applying *a, struct arena *arena, GPtrArray *coverage,
                       GError **error)
{
    for (guint i = 0; i < a->set->sources->len; i++)
        if (!report_source(g_ptr_array_index(a->set->sources, i), arena, coverage, error))
            return false;
    for (guint i = 0; i < a->set->rules->len; i++) {
        const struct suppression *rule = g_ptr_array_index(a->set->rules, i);
        if (rule->expires != 0 && a->now > rule->expires &&
            !report_expired(rule, arena, coverage, error))
            return false;
    }
    return true;
}

bool suppressions_apply(struct suppressions *s, const struct frame *f, int64_t now,
                        struct arena *arena, GPtrArray *findings, GPtrArray *coverage,
                        GError **error)
{
    g_autoptr(arena) scratch = arena_new(LIMIT_VEX_SUBJECT);
    struct applying a = { .set = s, .frame = f, .now = now, .scratch = scratch };
    for (guint i = 0; i < s->sources->len; i++)
        ((struct suppression_source *)g_ptr_array_index(s->sources, i))->suppressed = 0;
    for (guint i = 0; s->rules->len > 0 && i < findings->len; i++) {
        a.finding = g_ptr_array_index(findings, i);
        take_subject(&a);
        consider_all(&a);
        settle(a.finding, a.vex, a.ignore);
    }
    if (a.has_subject)
        subject_done(&a.subject);
    return report_all(&a, arena, coverage, error);
}
