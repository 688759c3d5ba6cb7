#include "introspect/stored_report.h"

#include "base/error.h"
#include "frame/formats.h"

static bool say_unjudged(struct report *r, GError **error)
{
    struct frame_coverage *c = arena_new0(r->arena, struct frame_coverage);
    if (c == NULL)
        return fail_limit(error, "%s: the report is too large", r->frame->target);
    c->kind = "advisories";
    c->object = "database";
    c->state = COVERAGE_UNREADABLE;
    c->reason = "the service has no advisory database";
    c->code = assay_error_name(ASSAY_ERROR_NOT_FOUND);
    g_ptr_array_add(r->coverage, c);
    return true;
}

struct report *stored_report(struct sql *db, const struct kept_frame *f,
                             struct advisory_db *advisories, bool files, GError **error)
{
    g_autoptr(GBytes) json = kept_frame_read(db, f, error);
    if (json == NULL)
        return NULL;
    gsize len;
    const void *bytes = g_bytes_get_data(json, &len);
    struct frame *frame = files ? frame_read_json(f->id, bytes, len, error)
                                : frame_read_json_without_files(f->id, bytes, len, error);
    if (frame == NULL)
        return NULL;
    g_autoptr(report) r = report_new(frame);
    if (advisories == NULL)
        return say_unjudged(r, error) ? g_steal_pointer(&r) : NULL;
    const struct match_options options = { .now = r->now };
    r->feeds = advisory_db_feeds(advisories);
    return advisory_match(advisories, frame, &options, r->arena, r->findings, r->coverage, error)
               ? g_steal_pointer(&r)
               : NULL;
}
