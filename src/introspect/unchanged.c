#include "introspect/unchanged.h"

#include "base/error.h"
#include "config.h"

/* {"program": "0.1.0", "files": false, "format": "", "quiesce": "", "crash_consistent": false,
 *  "disks": [[offset, length, ...], ...]}
 * Of the options those that may make another frame of the same disks. */

static bool with_files(const struct course *c)
{
    return json_is_true(json_object_get(c->reach.options, "files"));
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static char *dump(json_t *owned)
{
    char *text = json_dumps(owned, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(owned);
    return copy;
}

static json_t *ranges_of(struct block *recorder)
{
    g_autoptr(GArray) ranges = block_recorder_ranges(recorder);
    json_t *list = json_array();
    for (guint i = 0; i < ranges->len; i++) {
        const struct block_range *r = &g_array_index(ranges, struct block_range, i);
        (void)json_array_append_new(list, json_integer((json_int_t)r->off));
        (void)json_array_append_new(list, json_integer((json_int_t)r->len));
    }
    return list;
}

char *unchanged_reads(const struct course *c, const struct views *v, bool whole)
{
    bool good = whole;
    for (guint i = 0; i < v->disks->len; i++) {
        const struct snapshot_disk *d = g_ptr_array_index(v->disks, i);
        good = good && d->note == NULL && d->identity[0] != '\0';
    }
    if (!good)
        return NULL;
    json_t *disks = json_array();
    for (guint i = 0; i < v->recorders->len; i++)
        (void)json_array_append_new(disks, ranges_of(g_ptr_array_index(v->recorders, i)));
    const struct snapshot_options *o = &c->reach.snapshot;
    return dump(json_pack("{s:s,s:b,s:s,s:s,s:b,s:o}", "program", ASSAY_VERSION, "files",
                          with_files(c), "format", or_empty(o->format), "quiesce",
                          or_empty(o->quiesce), "crash_consistent", o->crash_consistent, "disks",
                          disks));
}

static bool same_text(const json_t *object, const char *name, const char *wanted)
{
    return g_strcmp0(json_string_value(json_object_get(object, name)), wanted) == 0;
}

static bool same_truth(const json_t *object, const char *name, bool wanted)
{
    return json_is_true(json_object_get(object, name)) == wanted;
}

static bool same_wishes(const struct course *c, const json_t *reads)
{
    const struct snapshot_options *o = &c->reach.snapshot;
    return same_text(reads, "program", ASSAY_VERSION) &&
           same_text(reads, "format", or_empty(o->format)) &&
           same_text(reads, "quiesce", or_empty(o->quiesce)) &&
           same_truth(reads, "crash_consistent", o->crash_consistent) &&
           same_truth(reads, "files", with_files(c));
}

/* The JSON arrays of locations are written alike, from the same text. */
static bool same_places(const struct course *c, const struct kept_frame *f)
{
    json_t *places = json_loads(f->locations, 0, NULL);
    bool same = json_array_size(places) == c->places->len;
    for (guint i = 0; same && i < c->places->len; i++)
        same = g_strcmp0(json_string_value(json_array_get(places, i)),
                         g_ptr_array_index(c->places, i)) == 0;
    json_decref(places);
    return same;
}

struct kept_frame *unchanged_candidate(const struct course *c, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(kept_frame) f =
        kept_frame_newest(c->run->db, &caller_service, c->thing->id, &failure);
    if (f == NULL) {
        if (!g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    json_t *reads = f->reads != NULL ? json_loads(f->reads, 0, NULL) : NULL;
    bool good = reads != NULL && same_places(c, f) && same_wishes(c, reads);
    json_decref(reads);
    return good ? g_steal_pointer(&f) : NULL;
}

static GArray *read_ranges(const json_t *list)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct block_range));
    for (size_t i = 0; i + 1 < json_array_size(list); i += 2) {
        const struct block_range r = { (uint64_t)json_integer_value(json_array_get(list, i)),
                                       (uint64_t)json_integer_value(json_array_get(list, i + 1)) };
        g_array_append_val(ranges, r);
    }
    return ranges;
}

/* One disk; identities and disks are those of the frame. */
static bool ask_storage(const struct course *c, size_t i, const json_t *identities,
                        const json_t *disks, bool *same, GError **error)
{
    const char *place = g_ptr_array_index(c->places, i);
    const char *identity = json_string_value(json_array_get(identities, i));
    const struct snapshot_driver *d = snapshot_driver_of(place, error);
    *same = false;
    if (d == NULL)
        return false;
    if (d->unchanged == NULL || identity == NULL)
        return true;
    g_autoptr(GArray) ranges = read_ranges(json_array_get(disks, i));
    return d->unchanged(place, identity, &g_array_index(ranges, struct block_range, 0), ranges->len,
                        &c->reach.snapshot, same, error);
}

bool unchanged_by_storage(const struct course *c, const struct kept_frame *f, bool *same,
                          GError **error)
{
    json_t *identities = json_loads(f->identities, 0, NULL), *reads = json_loads(f->reads, 0, NULL);
    const json_t *disks = json_object_get(reads, "disks");
    /* A location may stand for several disks (m2:): then only their identities tell. */
    bool all = json_array_size(disks) == c->places->len, ok = true;
    for (guint i = 0; ok && all && i < c->places->len; i++)
        ok = ask_storage(c, i, identities, disks, &all, error);
    json_decref(identities);
    json_decref(reads);
    *same = ok && all;
    return ok;
}

bool unchanged_by_identity(const struct kept_frame *f, const struct views *v)
{
    json_t *identities = json_loads(f->identities, 0, NULL);
    bool same = json_array_size(identities) == v->disks->len;
    for (guint i = 0; same && i < v->disks->len; i++) {
        const struct snapshot_disk *d = g_ptr_array_index(v->disks, i);
        const char *before = json_string_value(json_array_get(identities, i));
        same = d->note == NULL && d->identity[0] != '\0' && g_strcmp0(before, d->identity) == 0;
    }
    json_decref(identities);
    return same;
}
