#include "introspect/weigh.h"

#include "advisory/severity.h"
#include "base/error.h"
#include "frame/frame.h"
#include "store/events.h"
#include "store/installed.h"

enum { LISTED = 50 }; /* of each kind of change, the worst */

/* What is known of one vulnerability, in the turn of the subject that is weighed. */
struct mark {
    uint32_t turn, packages;
    int64_t carrier; /* the first installed row that has it at its worst */
    uint8_t severity;
    bool fixable, exploited;
};

struct scale {
    uint32_t turn;
    GArray *marks;    /* struct mark, by number of vulnerability */
    GArray *findings; /* int64_t: vulnerabilities met in this turn */
};

struct scale *scale_new(void)
{
    struct scale *s = g_new0(struct scale, 1);
    s->marks = g_array_new(FALSE, TRUE, sizeof(struct mark));
    s->findings = g_array_new(FALSE, FALSE, sizeof(int64_t));
    return s;
}

void scale_free(struct scale *s)
{
    if (s == NULL)
        return;
    g_array_unref(s->marks);
    g_array_unref(s->findings);
    g_free(s);
}

static char *take_text(struct json_writer *w)
{
    g_autoptr(GString) text = jw_take(w);
    g_string_free(w->buffer, TRUE);
    return g_strdup(g_strchomp(text->str));
}

/* --- what a frame says
 * ------------------------------------------------------------------------------ */

static const char *title_of(const struct frame_os *os)
{
    return os->pretty_name != NULL ? os->pretty_name
           : os->name != NULL      ? os->name
           : os->id != NULL        ? os->id
                                   : "unknown system";
}

char *weigh_frame(const struct frame *f, bool whole)
{
    struct json_writer w;
    uint64_t packages = 0;
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_array_begin(&w, "os");
    for (guint i = 0; i < f->systems->len; i++) {
        const struct frame_system *s = f->systems->pdata[i];
        jw_string(&w, NULL, title_of(s->os));
        packages += s->records[FRAME_PACKAGE]->len;
    }
    jw_array_end(&w);
    enum coverage_state worst = frame_coverage_worst(f);
    jw_u64(&w, "systems", f->systems->len);
    jw_u64(&w, "packages", packages);
    jw_bool(&w, "complete", whole && worst != COVERAGE_PARTIAL && worst != COVERAGE_UNREADABLE);
    jw_object_end(&w);
    return take_text(&w);
}

/* --- weighing
 * --------------------------------------------------------------------------------------- */

struct sums {
    guint findings, vulnerable, fixable, exploited, by_severity[SEVERITY_COUNT];
};

static void add_exposure(struct scale *scale, int64_t installed, const struct exposure *x)
{
    if (x->vulnerability >= scale->marks->len)
        g_array_set_size(scale->marks, (guint)(x->vulnerability + x->vulnerability / 2 + 1));
    struct mark *m = &g_array_index(scale->marks, struct mark, x->vulnerability);
    if (m->turn != scale->turn) {
        *m = (struct mark){ .turn = scale->turn,
                            .carrier = installed,
                            .severity = x->severity,
                            .exploited = x->known_exploited };
        g_array_append_val(scale->findings, x->vulnerability);
    } else if (x->severity > m->severity) {
        m->severity = x->severity;
        m->carrier = installed;
    }
    m->fixable |= x->fixable;
    m->packages++;
}

static GArray *tell(struct scale *scale, struct sums *sums)
{
    GArray *told = number_set_new();
    for (guint i = 0; i < scale->findings->len; i++) {
        int64_t v = g_array_index(scale->findings, int64_t, i);
        const struct mark *m = &g_array_index(scale->marks, struct mark, v);
        uint64_t one = TOLD(v, m->severity, m->fixable, m->exploited);
        g_array_append_val(told, one);
        sums->fixable += m->fixable;
        sums->exploited += m->exploited;
        sums->by_severity[MIN(m->severity, SEVERITY_COUNT - 1)]++;
    }
    number_set_settle(told);
    return told;
}

