/* CISA's catalogue of vulnerabilities that are known to be exploited. */
#include "advisory/cve.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool kev_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "catalogVersion") &&
           feed_head_has(head, "vulnerabilities");
}

static bool kev_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    int64_t released = json_get_time(doc->json, "dateReleased");
    const json_t *list = json_get_array(doc->json, "vulnerabilities");
    if (list == NULL)
        return fail_corrupt(error, "no list of vulnerabilities");
    size_t i, bad = 0;
    const json_t *entry;
    json_array_foreach(list, i, entry) {
        struct record *r = &c->record;
        const char *ransomware = json_get_field(entry, "knownRansomwareCampaignUse");
        r->id = json_get_field(entry, "cveID");
        if (r->id == NULL) {
            bad++;
            continue;
        }
        r->known_exploited = true;
        r->kev_added = json_get_time(entry, "dateAdded");
        r->kev_due = json_get_time(entry, "dueDate");
        r->ransomware = ransomware != NULL && g_str_equal(ransomware, "Known");
        r->modified = released;
        if (!feed_emit(c, error))
            return false;
    }
    return bad == 0 || fail_corrupt(error, "%u entries without cveID", (unsigned)bad);
}

const struct feed_driver feed_kev = {
    .name = "kev",
    .description = "CISA's known exploited vulnerabilities",
    .url = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog",
    .form = FEED_JSON,
    .detect = kev_detect,
    .parse = kev_parse,
};
