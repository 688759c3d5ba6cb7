/* secdb: what Alpine, Wolfi and Chainguard publish, one file a repository: package -> version that
 * mends -> identifiers. Versions are those of the source package ("origin"). */
#include <string.h>

#include "advisory/cve.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool secdb_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "apkurl") && feed_head_has(head, "packages");
}

/* Key and feed of a file: Alpine says which release and repository, the others who they are. */
static bool identify(const json_t *root, struct feed_context *c, const char **ecosystem,
                     const char **feed, GError **error)
{
    const char *release = json_get_field(root, "distroversion");
    const char *repository = json_get_field(root, "reponame");
    const char *prefix = json_get_field(root, "urlprefix");
    g_autofree char *name = NULL, *key = NULL;
    if (release != NULL && repository != NULL) {
        name = g_strdup_printf("alpine-secdb-%s-%s", release, repository);
        key = g_strdup_printf("Alpine:%s", release);
    } else if (prefix != NULL && strstr(prefix, "wolfi") != NULL) {
        name = g_strdup("wolfi-secdb");
        key = g_strdup("Wolfi");
    } else if (prefix != NULL && strstr(prefix, "cgr.dev") != NULL) {
        name = g_strdup("chainguard-secdb");
        key = g_strdup("Chainguard");
    } else {
        return fail_unsupported(error, "says neither release nor who publishes it");
    }
    *feed = g_string_chunk_insert(c->strings, name);
    *ecosystem = g_string_chunk_insert(c->strings, key);
    return true;
}

/* "CVE-2019-1 XSA-123" are names of one thing; it goes by its CVE if it has one. */
static const char *issue_of(struct feed_context *c, const char *names)
{
    g_autoptr(GArray) cves = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    cve_find_all(names, strlen(names), cves);
    char text[CVE_TEXT_MAX];
    if (cves->len > 0)
        return g_string_chunk_insert(c->strings,
                                     cve_format(g_array_index(cves, uint32_t, 0), text));
    size_t len = strcspn(names, " \t");
    return len > 0 ? g_string_chunk_insert_len(c->strings, names, (gssize)len) : NULL;
}

static bool add_fix(struct feed_context *c, const char *feed, const char *ecosystem,
                    const char *package, const char *version, const json_t *issues, GError **error)
{
    size_t i;
    const json_t *names;
    json_array_foreach(issues, i, names) {
        const char *id = json_is_string(names) ? issue_of(c, json_string_value(names)) : NULL;
        if (id == NULL)
            return fail_corrupt(error, "%s %s: an issue without name", package, version);
        struct record *r = &c->record;
        r->feed = feed;
        r->id = id;
        /* Version 0: no version was ever affected. */
        bool never = g_str_equal(version, "0");
        struct record_statement *s =
            record_add(r, ecosystem, package, NULL, never ? NULL : version);
        if (never)
            s->state = FINDING_NOT_AFFECTED;
        if (!feed_emit(c, error))
            return false;
    }
    return true;
}

static bool secdb_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    const char *ecosystem = NULL, *feed = NULL;
    if (!identify(doc->json, c, &ecosystem, &feed, error))
        return false;
    size_t i;
    const json_t *entry;
    json_array_foreach(json_get_array(doc->json, "packages"), i, entry) {
        const json_t *package = json_get_object(entry, "pkg");
        const char *name = json_get_field(package, "name");
        if (name == NULL)
            return fail_corrupt(error, "%s: a package without name", feed);
        const char *version;
        json_t *issues;
        json_object_foreach((json_t *)json_get_object(package, "secfixes"), version, issues)
            if (!add_fix(c, feed, ecosystem, name, version, issues, error))
                return false;
    }
    return true;
}

const struct feed_driver feed_secdb = {
    .name = "secdb",
    .description = "secdb of Alpine, Wolfi and Chainguard",
    .url = "https://secdb.alpinelinux.org/",
    .form = FEED_JSON,
    .detect = secdb_detect,
    .parse = secdb_parse,
};