static bool contexts_complete(const json_t *contexts, GHashTable *all)
{
    size_t i;
    json_t *one;
    json_array_foreach(contexts, i, one) {
        int64_t number = json_integer_value(one);
        const struct context *c = g_hash_table_lookup(all, &number);
        if (c == NULL || !c->complete)
            return false;
    }
    return true;
}

static void write_summary(struct json_writer *w, const json_t *facts, const struct subject *s,
                          const struct sums *sums)
{
    size_t i;
    json_t *os;
    jw_object_begin(w, NULL);
    jw_array_begin(w, "os");
    json_array_foreach(json_object_get(facts, "os"), i, os)
        jw_string(w, NULL, json_string_value(os));
    jw_array_end(w);
    jw_i64(w, "systems", json_integer_value(json_object_get(facts, "systems")));
    jw_i64(w, "packages", json_integer_value(json_object_get(facts, "packages")));
    jw_u64(w, "vulnerable_packages", sums->vulnerable);
    jw_u64(w, "advisories", s->told->len);
    jw_u64(w, "findings", sums->findings);
    jw_u64(w, "fixable", sums->fixable);
    jw_u64(w, "known_exploited", sums->exploited);
    jw_object_begin(w, "by_severity");
    for (unsigned k = SEVERITY_COUNT; k-- > 0;)
        jw_u64(w, severity_name((enum severity)k), sums->by_severity[k]);
    jw_object_end(w);
    jw_bool(w, "complete", s->complete);
    jw_object_end(w);
}

bool weigh(struct scale *scale, struct subject *s, const struct exposures *exposures,
           GHashTable *contexts, GError **error)
{
    struct sums sums = { 0 };
    scale->turn++;
    g_array_set_size(scale->findings, 0);
    for (guint i = 0; i < s->installed->len; i++) {
        guint count;
        int64_t installed = (int64_t)number_at(s->installed, i);
        const struct exposure *x = exposures_of(exposures, installed, &count);
        sums.vulnerable += count > 0;
        sums.findings += count;
        for (guint k = 0; k < count; k++)
            add_exposure(scale, installed, &x[k]);
    }
    g_clear_pointer(&s->told, g_array_unref);
    s->told = tell(scale, &sums);
    json_t *facts = json_loads(s->facts, 0, NULL), *own = json_loads(s->contexts, 0, NULL);
    bool ok = facts != NULL && own != NULL;
    if (ok) {
        struct json_writer w;
        s->complete = s->advisories != 0 && json_is_true(json_object_get(facts, "complete")) &&
                      contexts_complete(own, contexts);
        jw_init(&w, NULL, true);
        write_summary(&w, facts, s, &sums);
        g_free(s->summary);
        s->summary = take_text(&w);
    }
    json_decref(facts);
    json_decref(own);
    return ok || fail_corrupt(error, "store: what is kept of %s is damaged", s->thing);
}

/* --- changes
 * ---------------------------------------------------------------------------------------- */

static int worst_first(gconstpointer pa, gconstpointer pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    int order = (int)TOLD_EXPLOITED(b) - (int)TOLD_EXPLOITED(a);
    if (order == 0)
        order = (int)TOLD_SEVERITY(b) - (int)TOLD_SEVERITY(a);
    if (order == 0)
        order = TOLD_VULNERABILITY(a) < TOLD_VULNERABILITY(b) ? 1 : -1; /* what came last */
    return order;
}

static bool got_worse(uint64_t before, uint64_t now)
{
    return TOLD_EXPLOITED(now) > TOLD_EXPLOITED(before) ||
           TOLD_SEVERITY(now) > TOLD_SEVERITY(before);
}

struct differences {
    GArray *added, *gone, *worse; /* uint64_t: TOLD() */
};

static void compare_told(const GArray *before, const GArray *now, struct differences *d)
{
    for (guint i = 0, k = 0; i < now->len || (before != NULL && k < before->len);) {
        uint64_t a = i < now->len ? number_at(now, i) : UINT64_MAX;
        uint64_t b = before != NULL && k < before->len ? number_at(before, k) : UINT64_MAX;
        uint64_t x = a >> 5, y = b >> 5;
        if (x < y)
            g_array_append_val(d->added, a);
        else if (y < x)
            g_array_append_val(d->gone, b);
        else if (got_worse(b, a))
            g_array_append_val(d->worse, a);
        i += x <= y;
        k += y <= x;
    }
}

