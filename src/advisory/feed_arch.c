/* Arch Linux: vulnerability groups (AVG) of security.archlinux.org, JSON. */
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool arch_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "issues") && feed_head_has(head, "packages") &&
           feed_head_has(head, "affected") && feed_head_has(head, "status");
}

static bool arch_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    const char *status = json_get_field(doc->json, "status");
    r->id = json_get_field(doc->json, "name");
    if (r->id == NULL || status == NULL)
        return fail_corrupt(error, "a group without name or status");
    r->severity = severity_of_word(json_get_field(doc->json, "severity"));
    r->title = feed_title(c->strings, json_get_text(doc->json, "type"));
    size_t i;
    const json_t *entry;
    json_array_foreach(json_get_array(doc->json, "issues"), i, entry)
        if (json_is_string(entry))
            (void)record_add_cve(r, json_string_value(entry));
    bool says = !g_str_equal(status, "Not affected");
    const char *fixed = json_get_field(doc->json, "fixed");
    json_array_foreach(json_get_array(doc->json, "packages"), i, entry) {
        if (!json_is_string(entry) || !says)
            continue;
        struct record_statement *s =
            record_add(r, "Arch Linux", json_string_value(entry), NULL, fixed);
        if (fixed == NULL && g_str_equal(status, "Unknown"))
            s->state = FINDING_UNDER_INVESTIGATION;
    }
    return feed_emit(c, error);
}

const struct feed_driver feed_arch = {
    .name = "arch-avg",
    .description = "Arch Linux vulnerability groups",
    .url = "https://security.archlinux.org/all.json",
    .form = FEED_JSON,
    .detect = arch_detect,
    .parse = arch_parse,
};
