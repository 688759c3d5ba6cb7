#include "introspect/judge.h"

#include <string.h>

#include "advisory/version.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "introspect/matching.h"
#include "introspect/weigh.h"
#include "store/events.h"
#include "store/installed.h"

struct judging {
    GArray *installed;          /* number set */
    char *facts, *contexts;     /* JSON, as in struct subject */
    int64_t advisories, judged; /* 0: there are none */
};

void judging_free(struct judging *j)
{
    if (j == NULL)
        return;
    g_clear_pointer(&j->installed, g_array_unref);
    g_free(j->facts);
    g_free(j->contexts);
    g_free(j);
}

void judged_done(struct judged *judged)
{
    g_free(judged->summary);
    g_free(judged->changes);
    *judged = (struct judged){ 0 };
}

/* --- from the frame to rows
 * -------------------------------------------------------------------------- */

struct gathering {
    GArray *rows;        /* struct installed */
    GStringChunk *texts; /* made valid */
    json_t *contexts;
    bool cut; /* there are more packages than are kept */
};

/* Names are bytes; a store holds text. */
static const char *text_of(struct gathering *g, const char *bytes)
{
    if (bytes == NULL || g_utf8_validate(bytes, -1, NULL))
        return bytes;
    g_autofree char *valid = g_utf8_make_valid(bytes, -1);
    return g_string_chunk_insert(g->texts, valid);
}

static bool gather_system(struct sql *db, const struct frame_system *s, struct gathering *g,
                          GError **error)
{
    const GPtrArray *packages = s->records[FRAME_PACKAGE];
    g_autofree char *os = matching_context(s->os);
    int64_t context = context_intern(db, os, match_has_pro(s), error);
    if (context < 0)
        return false;
    (void)json_array_append_new(g->contexts, json_integer(context));
    for (guint i = 0; i < packages->len; i++) {
        const struct frame_package *p = packages->pdata[i];
        g->cut |= g->rows->len >= LIMIT_KEPT_PACKAGES;
        if (g->cut)
            return true;
        const char *const fields[INSTALLED_FIELDS] = {
            [INSTALLED_TYPE] = p->type,
            [INSTALLED_NAME] = p->name,
            [INSTALLED_VERSION] = p->version,
            [INSTALLED_ARCH] = p->arch,
            [INSTALLED_SOURCE] = p->source,
            [INSTALLED_SOURCE_VERSION] = p->source_version,
            [INSTALLED_SOURCE_RPM] = p->source_rpm,
            [INSTALLED_VENDOR] = p->vendor,
            [INSTALLED_ORIGIN] = p->origin,
            [INSTALLED_MODULE] = p->module,
        };
        struct installed row = { .context = context };
        for (unsigned f = 0; f < INSTALLED_FIELDS; f++)
            row.fields[f] = text_of(g, fields[f]);
        g_array_append_val(g->rows, row);
    }
    return true;
}

/* --- judging what is new
 * ------------------------------------------------------------------------------- */

/* Older advisories judge only what nobody has judged. */
static GArray *to_be_judged(const struct matching *m, const GArray *rows)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(struct installed));
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);
    int64_t mine = matching_advisories(m)->number;
    for (guint i = 0; i < rows->len; i++) {
        const struct installed *row = &g_array_index(rows, struct installed, i);
        bool stale = row->advisories == 0 || (row->advisories != mine && matching_is_current(m));
        if (stale && g_hash_table_add(seen, (gpointer)&row->number))
            g_array_append_val(out, *row);
    }
    return out;
}

static bool set_complete(struct matching *m, struct sql *db, const json_t *own, GHashTable *all,
                         GError **error)
{
    size_t i;
    json_t *one;
    json_array_foreach(own, i, one) {
        int64_t number = json_integer_value(one);
        const struct context *c = g_hash_table_lookup(all, &number);
        bool complete = false;
        if (c == NULL || !matching_speaks_of(m, c, &complete, error))
            return c == NULL && fail_corrupt(error, "store: a context has gone");
        if (complete != c->complete && !context_set_complete(db, number, complete, error))
            return false;
    }
    return true;
}

static bool judge_rows(struct matching *m, struct sql *db, const struct gathering *g,
                       GError **error)
{
    g_autoptr(GHashTable) contexts = context_load(db, error);
    if (contexts == NULL || !set_complete(m, db, g->contexts, contexts, error))
        return false;
    g_autoptr(GArray) rows = to_be_judged(m, g->rows);
    for (guint at = 0, n; at < rows->len; at += n) {
        n = MIN(rows->len - at, MATCHING_ROWS);
        if (!matching_judge(m, db, contexts, &g_array_index(rows, struct installed, at), n, error))
            return false;
    }
    return true;
}

static bool gather(struct sql *db, const struct frame *f, struct gathering *g, GError **error)
{
    for (guint i = 0; i < f->systems->len; i++) {
        if (!gather_system(db, f->systems->pdata[i], g, error))
            return false;
    }
    return installed_intern(db, (struct installed *)(void *)g->rows->data, g->rows->len, error);
}

