/* How bad a finding is, and what else is known about its CVE. */
#include "advisory/judge.h"

#include <string.h>

#include "advisory/cve.h"
#include "advisory/cvss.h"

/* Which of several vectors to believe: who scored, then which version of CVSS. */
static int vector_rank(const struct judge *j, const struct db_vulnerability *v,
                       const struct db_vector *vector, const char *version)
{
    static const char *const versions[] = { "2.0", "4.0", "3.0", "3.1" };
    const char *wanted = j->options->severity_source;
    const char *source = vector->source != NULL ? vector->source : v->feed->vendor;
    int rank = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++)
        if (g_str_equal(version, versions[i]))
            rank = (int)i;
    if (g_str_equal(source, j->target->vendor))
        rank += 10;
    if (wanted != NULL && g_str_equal(source, wanted))
        rank += 100;
    return rank;
}

struct rating {
    const struct judge *judge;
    int rank; /* of the vector taken */
    const char *vector_source;
    double score;
    const char *vector, *cvss_version;
    enum severity vendor, wanted; /* in words, by the distribution and by whom was asked for */
};

static void rate_by(struct rating *r, const struct db_vulnerability *v)
{
    const char *wanted = r->judge->options->severity_source;
    if (g_str_equal(v->feed->vendor, r->judge->target->vendor) && r->vendor == SEVERITY_UNKNOWN)
        r->vendor = v->severity;
    if (wanted != NULL && g_str_equal(v->feed->vendor, wanted) && r->wanted == SEVERITY_UNKNOWN)
        r->wanted = v->severity;
    for (unsigned i = 0; i < v->vector_count; i++) {
        const struct db_vector *vector = &v->vectors[i];
        struct cvss cvss;
        if (wanted != NULL && vector->source != NULL && g_str_equal(vector->source, wanted) &&
            r->wanted == SEVERITY_UNKNOWN)
            r->wanted = vector->severity;
        if (vector->vector == NULL || !cvss_parse(vector->vector, &cvss, NULL))
            continue;
        int rank = vector_rank(r->judge, v, vector, cvss.version);
        if (rank <= r->rank)
            continue;
        r->rank = rank;
        r->score = cvss.score;
        r->vector = vector->vector;
        r->cvss_version = cvss.version;
        r->vector_source = vector->source;
    }
}

/* The parts as one text that stays. */
static const char *keep(const struct judge *j, const char *a, const char *b, const char *c)
{
    g_autofree char *text = g_strconcat(a, b, c, NULL);
    return g_string_chunk_insert_const(j->db->strings, text);
}

static void settle(const struct rating *r, enum severity stated, struct finding *out)
{
    const struct judge *j = r->judge;
    const char *wanted = j->options->severity_source;
    if (r->rank >= 0) {
        out->cvss_score = r->score;
        out->cvss_vector = r->vector;
    }
    enum severity vendor = stated != SEVERITY_UNKNOWN ? stated : r->vendor;
    bool asked =
        wanted != NULL && !g_str_equal(wanted, "vendor") && !g_str_equal(wanted, j->target->vendor);
    if (asked && r->wanted != SEVERITY_UNKNOWN) {
        out->severity = r->wanted;
        out->severity_source = keep(j, wanted, NULL, NULL);
    } else if (vendor != SEVERITY_UNKNOWN && !(asked && r->rank >= 0)) {
        out->severity = vendor;
        out->severity_source = j->target->vendor;
    } else if (r->rank >= 0) {
        out->severity = severity_of_score(r->score);
        out->severity_source =
            r->vector_source != NULL ? r->vector_source : keep(j, "cvss", r->cvss_version, NULL);
    }
}

/* --- links -------------------------------------------------------------------------------------
 */

static const struct {
    const char *vendor, *before, *after;
} cve_pages[] = {
    { "debian", "https://security-tracker.debian.org/tracker/" },
    { "ubuntu", "https://ubuntu.com/security/" },
    { "redhat", "https://access.redhat.com/security/cve/" },
    { "suse", "https://www.suse.com/security/cve/", ".html" },
    { "alpine", "https://security.alpinelinux.org/vuln/" },
    { "amazon", "https://explore.alas.aws.amazon.com/", ".html" },
    { "arch", "https://security.archlinux.org/" },
    { "oracle", "https://linux.oracle.com/cve/", ".html" },
};

