#include "advisory/judge.h"

#include <string.h>

#include "advisory/cve.h"
#include "advisory/pocket.h"
#include "base/error.h"

/* What one statement says about the installed version, for one CVE (or for an advisory that names
 * none: cve 0). */
struct verdict {
    uint32_t cve;
    const struct db_advisory *advisory; /* NULL: the statement is about the CVE itself */
    struct db_feed *feed;
    int64_t date; /* what it is as of */
    bool vulnerable;
    bool settles; /* being mended here is being mended, whatever others say */
    enum finding_state state;
    enum severity severity;
    const char *fixed;          /* NULL: no version mends it */
    const char *name, *version; /* what was compared */
};

struct judging {
    const struct judge *judge;
    const struct frame_package *package;
    struct target_package names;
    const struct target_key *key;
    GArray *verdicts; /* struct verdict */
};

/* --- one statement ---------------------------------------------------------------------------- */

/* Module advisories are about packages of that stream, others about packages of none. */
static bool module_fits(const struct judging *j, const char *module, const char *fixed)
{
    const struct frame_package *p = j->package;
    bool modular = p->module != NULL || strstr(p->version, ".module") != NULL;
    bool meant = module != NULL || (fixed != NULL && strstr(fixed, ".module") != NULL);
    if (!modular || !meant)
        return modular == meant;
    if (p->module == NULL || module == NULL || g_str_equal(module, "*"))
        return true;
    g_auto(GStrv) streams = g_strsplit(module, ",", -1);
    for (char **s = streams; *s != NULL; s++) {
        size_t len = strlen(*s);
        if (strncmp(p->module, *s, len) == 0 && (p->module[len] == ':' || p->module[len] == '\0'))
            return true;
    }
    return false;
}

static bool in_range(const struct judging *j, const struct statement *s, struct db_feed *f,
                     const char *installed)
{
    struct advisory_db *db = j->judge->db;
    enum version_scheme scheme = j->judge->target->scheme;
    const char *introduced = db_string(db, f, s->introduced);
    const char *fixed = db_string(db, f, s->fixed);
    const char *last = db_string(db, f, s->last_affected);
    return (introduced == NULL || version_compare(scheme, installed, introduced) >= 0) &&
           (fixed == NULL || version_compare(scheme, installed, fixed) < 0) &&
           (last == NULL || version_compare(scheme, installed, last) <= 0);
}

/* An erratum says what was true on its day; a feed of CVEs is kept up to date as a whole. */
static int64_t date_of(const struct db_feed *f, const struct db_advisory *a)
{
    return a != NULL && a->modified != 0 ? a->modified : f->date;
}

static bool add_advisory(struct judging *j, struct verdict v, uint32_t number, GError **error)
{
    v.advisory = db_advisory(j->judge->db, v.feed, number, error);
    if (v.advisory == NULL)
        return false;
    v.date = date_of(v.feed, v.advisory);
    if (v.severity == SEVERITY_UNKNOWN)
        v.severity = v.advisory->severity;
    for (unsigned i = 0; i < v.advisory->cve_count; i++) {
        v.cve = v.advisory->cves[i];
        g_array_append_val(j->verdicts, v);
    }
    if (v.advisory->cve_count > 0)
        return true;
    /* Another feed may know what it is about (DSA lists name CVEs that OSV's DSA records do not).
     */
    g_autoptr(GArray) cves = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (!db_cves_of_name(j->judge->db, v.advisory->name, cves, error))
        return false;
    for (guint i = 0; i < cves->len; i++) {
        v.cve = g_array_index(cves, uint32_t, i);
        g_array_append_val(j->verdicts, v);
    }
    if (cves->len == 0)
        g_array_append_val(j->verdicts, v);
    return true;
}

static bool judge_blob(struct db_feed *f, const void *blob, size_t len, void *user, GError **error)
{
    struct judging *j = user;
    const char *installed = j->key->by_source ? j->names.source_version : j->names.version;
    struct statement_reader reader = statement_reader_of(blob, len);
    struct statement s;
    bool damaged = false, ok = true;
    while (ok && statement_next(&reader, &s, &damaged)) {
        struct verdict v = {
            .feed = f,
            .date = f->date,
            .state = (enum finding_state)s.state,
            .severity = (enum severity)s.severity,
            .fixed = db_string(j->judge->db, f, s.fixed),
            .name = j->key->by_source ? j->names.source : j->names.name,
            .version = installed,
        };
        if (!module_fits(j, db_string(j->judge->db, f, s.module), v.fixed))
            continue;
        v.vulnerable = s.state != FINDING_NOT_AFFECTED && in_range(j, &s, f, installed);
        /* What longer support of a minor release still has to mend does not concern those who
         * follow the main stream; what it has mended is mended. */
        v.settles = j->key->pocket == POCKET_STREAM && v.fixed != NULL;
        if (j->key->pocket == POCKET_STREAM && (v.vulnerable || v.fixed == NULL))
            continue;
        if (SUBJECT_IS_ADVISORY(s.subject)) {
            ok = add_advisory(j, v, SUBJECT_NUMBER(s.subject), error);
        } else {
            v.cve = SUBJECT_NUMBER(s.subject);
            g_array_append_val(j->verdicts, v);
        }
    }
    if (damaged)
        return fail_corrupt(error, "%s: damaged statements about %s in %s", j->judge->db->path,
                            j->package->name, f->info.name);
    return ok;
}