static void write_change(struct scale *scale, struct wording *words, uint64_t told, bool present,
                         struct json_writer *w)
{
    int64_t v = TOLD_VULNERABILITY(told);
    const struct mark *m = present ? &g_array_index(scale->marks, struct mark, v) : NULL;
    jw_object_begin(w, NULL);
    jw_string(w, "id", wording_id(words, v));
    jw_string(w, "severity", severity_name((enum severity)TOLD_SEVERITY(told)));
    if (TOLD_EXPLOITED(told))
        jw_bool(w, "known_exploited", true);
    if (present) {
        const struct finding_words f = wording_of(words, m->carrier, v);
        jw_string(w, "package", f.package);
        jw_string(w, "version", f.version);
        jw_string_opt(w, "fixed_version", f.fixed);
        if (m->packages > 1)
            jw_u64(w, "packages", m->packages);
    }
    jw_object_end(w);
}

static bool write_list(struct scale *scale, struct sql *db, struct wording *words, const char *name,
                       GArray *list, bool present, struct json_writer *w, GError **error)
{
    g_autofree char *count = g_strconcat(name, "_count", NULL);
    struct finding_key keys[LISTED];
    guint listed = MIN(list->len, LISTED);
    g_array_sort(list, worst_first);
    for (guint i = 0; i < listed; i++) {
        int64_t v = TOLD_VULNERABILITY(number_at(list, i));
        int64_t carrier = present ? g_array_index(scale->marks, struct mark, v).carrier : 0;
        keys[i] = (struct finding_key){ carrier, v };
    }
    if (!wording_load(db, words, keys, listed, error))
        return false;
    jw_array_begin(w, name);
    for (guint i = 0; i < listed; i++)
        write_change(scale, words, number_at(list, i), present, w);
    jw_array_end(w);
    jw_u64(w, count, list->len);
    return true;
}

bool weigh_write_changes(struct scale *scale, struct sql *db, struct wording *words,
                         const GArray *before, const struct subject *s, struct json_writer *w,
                         struct weigh_changes *out, GError **error)
{
    g_autoptr(GArray) added = number_set_new(), gone = number_set_new(), worse = number_set_new();
    struct differences d = { added, gone, worse };
    compare_told(before, s->told, &d);
    *out = (struct weigh_changes){ added->len, gone->len, worse->len };
    return write_list(scale, db, words, "new", added, true, w, error) &&
           write_list(scale, db, words, "gone", gone, false, w, error) &&
           write_list(scale, db, words, "worse", worse, true, w, error);
}

static bool same(const GArray *before, const GArray *now)
{
    return before != NULL ? number_set_equal(before, now) : now->len == 0;
}

bool weigh_tell(struct scale *scale, struct sql *db, struct wording *words, const GArray *before,
                const struct subject *s, const char *cause, GPtrArray *events, GError **error)
{
    struct weigh_changes changes = { 0 };
    struct json_writer w;
    if (s->name == NULL || same(before, s->told))
        return true;
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_string(&w, thing_kind_name(s->kind), s->thing);
    jw_string(&w, "name", s->name);
    jw_string(&w, "cause", cause);
    jw_bool(&w, "first", before == NULL);
    jw_bool(&w, "complete", s->complete); /* else what is gone may only not have been seen */
    bool ok = weigh_write_changes(scale, db, words, before, s, &w, &changes, error);
    jw_object_begin(&w, "counts");
    jw_u64(&w, "new", changes.added);
    jw_u64(&w, "gone", changes.gone);
    jw_u64(&w, "worse", changes.worse);
    jw_object_end(&w);
    jw_object_end(&w);
    g_autofree char *data = take_text(&w);
    if (!ok || changes.added + changes.gone + changes.worse == 0)
        return ok;
    struct event *e = g_new0(struct event, 1);
    e->project = g_strdup(s->project);
    e->kind = g_strdup("findings.changed");
    e->data = g_steal_pointer(&data);
    g_ptr_array_add(events, e);
    return true;
}