static const struct {
    const char *prefix, *before;
} advisory_pages[] = {
    { "DSA-", "https://security-tracker.debian.org/tracker/" },
    { "DLA-", "https://security-tracker.debian.org/tracker/" },
    { "USN-", "https://ubuntu.com/security/notices/" },
    { "RHSA-", "https://access.redhat.com/errata/" },
    { "RHBA-", "https://access.redhat.com/errata/" },
    { "RLSA-", "https://errata.rockylinux.org/" },
    { "GHSA-", "https://github.com/advisories/" },
    { "ASA-", "https://security.archlinux.org/" },
    { "FEDORA-", "https://bodhi.fedoraproject.org/updates/" },
};

static const char *page_of_advisory(const struct judge *j, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(advisory_pages); i++)
        if (g_str_has_prefix(name, advisory_pages[i].prefix))
            return keep(j, advisory_pages[i].before, name, NULL);
    return NULL;
}

static const char *page_of_cve(const struct judge *j, const char *id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cve_pages); i++)
        if (g_str_equal(cve_pages[i].vendor, j->target->vendor))
            return keep(j, cve_pages[i].before, id, cve_pages[i].after);
    return keep(j, "https://www.cve.org/CVERecord?id=", id, NULL);
}

static void add_links(const struct judge *j, bool is_cve, struct finding *out)
{
    enum { LINKS = 3 };
    const char **urls = arena_alloc(j->db->lists, (LINKS + 1) * sizeof(char *));
    if (urls == NULL)
        return;
    unsigned n = 0;
    const char *own = is_cve ? page_of_cve(j, out->id) : page_of_advisory(j, out->id);
    if (own != NULL)
        urls[n++] = own;
    for (const char *const *a = out->advisories; a != NULL && *a != NULL && n < LINKS; a++) {
        const char *url = page_of_advisory(j, *a);
        if (url != NULL)
            urls[n++] = url;
    }
    if (n > 0)
        out->urls = urls;
}

/* An advisory has one score for all that it is about: the worst. */
static void rate_by_advisory(struct rating *r, const struct db_advisory *a, struct db_feed *feed)
{
    struct db_vulnerability v = { .feed = feed, .vector_count = a->vector_count };
    memcpy(v.vectors, a->vectors, sizeof v.vectors);
    rate_by(r, &v);
}

bool finding_rate(const struct judge *j, uint32_t cve, enum severity stated,
                  const struct db_advisory *advisory, struct db_feed *feed, struct finding *out,
                  GError **error)
{
    struct rating r = { .judge = j, .rank = -1 };
    if (cve != 0) {
        g_autoptr(GArray) said = g_array_new(FALSE, FALSE, sizeof(struct db_vulnerability));
        if (!db_vulnerabilities(j->db, cve, said, error) || !db_scores(j->db, cve, out, error))
            return false;
        bool titled = false; /* the CVE's own words beat the advisory's: that may be about many */
        for (guint i = 0; i < said->len; i++) {
            const struct db_vulnerability *v = &g_array_index(said, struct db_vulnerability, i);
            rate_by(&r, v);
            if (v->title != NULL && !titled) {
                out->title = v->title;
                titled = true;
            }
            if (out->published == 0 || (v->published != 0 && v->published < out->published))
                out->published = v->published;
            out->modified = MAX(out->modified, v->modified);
        }
    }
    if (r.rank < 0 && advisory != NULL)
        rate_by_advisory(&r, advisory, feed);
    settle(&r, stated, out);
    add_links(j, cve != 0, out);
    return true;
}

int finding_compare(const void *pa, const void *pb)
{
    const struct finding *a = pa, *b = pb;
    if (a->known_exploited != b->known_exploited)
        return a->known_exploited ? -1 : 1;
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    if (a->cvss_score != b->cvss_score)
        return a->cvss_score > b->cvss_score ? -1 : 1;
    return strcmp(a->id, b->id);
}
