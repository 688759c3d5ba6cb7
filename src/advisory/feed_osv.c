/* OSV: the Open Source Vulnerability format, https://ossf.github.io/osv-schema/ (1.7).
 *
 * One driver for every distribution and language that publishes it. Where a record belongs is told
 * by its id, so that importing Ubuntu's does not replace Debian's. */
#include "advisory/feed.h"

#include <string.h>

#include "advisory/ecosystem.h"
#include "advisory/json_get.h"
#include "advisory/version.h"
#include "base/error.h"
#include "base/limits.h"

struct osv_family {
    const char *prefix, *feed;
    bool erratum; /* "related" names the CVEs it mends */
};

static const struct osv_family families[] = {
    { "ALBA-", "osv-almalinux", true },   { "ALEA-", "osv-almalinux", true },
    { "ALPINE-", "osv-alpine", false },   { "ALSA-", "osv-almalinux", true },
    { "ASB-", "osv-android", false },     { "AZL-", "osv-azurelinux", true },
    { "BIT-", "osv-bitnami", false },     { "CGA-", "osv-chainguard", true },
    { "CVE-", "osv-cve", false },         { "DEBIAN-", "osv-debian", false },
    { "DLA-", "osv-debian", true },       { "DSA-", "osv-debian", true },
    { "DTSA-", "osv-debian", true },      { "GHSA-", "osv-ghsa", false },
    { "GO-", "osv-go", false },           { "HSEC-", "osv-haskell", false },
    { "LSN-", "osv-ubuntu", true },       { "MAL-", "osv-malicious", false },
    { "MGASA-", "osv-mageia", true },     { "OESA-", "osv-openeuler", true },
    { "OSV-", "osv-oss-fuzz", false },    { "PHSA-", "osv-photon", true },
    { "PYSEC-", "osv-pypi", false },      { "RHBA-", "osv-redhat", true },
    { "RHEA-", "osv-redhat", true },      { "RHSA-", "osv-redhat", true },
    { "RLSA-", "osv-rocky", true },       { "RSEC-", "osv-cran", false },
    { "RUSTSEC-", "osv-rustsec", false }, { "RXSA-", "osv-rocky", true },
    { "SUSE-", "osv-suse", true },        { "UBUNTU-", "osv-ubuntu", false },
    { "USN-", "osv-ubuntu", true },       { "openSUSE-", "osv-suse", true },
};

static const struct osv_family *family_of(const char *id)
{
    static const struct osv_family other = { "", "osv-other", false };
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        if (g_str_has_prefix(id, families[i].prefix))
            return &families[i];
    return &other;
}

static bool osv_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "id") &&
           (feed_head_has(head, "affected") ||
            (feed_head_has(head, "modified") &&
             (feed_head_has(head, "schema_version") || feed_head_has(head, "withdrawn"))));
}

/* --- what the record is about ----------------------------------------------------------------- */

static void add_cves(struct record *r, const json_t *names)
{
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
        if (json_is_string(name))
            (void)record_add_cve(r, json_string_value(name));
}

/* "UBUNTU-CVE-2024-1" is what Ubuntu says about CVE-2024-1, not an advisory of its own. */
static const char *record_id(const char *id)
{
    const char *cve = strstr(id, "-CVE-");
    return cve != NULL ? cve + 1 : id;
}

/* Errata carry their rating in front of the summary: "Important: kernel security update". */
static enum severity summary_severity(const char *summary)
{
    static const char *const words[] = { "Critical", "Important", "Moderate", "Low" };
    for (size_t i = 0; summary != NULL && i < G_N_ELEMENTS(words); i++)
        if (g_str_has_prefix(summary, words[i]) && summary[strlen(words[i])] == ':')
            return severity_of_word(words[i]);
    return SEVERITY_UNKNOWN;
}

static void add_severities(struct record *r, const json_t *severities)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(severities, i, entry) {
        const char *type = json_get_field(entry, "type"), *score = json_get_field(entry, "score");
        if (type == NULL || score == NULL)
            continue;
        if (g_str_has_prefix(type, "CVSS"))
            record_add_vector(r, NULL, score, SEVERITY_UNKNOWN);
        else if (r->severity == SEVERITY_UNKNOWN)
            r->severity = severity_of_word(score);
    }
}

/* "nodejs:18" of "Important: nodejs:18 security update"; several with commas between. */
static const char *modules_of(const char *summary, GStringChunk *strings)
{
    if (summary == NULL)
        return "*";
    g_autoptr(GString) found = g_string_new(NULL);
    g_auto(GStrv) words = g_strsplit_set(summary, " \t\n,()", -1);
    for (char **w = words; *w != NULL; w++) {
        const char *colon = strchr(*w, ':');
        if (colon == NULL || colon == *w || colon[1] == '\0')
            continue;
        if (found->len > 0)
            g_string_append_c(found, ',');
        g_string_append(found, *w);
    }
    return found->len > 0 ? g_string_chunk_insert_const(strings, found->str) : "*";
}

