#include "advisory/database.h"

#include <string.h>

#include "advisory/db.h"
#include "advisory/eol.h"
#include "advisory/judge.h"
#include "advisory/target.h"
#include "base/error.h"

/* Judgements are kept by what they depend on: thousands of systems have mostly the same packages.
 * Their texts live as long as the database is open, so the table may be emptied at any time. */
struct match_memo {
    GHashTable *judgements; /* char * -> struct judgement * */
    GHashTable *targets;    /* char * -> struct target * */
    GString *key;
    uint64_t findings; /* kept */
};

enum { MEMO_FINDINGS = 4000000, MEMO_PACKAGES = 1000000 };

static void judgement_free(gpointer data)
{
    struct judgement *judged = data;
    g_free(judged->findings);
    g_free(judged);
}

static void target_free_value(gpointer data)
{
    target_free(data);
}

static struct match_memo *memo_of(struct advisory_db *db)
{
    if (db->memo == NULL) {
        db->memo = g_new0(struct match_memo, 1);
        db->memo->judgements =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, judgement_free);
        db->memo->targets =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, target_free_value);
        db->memo->key = g_string_new(NULL);
    }
    return db->memo;
}

void match_memo_free(struct match_memo *memo)
{
    if (memo == NULL)
        return;
    g_hash_table_unref(memo->judgements);
    g_hash_table_unref(memo->targets);
    g_string_free(memo->key, TRUE);
    g_free(memo);
}

static void key_add(GString *key, const char *part)
{
    g_string_append(key, part != NULL ? part : "");
    g_string_append_c(key, '\n');
}

/* Beside what target_of() tells apart, the end of support that os-release states. A point release
 * counts only where it must stand for the release (target.c). */
struct frame_os match_os(const struct frame_os *os)
{
    return (struct frame_os){
        .root = "",
        .id = os->id,
        .name = os->name,
        .pretty_name = os->pretty_name,
        .version = os->version,
        .version_id = os->version_id,
        .codename = os->codename,
        .point_release = os->version_id == NULL ? os->point_release : NULL,
        .support_end = os->support_end,
    };
}