/* --- all statements about one CVE --------------------------------------------------------------
 */

static int compare_verdicts(gconstpointer pa, gconstpointer pb)
{
    const struct verdict *a = pa, *b = pb;
    if (a->cve != b->cve)
        return a->cve < b->cve ? -1 : 1;
    if (a->cve == 0)
        return strcmp(a->advisory->name, b->advisory->name);
    return 0;
}

struct outcome {
    const struct verdict *first;               /* of the group */
    const struct verdict *newest, *newest_fix; /* of the vulnerable ones that count */
};

/* True when the installed version is vulnerable. A feed that has several statements about a CVE
 * (an incomplete fix, mended again) is content only when all are. Between feeds that disagree, a
 * fix that is installed beats "no fix known"; else the newest data win. */
static bool weigh(const struct verdict *v, guint n, enum version_scheme scheme, struct outcome *out)
{
    const struct verdict *clean = NULL, *clean_fix = NULL;
    *out = (struct outcome){ .first = v };
    for (guint i = 0; i < n; i++) {
        if (v[i].vulnerable) {
            if (out->newest == NULL || v[i].date > out->newest->date)
                out->newest = &v[i];
            if (v[i].fixed == NULL)
                continue;
            const struct verdict *best = out->newest_fix;
            if (best == NULL || v[i].date > best->date ||
                (v[i].feed == best->feed && version_compare(scheme, v[i].fixed, best->fixed) > 0))
                out->newest_fix = &v[i];
            continue;
        }
        if (v[i].settles)
            return false;
        bool outdone = false;
        for (guint k = 0; k < n && !outdone; k++)
            outdone = v[k].vulnerable && v[k].feed == v[i].feed;
        if (outdone)
            continue;
        if (clean == NULL || v[i].date > clean->date)
            clean = &v[i];
        if (v[i].fixed != NULL)
            clean_fix = &v[i];
    }
    if (out->newest == NULL)
        return false;
    if (clean == NULL)
        return true;
    if (clean_fix != NULL && out->newest_fix == NULL)
        return false;
    return out->newest->date >= clean->date;
}

