/* Amazon Linux: its updateinfo.xml turned into JSON, one object an advisory. */
#include <string.h>

#include "advisory/json_get.h"
#include "advisory/updateinfo.h"
#include "base/error.h"

static bool amazon_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "Pkglist") && feed_head_has(head, "ID");
}

static bool add_packages(struct feed_context *c, const json_t *packages, GError **error)
{
    struct record *r = &c->record;
    size_t i;
    const json_t *entry;
    json_array_foreach(packages, i, entry) {
        const struct updateinfo_package p = {
            .name = json_get_field(entry, "Name"),
            .epoch = json_get_field(entry, "Epoch"),
            .version = json_get_field(entry, "Version"),
            .release = json_get_field(entry, "Release"),
        };
        const char *ecosystem;
        if (p.name == NULL || p.version == NULL || p.release == NULL)
            return fail_corrupt(error, "%s: a package without name, version or release", r->id);
        if (!updateinfo_identify(c, r->id, p.release, &ecosystem, &r->feed))
            return fail_unsupported(error, "%s: not an id of Amazon Linux", r->id);
        updateinfo_add(c, ecosystem, &p);
    }
    return true;
}

static bool amazon_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    r->id = json_get_field(doc->json, "ID");
    if (r->id == NULL)
        return fail_corrupt(error, "no ID");
    r->severity = severity_of_word(json_get_field(doc->json, "Severity"));
    r->published = json_get_time(json_get_object(doc->json, "Issued"), "Date");
    r->modified = json_get_time(json_get_object(doc->json, "Updated"), "Date");
    /* "Amazon Linux 2023 - ALAS2023-2025-839: Medium priority package update for ruby3.2" */
    const char *title = json_get_text(doc->json, "Title");
    const char *tail = title != NULL ? strstr(title, r->id) : NULL;
    if (tail != NULL && g_str_has_prefix(tail + strlen(r->id), ": "))
        title = tail + strlen(r->id) + 2;
    r->title = feed_title(c->strings, title);
    const json_t *references =
        json_get_array(json_get_object(doc->json, "References"), "Reference");
    size_t i;
    const json_t *entry;
    json_array_foreach(references, i, entry) {
        const char *id = json_get_field(entry, "ID");
        if (id != NULL)
            (void)record_add_cve(r, id);
    }
    const json_t *collection = json_get_object(json_get_object(doc->json, "Pkglist"), "Collection");
    return add_packages(c, json_get_array(collection, "Package"), error) && feed_emit(c, error);
}

const struct feed_driver feed_amazon = {
    .name = "amazon-updateinfo",
    .description = "Amazon Linux advisories as JSON",
    .url = "https://alas.aws.amazon.com/",
    .form = FEED_JSON,
    .by_record = true,
    .detect = amazon_detect,
    .parse = amazon_parse,
};
