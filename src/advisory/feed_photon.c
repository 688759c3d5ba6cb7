/* Photon OS: CVE metadata, one JSON array a release; which release, only the versions tell
 * ("2.14.12-1.ph5"). */
#include <string.h>

#include "advisory/ecosystem.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool photon_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "cve_id") && feed_head_has(head, "res_ver");
}

static bool photon_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    const char *package = json_get_field(doc->json, "pkg");
    const char *fixed = json_get_field(doc->json, "res_ver");
    r->id = json_get_field(doc->json, "cve_id");
    if (r->id == NULL || package == NULL)
        return fail_corrupt(error, "an entry without cve_id or pkg");
    const char *tag = fixed != NULL ? strstr(fixed, ".ph") : NULL;
    if (tag == NULL || !g_ascii_isdigit(tag[3]))
        return true; /* not affected: says neither version nor release */
    unsigned release = (unsigned)MIN(g_ascii_strtoull(tag + 3, NULL, 10), 99ull);
    g_autofree char *feed = g_strdup_printf("photon-%u.0", release);
    g_autofree char *key = g_strdup_printf("Photon OS:%u.0" ECOSYSTEM_SOURCE, release);
    r->feed = feed;
    (void)record_add(r, key, package, NULL, fixed);
    return feed_emit(c, error);
}

const struct feed_driver feed_photon = {
    .name = "photon",
    .description = "Photon OS CVE metadata",
    .url = "https://packages.vmware.com/photon/photon_cve_metadata/",
    .form = FEED_JSON,
    .detect = photon_detect,
    .parse = photon_parse,
};