/* --- affected --------------------------------------------------------------------------------- */

struct osv_package {
    const char *ecosystem, *name;
    const char *modules; /* of the record, for those versions that are modular */
    enum severity severity;
    bool end_of_life;
};

static bool add_statement(struct feed_context *c, const struct osv_package *p,
                          const char *introduced, const char *fixed, const char *last,
                          GError **error)
{
    struct record *r = &c->record;
    if (r->statements->len >= LIMIT_FEED_STATEMENTS)
        return fail_limit(error, "more than %u affected packages", LIMIT_FEED_STATEMENTS);
    struct record_statement *s = record_add(r, p->ecosystem, p->name, introduced, fixed);
    s->last_affected = last;
    s->severity = p->severity;
    if (p->end_of_life && fixed == NULL && last == NULL)
        s->state = FINDING_END_OF_LIFE;
    if (fixed != NULL && strstr(fixed, ".module") != NULL)
        s->module = p->modules;
    return true;
}

/* Events open and close ranges in the order of versions, which is how feeds list them. */
static bool add_range(struct feed_context *c, const struct osv_package *p, const json_t *range,
                      GError **error)
{
    const char *type = json_get_field(range, "type");
    const json_t *events = json_get_array(range, "events");
    if (type == NULL || events == NULL)
        return fail_corrupt(error, "%s: a range without type or events", p->name);
    if (g_str_equal(type, "GIT"))
        return true;
    const char *introduced = NULL;
    bool open = false, ok = true;
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event) {
        const char *begin = json_get_field(event, "introduced");
        const char *fixed = json_get_field(event, "fixed");
        const char *last = json_get_field(event, "last_affected");
        if (begin != NULL) {
            if (open && ok)
                ok = add_statement(c, p, introduced, NULL, NULL, error);
            introduced = g_str_equal(begin, "0") ? NULL : begin;
            open = true;
        } else if ((fixed != NULL || last != NULL) && open) {
            if (ok)
                ok = add_statement(c, p, introduced, fixed, last, error);
            open = false;
        } else if (fixed == NULL && last == NULL && json_get_field(event, "limit") == NULL) {
            return fail_corrupt(error, "%s: an event without a version", p->name);
        }
    }
    return ok && (!open || add_statement(c, p, introduced, NULL, NULL, error));
}

static bool add_versions(struct feed_context *c, const struct osv_package *p,
                         const json_t *versions, GError **error)
{
    size_t i;
    const json_t *version;
    json_array_foreach(versions, i, version) {
        const char *text = json_string_value(version);
        if (text == NULL || json_string_length(version) > LIMIT_FEED_FIELD)
            return fail_corrupt(error, "%s: a version that is no string", p->name);
        if (!add_statement(c, p, text, NULL, text, error))
            return false;
    }
    return true;
}

/* SUSE names the source package and lists the binary ones, each with its fixed version. */
static bool add_binaries(struct feed_context *c, struct osv_package p, const json_t *binaries,
                         GError **error)
{
    size_t i;
    const json_t *set;
    json_array_foreach(binaries, i, set) {
        const char *name;
        json_t *version;
        json_object_foreach((json_t *)set, name, version) {
            p.name = name;
            if (json_is_string(version) && strlen(name) <= LIMIT_FEED_FIELD &&
                json_string_length(version) <= LIMIT_FEED_FIELD &&
                !add_statement(c, &p, NULL, json_string_value(version), NULL, error))
                return false;
        }
    }
    return true;
}

static void read_specifics(struct osv_package *p, const json_t *affected)
{
    const json_t *specific = json_get_object(affected, "ecosystem_specific");
    const char *urgency = json_get_field(specific, "urgency");
    if (urgency == NULL)
        urgency = json_get_field(specific, "severity");
    if (urgency != NULL) {
        p->end_of_life = g_str_equal(urgency, "end-of-life");
        p->severity = severity_of_word(urgency);
    }
}

/* RPM distributions whose records name source packages where others name binary ones. */
static bool names_sources(const char *ecosystem)
{
    return g_str_has_prefix(ecosystem, "Rocky Linux") || g_str_has_prefix(ecosystem, "Mageia") ||
           g_str_has_prefix(ecosystem, "openEuler") || g_str_has_prefix(ecosystem, "Azure Linux");
}