static const struct target *target_of(struct advisory_db *db, const struct frame_os *os)
{
    struct match_memo *memo = memo_of(db);
    const char *const parts[] = { os->id,       os->version_id,    os->version,
                                  os->codename, os->point_release, os->pretty_name,
                                  os->name };
    g_string_truncate(memo->key, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        key_add(memo->key, parts[i]);
    struct target *t = g_hash_table_lookup(memo->targets, memo->key->str);
    if (t == NULL) {
        t = target_new(db, os);
        g_hash_table_insert(memo->targets, g_strdup(memo->key->str), t);
    }
    return t;
}

static const struct judgement *judgement_of(const struct judge *j, const struct frame_package *p,
                                            GError **error)
{
    struct match_memo *memo = memo_of(j->db);
    GString *key = memo->key;
    g_string_printf(key, "%p %d %d\n", (const void *)j->target, j->pro,
                    target_is_epel(j->target, p));
    const char *const parts[] = { j->options->severity_source, p->name,       p->version, p->source,
                                  p->source_version,           p->source_rpm, p->module };
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        key_add(key, parts[i]);
    struct judgement *judged = g_hash_table_lookup(memo->judgements, key->str);
    if (judged != NULL)
        return judged;
    if (memo->findings > MEMO_FINDINGS || g_hash_table_size(memo->judgements) > MEMO_PACKAGES) {
        g_hash_table_remove_all(memo->judgements);
        memo->findings = 0;
    }
    g_autofree char *stored = g_strdup(key->str);
    struct judgement fresh;
    if (!judge_package(j, p, &fresh, error))
        return NULL;
    judged = g_memdup2(&fresh, sizeof fresh);
    memo->findings += judged->count;
    g_hash_table_insert(memo->judgements, g_steal_pointer(&stored), judged);
    return judged;
}

/* --- one system ------------------------------------------------------------------------------- */

struct matching {
    struct judge judge;
    const struct frame_system *system;
    struct arena *arena;
    GPtrArray *findings, *coverage;
    GHashTable *foreign; /* char * (whose) -> GPtrArray of char * (packages) */
};

static bool add_coverage(struct matching *m, const char *object, enum coverage_state state,
                         enum assay_error code, const char *reason, GError **error)
{
    struct frame_coverage *c = arena_new0(m->arena, struct frame_coverage);
    if (c == NULL)
        return fail_limit(error, "too many findings");
    c->kind = "advisories";
    c->object = arena_strdup(m->arena, object);
    c->state = state;
    c->reason = arena_strdup(m->arena, reason);
    c->code = code < ASSAY_ERROR_COUNT ? assay_error_name((int)code) : NULL;
    c->system = m->system->os->root;
    g_ptr_array_add(m->coverage, c);
    return true;
}

static bool add_findings(struct matching *m, const struct frame_package *p,
                         const struct judgement *judged, GError **error)
{
    if (judged->count == 0)
        return true;
    struct finding *f = arena_alloc(m->arena, judged->count * sizeof *f);
    if (f == NULL)
        return fail_limit(error, "too many findings");
    memcpy(f, judged->findings, judged->count * sizeof *f);
    for (unsigned i = 0; i < judged->count; i++) {
        f[i].system = m->system;
        f[i].package = p;
        g_ptr_array_add(m->findings, &f[i]);
    }
    return true;
}

static void set_aside(struct matching *m, const char *whose, const struct frame_package *p)
{
    GPtrArray *names = g_hash_table_lookup(m->foreign, whose);
    if (names == NULL) {
        names = g_ptr_array_new();
        g_hash_table_insert(m->foreign, g_strdup(whose), names);
    }
    g_ptr_array_add(names, (gpointer)p->name);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One entry for each publisher, so that a system with a hundred packages of one does not drown the
 * rest. */
static bool report_foreign(struct matching *m, GError **error)
{
    enum { NAMED = 12 };
    guint count;
    g_autofree char **publishers = (char **)g_hash_table_get_keys_as_array(m->foreign, &count);
    qsort(publishers, count, sizeof *publishers, compare_texts);
    for (guint i = 0; i < count; i++) {
        const char *whose = publishers[i];
        GPtrArray *names = g_hash_table_lookup(m->foreign, whose);
        g_ptr_array_sort(names, compare_texts);
        g_autoptr(GString) reason = g_string_new(NULL);
        g_string_printf(reason, "%u not judged by %s's advisories: ", names->len,
                        m->judge.target->label);
        for (guint k = 0; k < MIN(names->len, (guint)NAMED); k++)
            g_string_append_printf(reason, "%s%s", k > 0 ? ", " : "",
                                   (const char *)g_ptr_array_index(names, k));
        if (names->len > NAMED)
            g_string_append_printf(reason, " and %u more", names->len - NAMED);
        g_autofree char *object = g_strdup_printf("third-party packages: %s", whose);
        if (!add_coverage(m, object, COVERAGE_SKIPPED, ASSAY_ERROR_COUNT, reason->str, error))
            return false;
    }
    return true;
}

static bool is_pseudo(const struct frame_package *p)
{
    return g_str_equal(p->name, "gpg-pubkey"); /* keys in the RPM database */
}

static bool match_packages(struct matching *m, GError **error)
{
    GPtrArray *packages = m->system->records[FRAME_PACKAGE];
    const struct target *t = m->judge.target;
    for (guint i = 0; i < packages->len; i++) {
        const struct frame_package *p = g_ptr_array_index(packages, i);
        if (!g_str_equal(p->type, t->type) || is_pseudo(p))
            continue;
        const char *whose = target_foreign(t, p);
        if (whose != NULL) {
            set_aside(m, whose, p);
            continue;
        }
        const struct judgement *judged = judgement_of(&m->judge, p, error);
        if (judged == NULL || !add_findings(m, p, judged, error))
            return false;
    }
    return report_foreign(m, error);
}

/* Who has Ubuntu Pro has packages from it. */
bool match_has_pro(const struct frame_system *system)
{
    GPtrArray *packages = system->records[FRAME_PACKAGE];
    for (guint i = 0; i < packages->len; i++) {
        const struct frame_package *p = g_ptr_array_index(packages, i);
        if (g_str_equal(p->type, "deb") &&
            (strstr(p->version, "+esm") != NULL || strstr(p->version, "~esm") != NULL))
            return true;
    }
    return false;
}

/* A release that nobody mends any more has no advisories either: what is found is not all there
 * is. */
static bool report_end_of_life(struct matching *m, GError **error)
{
    const char *label = m->judge.target->label;
    int64_t now = m->judge.options->now;
    struct eol eol;
    if (!eol_lookup(m->system->os, &eol) || now <= eol.end)
        return true;
    bool covered = eol_covered_by(&eol, now, m->judge.pro) != NULL;
    g_autofree char *reason = eol_describe(&eol, label, now, m->judge.pro);
    g_autofree char *object = g_strdup_printf("support of %s", label);
    return add_coverage(m, object, covered ? COVERAGE_READ : COVERAGE_PARTIAL, ASSAY_ERROR_COUNT,
                        reason, error);
}

static bool match_system(struct matching *m, GError **error)
{
    const struct target *t = m->judge.target;
    if (!report_end_of_life(m, error))
        return false;
    if (t->keys->len == 0) {
        g_autofree char *reason =
            t->distro != NULL ? g_strdup_printf("no advisories for %s in the database", t->label)
                              : g_strdup_printf("no feed speaks about %s", t->label);
        return add_coverage(m, t->label, COVERAGE_UNREADABLE, ASSAY_ERROR_NOT_FOUND, reason, error);
    }
    return add_coverage(m, t->label, COVERAGE_READ, ASSAY_ERROR_COUNT, NULL, error) &&
           match_packages(m, error);
}

bool advisory_match(struct advisory_db *db, const struct frame *f,
                    const struct match_options *options, struct arena *arena, GPtrArray *findings,
                    GPtrArray *coverage, GError **error)
{
    for (guint i = 0; i < f->systems->len; i++) {
        const struct frame_system *system = g_ptr_array_index(f->systems, i);
        struct matching m = {
            .judge = { .db = db,
                       .target = target_of(db, system->os),
                       .options = options,
                       .pro = options->ubuntu_pro || match_has_pro(system) },
            .system = system,
            .arena = arena,
            .findings = findings,
            .coverage = coverage,
            .foreign = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                             (GDestroyNotify)g_ptr_array_unref),
        };
        bool ok = match_system(&m, error);
        g_hash_table_unref(m.foreign);
        if (!ok)
            return false;
    }
    return true;
}