static const char *keep(const struct judge *j, const char *text)
{
    return g_string_chunk_insert_const(j->db->strings, text);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NULL-terminated, sorted, kept by the database; NULL when empty. */
static const char *const *keep_list(const struct judge *j, GPtrArray *names)
{
    if (names->len == 0)
        return NULL;
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    /* Lists are made of pointers: a string chunk cannot hold them aligned, the arena can. */
    const char **list = arena_alloc(j->db->lists, names->len * sizeof(char *));
    if (list != NULL)
        memcpy(list, names->pdata, names->len * sizeof(char *));
    return list;
}

static void name_advisories(const struct judge *j, const struct verdict *v, guint n, const char *id,
                            struct finding *out)
{
    g_autoptr(GPtrArray) advisories = g_ptr_array_new(), aliases = g_ptr_array_new();
    for (guint i = 0; i < n; i++) {
        const struct db_advisory *a = v[i].advisory;
        if (!v[i].vulnerable || a == NULL || g_str_equal(a->name, id))
            continue;
        /* GHSA-… and the like are other names of the same thing, not something published to mend
         * it. */
        bool alias = g_str_has_prefix(a->name, "GHSA-") || g_str_has_prefix(a->name, "PYSEC-") ||
                     g_str_has_prefix(a->name, "GO-") || g_str_has_prefix(a->name, "RUSTSEC-") ||
                     g_str_has_prefix(a->name, "AVG-");
        GPtrArray *list = alias ? aliases : advisories;
        if (!g_ptr_array_find_with_equal_func(list, a->name, g_str_equal, NULL))
            g_ptr_array_add(list, (gpointer)a->name);
    }
    out->advisories = keep_list(j, advisories);
    out->aliases = keep_list(j, aliases);
}

static bool conclude(const struct judging *jg, const struct verdict *v, guint n, GArray *findings,
                     GError **error)
{
    const struct judge *j = jg->judge;
    struct outcome o;
    if (!weigh(v, n, j->target->scheme, &o))
        return true;
    const struct verdict *said = o.newest_fix != NULL ? o.newest_fix : o.newest;
    char text[CVE_TEXT_MAX];
    struct finding f = {
        .id = v->cve != 0 ? keep(j, cve_format(v->cve, text)) : v->advisory->name,
        .feed = said->feed->info.name,
        .state = said->fixed != NULL ? FINDING_FIXED : o.newest->state,
        .fixed_version = said->fixed,
        .matched_name = keep(j, said->name),
        .matched_version = keep(j, said->version),
        .cvss_score = -1,
        .epss = -1,
        .epss_percentile = -1,
    };
    enum severity stated = o.newest->severity;
    for (guint i = 0; i < n && stated == SEVERITY_UNKNOWN; i++)
        if (v[i].vulnerable)
            stated = v[i].severity;
    if (said->advisory != NULL) {
        f.title = said->advisory->title;
        f.published = said->advisory->published;
        f.modified = said->advisory->modified;
    }
    name_advisories(j, v, n, f.id, &f);
    if (!finding_rate(j, v->cve, stated, said->advisory, said->feed, &f, error))
        return false;
    g_array_append_val(findings, f);
    return true;
}

/* An advisory of which no feed says what it is about stands for the CVEs that the same version
 * mends: then it is their advisory, not a finding of its own. */
static void join_nameless(const struct judge *j, GArray *findings)
{
    struct finding *f = (struct finding *)(void *)findings->data;
    guint kept = 0;
    for (guint i = 0; i < findings->len; i++) {
        bool joined = false;
        bool nameless = !g_str_has_prefix(f[i].id, "CVE-") && f[i].fixed_version != NULL;
        for (guint k = 0; nameless && k < findings->len; k++) {
            if (!g_str_has_prefix(f[k].id, "CVE-") || f[k].fixed_version == NULL ||
                !g_str_equal(f[k].fixed_version, f[i].fixed_version))
                continue;
            joined = true;
            g_autoptr(GPtrArray) names = g_ptr_array_new();
            for (const char *const *a = f[k].advisories; a != NULL && *a != NULL; a++)
                g_ptr_array_add(names, (gpointer)*a);
            if (!g_ptr_array_find_with_equal_func(names, f[i].id, g_str_equal, NULL))
                g_ptr_array_add(names, (gpointer)f[i].id);
            f[k].advisories = keep_list(j, names);
        }
        if (!joined)
            f[kept++] = f[i];
    }
    g_array_set_size(findings, kept);
}

static bool conclude_all(const struct judging *jg, GArray *findings, GError **error)
{
    g_array_sort(jg->verdicts, compare_verdicts);
    const struct verdict *v = (const struct verdict *)(const void *)jg->verdicts->data;
    for (guint i = 0, end; i < jg->verdicts->len; i = end) {
        for (end = i + 1; end < jg->verdicts->len && compare_verdicts(&v[i], &v[end]) == 0;)
            end++;
        if (!conclude(jg, v + i, end - i, findings, error))
            return false;
    }
    join_nameless(jg->judge, findings);
    return true;
}

/* --- all statements about a package ------------------------------------------------------------
 */

bool judge_package(const struct judge *judge, const struct frame_package *p, struct judgement *out,
                   GError **error)
{
    struct judging j = { .judge = judge,
                         .package = p,
                         .verdicts = g_array_new(FALSE, FALSE, sizeof(struct verdict)) };
    GArray *findings = g_array_new(FALSE, FALSE, sizeof(struct finding));
    target_package_init(&j.names, p);
    g_autoptr(GArray) lines = g_array_new(FALSE, FALSE, sizeof(bool));
    bool ok = pocket_lines(judge, j.names.name, j.names.version, lines, error);
    for (guint i = 0; ok && i < judge->target->keys->len; i++) {
        j.key = &g_array_index(judge->target->keys, struct target_key, i);
        if (!g_array_index(lines, bool, i))
            continue;
        const char *name = j.key->by_source ? j.names.source : j.names.name;
        if (name != NULL && pocket_applies(judge, p, j.key))
            ok = db_affected(judge->db, j.key->ecosystem, name, judge_blob, &j, error);
    }
    ok = ok && conclude_all(&j, findings, error);
    target_package_done(&j.names);
    g_array_unref(j.verdicts);
    if (!ok) {
        g_array_unref(findings);
        return false;
    }
    g_array_sort(findings, finding_compare);
    out->count = findings->len;
    out->findings = (struct finding *)(void *)g_array_free(findings, FALSE);
    return true;
}