static bool add_affected(struct feed_context *c, const json_t *affected, struct osv_package p,
                         GError **error)
{
    const json_t *package = json_object_get(affected, "package");
    if (json_object_size(package) == 0)
        return true; /* git ranges only: nothing that can be installed */
    p.name = json_get_field(package, "name");
    const char *ecosystem = json_get_field(package, "ecosystem");
    if (p.name == NULL || ecosystem == NULL)
        return fail_corrupt(error, "an affected package without name or ecosystem");
    p.ecosystem = ecosystem_canonical(ecosystem, c->strings);
    if (p.ecosystem == NULL)
        return fail_corrupt(error, "%s: an ecosystem that names no product: %s", p.name, ecosystem);
    if (names_sources(ecosystem)) {
        g_autofree char *key = g_strconcat(p.ecosystem, ECOSYSTEM_SOURCE, NULL);
        p.ecosystem = g_string_chunk_insert_const(c->strings, key);
    }
    read_specifics(&p, affected);
    const json_t *binaries =
        json_get_array(json_get_object(affected, "ecosystem_specific"), "binaries");
    if (json_array_size(binaries) > 0 && strstr(p.ecosystem, "SUSE:") != NULL)
        return add_binaries(c, p, binaries, error);
    const json_t *ranges = json_get_array(affected, "ranges");
    if (json_array_size(ranges) == 0)
        return add_versions(c, &p, json_get_array(affected, "versions"), error);
    size_t i;
    const json_t *range;
    json_array_foreach(ranges, i, range)
        if (!add_range(c, &p, range, error))
            return false;
    return true;
}

/* AlmaLinux repeats a package once for every rebuild that mends it (module builds of each minor
 * release): any of them is enough, so only the lowest is kept. */
static void keep_lowest(struct record *r)
{
    g_autoptr(GHashTable) first = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint kept = 0;
    for (guint i = 0; i < r->statements->len; i++) {
        struct record_statement s = g_array_index(r->statements, struct record_statement, i);
        char *key = g_strdup_printf("%s\n%s", s.ecosystem, s.package);
        guint at = GPOINTER_TO_UINT(g_hash_table_lookup(first, key));
        if (at == 0) {
            g_array_index(r->statements, struct record_statement, kept++) = s;
            g_hash_table_insert(first, key, GUINT_TO_POINTER(kept));
            continue;
        }
        g_free(key);
        struct record_statement *other =
            &g_array_index(r->statements, struct record_statement, at - 1);
        if (s.fixed != NULL && other->fixed != NULL &&
            version_compare(VERSION_RPM, s.fixed, other->fixed) < 0)
            *other = s;
    }
    g_array_set_size(r->statements, kept);
}

static bool is_bug_fix(const char *id)
{
    return g_str_has_prefix(id, "ALBA-") || g_str_has_prefix(id, "ALEA-") ||
           g_str_has_prefix(id, "RHBA-") || g_str_has_prefix(id, "RHEA-");
}

static bool osv_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    const char *id = json_get_field(doc->json, "id");
    if (id == NULL)
        return fail_corrupt(error, "no id");
    const json_t *affected = json_object_get(doc->json, "affected");
    if (affected != NULL && !json_is_array(affected) && !json_is_null(affected))
        return fail_corrupt(error, "%s: affected is not a list", id);
    const struct osv_family *family = family_of(id);
    r->feed = family->feed;
    r->id = record_id(id);
    r->published = json_get_time(doc->json, "published");
    r->modified = json_get_time(doc->json, "modified");
    r->withdrawn = json_get_field(doc->json, "withdrawn") != NULL;
    add_cves(r, json_get_array(doc->json, "aliases"));
    add_cves(r, json_get_array(doc->json, "upstream"));
    if (family->erratum)
        add_cves(r, json_get_array(doc->json, "related"));
    const char *summary = json_get_text(doc->json, "summary");
    r->title = feed_title(c->strings, summary);
    if (r->title == NULL)
        r->title = feed_title(c->strings, json_get_text(doc->json, "details"));
    r->severity = summary_severity(summary);
    add_severities(r, json_get_array(doc->json, "severity"));
    const json_t *specific = json_get_object(doc->json, "database_specific");
    if (r->severity == SEVERITY_UNKNOWN && json_get_field(specific, "severity") != NULL)
        r->severity = severity_of_word(json_get_field(specific, "severity"));

    struct osv_package p = { .modules = family->erratum ? modules_of(summary, c->strings) : NULL };
    /* Livepatch notices speak of kernel modules loaded at run time, not of packages; errata that
     * name no CVE are bug fixes. */
    bool speaks =
        !r->withdrawn && !g_str_has_prefix(id, "LSN-") && !(r->cves->len == 0 && is_bug_fix(id));
    size_t i;
    const json_t *entry;
    if (speaks)
        json_array_foreach(affected, i, entry)
            if (!add_affected(c, entry, p, error)) {
                g_prefix_error(error, "%s: ", id);
                return false;
            }
    if (g_str_equal(family->feed, "osv-almalinux"))
        keep_lowest(r);
    return feed_emit(c, error);
}

const struct feed_driver feed_osv = {
    .name = "osv",
    .description = "OSV records of any distribution or language",
    .url = "https://ossf.github.io/osv-schema/",
    .form = FEED_JSON,
    .by_record = true,
    .detect = osv_detect,
    .parse = osv_parse,
};
