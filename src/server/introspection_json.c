#include "server/introspection_json.h"

static void write_json(struct json_writer *w, const char *key, const char *json)
{
    if (json != NULL)
        call_write_json(w, key, json);
    else
        jw_null(w, key);
}

void introspection_write(struct json_writer *w, const char *key, const struct introspection *i)
{
    jw_object_begin(w, key);
    jw_string(w, "id", i->id);
    jw_string(w, "project", i->project);
    jw_string(w, "kind", thing_kind_name(i->kind));
    jw_string(w, "thing", i->thing);
    jw_string(w, "name", i->thing_name);
    jw_string(w, "state", introspection_state_name(i->state));
    jw_bool(w, "deep", i->deep);
    jw_bool(w, "fresh", i->fresh);
    jw_string(w, "requested_by", i->requested_by);
    call_write_time(w, "created", i->created);
    call_write_time(w, "started", i->started);
    call_write_time(w, "finished", i->finished);
    jw_string(w, "step", i->step[0] != '\0' ? i->step : NULL);
    call_write_json(w, "steps", i->steps);
    jw_string(w, "reason", i->reason);
    jw_string(w, "frame", i->frame);
    jw_bool(w, "reused", i->reused);
    jw_i64(w, "bytes_read", i->bytes_read);
    jw_string(w, "coverage", i->coverage);
    write_json(w, "summary", i->summary);
    write_json(w, "changes", i->changes);
    jw_object_end(w);
}

void introspection_write_short(struct json_writer *w, const char *key,
                               const struct introspection *i)
{
    if (i == NULL) {
        jw_null(w, key);
        return;
    }
    jw_object_begin(w, key);
    jw_string(w, "id", i->id);
    jw_string(w, "state", introspection_state_name(i->state));
    call_write_time(w, "created", i->created);
    call_write_time(w, "finished", i->finished);
    jw_string(w, "reason", i->reason);
    jw_string(w, "coverage", i->coverage);
    jw_object_end(w);
}
