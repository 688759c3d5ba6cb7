#include "introspect/tell.h"

#include "base/json_writer.h"

bool introspect_tell(struct sql *db, const struct introspection *i, const char *what,
                     GError **error)
{
    struct json_writer w;
    g_autofree char *kind = g_strconcat("introspection.", what, NULL);
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_string(&w, "introspection", i->id);
    jw_string(&w, thing_kind_name(i->kind), i->thing);
    jw_string(&w, "name", i->thing_name);
    if (i->step[0] != '\0')
        jw_string(&w, "step", i->step);
    jw_string_opt(&w, "reason", i->reason);
    jw_string_opt(&w, "coverage", i->coverage);
    jw_object_end(&w);
    g_autoptr(GString) data = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    return event_add(db, i->project, kind, g_strchomp(data->str), error);
}