static bool judge(struct sql *db, const char *path, const struct frame *f, struct gathering *g,
                  struct judging *j, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!gather(db, f, g, error))
        return false;
    g_autoptr(matching) m = matching_open(db, path, false, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (m != NULL && !judge_rows(m, db, g, error))
        return false;
    if (m != NULL) {
        j->advisories = matching_advisories(m)->number;
        j->judged = store_now();
    }
    for (guint i = 0; i < g->rows->len; i++) {
        const uint64_t number = (uint64_t)g_array_index(g->rows, struct installed, i).number;
        g_array_append_val(j->installed, number);
    }
    number_set_settle(j->installed);
    j->facts = weigh_frame(f, !g->cut);
    j->contexts = json_dumps(g->contexts, JSON_COMPACT);
    return true;
}

struct judging *judging_new(struct sql *db, const char *advisories, const struct frame *f,
                            GError **error)
{
    g_autoptr(judging) j = g_new0(struct judging, 1);
    struct gathering g = { 0 };
    j->installed = number_set_new();
    g.rows = g_array_new(FALSE, FALSE, sizeof(struct installed));
    g.texts = g_string_chunk_new(4096);
    g.contexts = json_array();
    bool ok = judge(db, advisories, f, &g, j, error);
    g_array_unref(g.rows);
    g_string_chunk_free(g.texts);
    json_decref(g.contexts);
    return ok ? g_steal_pointer(&j) : NULL;
}

/* --- packages that came and went
 * -------------------------------------------------------------------------- */

enum { LISTED = 100 };

static GArray *only_in(const GArray *a, const GArray *b)
{
    GArray *out = number_set_new();
    for (guint i = 0, k = 0; i < a->len; i++) {
        const uint64_t n = number_at(a, i);
        while (k < b->len && number_at(b, k) < n)
            k++;
        if (k == b->len || number_at(b, k) != n)
            g_array_append_val(out, n);
    }
    return out;
}

static int compare_rows(gconstpointer pa, gconstpointer pb)
{
    const struct installed *a = pa, *b = pb;
    static const enum installed_field order[] = { INSTALLED_NAME, INSTALLED_ARCH, INSTALLED_TYPE,
                                                  INSTALLED_VERSION };
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        int c = g_strcmp0(a->fields[order[i]], b->fields[order[i]]);
        if (c != 0)
            return c;
    }
    return 0;
}

static bool same_package(const struct installed *a, const struct installed *b)
{
    return g_strcmp0(a->fields[INSTALLED_NAME], b->fields[INSTALLED_NAME]) == 0 &&
           g_strcmp0(a->fields[INSTALLED_ARCH], b->fields[INSTALLED_ARCH]) == 0 &&
           g_strcmp0(a->fields[INSTALLED_TYPE], b->fields[INSTALLED_TYPE]) == 0;
}

/* Pairs what went with what came under the same name; what is left on either side stays there. */
static void pair_packages(GArray *came, GArray *went, GPtrArray *added, GPtrArray *removed,
                          GPtrArray *changed)
{
    guint i = 0, k = 0;
    g_array_sort(came, compare_rows);
    g_array_sort(went, compare_rows);
    while (i < came->len || k < went->len) {
        struct installed *a = i < came->len ? &g_array_index(came, struct installed, i) : NULL;
        struct installed *b = k < went->len ? &g_array_index(went, struct installed, k) : NULL;
        if (a != NULL && b != NULL && same_package(a, b)) {
            g_ptr_array_add(changed, b);
            g_ptr_array_add(changed, a);
            i++;
            k++;
        } else if (b == NULL || (a != NULL && compare_rows(a, b) < 0)) {
            g_ptr_array_add(added, a);
            i++;
        } else {
            g_ptr_array_add(removed, b);
            k++;
        }
    }
}

static void write_packages(struct json_writer *w, const char *name, const GPtrArray *rows)
{
    g_autofree char *count = g_strconcat(name, "_count", NULL);
    jw_array_begin(w, name);
    for (guint i = 0; i < rows->len && i < LISTED; i++) {
        const struct installed *row = rows->pdata[i];
        jw_object_begin(w, NULL);
        jw_string(w, "name", row->fields[INSTALLED_NAME]);
        jw_string(w, "version", row->fields[INSTALLED_VERSION]);
        jw_string_opt(w, "arch", row->fields[INSTALLED_ARCH]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_u64(w, count, rows->len);
}

static bool is_upgrade(const struct installed *from, const struct installed *to)
{
    enum version_scheme scheme;
    return version_scheme_parse(to->fields[INSTALLED_TYPE], &scheme) &&
           version_compare(scheme, to->fields[INSTALLED_VERSION], from->fields[INSTALLED_VERSION]) >
               0;
}

static void write_changed(struct json_writer *w, const GPtrArray *pairs)
{
    jw_array_begin(w, "changed");
    for (guint i = 0; i < pairs->len && i < 2 * LISTED; i += 2) {
        const struct installed *from = pairs->pdata[i], *to = pairs->pdata[i + 1];
        jw_object_begin(w, NULL);
        jw_string(w, "name", to->fields[INSTALLED_NAME]);
        jw_string(w, "from", from->fields[INSTALLED_VERSION]);
        jw_string(w, "to", to->fields[INSTALLED_VERSION]);
        jw_string_opt(w, "arch", to->fields[INSTALLED_ARCH]);
        jw_bool(w, "upgrade", is_upgrade(from, to));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_u64(w, "changed_count", pairs->len / 2);
}

static bool write_package_changes(struct sql *db, const GArray *before, const GArray *now,
                                  struct json_writer *w, GError **error)
{
    g_autoptr(arena) texts = arena_new(LIMIT_FRAME_MEMORY);
    g_autoptr(GArray) in = only_in(now, before), out = only_in(before, now);
    g_autoptr(GArray) came = installed_load(db, in, texts, error);
    g_autoptr(GArray) went = came != NULL ? installed_load(db, out, texts, error) : NULL;
    if (went == NULL)
        return false;
    g_autoptr(GPtrArray) added = g_ptr_array_new(), removed = g_ptr_array_new();
    g_autoptr(GPtrArray) changed = g_ptr_array_new();
    pair_packages(came, went, added, removed, changed);
    jw_object_begin(w, "packages");
    write_packages(w, "added", added);
    write_packages(w, "removed", removed);
    write_changed(w, changed);
    jw_object_end(w);
    return true;
}

/* --- keeping
 * --------------------------------------------------------------------------------------------- */

static char *take_text(struct json_writer *w)
{
    g_autoptr(GString) text = jw_take(w);
    g_string_free(w->buffer, TRUE);
    return g_strdup(g_strchomp(text->str));
}

/* The first time, everything that is installed is no change. */
static bool describe_changes(struct scale *scale, struct sql *db, struct wording *words,
                             const struct subject *before, const struct subject *s, char **out,
                             GError **error)
{
    struct weigh_changes counts;
    struct json_writer w;
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_bool(&w, "first", before == NULL);
    bool ok = weigh_write_changes(scale, db, words, before != NULL ? before->told : NULL, s, &w,
                                  &counts, error) &&
              write_package_changes(db, before != NULL ? before->installed : s->installed,
                                    s->installed, &w, error);
    jw_object_end(&w);
    *out = take_text(&w);
    return ok;
}

static bool find_before(struct sql *db, const char *thing, struct subject **out, GError **error)
{
    GError *failure = NULL;
    *out = subject_find(db, thing, &failure);
    if (*out == NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    return true;
}

static struct subject *subject_of(const struct judging *j, enum thing_kind kind,
                                  const struct thing *t, const char *frame)
{
    struct subject *s = g_new0(struct subject, 1);
    s->kind = kind;
    s->thing = g_strdup(t->id);
    s->project = g_strdup(t->project);
    s->frame = g_strdup(frame);
    s->examined = store_now();
    s->facts = g_strdup(j->facts);
    s->contexts = g_strdup(j->contexts);
    s->installed = g_array_ref(j->installed);
    s->advisories = j->advisories;
    s->judged = j->judged;
    return s;
}

static bool tell(struct scale *scale, struct sql *db, struct wording *words,
                 const struct subject *before, struct subject *s, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    s->name = subject_name(db, s, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return false;
    }
    return weigh_tell(scale, db, words, before != NULL ? before->told : NULL, s, "introspection",
                      events, error) &&
           event_add_all(db, events, error);
}

bool judging_keep(struct sql *db, const struct judging *j, enum thing_kind kind,
                  const struct thing *t, const char *frame, struct judged *out, GError **error)
{
    g_autoptr(subject) s = subject_of(j, kind, t, frame), before = NULL;
    g_autoptr(scale) scale = scale_new();
    g_autoptr(wording) words = wording_new();
    g_autofree char *changes = NULL;
    if (!find_before(db, t->id, &before, error))
        return false;
    g_autoptr(GHashTable) contexts = context_load(db, error);
    g_autoptr(exposures) e = contexts != NULL ? exposures_load(db, s->installed, error) : NULL;
    if (e == NULL || !weigh(scale, s, e, contexts, error) ||
        !describe_changes(scale, db, words, before, s, &changes, error) ||
        !subject_save(db, s, before, error) || !tell(scale, db, words, before, s, error))
        return false;
    judged_done(out);
    out->summary = g_strdup(s->summary);
    out->changes = g_steal_pointer(&changes);
    out->coverage = s->complete ? "complete" : "incomplete";
    return true;
}

bool judging_repeat(struct sql *db, const char *thing, struct judged *out, GError **error)
{
    static const char nothing[] =
        "{\"first\":false,\"new\":[],\"new_count\":0,\"gone\":[],\"gone_count\":0,\"worse\":[],"
        "\"worse_count\":0,\"packages\":{\"added\":[],\"added_count\":0,\"removed\":[],"
        "\"removed_count\":0,\"changed\":[],\"changed_count\":0}}";
    g_autoptr(subject) s = subject_find(db, thing, error);
    if (s == NULL)
        return false;
    judged_done(out);
    out->summary = g_strdup(s->summary);
    out->changes = g_strdup(nothing);
    out->coverage = s->complete ? "complete" : "incomplete";
    return true;
}
